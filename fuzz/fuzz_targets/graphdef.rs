//! TensorFlow `GraphDef`, binary.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(model) = gtt_tf::decode_graph_def(Bytes::copy_from_slice(data)) else { return };
    gtt_ir::verify(&model).expect("what was read is sound");
    let Ok(written) = gtt_tf::encode_graph_def(&model) else { return };
    let written = Bytes::from(written.concat());
    let again = gtt_tf::decode_graph_def(written.clone()).expect("what was written can be read");
    let rewritten = gtt_tf::encode_graph_def(&again).expect("what was written can be written");
    assert_eq!(written, rewritten.concat());
});
