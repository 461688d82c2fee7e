#![doc = include_str!("README.md")]

mod mask;

use gtt_ir::{Attr, DType, Dialect, Dim, NodeId, Op, Shape, ValueId};
use gtt_ops::views::onnx::Transpose;
use gtt_rewrite::{
    ArgError, Args, Decline, Error, NewNode, Numerics, Operand, Pass, PassContext, PassInfo, Rewrite, Rule,
    RuleContext, apply_rules, require,
};

use crate::support::constants;
use crate::support::inner::Inner;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["fuse_sdpa"],
    dialects: &[Dialect::Onnx],
    numerics: Numerics::Close { relative: 1e-4, absolute: 1e-5 },
    ..PassInfo::new(
        "fuse_attention",
        "fuse scaled dot-product attention into Attention",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(FuseAttention))
}

struct FuseAttention;

impl Pass for FuseAttention {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&ScaledDotProduct])
    }
}

/// `Softmax(scale * q @ kᵀ + mask) @ v`.
struct ScaledDotProduct;

impl Rule for ScaledDotProduct {
    fn name(&self) -> &'static str {
        "scaled_dot_product"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["MatMul"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("MatMul"));
        let (Some(weights), Some(v), Some(y)) = (node.input(0), node.input(1), node.output(0)) else {
            return Err(Decline::NotMine);
        };
        let found = Found::of(cx, weights).ok_or(Decline::NotMine)?;
        require!(cx.opset() >= 23, "Attention needs operator set 23: see upgrade_opset");
        require!(cx.ty(found.q).dtype() == Some(DType::F32), "the element type is not float32");
        let shape = |value: ValueId| cx.ty(value).shape().filter(|shape| shape.len() == 4).cloned();
        let shapes = (shape(found.q), shape(found.transposed), shape(v));
        let (Some(q), Some(keys), Some(values)) = shapes else {
            return Err(Decline::because("an operand is not of rank 4"));
        };
        let equal = (0..2).all(|axis| q[axis].same(&keys[axis]) && q[axis].same(&values[axis]));
        require!(equal, "batch or heads are not proven equal");
        if let Some(mask) = found.mask {
            let ty = cx.ty(mask).shape().ok_or(Decline::because("the shape of the mask is unknown"))?;
            require!(fits(ty, &q, &keys), "the mask is not of shape [queries, keys]");
            require!(mask::leaves_something(cx, mask), "the mask may leave nothing of a row");
        }
        require!(found.inner.is_private(cx, id), "an intermediate result is used elsewhere");
        require!(found.scale.is_finite() && found.scale > 0.0, "the scale is not positive");

        let mut rewrite = Rewrite::new();
        let k: Operand = match &found.order {
            None => found.k.into(),
            Some(order) => {
                let perm = Attr::Ints(order.clone());
                rewrite.node(NewNode::new(Op::onnx("Transpose")).input(found.k).attr("perm", perm)).into()
            }
        };
        let fused = NewNode::new(Op::onnx("Attention")).input(found.q).input(k).input(v);
        let fused = found.mask.into_iter().fold(fused, |fused, mask| fused.input(mask));
        let fused = rewrite.node(fused.attr("scale", Attr::Float(found.scale as f32)));
        rewrite.replace(y, fused);
        Ok(rewrite)
    }
}

/// A mask has a row for each query and a column for each key; the axes in front broadcast.
fn fits(mask: &Shape, q: &Shape, keys: &Shape) -> bool {
    let [batch, heads, queries, _] = q.as_slice() else { return false };
    let whole = [batch, heads, queries, &keys[3]];
    let Some(missing) = whole.len().checked_sub(mask.len()).filter(|missing| *missing <= 2) else { return false };
    let mut axes = mask.iter().zip(&whole[missing..]).enumerate();
    axes.all(|(axis, (dim, of))| dim.same(of) || (axis + missing < 2 && *dim == Dim::Known(1)))
}

/// What the attention weights are made of.
struct Found {
    q: ValueId,
    /// The keys, before they are transposed.
    k: ValueId,
    /// The keys as the product has them: `[…, …, features, keys]`.
    transposed: ValueId,
    /// How `k` is still to be transposed.
    order: Option<Vec<i64>>,
    mask: Option<ValueId>,
    scale: f64,
    inner: Inner,
}

impl Found {
    fn of(cx: &RuleContext<'_>, weights: ValueId) -> Option<Self> {
        let (_, softmax) = cx.def(weights)?;
        let axis = softmax.attr("axis").map_or(Some(-1), Attr::as_int)?;
        let scores = if softmax.op.is_onnx("Softmax") { softmax.input(0)? } else { return None };
        if cx.opset() < 13 || (axis != -1 && axis != 3) || (axis == 3 && cx.ty(scores).rank() != Some(4)) {
            return None;
        }
        let (_, node) = cx.def(scores)?;
        if !node.op.is_onnx("Add") {
            return Self::product(cx, [weights, scores], scores, None);
        }
        let (a, b) = (node.input(0)?, node.input(1)?);
        let found = Self::product(cx, [weights, scores], a, Some(b));
        found.or_else(|| Self::product(cx, [weights, scores], b, Some(a)))
    }

    fn product(cx: &RuleContext<'_>, outer: [ValueId; 2], scores: ValueId, mask: Option<ValueId>) -> Option<Self> {
        let mut inner = Inner::default();
        outer.into_iter().for_each(|value| inner.push(cx, value));
        let mut scale = 1.0;
        let product = unscaled(cx, scores, &mut scale, &mut inner);
        inner.push(cx, product);
        let (_, node) = cx.def(product)?;
        let (a, b) = (node.input(0)?, node.input(1)?);
        if !node.op.is_onnx("MatMul") {
            return None;
        }
        let q = unscaled(cx, a, &mut scale, &mut inner);
        let transposed = unscaled(cx, b, &mut scale, &mut inner);
        inner.push(cx, transposed);
        let (_, node) = cx.def(transposed)?;
        let transpose = if node.op.is_onnx("Transpose") { Transpose::of(node, cx.opset())? } else { return None };
        let k = unscaled(cx, transpose.x, &mut scale, &mut inner);
        let mut order = transpose.perm.filter(|order| order.len() > 2)?;
        let last = order.len() - 1;
        order.swap(last - 1, last);
        let order = Some(order).filter(|order| order.iter().copied().ne(0..=last as i64));
        Some(Self { q, k, transposed, order, mask, scale, inner })
    }
}

/// Steps over products with a constant.
fn unscaled(cx: &RuleContext<'_>, mut value: ValueId, scale: &mut f64, inner: &mut Inner) -> ValueId {
    while let Some((_, node)) = cx.def(value) {
        let (Some(a), Some(b)) = (node.input(0), node.input(1)) else { break };
        let number = |value: ValueId, other: ValueId| constants::scalar(cx, value, cx.ty(other).rank());
        let (next, factor) = match (node.op.is_onnx("Mul"), node.op.is_onnx("Div")) {
            (true, _) => match (number(b, a), number(a, b)) {
                (Some(factor), _) => (a, factor),
                (None, Some(factor)) => (b, factor),
                _ => break,
            },
            (_, true) => match number(b, a) {
                Some(divisor) => (a, 1.0 / divisor),
                None => break,
            },
            _ => break,
        };
        inner.push(cx, value);
        *scale *= factor;
        value = next;
    }
    value
}
