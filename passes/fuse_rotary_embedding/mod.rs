#![doc = include_str!("README.md")]

mod pattern;

use gtt_ir::{DType, Dialect, Dim, NodeId, Op, Tensor};
use gtt_rewrite::{
    ArgError, Args, Decline, Error, NewNode, Numerics, Operand, Pass, PassContext, PassInfo, Rewrite, Rule,
    RuleContext, apply_rules, require,
};

use pattern::Rotation;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["fuse_rope"],
    dialects: &[Dialect::Onnx],
    numerics: Numerics::Close { relative: 1e-4, absolute: 1e-5 },
    ..PassInfo::new(
        "fuse_rotary_embedding",
        "fuse a rotary position embedding written out into RotaryEmbedding",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(FuseRotaryEmbedding))
}

struct FuseRotaryEmbedding;

impl Pass for FuseRotaryEmbedding {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&RotatedHalves])
    }
}

/// Both halves of the last axis, rotated by angles for each position.
struct RotatedHalves;

impl Rule for RotatedHalves {
    fn name(&self) -> &'static str {
        "rotated_halves"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Add", "Concat"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let found = if cx.node(id).op.is_onnx("Add") { Rotation::whole(cx, id) } else { Rotation::by_halves(cx, id) };
        let found = found.ok_or(Decline::NotMine)?;
        require!(cx.opset() >= 23, "RotaryEmbedding needs operator set 23: see upgrade_opset");
        require!(cx.ty(found.x).dtype() == Some(DType::F32), "the element type is not float32");
        let y = cx.node(id).output(0).ok_or(Decline::NotMine)?;
        let x = cx.ty(found.x).shape().ok_or(Decline::NotMine)?;
        let width = if found.repeated { x[3].clone() } else { Dim::Known(found.half as u64) };
        let whole = [found.cos, found.sin].into_iter().all(|cache| {
            let expected = [&x[0], &x[2], &width];
            cx.ty(cache)
                .shape()
                .is_some_and(|shape| shape.len() == 3 && shape.iter().zip(expected).all(|(a, b)| a.same(b)))
        });
        require!(whole, "the caches are not proven to have batch and sequence");
        require!(found.inner.is_private(cx, id), "an intermediate result is used elsewhere");

        let mut rewrite = Rewrite::new();
        let caches: [Operand; 2] = [found.cos, found.sin].map(|cache| {
            if !found.repeated {
                return cache.into();
            }
            let bounds = [0, found.half, 2].map(|bound| rewrite.constant(Tensor::vector(&[bound])));
            let slice = NewNode::new(Op::onnx("Slice")).input(cache);
            rewrite.node(bounds.into_iter().fold(slice, |slice, bound| slice.input(bound))).into()
        });
        let fused = NewNode::new(Op::onnx("RotaryEmbedding")).input(found.x).input(caches[0]).input(caches[1]);
        let fused = rewrite.node(fused);
        rewrite.replace(y, fused);
        Ok(rewrite)
    }
}
