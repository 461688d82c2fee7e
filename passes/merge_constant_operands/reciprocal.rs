//! Reciprocals that are multiplied or divided by.

use gtt_ir::{DType, NodeId, Op, ValueId};
use gtt_ops::views::onnx::Elementwise;
use gtt_rewrite::{Decline, NewNode, Rewrite, Rule, RuleContext, require};

use crate::support::{constants, shapes};

/// `(1 / a) * b` and `b / (1 / a)`.
pub(super) struct Reciprocals;

impl Rule for Reciprocals {
    fn name(&self) -> &'static str {
        "reciprocal"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Mul", "Div"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        let is_product = match node.op.name.as_str() {
            "Mul" => true,
            "Div" => false,
            _ => return Err(Decline::NotMine),
        };
        require!(cx.opset() >= 7);
        let view = Elementwise::of(node, cx.opset()).ok_or(Decline::NotMine)?;
        let &[x, y] = view.operands.as_slice() else { return Err(Decline::NotMine) };
        let (inverse, a, b) = match (inverted(cx, y), inverted(cx, x)) {
            (Some(a), _) => (y, a, x),
            (None, Some(a)) if is_product => (x, a, y),
            _ => return Err(Decline::NotMine),
        };
        require!(x != y);
        require!(cx.only_reader(inverse).is_some(), "the inner result is used elsewhere");
        let dtype = cx.ty(a).dtype().or(cx.ty(b).dtype());
        require!(dtype.is_some_and(DType::is_float), "divisions of integers round");
        let op = if is_product { "Div" } else { "Mul" };
        let mut rewrite = Rewrite::new();
        let new = rewrite.node(NewNode::like(id, node).op(Op::onnx(op)).inputs([b.into(), a.into()]));
        rewrite.replace(view.y.ok_or(Decline::NotMine)?, new);
        Ok(rewrite)
    }
}

/// The value whose reciprocal a value is.
fn inverted(cx: &RuleContext<'_>, value: ValueId) -> Option<ValueId> {
    let (_, node) = cx.def(value)?;
    let view = Elementwise::of(node, cx.opset())?;
    match (node.op.name.as_str(), view.operands.as_slice()) {
        ("Reciprocal", &[a]) => Some(a),
        ("Div", &[one, a]) => {
            let is_one = constants::uniform(cx, one) == Some(1.0);
            let scalar = cx.tensor(one).is_some_and(|one| one.rank() == 0);
            (is_one && (scalar || shapes::broadcasts_into(cx.ty(one), cx.ty(a)))).then_some(a)
        }
        _ => None,
    }
}
