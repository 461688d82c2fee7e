//! Shapes of results that have the shape of an operand.

use gtt_ir::{NodeId, ValueId};
use gtt_rewrite::{Decline, Rewrite, Rule, RuleContext, require};

use super::same_shape;

/// How far up the graph one visit goes.
const STEPS: usize = 16;

/// Operands beyond these are not looked at.
const OPERANDS: usize = 4;

/// `Shape(f(x))` where `f(x)` has the shape of `x`: the shape of `x`, so that `f` need not wait for it, or may go.
pub(super) struct ShapeOfSameShape;

impl Rule for ShapeOfSameShape {
    fn name(&self) -> &'static str {
        "shape_of_same_shape"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Shape", "Size"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("Shape") || node.op.is_onnx("Size"));
        let of = node.input(0).ok_or(Decline::NotMine)?;
        let mut first = of;
        for _ in 0..STEPS {
            match earlier(cx, first) {
                Some(operand) => first = operand,
                None => break,
            }
        }
        require!(first != of);
        let mut rewrite = Rewrite::new();
        rewrite.set_input(id, 0, first);
        Ok(rewrite)
    }
}

/// An operand of the node that computes a value, of the same shape.
fn earlier(cx: &RuleContext<'_>, value: ValueId) -> Option<ValueId> {
    let (_, node) = cx.def(value)?;
    node.operands().take(OPERANDS).find(|&operand| same_shape(cx.ty(operand), cx.ty(value)))
}
