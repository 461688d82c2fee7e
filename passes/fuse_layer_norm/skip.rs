//! The normalisation of a sum.

use gtt_ir::{Attr, DType, Dim, NodeId, Type, ValueId};
use gtt_rewrite::{Decline, NewNode, Rewrite, Rule, RuleContext, require};

use crate::support::{axes, contrib};

/// `LayerNormalization(x + skip)` over the last axis, perhaps with a bias in the sum.
pub(super) struct NormalizedSum;

impl Rule for NormalizedSum {
    fn name(&self) -> &'static str {
        "normalized_sum"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["LayerNormalization"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("LayerNormalization") && node.results().count() == 1);
        let known = |name: &str| matches!(name, "axis" | "epsilon" | "stash_type");
        require!(node.attrs.iter().all(|entry| known(&entry.name)));
        let epsilon = node.attr("epsilon").map_or(Some(1e-5), Attr::as_float).ok_or(Decline::NotMine)?;
        let axis = node.attr("axis").map_or(Some(-1), Attr::as_int).ok_or(Decline::NotMine)?;
        require!(node.attr("stash_type").is_none_or(|kind| kind.as_int() == Some(1)));
        let (Some(sum), Some(scale), Some(y)) = (node.input(0), node.input(1), node.output(0)) else {
            return Err(Decline::NotMine);
        };
        let (a, b) = addends(cx, sum).ok_or(Decline::NotMine)?;
        let ty = cx.ty(sum);
        let rank = ty.rank().ok_or(Decline::NotMine)?;
        require!(ty.dtype() == Some(DType::F32), "the element type is not float32");
        require!(axes::normal(axis, rank) == Some(rank - 1), "the axes are not the last one");
        require!(rank == 2 || rank == 3, "SkipLayerNormalization is for ranks 2 and 3");
        require!([a, b].iter().all(|&x| cx.ty(x).same_tensor(ty)), "the addends are not proven to have one shape");
        let width = ty.shape().and_then(|shape| shape.last()).cloned().unwrap_or_default();
        let offset = node.input(2);
        // One that is computed might be computed of the sum.
        let fits = |value: ValueId| is_vector(cx.ty(value), &width) && cx.tensor(value).is_some();
        let whole = [Some(scale), offset].into_iter().flatten().all(fits);
        require!(whole, "scale or offset is not a constant vector along the last axis");

        let mut rewrite = Rewrite::new();
        // What is added to one of them alone may go with it.
        let (x, skip, bias) = match (biased(cx, a, &width), biased(cx, b, &width)) {
            (Some((x, bias)), _) => (x, b, Some(bias)),
            (None, Some((x, bias))) => (x, a, Some(bias)),
            (None, None) => (a, b, None),
        };
        let fused = NewNode::new(contrib::op("SkipLayerNormalization")).input(x).input(skip).input(scale).input(offset);
        let fused = match bias {
            Some(bias) => fused.input(bias),
            None if offset.is_none() => fused.inputs([x.into(), skip.into(), scale.into()]),
            None => fused,
        };
        let is_shared = cx.only_reader(sum).is_none();
        let fused = fused.attr("epsilon", Attr::Float(epsilon)).results(if is_shared { 4 } else { 1 });
        let fused = rewrite.node(fused);
        rewrite.replace(y, fused);
        if is_shared {
            rewrite.replace(sum, fused.result(3));
        }
        Ok(rewrite)
    }
}

/// Both operands of an addition.
fn addends(cx: &RuleContext<'_>, sum: ValueId) -> Option<(ValueId, ValueId)> {
    let (_, node) = cx.def(sum)?;
    let is_sum = node.op.is_onnx("Add") && cx.opset() >= 7;
    Some((node.input(0)?, node.input(1)?)).filter(|_| is_sum)
}

/// A sum that nothing else reads, of something and a vector along the last axis.
fn biased(cx: &RuleContext<'_>, sum: ValueId, width: &Dim) -> Option<(ValueId, ValueId)> {
    cx.only_reader(sum)?;
    let (a, b) = addends(cx, sum)?;
    let whole = |x: ValueId| cx.ty(x).same_tensor(cx.ty(sum));
    let fits = |x: ValueId, bias: ValueId| is_vector(cx.ty(bias), width) && whole(x) && cx.tensor(bias).is_some();
    if fits(a, b) {
        return Some((a, b));
    }
    fits(b, a).then_some((b, a))
}

fn is_vector(ty: &Type, width: &Dim) -> bool {
    ty.dtype() == Some(DType::F32) && ty.shape().is_some_and(|shape| shape.len() == 1 && shape[0].same(width))
}
