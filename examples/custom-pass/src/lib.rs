#![doc = include_str!("../README.md")]

use gtt::ir::{DType, Dialect, NodeId, Op, Tensor};
use gtt::rewrite::{
    ArgError, Args, Decline, Error, NewNode, Operand, Pass, PassContext, PassInfo, Rewrite, Rule, RuleContext,
    apply_rules, require,
};

/// Its description: everything that is known about the pass without running it.
pub static PASS: PassInfo = PassInfo {
    dialects: &[Dialect::Onnx],
    ..PassInfo::new("merge_clips", "make one Clip of two in a row", include_str!("../README.md"), build)
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(MergeClips))
}

struct MergeClips;

impl Pass for MergeClips {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&ClipOfClip])
    }
}

struct ClipOfClip;

impl Rule for ClipOfClip {
    fn name(&self) -> &'static str {
        "clip_of_clip"
    }

    fn apply(&self, cx: &RuleContext<'_>, outer: NodeId) -> Result<Rewrite, Decline> {
        // Before opset 11 the bounds are attributes.
        require!(cx.node(outer).op.is_onnx("Clip") && cx.opset() >= 11);
        let Some((inner, clip)) = cx.def_of_input(outer, 0) else { return Err(Decline::NotMine) };
        require!(clip.op.is_onnx("Clip"));
        let (Some(x), Some(between), Some(y)) = (clip.input(0), clip.output(0), cx.node(outer).output(0)) else {
            return Err(Decline::NotMine);
        };
        require!(cx.only_reader(between) == Some(outer), "the inner Clip has other readers");
        let (inner, outer_bounds) = (bounds(cx, inner)?, bounds(cx, outer)?);
        let (low, high) = (inner.0.max(outer_bounds.0), inner.1.min(outer_bounds.1));
        require!(low <= high, "the two intervals do not meet");

        let mut rewrite = Rewrite::new();
        let mut bound = |value: f32| match value.is_finite() {
            true => rewrite.constant(Tensor::scalar(value)),
            false => Operand::Omitted,
        };
        let (low, high) = (bound(low), bound(high));
        let merged = rewrite.node(NewNode::new(Op::onnx("Clip")).input(x).input(low).input(high));
        rewrite.replace(y, merged);
        Ok(rewrite)
    }
}

/// The constant bounds of a Clip; an omitted one is infinite.
fn bounds(cx: &RuleContext<'_>, clip: NodeId) -> Result<(f32, f32), Decline> {
    let bound = |slot: usize, omitted: f32| -> Result<f32, Decline> {
        if cx.node(clip).input(slot).is_none() {
            return Ok(omitted);
        }
        let Some(tensor) = cx.tensor_of_input(clip, slot) else {
            return Err(Decline::because("a bound is not a constant"));
        };
        require!(tensor.dtype() == DType::F32, "the bounds are not f32");
        match tensor.to_vec::<f32>().as_deref() {
            Some([value]) => Ok(*value),
            _ => Err(Decline::because("a bound is not a scalar")),
        }
    };
    Ok((bound(1, f32::NEG_INFINITY)?, bound(2, f32::INFINITY)?))
}
