//! Views of ops that compute element by element, and of those that normalise or compare along an axis.

use gtt_ir::{Node, ValueId};
use smallvec::SmallVec;

use super::{Reader, arity};

/// An element-wise op that has no attributes; operands broadcast by numpy's rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elementwise {
    /// All operands.
    pub operands: SmallVec<[ValueId; 3]>,
    /// Result.
    pub y: Option<ValueId>,
    /// Binary ops below operator set 7: the second operand broadcasts to the first, and never the other way round.
    pub one_way: bool,
}

impl Elementwise {
    /// The view of a node. Attributes of old operator sets that only say how to broadcast or where to write are let pass.
    pub fn of(node: &Node, opset: i64) -> Option<Self> {
        let name = node.op.name.as_str();
        let (inputs, old) = match name {
            "Abs" | "Ceil" | "Exp" | "Floor" | "Log" | "Neg" | "Not" | "Reciprocal" | "Relu" | "Sigmoid" | "Sqrt"
            | "Tanh" | "Round" | "Sign" | "BitwiseNot" | "Softplus" | "Erf" => (1..=1, opset < 6),
            "Add" | "Sub" | "Mul" | "Div" | "Pow" | "And" | "Or" | "Xor" | "BitwiseAnd" | "BitwiseOr"
            | "BitwiseXor" => (2..=2, opset < 7),
            "BitShift" => (2..=2, false),
            "Max" | "Min" | "Sum" | "Mean" => (1..=usize::MAX, opset < 8),
            "Where" => (3..=3, false),
            _ => return None,
        };
        let binary = *inputs.end() == 2;
        arity(node, name, inputs, 1)?;
        let mut reader = Reader::new(&node.attrs);
        if old {
            reader.ints("consumed_inputs")?;
        }
        if old && binary {
            reader.flag("broadcast", false)?;
            reader.int("axis", 0)?;
        }
        if name == "BitShift" {
            reader.get("direction");
        }
        reader.finish()?;
        let operands = node.inputs.iter().copied().collect::<Option<_>>()?;
        Some(Self { operands, y: node.output(0), one_way: old && binary })
    }
}

/// A bound of [`Clip`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ClipBound {
    /// Not given: the lowest or highest finite number of the element type.
    Default,
    /// An attribute, below operator set 11.
    Fixed(f32),
    /// An operand, a scalar.
    Value(ValueId),
}

/// `Clip`: `y = min(max(x, min), max)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clip {
    /// Input.
    pub x: ValueId,
    /// Lower bound.
    pub min: ClipBound,
    /// Upper bound; it wins where the bounds cross.
    pub max: ClipBound,
    /// Result.
    pub y: Option<ValueId>,
}

impl Clip {
    /// The view of a node.
    pub fn of(node: &Node, opset: i64) -> Option<Self> {
        arity(node, "Clip", 1..=if opset < 11 { 1 } else { 3 }, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let mut bound = |name: &'static str, slot: usize| {
            if opset >= 11 {
                return Some(node.input(slot).map_or(ClipBound::Default, ClipBound::Value));
            }
            reader.or(name, ClipBound::Default, |attr| attr.as_float().map(ClipBound::Fixed))
        };
        let (min, max) = (bound("min", 1)?, bound("max", 2)?);
        if opset < 6 {
            reader.ints("consumed_inputs")?;
        }
        reader.finish()?;
        Some(Self { x: node.input(0)?, min, max, y: node.output(0) })
    }
}

/// `Dropout`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// Input.
    pub x: ValueId,
    /// The share that is dropped: an attribute below operator set 12; `None` with an operand in its place.
    pub ratio: Option<f32>,
    /// The same as an operand.
    pub ratio_operand: Option<ValueId>,
    /// Elements are dropped; `None` when an operand decides ([`Dropout::mode_operand`]).
    pub training: Option<bool>,
    /// Whether elements are dropped, as an operand (from operator set 12).
    pub mode_operand: Option<ValueId>,
    /// Result.
    pub y: Option<ValueId>,
    /// Which elements were kept.
    pub mask: Option<ValueId>,
}

impl Dropout {
    /// The view of a node. Operator sets 7 to 11 have inference only; before, an attribute says so.
    pub fn of(node: &Node, opset: i64) -> Option<Self> {
        arity(node, "Dropout", 1..=if opset < 12 { 1 } else { 3 }, 2)?;
        let mut reader = Reader::new(&node.attrs);
        let (ratio_operand, mode_operand) = (node.input(1), node.input(2));
        let (ratio, training) = match opset {
            ..=6 => {
                if opset < 6 {
                    reader.ints("consumed_inputs")?;
                }
                (Some(reader.float("ratio", 0.5)?), Some(!reader.flag("is_test", false)?))
            }
            7..=11 => (Some(reader.float("ratio", 0.5)?), Some(false)),
            _ => {
                reader.int("seed", 0)?;
                (ratio_operand.is_none().then_some(0.5), mode_operand.is_none().then_some(false))
            }
        };
        reader.finish()?;
        let (y, mask) = (node.output(0), node.output(1));
        Some(Self { x: node.input(0)?, ratio, ratio_operand, training, mode_operand, y, mask })
    }
}

/// `Softmax` or `LogSoftmax`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Softmax {
    /// Input.
    pub x: ValueId,
    /// The logarithm is taken.
    pub log: bool,
    /// Axis, possibly negative. Below operator set 13 all axes from it on count as one.
    pub axis: i64,
    /// All axes from `axis` on are one.
    pub flattens: bool,
    /// Result.
    pub y: Option<ValueId>,
}

impl Softmax {
    /// The view of a node.
    pub fn of(node: &Node, opset: i64) -> Option<Self> {
        let log = node.op.is_onnx("LogSoftmax");
        arity(node, if log { "LogSoftmax" } else { "Softmax" }, 1..=1, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let axis = reader.int("axis", if opset < 13 { 1 } else { -1 })?;
        reader.finish()?;
        Some(Self { x: node.input(0)?, log, axis, flattens: opset < 13, y: node.output(0) })
    }
}

/// `ArgMax` or `ArgMin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgReduce {
    /// Input.
    pub x: ValueId,
    /// The largest is looked for.
    pub largest: bool,
    /// Axis, possibly negative.
    pub axis: i64,
    /// The axis stays, with extent 1.
    pub keep_dims: bool,
    /// Of equal elements the last one counts, not the first.
    pub select_last: bool,
    /// Result, i64.
    pub y: Option<ValueId>,
}

impl ArgReduce {
    /// The view of a node.
    pub fn of(node: &Node, opset: i64) -> Option<Self> {
        let largest = node.op.is_onnx("ArgMax");
        arity(node, if largest { "ArgMax" } else { "ArgMin" }, 1..=1, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let view = Self {
            x: node.input(0)?,
            largest,
            axis: reader.int("axis", 0)?,
            keep_dims: reader.flag("keepdims", true)?,
            select_last: opset >= 12 && reader.flag("select_last_index", false)?,
            y: node.output(0),
        };
        reader.finish()?;
        Some(view)
    }
}
