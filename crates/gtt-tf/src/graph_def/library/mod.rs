//! The function library: every function whose references can be resolved is a graph.
//!
//! Inside a function a result is named by argument (`split:output:1`), which only the registered op or the called function can
//! turn into a slot. A function that uses an op of neither is *opaque*: it is written back as it was.

mod called;
mod decode;
mod encode;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use gtt_ir::{GraphId, Model, Name};

pub(super) use decode::Body;
pub(super) use encode::result_name;

use crate::Error;
use crate::source::Source;

/// The library as it was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Library {
    functions: Vec<Held>,
    /// Everything but the functions (gradients), encoded.
    rest: Bytes,
    /// The whole field, if there was exactly one.
    raw: Bytes,
}

/// A function as it was read.
#[derive(Clone, Debug)]
struct Held {
    name: Name,
    message: Bytes,
    /// Its body, and the revision of that.
    graph: GraphId,
    revision: u64,
}

impl Library {
    /// Reads the functions into the model: all, or those that nodes call, if they are given. Each part is a library's message and
    /// its whole field.
    pub(super) fn decode(
        source: &Source,
        model: &mut Model,
        parts: &[(&[u8], &[u8])],
        callers: Option<&[&[u8]]>,
    ) -> Result<Self, Error> {
        decode::library(source, model, parts, callers)
    }
}
