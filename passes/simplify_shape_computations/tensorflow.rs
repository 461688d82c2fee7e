//! Reshapes of TensorFlow graphs to a shape that is computed.

use gtt_ir::{DType, NodeId, Tensor};
use gtt_ops::views::tf::Reshape;
use gtt_rewrite::{Decline, Rewrite, Rule, RuleContext, require};

use super::same_shape;

/// `Reshape(x, s)`: extents that are known are written down, and one may be left, -1. A reshape to the shape that `x` has is `x`.
pub(super) struct ReshapeToFixed;

impl Rule for ReshapeToFixed {
    fn name(&self) -> &'static str {
        "reshape_to_fixed"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Reshape"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let reshape = Reshape::of(cx.node(id)).ok_or(Decline::NotMine)?;
        let y = reshape.output.ok_or(Decline::NotMine)?;
        if same_shape(cx.ty(reshape.tensor), cx.ty(y)) {
            return Ok(Rewrite::replacing(y, reshape.tensor));
        }
        require!(cx.tensor(reshape.shape).is_none() && reshape.shape_dtype == DType::I32);
        let to = cx.ty(y).shape().ok_or(Decline::because("the rank to reshape to is unknown"))?;
        let mut fixed = Vec::with_capacity(to.len());
        for dim in to {
            fixed.push(match dim.known() {
                Some(0) => return Err(Decline::because("an extent is 0")),
                Some(extent) => i32::try_from(extent).map_err(|_| Decline::NotMine)?,
                None => {
                    require!(!fixed.contains(&-1), "more than one extent is neither fixed nor copied");
                    -1
                }
            });
        }
        let mut rewrite = Rewrite::new();
        let fixed = rewrite.constant(Tensor::vector(&fixed));
        rewrite.set_input(id, 1, fixed);
        Ok(rewrite)
    }
}
