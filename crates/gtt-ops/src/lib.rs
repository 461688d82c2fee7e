//! What gtt knows about ONNX and TensorFlow ops.
//!
//! * [`info()`]: effects, determinism and the like, for every op of both dialects.
//! * [`infer`]: types of all values of a model.
//! * [`eval`]: evaluation of nodes whose operands are constants.
//! * [`registry`]: operands, results and attributes of TensorFlow's ops, as registered.
//! * [`views`]: nodes of one op with every attribute taken apart, defaults filled in.
//!
//! Nothing here changes a model, reads a file or runs an engine.

pub mod eval;
pub mod infer;
pub mod info;
#[cfg(test)]
mod nonsense;
pub mod registry;
mod slicing;
pub mod views;

pub use info::{Effects, OpInfo, Results, effects_of, info, is_same_at, result_count};
