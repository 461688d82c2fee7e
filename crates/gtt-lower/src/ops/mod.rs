//! The translations, one file for a family of ops.

pub(crate) mod arrays;
pub(crate) mod boxes;
pub(crate) mod control;
pub(crate) mod conv;
pub(crate) mod create;
pub(crate) mod elementwise;
pub(crate) mod functions;
pub(crate) mod fused;
pub(crate) mod gather;
pub(crate) mod layout;
pub(crate) mod matmul;
pub(crate) mod matrix;
pub(crate) mod norm;
pub(crate) mod pool;
pub(crate) mod quantized;
pub(crate) mod quantized_kernels;
mod quantized_ranges;
pub(crate) mod recurrent;
pub(crate) mod reduce;
pub(crate) mod resize;
pub(crate) mod scatter;
pub(crate) mod shape;
pub(crate) mod slice;
pub(crate) mod space;

use crate::value::{Val, Why};

/// The results of a node by slot.
pub(crate) type Results = Result<Vec<Option<Val>>, Why>;

/// A node with one result.
pub(crate) fn only(val: Val) -> Results {
    Ok(vec![Some(val)])
}
