//! What is known about each op, apart from shapes.

use gtt_ir::{Node, Op};

/// What running a node does besides computing its results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effects {
    /// Nothing: equal operands and attributes give equal results.
    Pure,
    /// Draws random numbers: not merged, not folded; may be erased when nothing reads it.
    Random,
    /// Has identity, state or an effect outside the graph: keeps its order, is not merged, folded or erased silently.
    Stateful,
    /// TensorFlow v1 control flow (`Switch`, `Merge`, `Enter` …): dead values and frames; not folded, merged or moved.
    ControlFlow,
}

/// How many results a node has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Results {
    /// Always this many.
    Fixed(u32),
    /// From one number to another (ONNX: trailing results may be left out, or there is a list).
    Between(u32, u32),
    /// TensorFlow: the value of this integer attribute.
    Attr(&'static str),
    /// TensorFlow: the length of this list attribute.
    AttrLen(&'static str),
    /// Nothing is known.
    Unknown,
}

/// What is known about an op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpInfo {
    /// The op is in the tables. An unknown op is kept verbatim and taken to be stateful.
    pub known: bool,
    /// Effects.
    pub effects: Effects,
    /// Equal operands and attributes give equal results, on any run.
    pub deterministic: bool,
    /// The first two operands may be exchanged.
    pub commutative: bool,
    /// Result 0 equals operand 0: `Identity` and its like. Checks (`CheckNumerics`) and hints count as such.
    pub passthrough: bool,
    /// Element-wise in operand 0: result 0 has its shape.
    pub keeps_shape: bool,
    /// ONNX attributes hold graphs, or TensorFlow attributes name functions.
    pub has_subgraphs: bool,
    /// A feed (`Placeholder`): has identity though it has no effects.
    pub is_feed: bool,
    /// How many results a node has.
    pub results: Results,
    /// First ONNX operator set version that has the op; 0 for TensorFlow.
    pub since: i64,
}

impl OpInfo {
    /// Two nodes of this op with equal operands and attributes are one.
    pub fn is_mergeable(&self) -> bool {
        self.is_foldable()
    }

    /// A node with constant operands may be replaced by its results.
    pub fn is_foldable(&self) -> bool {
        self.known && self.effects == Effects::Pure && self.deterministic && !self.is_feed
    }

    /// A node that nothing reads may go.
    pub fn is_erasable(&self) -> bool {
        self.known && !self.is_feed && matches!(self.effects, Effects::Pure | Effects::Random)
    }
}

/// What is known about an op. Constant time.
pub fn info(_op: &Op) -> OpInfo {
    OpInfo {
        known: false,
        effects: Effects::Stateful,
        deterministic: false,
        commutative: false,
        passthrough: false,
        keeps_shape: false,
        has_subgraphs: false,
        is_feed: false,
        results: Results::Unknown,
        since: 0,
    }
}

/// How many results a node has by its op and attributes; `None` when that is not known.
pub fn result_count(node: &Node) -> Option<usize> {
    match info(&node.op).results {
        Results::Fixed(count) => Some(count as usize),
        Results::Attr(name) => usize::try_from(node.attr(name)?.as_int()?).ok(),
        Results::AttrLen(name) => match node.attr(name)? {
            gtt_ir::Attr::DTypes(list) => Some(list.len()),
            gtt_ir::Attr::Shapes(list) => Some(list.len()),
            attr => attr.as_ints().map(<[i64]>::len),
        },
        Results::Between(..) | Results::Unknown => None,
    }
}
