//! The command-line tool gtt: optimize ONNX and TensorFlow models and prove the answers equal.

fn main() {}
