//! Ops on what they would give.

use gtt_ir::{DType, Node, NodeId, ValueId};
use gtt_ops::views::onnx::{Cast, Elementwise};
use gtt_rewrite::{Decline, Rewrite, Rule, RuleContext, require};

use crate::support::ranges;

/// `f(f(x))` where the second `f` changes nothing, and roundings of whole numbers.
pub(super) struct RepeatedOp;

impl Rule for RepeatedOp {
    fn name(&self) -> &'static str {
        "repeated_op"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Ceil", "Floor", "Round", "Relu", "Sign", "Abs"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        let rounds = match node.op.name.as_str() {
            "Ceil" | "Floor" | "Round" => true,
            "Relu" | "Sign" | "Abs" => false,
            _ => return Err(Decline::NotMine),
        };
        let (x, y) = operand(cx, node)?;
        let (_, inner) = cx.def(x).ok_or(Decline::NotMine)?;
        let same = inner.op == node.op && Elementwise::of(inner, cx.opset()).is_some();
        require!(same || (rounds && is_whole(cx, inner)));
        Ok(Rewrite::replacing(y, x))
    }
}

/// `Relu` and `Abs` of what is nowhere below zero.
pub(super) struct RedundantOp;

impl Rule for RedundantOp {
    fn name(&self) -> &'static str {
        "redundant_op"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Relu", "Abs"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(matches!(node.op.name.as_str(), "Relu" | "Abs"));
        let (x, y) = operand(cx, node)?;
        require!(ranges::is_non_negative(cx, x));
        Ok(Rewrite::replacing(y, x))
    }
}

/// Operand and result of a unary op.
pub(super) fn operand(cx: &RuleContext<'_>, node: &Node) -> Result<(ValueId, ValueId), Decline> {
    let view = Elementwise::of(node, cx.opset()).ok_or(Decline::NotMine)?;
    match (view.operands.as_slice(), view.y) {
        (&[x], Some(y)) => Ok((x, y)),
        _ => Err(Decline::NotMine),
    }
}

/// Its result holds whole numbers, infinities and NaN only.
fn is_whole(cx: &RuleContext<'_>, node: &Node) -> bool {
    match node.op.name.as_str() {
        "Ceil" | "Floor" | "Round" | "Sign" => Elementwise::of(node, cx.opset()).is_some(),
        "Cast" => Cast::of(node, cx.opset()).is_some_and(|cast| {
            let from = cx.ty(cast.x).dtype();
            from.is_some_and(|from| from == DType::Bool || from.is_int())
        }),
        _ => false,
    }
}
