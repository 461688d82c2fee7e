//! Files that arguments name.
//!
//! Passes do no I/O. A parameter of [`Kind::File`](crate::Kind::File) or [`Kind::Checkpoint`](crate::Kind::Checkpoint) is read when
//! the pipeline is parsed, by whoever owns the [`Registry`](crate::Registry): a program reads paths, a test has its own, and a
//! registry without [`Files`] refuses such arguments.

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use gtt_ir::Tensor;

/// Reads what arguments name. Errors say what is wrong with the file: lower case, no final stop.
pub trait Files: Debug + Send + Sync {
    /// The content of a file.
    fn read(&self, path: &str) -> Result<Bytes, String>;

    /// Opens a TensorFlow checkpoint.
    fn checkpoint(&self, path: &str) -> Result<Arc<dyn Tensors>, String>;
}

/// Tensors by name, such as the variables in a checkpoint.
pub trait Tensors: Debug + Send + Sync {
    /// A tensor, or a slice of it as `RestoreV2` describes it (`10 4 0,5:-`; empty for all of it).
    fn tensor(&self, name: &str, slice: &str) -> Result<Tensor, String>;
}

/// What was read for one argument.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Bytes(Bytes),
    Tensors(Arc<dyn Tensors>),
}
