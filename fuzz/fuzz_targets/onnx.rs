//! ONNX: whatever can be read can be checked and written, and what was written reads the same.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    gtt_onnx::looks_like(data);
    let Ok(model) = gtt_onnx::decode(Bytes::copy_from_slice(data), None) else { return };
    gtt_ir::verify(&model).expect("what was read is sound");
    let options = gtt_onnx::WriteOptions::default();
    let Ok(written) = gtt_onnx::encode(&model, &options) else { return };
    let written = written.to_bytes();
    let again = gtt_onnx::decode(written.clone(), None).expect("what was written can be read");
    let rewritten = gtt_onnx::encode(&again, &options).expect("what was written can be written");
    assert_eq!(written, rewritten.to_bytes());
});
