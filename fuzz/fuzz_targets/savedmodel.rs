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
    // Formats are told apart by content, and a graph of next to nothing is too little to go by.
    if let Err(error) = gtt_tf::decode(written.concat().into()) {
        assert_ne!(error.kind(), gtt_tf::ErrorKind::Unsupported, "{error}");
        assert!(written.concat().len() < 256, "{error}");
    }
});
