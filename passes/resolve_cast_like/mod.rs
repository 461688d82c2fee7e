#![doc = include_str!("README.md")]

use gtt_ir::{Attr, Dialect, NodeId, Op};
use gtt_ops::views::onnx::CastLike;
use gtt_rewrite::{
    ArgError, Args, Decline, Error, NewNode, Pass, PassContext, PassInfo, Rewrite, Rule, RuleContext, Scope,
    apply_rules, require,
};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    dialects: &[Dialect::Onnx],
    scope: Scope::WithFunctions,
    ..PassInfo::new(
        "resolve_cast_like",
        "replace a cast to another value's element type by a cast to that type, or by nothing",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(ResolveCastLike))
}

struct ResolveCastLike;

impl Pass for ResolveCastLike {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&CastLikeKnown])
    }
}

/// `CastLike(x, y)` where the element type of `y` is known.
struct CastLikeKnown;

impl Rule for CastLikeKnown {
    fn name(&self) -> &'static str {
        "cast_like_known"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["CastLike"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("CastLike"));
        let cast = CastLike::of(node, cx.opset()).ok_or(Decline::because("the cast is not understood"))?;
        let result = cast.result.ok_or(Decline::NotMine)?;
        let to = cx.ty(cast.like).dtype().ok_or(Decline::because("the element type to cast to is unknown"))?;
        if cx.ty(cast.x).dtype() == Some(to) {
            return Ok(Rewrite::replacing(result, cast.x));
        }
        let number = to.onnx_number().ok_or(Decline::NotMine)?;
        // What says how to cast is the same for both ops.
        let fixed = NewNode::new(Op::onnx("Cast")).input(cast.x).attrs(node.attrs.clone());
        let mut rewrite = Rewrite::new();
        let fixed = rewrite.node(fixed.attr("to", Attr::Int(number)).placed_like(id));
        rewrite.replace(result, fixed);
        Ok(rewrite)
    }
}
