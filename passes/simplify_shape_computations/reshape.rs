//! Reshapes to a shape that is computed.

use gtt_ir::{Dim, NodeId, Shape, Tensor, ValueId};
use gtt_ops::infer::SymInt;
use gtt_ops::views::onnx::{Axes, Reshape, ShapeOf};
use gtt_rewrite::{Decline, Rewrite, Rule, RuleContext, require};

use super::same_shape;

/// `Reshape(x, s)`: each extent that is known is written down, each that `x` has at the same place is a 0 (copied), and one
/// may be left, -1. A reshape to the shape that `x` has is `x`.
pub(super) struct ReshapeToFixed {
    pub(super) assume_nonempty: bool,
}

impl Rule for ReshapeToFixed {
    fn name(&self) -> &'static str {
        "reshape_to_fixed"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Reshape"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("Reshape"));
        let reshape = Reshape::of(node, cx.opset()).ok_or(Decline::NotMine)?;
        let (Axes::Value(target), Some(y)) = (&reshape.shape, reshape.y) else { return Err(Decline::NotMine) };
        if same_shape(cx.ty(reshape.x), cx.ty(y)) || is_shape_of(cx, *target, reshape.x) {
            return Ok(Rewrite::replacing(y, reshape.x));
        }
        require!(cx.tensor(*target).is_none());
        let to = cx.ty(y).shape().ok_or(Decline::because("the rank to reshape to is unknown"))?;
        let fixed = self.fixed(cx, cx.ty(reshape.x).shape(), to, *target)?;
        let mut rewrite = Rewrite::new();
        let fixed = rewrite.constant(Tensor::vector(&fixed));
        rewrite.set_input(id, 1, fixed);
        if node.attr("allowzero").is_some() {
            // A 0 copies now.
            rewrite.remove_attr(id, "allowzero");
        }
        Ok(rewrite)
    }
}

impl ReshapeToFixed {
    fn fixed(
        &self,
        cx: &RuleContext<'_>,
        from: Option<&Shape>,
        to: &Shape,
        target: ValueId,
    ) -> Result<Vec<i64>, Decline> {
        let copied = |at: usize, dim: &Dim| from.and_then(|from| from.get(at)).is_some_and(|from| from.same(dim));
        let mut fixed = Vec::with_capacity(to.len());
        let mut open = None;
        for (at, dim) in to.iter().enumerate() {
            fixed.push(match dim.known().and_then(|extent| i64::try_from(extent).ok()) {
                Some(extent) if extent > 0 => extent,
                _ if copied(at, dim) => 0,
                Some(_) => return Err(Decline::because("an extent is 0")),
                None => {
                    require!(open.is_none(), "more than one extent is neither fixed nor copied");
                    open = Some(at);
                    -1
                }
            });
        }
        if let Some(open) = open
            && fixed.contains(&0)
            && !self.assume_nonempty
        {
            // What is left open is undefined when an extent that is copied is 0; so it was, if it was left open before.
            let elements = cx.types().symbolic_ints(cx.graph_id(), target);
            let was_open = elements.is_some_and(|elements| elements.get(open) == Some(&SymInt::Known(-1)));
            require!(was_open, "an extent that is copied may be 0, and another would be left open");
        }
        Ok(fixed)
    }
}

/// The value is `Shape(x)`, all of it.
pub(super) fn is_shape_of(cx: &RuleContext<'_>, value: ValueId, x: ValueId) -> bool {
    let Some((_, node)) = cx.def(value) else { return false };
    let shape = if node.op.is_onnx("Shape") { ShapeOf::of(node, cx.opset()) } else { None };
    shape.is_some_and(|shape| shape.x == x && shape.start == 0 && shape.end.is_none())
}
