//! Ops that a movement can pass.

use gtt_ir::{Dim, Node, NodeId, ValueId};
use gtt_ops::views::onnx::{Gemm, MatMul};
use gtt_rewrite::RuleContext;

/// What an op asks of the axes of the operand that moves through it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Through {
    /// Nothing: element by element.
    Any,
    /// Element by element, with another operand of this rank that is one element.
    Scalar(usize),
    /// The last axis is the last one; the other operands have this rank.
    Last(usize),
    /// The last axis is multiplied with a matrix.
    MatMul(ValueId),
    /// Rows are multiplied with a matrix.
    Gemm(Box<Rows>),
    /// This axis stays one axis.
    Axis(usize),
}

/// A `Gemm` that treats every row alike.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rows {
    pub(super) node: NodeId,
    pub(super) weights: ValueId,
    pub(super) transposed: bool,
    pub(super) bias: Option<ValueId>,
}

/// Ops whose operands may all be laid out alike: those that broadcast element by element, and `Concat`.
pub(super) const ALIKE: &[&str] = &[
    "Add",
    "And",
    "Concat",
    "Div",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Max",
    "Min",
    "Mod",
    "Mul",
    "Or",
    "Pow",
    "Sub",
    "Sum",
    "Where",
    "Xor",
];

/// Element-wise with numpy's broadcasting, for any number of operands.
pub(super) fn broadcasts(node: &Node, opset: i64) -> bool {
    let name = node.op.name.as_str();
    let since = if matches!(name, "Max" | "Min" | "Sum") { 8 } else { 7 };
    node.op.domain.as_str().is_empty() && opset >= since && name != "Concat" && ALIKE.contains(&name)
}

/// The slot of the operand that may move, and the conditions.
pub(super) fn through(cx: &RuleContext<'_>, id: NodeId) -> Option<(usize, Through)> {
    let node = cx.node(id);
    if !node.op.domain.as_str().is_empty() || node.outputs.len() != 1 {
        return None;
    }
    let name = node.op.name.as_str();
    let opset = cx.opset();
    let rank = |value: ValueId| cx.ty(value).rank();
    match name {
        "MatMul" => {
            let view = MatMul::of(node, opset)?;
            let is_matrix = rank(view.b) == Some(2) && rank(view.a).is_some_and(|rank| rank >= 2);
            is_matrix.then_some((0, Through::MatMul(view.b)))
        }
        "Gemm" => {
            let view = Gemm::of(node, opset)?;
            let plain = !view.trans_a && view.alpha.to_bits() == 1f32.to_bits();
            let plain = plain && (view.c.is_none() || view.beta.to_bits() == 1f32.to_bits());
            let same_for_all = |c: ValueId| {
                let shape = cx.ty(c).shape();
                shape.is_some_and(|shape| shape.iter().rev().skip(1).all(|dim| *dim == Dim::Known(1)))
            };
            let rows = Rows { node: id, weights: view.b, transposed: view.trans_b, bias: view.c };
            (plain && view.c.is_none_or(same_for_all)).then(|| (0, Through::Gemm(Box::new(rows))))
        }
        "LayerNormalization" => {
            let axis = node.attr("axis").map_or(Some(-1), |axis| axis.as_int())?;
            let last = axis == -1 || rank(node.input(0)?).is_some_and(|rank| axis == rank as i64 - 1);
            let plain = node.operands().skip(1).all(|value| rank(value) == Some(1));
            (last && plain).then_some((0, Through::Last(1)))
        }
        "Softmax" | "LogSoftmax" | "Hardmax" if opset >= 13 => {
            let axis = node.attr("axis").map_or(Some(-1), |axis| axis.as_int())?;
            let axis = crate::support::axes::normal(axis, rank(node.input(0)?)?)?;
            Some((0, Through::Axis(axis)))
        }
        "Dropout" => None,
        _ if gtt_ops::info(&node.op).keeps_shape => Some((0, Through::Any)),
        _ if node.inputs.len() == 2 && broadcasts(node, opset) => (0..2).find_map(|slot| {
            let (data, other) = (node.input(slot)?, node.input(1 - slot)?);
            let (data_shape, shape) = (cx.ty(data).shape()?, cx.ty(other).shape()?);
            if cx.tensor(data).is_some() || shape.len() > data_shape.len() {
                return None;
            }
            let one = |dim: &Dim| *dim == Dim::Known(1);
            let (last, rest) = match shape.split_last() {
                Some((last, rest)) => (last, rest),
                None => return Some((slot, Through::Scalar(0))),
            };
            if !rest.iter().all(one) {
                return None;
            }
            if one(last) {
                return Some((slot, Through::Scalar(shape.len())));
            }
            last.same(data_shape.last()?).then_some((slot, Through::Last(shape.len())))
        }),
        _ => None,
    }
}
