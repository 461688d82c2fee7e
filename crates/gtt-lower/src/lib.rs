//! TensorFlow graphs to the ONNX dialect: IR in, IR out.
//!
//! Used to run GraphDefs in engines that read ONNX, and to convert them. [`lower`] translates what the declared outputs need,
//! op by op, through one plain table. A node that has no exact translation is named with its reason and nothing is returned:
//! there is no half-lowered model and no silent approximation.
//!
//! * **Ports** keep their names; what is fed becomes an ONNX input, and a `Placeholder` that is not is a reason to refuse. A `PlaceholderWithDefault` that is not fed is its
//!   default. Unknown extents stay unknown.
//! * **Layout**: ONNX convolutions want the channels in front. A value may be held in TensorFlow's order, channels-first, or both;
//!   each form is made once, when something asks for it, and element-wise ops stay in the form their operands have. So a chain of
//!   NHWC convolutions costs two `Transpose` nodes in all.
//! * **Shape arithmetic**: small integer vectors are followed element by element; what is known becomes a constant, so that
//!   `Reshape`, `Slice` and `Resize` have constant operands wherever possible. What is left runs in 64 bit.
//! * **Control edges** are dropped: every op lowered here is pure. Checks (`CheckNumerics`, `Assert` by control edge) are no part
//!   of the result. Random ops are not lowered, but for dropout whose keep probability is the constant 1.
//! * **Conditionals**: `Switch` and `Merge` with a constant predicate are resolved; with a run-time predicate both sides are computed
//!   and `Where` chooses. Functions called by `If` and `Case` become bodies of ONNX `If`.
//! * **Loops**, v1 frames and v2 `While`, become ONNX `Loop`. Tensor arrays and lists of tensors are stacked tensors; one that a loop
//!   fills in order is a scan output. Other calls of functions are lowered where they stand.
//! * **Cost**: linear in the nodes (bodies of loops are lowered again while the shapes of their variables settle); weights are shared,
//!   except that filters (HWIO) are transposed into a copy up to [`LowerOptions::transpose_limit`] bytes each, and by a `Transpose`
//!   node beyond.

mod attrs;
mod builder;
mod calls;
mod driver;
mod frames;
mod idioms;
mod ints;
mod liveness;
mod loops;
mod notes;
mod ops;
mod table;
mod tensors;
#[cfg(test)]
mod tests;
mod value;
mod variables;

use gtt_ir::{Model, Name, Tensor, Type};
use gtt_ops::eval::{Evaluator, Exact};
pub use notes::{OpState, State, op_states};
use rustc_hash::FxHashMap;

/// Lowest ONNX operator set that can be lowered to.
pub const MIN_OPSET: i64 = 13;
/// Highest ONNX operator set that can be lowered to.
pub const MAX_OPSET: i64 = 21;
/// What is lowered to unless told otherwise.
pub const DEFAULT_OPSET: i64 = 17;

/// What to lower to, and what is known about the inputs.
#[derive(Clone, Debug)]
pub struct LowerOptions {
    /// ONNX operator set, [`MIN_OPSET`] to [`MAX_OPSET`].
    pub opset: i64,
    /// Types of inputs by port name. They override what the graph says.
    pub input_types: Vec<(Name, Type)>,
    /// Inputs that are made constants, by port name: a `learning_phase` of false, for instance. They are no inputs of the result.
    pub fixed: Vec<(Name, Tensor)>,
    /// What variables hold, by the names of their nodes in the main graph: reads of these are lowered. Writes are not, and nothing is
    /// said of when a read happens.
    pub variables: FxHashMap<Name, Tensor>,
    /// Constants of at most this many bytes are transposed by copying; larger ones by a `Transpose` node.
    pub transpose_limit: usize,
}

impl Default for LowerOptions {
    fn default() -> Self {
        Self {
            opset: DEFAULT_OPSET,
            input_types: Vec::new(),
            fixed: Vec::new(),
            variables: FxHashMap::default(),
            transpose_limit: 64 << 20,
        }
    }
}

/// Why one node was not lowered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Node name; empty when the model as a whole is meant.
    pub node: Name,
    /// Op of the node.
    pub op: Name,
    /// In words.
    pub why: String,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.node.is_empty() && self.op.is_empty() {
            return f.write_str(&self.why);
        }
        write!(f, "op {} (`{}`): {}", self.op, self.node, self.why)
    }
}

/// The model could not be lowered: every node that stood in the way. Nodes behind such a node are not judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not lowered: {}", summary(.reasons))]
pub struct NotLowered {
    /// In the order of the graph; never empty.
    pub reasons: Vec<Reason>,
}

/// The first reasons in words, and how many more there are.
fn summary(reasons: &[Reason]) -> String {
    const SHOWN: usize = 5;
    let mut text: Vec<String> = reasons.iter().take(SHOWN).map(Reason::to_string).collect();
    if reasons.len() > SHOWN {
        text.push(format!("and {} more", reasons.len() - SHOWN));
    }
    text.join("; ")
}

/// Lowers the main graph of a TensorFlow model. The result has the same input and output ports (without
/// [`LowerOptions::fixed`]), in order. Constants share their bytes with `model` unless they had to be transposed.
pub fn lower(model: &Model, options: &LowerOptions) -> Result<Model, NotLowered> {
    lower_with(model, options, &Exact)
}

/// The same, with somebody who moves elements of constants and knows where large new ones are kept.
pub fn lower_with(model: &Model, options: &LowerOptions, evaluator: &dyn Evaluator) -> Result<Model, NotLowered> {
    driver::lower(model, options, evaluator)
}

/// The TensorFlow ops that can be lowered, sorted. Whether one node can depends on its attributes and operands.
pub fn supported_ops() -> impl Iterator<Item = &'static str> {
    table::TABLE.iter().map(|entry| entry.op)
}
