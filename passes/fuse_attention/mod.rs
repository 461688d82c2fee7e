#![doc = include_str!("README.md")]

mod heads;
mod mask;
mod pattern;

use gtt_ir::{Attr, DType, Dialect, NodeId, Op, ValueId};
use gtt_rewrite::{
    ArgError, Args, Decline, Error, NewNode, Numerics, Operand, Pass, PassContext, PassInfo, Rewrite, Rule,
    RuleContext, apply_rules, require,
};

use crate::support::contrib;
use heads::{Heads, Splits, rejoined};
use pattern::Found;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["fuse_sdpa"],
    params: &[contrib::PARAM],
    dialects: &[Dialect::Onnx],
    numerics: Numerics::Close { relative: 1e-4, absolute: 1e-5 },
    ..PassInfo::new(
        "fuse_attention",
        "fuse scaled dot-product attention into Attention",
        include_str!("README.md"),
        build,
    )
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(FuseAttention { contrib: contrib::asked(args)? }))
}

struct FuseAttention {
    contrib: bool,
}

impl Pass for FuseAttention {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        let contrib = self.contrib && !contrib::is_taken(cx.model());
        apply_rules(cx, &[&ScaledDotProduct { contrib }])?;
        if contrib {
            contrib::import(cx);
        }
        Ok(())
    }
}

/// `Softmax(scale * q @ kᵀ + mask) @ v`.
struct ScaledDotProduct {
    /// Where there is no `Attention`, `MultiHeadAttention` of ONNX Runtime will do.
    contrib: bool,
}

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
        let standard = cx.opset() >= 23;
        require!(standard || self.contrib, "Attention needs operator set 23: see upgrade_opset");
        require!(cx.ty(found.q).dtype() == Some(DType::F32), "the element type is not float32");
        let shape = |value: ValueId| cx.ty(value).shape().filter(|shape| shape.len() == 4).cloned();
        let shapes = (shape(found.q), shape(found.transposed), shape(v));
        let (Some(q), Some(keys), Some(values)) = shapes else {
            return Err(Decline::because("an operand is not of rank 4"));
        };
        let equal = (0..2).all(|axis| q[axis].same(&keys[axis]) && q[axis].same(&values[axis]));
        require!(equal, "batch or heads are not proven equal");
        let rows = match found.mask {
            Some(mask) => {
                let ty = cx.ty(mask).shape().ok_or(Decline::because("the shape of the mask is unknown"))?;
                let rows = mask::rows(cx, ty, &q, &keys);
                let rows = rows.ok_or(Decline::because("the mask is not of shape [queries, keys]"))?;
                require!(mask::leaves_something(cx, mask), "the mask may leave nothing of a row");
                rows
            }
            None => mask::Rows::All,
        };
        require!(found.inner.is_private(cx, id), "an intermediate result is used elsewhere");
        require!(found.scale.is_finite() && found.scale > 0.0, "the scale is not positive");

        let whole = Sources::joined(cx, &found, v).and_then(|joined| Some((joined, rejoined(cx, y)?)));
        let scale = Attr::Float(found.scale as f32);
        let mut rewrite = Rewrite::new();
        let (fused, y) = if let Some((joined, y)) = whole {
            let mut splits = Splits::default();
            let [q, k, v] = [&joined.q, &joined.k, &joined.v].map(|heads| heads.operand(cx, &mut rewrite, &mut splits));
            let heads = Attr::Int(joined.q.count);
            let op = if standard { Op::onnx("Attention") } else { contrib::op("MultiHeadAttention") };
            let fused = NewNode::new(op).input(q).input(k).input(v);
            let fused = if standard {
                fused.attr("q_num_heads", heads).attr("kv_num_heads", Attr::Int(joined.k.count))
            } else {
                require!(joined.k.groups == 1, "MultiHeadAttention does not repeat heads");
                fused.attr("num_heads", heads)
            };
            (fused, y)
        } else {
            require!(standard, "MultiHeadAttention wants the heads joined");
            let (k, v): (Operand, Operand) = match (Sources::repeated(cx, &found, v), &found.order) {
                (Some(sources), _) => (sources.k.source.into(), sources.v.source.into()),
                (None, None) => (found.k.into(), v.into()),
                (None, Some(order)) => {
                    let perm = Attr::Ints(order.clone());
                    let k = rewrite.node(NewNode::new(Op::onnx("Transpose")).input(found.k).attr("perm", perm));
                    (k.into(), v.into())
                }
            };
            (NewNode::new(Op::onnx("Attention")).input(found.q).input(k).input(v), y)
        };
        let fused = match found.mask {
            None => fused,
            Some(mask) => {
                let whole = rows.mask(cx, &mut rewrite, mask, !standard);
                // `MultiHeadAttention` has a bias and a mask of keys in front.
                fused.input_at(if standard { 3 } else { 5 }, whole)
            }
        };
        let fused = rewrite.node(fused.attr("scale", scale));
        rewrite.replace(y, fused);
        Ok(rewrite)
    }
}

/// Where queries, keys and values come from.
struct Sources {
    q: Heads,
    k: Heads,
    v: Heads,
}

impl Sources {
    /// All three with their heads joined.
    fn joined(cx: &RuleContext<'_>, found: &Found, v: ValueId) -> Option<Self> {
        let q = Heads::of(cx, found.q, None, true)?;
        let k = Heads::of(cx, found.k, found.order.as_deref(), true)?;
        Self { q, k, v: Heads::of(cx, v, None, true)? }.that_fit()
    }

    /// Keys and values before their heads are repeated.
    fn repeated(cx: &RuleContext<'_>, found: &Found, v: ValueId) -> Option<Self> {
        let k = Heads::of(cx, found.k, found.order.as_deref(), false)?;
        Self { q: Heads::plain(cx, found.q)?, k, v: Heads::of(cx, v, None, false)? }.that_fit()
    }

    fn that_fit(self) -> Option<Self> {
        let Self { q, k, v } = &self;
        let fits = q.groups == 1 && k.count == v.count && k.groups == v.groups && q.count == k.count * k.groups;
        fits.then_some(self)
    }
}
