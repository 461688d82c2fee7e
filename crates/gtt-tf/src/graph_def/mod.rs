//! `GraphDef` to and from a [`Model`](gtt_ir::Model): nodes are the main graph, the function library its functions.

mod decode;
mod encode;
mod library;
mod names;
#[cfg(test)]
mod tests;

pub(crate) use decode::{GraphFields, decode};
pub(crate) use encode::{Written, write};
pub(crate) use names::split_reference;

/// Field numbers of `GraphDef`.
pub(crate) mod graph_field {
    pub(crate) const NODE: u32 = 1;
    pub(crate) const LIBRARY: u32 = 2;
    pub(crate) const VERSIONS: u32 = 4;
}

/// Field numbers of `FunctionDef`.
pub(crate) mod function_field {
    pub(crate) const SIGNATURE: u32 = 1;
    pub(crate) const NODE: u32 = 3;
    pub(crate) const RET: u32 = 4;
    pub(crate) const ATTR: u32 = 5;
    pub(crate) const CONTROL_RET: u32 = 6;
    pub(crate) const ARG_ATTR: u32 = 7;
}

/// Field numbers of `NodeDef`.
pub(crate) mod node_field {
    pub(crate) const NAME: u32 = 1;
    pub(crate) const OP: u32 = 2;
    pub(crate) const INPUT: u32 = 3;
    pub(crate) const DEVICE: u32 = 4;
    pub(crate) const ATTR: u32 = 5;
    /// The attribute in which importers note shapes.
    pub(crate) const OUTPUT_SHAPES: &str = "_output_shapes";
}
