#![doc = include_str!("README.md")]

use gtt_ir::{Attr, DType, Dialect, NodeId, Op};
use gtt_rewrite::{
    ArgError, Args, Decline, Error, NewNode, Operand, Pass, PassContext, PassInfo, Rewrite, Rule, RuleContext, Scope,
    apply_rules, require,
};

mod limit;
mod tensorflow;

use limit::{Bound, Limit, Number};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &[
        "fuse_relu_clip",
        "fuse_successive_clip",
        "fuse_successive_clip_relu",
        "fuse_successive_relu_clip",
        "fuse_successive_min",
        "fuse_successive_max",
        "fuse_min_max_to_clip",
        "fuse_max_min_to_clip",
    ],
    scope: Scope::WithFunctions,
    ..PassInfo::new(
        "merge_clips",
        "merge Relu, Clip, Max and Min with constant bounds in a row",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(MergeClips))
}

struct MergeClips;

impl Pass for MergeClips {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        if cx.dialect() == Dialect::Tf {
            return apply_rules(cx, &[&tensorflow::LimitOfLimit]);
        }
        apply_rules(cx, &[&LimitOfLimit])
    }
}

/// A limit of a limit.
struct LimitOfLimit;

impl Rule for LimitOfLimit {
    fn name(&self) -> &'static str {
        "limit_of_limit"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Relu", "Clip", "Max", "Min"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(limit::is_limit(node));
        let (slot, inner_id) = limit::limited(cx, node).ok_or(Decline::NotMine)?;
        let (outer, inner) = (Limit::of(cx, id)?, Limit::of(cx, inner_id)?);
        require!(outer.slot == slot);
        for limit in [&outer, &inner] {
            require!(limit.low.number <= limit.high.number, "the bounds of one clip cross");
        }
        let (low, high) = (outer.applied_to(inner.low), outer.applied_to(inner.high));
        let same = |limit: &Limit| limit.low.number == low.number && limit.high.number == high.number;
        if same(&inner) {
            return Ok(Rewrite::replacing(outer.y, inner.y));
        }
        require!(cx.only_reader(inner.y).is_some(), "the limited value is used elsewhere");
        let mut rewrite = Rewrite::new();
        if same(&outer) {
            rewrite.set_input(id, outer.slot, inner.x);
            return Ok(rewrite);
        }
        // The specification has f64 before, ONNX Runtime has not.
        let known = cx.opset() >= 12 || matches!(outer.dtype, DType::F32 | DType::F16);
        require!(known, "Clip of this operator set does not have the element type");
        let clip = NewNode::like(id, node).op(Op::onnx("Clip")).attrs(gtt_ir::Attrs::new()).inputs([inner.x.into()]);
        let clip = match cx.opset() {
            ..=10 => [("min", low), ("max", high)].into_iter().fold(clip, with_attribute),
            _ => {
                let bounds = [low, high].map(|bound| operand(&mut rewrite, &outer, bound));
                let [Some(low), Some(high)] = bounds else { return Err(Decline::NotMine) };
                if high == Operand::Omitted { clip.input(low) } else { clip.input(low).input(high) }
            }
        };
        let clip = rewrite.node(clip);
        rewrite.replace(outer.y, clip);
        Ok(rewrite)
    }
}

fn with_attribute(clip: NewNode, (name, bound): (&str, Bound)) -> NewNode {
    match bound.number {
        Number::Float(number) if !bound.is_default => clip.attr(name, Attr::Float(number as f32)),
        _ => clip,
    }
}

fn operand(rewrite: &mut Rewrite, limit: &Limit, bound: Bound) -> Option<Operand> {
    match (bound.is_default, bound.scalar) {
        (true, _) => Some(Operand::Omitted),
        (false, Some(scalar)) => Some(Operand::Old(scalar)),
        (false, None) => Some(rewrite.constant(limit::scalar(limit.dtype, bound.number)?)),
    }
}
