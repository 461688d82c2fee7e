//! Element-wise ops.

use gtt_ir::{DType, Node, ValueId};
use smallvec::SmallVec;

use super::super::Reader;

/// An element-wise op of one or two operands (numpy broadcasting) of one element type, whose only attribute is that type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elementwise {
    /// Operands.
    pub operands: SmallVec<[ValueId; 2]>,
    /// Result.
    pub y: Option<ValueId>,
    /// Element type; Boolean for the logical ops, which have no attribute.
    pub dtype: DType,
}

/// Ops of one operand with the attribute `T`.
const UNARY: &[&str] = &[
    "Abs",
    "Ceil",
    "Elu",
    "Exp",
    "Floor",
    "Invert",
    "Log",
    "Neg",
    "Reciprocal",
    "Relu",
    "Relu6",
    "Rint",
    "Round",
    "Rsqrt",
    "Selu",
    "Sigmoid",
    "Sign",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Square",
    "Tanh",
];

/// Ops of two operands with the attribute `T`.
const BINARY: &[&str] = &[
    "Add",
    "AddV2",
    "BitwiseAnd",
    "BitwiseOr",
    "BitwiseXor",
    "Div",
    "Maximum",
    "Minimum",
    "Mul",
    "Pow",
    "RealDiv",
    "SquaredDifference",
    "Sub",
];

impl Elementwise {
    /// The view of a node.
    pub fn of(node: &Node) -> Option<Self> {
        let name = node.op.name.as_str();
        let (count, typed) = match name {
            "LogicalNot" => (1, false),
            "LogicalAnd" | "LogicalOr" => (2, false),
            _ if UNARY.contains(&name) => (1, true),
            _ if BINARY.contains(&name) => (2, true),
            _ => return None,
        };
        super::arity(node, name, count, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let dtype = if typed { reader.dtype("T")? } else { DType::Bool };
        reader.finish_tf()?;
        let operands = node.inputs.iter().copied().collect::<Option<_>>()?;
        Some(Self { operands, y: node.output(0), dtype })
    }
}

/// `Cast`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cast {
    /// Operand.
    pub x: ValueId,
    /// Result.
    pub y: Option<ValueId>,
    /// Element type of the operand.
    pub from: DType,
    /// Element type of the result.
    pub to: DType,
    /// Floats lose digits without being rounded.
    pub truncate: bool,
}

impl Cast {
    /// The view of a node.
    pub fn of(node: &Node) -> Option<Self> {
        super::arity(node, "Cast", 1, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let (from, to) = (reader.dtype("SrcT")?, reader.dtype("DstT")?);
        let truncate = reader.bool("Truncate", false)?;
        reader.finish_tf()?;
        Some(Self { x: node.input(0)?, y: node.output(0), from, to, truncate })
    }
}

/// `Select`, `SelectV2`: elements of one of two tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Select {
    /// Truth values.
    pub condition: ValueId,
    /// Where they are true.
    pub t: ValueId,
    /// Where they are not.
    pub e: ValueId,
    /// Result.
    pub output: Option<ValueId>,
    /// Element type.
    pub dtype: DType,
    /// All three are broadcast (`SelectV2`); else `t` and `e` have one shape, which the condition has, too, or it is a scalar or a
    /// vector along the first axis.
    pub broadcasts: bool,
}

impl Select {
    /// The view of a node.
    pub fn of(node: &Node) -> Option<Self> {
        let broadcasts = node.op.is_tf("SelectV2");
        super::arity(node, if broadcasts { "SelectV2" } else { "Select" }, 3, 1)?;
        let mut reader = Reader::new(&node.attrs);
        let dtype = reader.dtype("T")?;
        reader.finish_tf()?;
        let (condition, t, e) = (node.input(0)?, node.input(1)?, node.input(2)?);
        Some(Self { condition, t, e, output: node.output(0), dtype, broadcasts })
    }
}
