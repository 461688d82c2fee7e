//! ONNX files to and from the IR of gtt.
//!
//! [`read`] maps a file and walks its fields: constants are slices of the map, and what the IR does not model (doc strings,
//! metadata, training information, quantization annotations, fields of later ONNX versions) is kept encoded. [`write()`] puts
//! everything back in the order of the field numbers, so that a model nobody changed comes out the same, byte for byte if its
//! writer kept that order too.
//!
//! All IR versions and operator sets are read. Refused, with the place in words: what is not protobuf or breaks ONNX's rules on
//! names and order, graphs nested more than 48 deep, tensors stored in segments, and external data that leads out of the
//! model's folder.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let input = folder.path().join("model.onnx");
//! # std::fs::write(&input, [0x08, 0x08, 0x3a, 0x03, 0x12, 0x01, b'g'])?;
//! # let output = folder.path().join("copy.onnx");
//! let model = gtt_onnx::read(&input)?;
//! gtt_onnx::write(&model, &output, &gtt_onnx::WriteOptions::default())?;
//! assert_eq!(std::fs::read(&input)?, std::fs::read(&output)?);
//! # Ok(())
//! # }
//! ```

mod decode;
mod detect;
mod dtype;
mod elements;
mod encode;
mod envelope;
mod error;
mod file;
pub mod tensor_proto;
mod types;

use std::path::Path;

use bytes::Bytes;
use gtt_ir::Model;

pub use detect::looks_like;
pub use dtype::{from_code as dtype_from_code, to_code as dtype_to_code};
pub use encode::{DataFile, Encoded, ExternalData, MODEL_LIMIT, WriteOptions, encode};
pub use error::{Error, ErrorKind};
pub use file::{Written, read, write};
pub use gtt_wire::{Durability, Part};

/// Reads a model from memory; constants share `content`. External data is looked for in `folder`.
pub fn decode(content: Bytes, folder: Option<&Path>) -> Result<Model, Error> {
    decode::decode(&content, folder, None)
}
