//! `saved_model.pb`, and the recognition of formats by content.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    let format = gtt_tf::detect(&bytes);
    let Ok(model) = gtt_tf::decode(bytes) else { return };
    gtt_ir::verify(&model).expect("what was read is sound");
    let _ = gtt_tf::signatures(&model);
    let Ok(written) = gtt_tf::encode(&model, &gtt_tf::WriteOptions::default()) else { return };
    // A graph on its own has no mark; with its fields in order, garbage that passed for one may no longer do so.
    if format == Some(gtt_tf::Format::SavedModel) {
        gtt_tf::decode(written.concat().into()).expect("what was written can be read");
    }
});
