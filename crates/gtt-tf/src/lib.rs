//! TensorFlow files to and from the IR.
