//! Files that arguments of passes name, read from disk.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use gtt_ir::Tensor;
use gtt_rewrite::{Files, Tensors};
use gtt_tf::Checkpoint;

/// Paths are paths.
#[derive(Debug)]
pub(crate) struct Disk;

impl Files for Disk {
    fn read(&self, path: &str) -> Result<Bytes, String> {
        std::fs::read(path).map(Bytes::from).map_err(|error| format!("cannot read `{path}`: {error}"))
    }

    fn checkpoint(&self, path: &str) -> Result<Arc<dyn Tensors>, String> {
        let checkpoint = Checkpoint::open(Path::new(path)).map_err(|error| error.to_string())?;
        Ok(Arc::new(Variables(checkpoint)))
    }
}

#[derive(Debug)]
struct Variables(Checkpoint);

impl Tensors for Variables {
    fn tensor(&self, name: &str, slice: &str) -> Result<Tensor, String> {
        self.0.tensor_slice(name, slice).map_err(|error| error.to_string())
    }
}
