//! TensorFlow models to and from the IR of gtt: `GraphDef` (`.pb`), its text format (`.pbtxt`) and SavedModel folders.
//!
//! Files are mapped and recognised by content ([`detect`]). Weights are never copied; what nobody changed is written back as it
//! was, so that reading and writing gives an equal file. Output is deterministic and atomic.
//!
//! How a graph becomes IR:
//! * A `Const` without inputs is a constant; everything else, a `Const` with control inputs included, is a node.
//! * Fed and fetched tensors are ports. A SavedModel declares them by its signatures; for a `GraphDef` the caller does, with
//!   [`set_interface`] ([`likely_interface`] guesses).
//! * Functions of the library are graphs; one that uses an op whose results cannot be told is opaque and stays as it is.
//! * Versions, every field of a SavedModel's meta graphs and fields of the future are kept as they are.
//! * Nodes that a SavedModel's loader runs (main op, init op, table initialisers) are kept nodes.
//!
//! A SavedModel whose graph has variables is refused unless [`ReadOptions::allow_variables`] is set.
//!
//! What is public survives: see [`write()`] on names.

mod attr;
mod checkpoint;
mod detect;
mod dtype;
mod envelope;
mod error;
mod freeze;
mod graph_def;
mod interface;
mod likely;
mod read;
mod saved_model;
mod source;
mod tensor;
mod text;
mod write;

pub use checkpoint::Checkpoint;
pub use detect::{Format, detect};
pub use envelope::{Container, Versions, container, function_names, signatures, variables, versions};
pub use error::{Error, ErrorKind};
pub use freeze::{FrozenVariable, VariableKeys, check_frozen, freeze_variables, needed_variables, variable_name};
pub use interface::set_interface;
pub use likely::{LikelyInterface, fetched, likely_interface};
pub use read::{
    ReadOptions, decode, decode_graph_def, decode_pbtxt, decode_with, read, read_training_graph, read_with,
};
pub use saved_model::{Signature, SignatureTensor, make_saved_model, mark_frozen};
pub use tensor::{decode_tensor, encode_tensor};
pub use write::{
    WriteOptions, Written, encode, encode_graph_def, encode_graph_def_parts, encode_parts, encode_pbtxt, write,
    write_saved_model,
};

use gtt_ir::Name;
