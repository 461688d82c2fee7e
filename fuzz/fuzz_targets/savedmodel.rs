//! `saved_model.pb`, and the recognition of formats by content.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    gtt_tf::detect(&bytes);
    let Ok(model) = gtt_tf::decode(bytes) else { return };
    gtt_ir::verify(&model).expect("what was read is sound");
    let _ = gtt_tf::signatures(&model);
    let Ok(written) = gtt_tf::encode(&model, &gtt_tf::WriteOptions::default()) else { return };
    gtt_tf::decode(Bytes::from(written.concat())).expect("what was written can be read");
});
