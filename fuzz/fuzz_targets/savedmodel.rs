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
    let written = written.concat();
    // A text without any field is a graph without anything, and its binary form is no bytes at all.
    if !written.is_empty() {
        gtt_tf::decode(written.into()).expect("what was written can be read");
    }
});
