//! Broadcasts and repetitions.

use gtt_ir::{Dim, NodeId, Shape, Tensor};
use gtt_ops::views::onnx::Expand;
use gtt_rewrite::{Decline, Rewrite, Rule, RuleContext, require};

use super::reshape::is_shape_of;
use super::same_shape;

/// `Expand(x, s)` whose result has the shape of `x` is `x`. Otherwise the extents that `x` has already are a 1 in `s`, and the
/// others are fixed.
pub(super) struct ExpandToFixed;

impl Rule for ExpandToFixed {
    fn name(&self) -> &'static str {
        "expand_to_fixed"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Expand"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("Expand"));
        let expand = Expand::of(node, cx.opset()).ok_or(Decline::NotMine)?;
        let y = expand.y.ok_or(Decline::NotMine)?;
        if same_shape(cx.ty(expand.x), cx.ty(y)) || is_shape_of(cx, expand.shape, expand.x) {
            return Ok(Rewrite::replacing(y, expand.x));
        }
        if let Some(target) = cx.tensor(expand.shape) {
            let target = target.to_i64s().ok_or(Decline::NotMine)?;
            let from = cx.ty(expand.x).shape();
            require!(from.is_none_or(|from| may_be_kept(from, &target)));
            require!(target.iter().all(|&extent| extent == 1), "the result may be larger than the operand");
            require!(from.is_some(), "the rank of the operand is unknown");
            return Ok(Rewrite::replacing(y, expand.x));
        }
        let to = cx.ty(y).shape().ok_or(Decline::because("the rank to expand to is unknown"))?;
        let from = cx.ty(expand.x).shape().ok_or(Decline::because("the rank of the operand is unknown"))?;
        let fixed = fixed(from, to)?;
        let mut rewrite = Rewrite::new();
        let fixed = rewrite.constant(Tensor::vector(&fixed));
        rewrite.set_input(id, 1, fixed);
        Ok(rewrite)
    }
}

/// Broadcasting to the target is not certainly a change of shape.
fn may_be_kept(from: &Shape, target: &[i64]) -> bool {
    let differs = |(dim, &extent): (&Dim, &i64)| {
        extent != 1 && dim.known().is_some_and(|dim| i64::try_from(dim).is_ok_and(|dim| dim != extent))
    };
    from.len() >= target.len() && !from.iter().rev().zip(target.iter().rev()).any(differs)
}

fn fixed(from: &Shape, to: &Shape) -> Result<Vec<i64>, Decline> {
    let added = to.len().checked_sub(from.len()).ok_or(Decline::NotMine)?;
    let mut fixed = Vec::with_capacity(to.len());
    for (at, dim) in to.iter().enumerate() {
        let same = at.checked_sub(added).is_some_and(|at| from[at].same(dim));
        let extent = match dim {
            _ if same => 1,
            Dim::Known(extent) => i64::try_from(*extent).map_err(|_| Decline::NotMine)?,
            _ => return Err(Decline::because("an extent is neither fixed nor that of the operand")),
        };
        fixed.push(extent);
    }
    Ok(fixed)
}

/// `Tile(x, r)` whose result has the shape of `x`.
pub(super) struct TileByOnes;

impl Rule for TileByOnes {
    fn name(&self) -> &'static str {
        "tile_by_ones"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Tile"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("Tile") && cx.opset() >= 6);
        let (Some(x), Some(y)) = (node.input(0), node.output(0)) else { return Err(Decline::NotMine) };
        require!(same_shape(cx.ty(x), cx.ty(y)));
        Ok(Rewrite::replacing(y, x))
    }
}
