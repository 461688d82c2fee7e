//! TensorFlow graphs to the ONNX dialect.
