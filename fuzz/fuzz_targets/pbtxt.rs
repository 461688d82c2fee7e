//! TensorFlow `GraphDef` in protobuf's text format.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(model) = gtt_tf::decode_pbtxt(text) else { return };
    gtt_ir::verify(&model).expect("what was read is sound");
    let Ok(written) = gtt_tf::encode_pbtxt(&model) else { return };
    let written = String::from_utf8(written.concat()).expect("text is UTF-8");
    gtt_tf::decode_pbtxt(&written).expect("what was written can be read");
});
