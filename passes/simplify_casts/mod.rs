#![doc = include_str!("README.md")]

use gtt_ir::{DType, Dialect, NodeId};
use gtt_ops::views::onnx::Cast;
use gtt_rewrite::{
    ArgError, Args, Decline, Error, Pass, PassContext, PassInfo, Rewrite, Rule, RuleContext, Scope, apply_rules,
    require,
};

mod holds;
mod tensorflow;

use holds::may_skip;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["eliminate_nop_cast", "cast_elimination", "cast_identity", "cast_cast", "cast_chain_elimination"],
    scope: Scope::WithFunctions,
    ..PassInfo::new(
        "simplify_casts",
        "remove casts that change nothing, merge two in a row where no value is lost",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(SimplifyCasts))
}

struct SimplifyCasts;

impl Pass for SimplifyCasts {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        if cx.dialect() == Dialect::Tf {
            return apply_rules(cx, &[&tensorflow::CastToOwnType, &tensorflow::CastOfCast]);
        }
        apply_rules(cx, &[&CastToOwnType, &CastOfCast, &CastOfIndices])
    }
}

/// `Cast(x)` to the type that `x` has.
struct CastToOwnType;

impl Rule for CastToOwnType {
    fn name(&self) -> &'static str {
        "cast_to_own_type"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Cast"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("Cast"));
        let cast = Cast::of(node, cx.opset()).ok_or(Decline::NotMine)?;
        require!(cx.ty(cast.x).dtype() == Some(cast.to));
        Ok(Rewrite::replacing(cast.y.ok_or(Decline::NotMine)?, cast.x))
    }
}

/// `Cast(Cast(x))`.
struct CastOfCast;

impl Rule for CastOfCast {
    fn name(&self) -> &'static str {
        "cast_of_cast"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Cast"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("Cast"));
        let outer = Cast::of(node, cx.opset()).ok_or(Decline::NotMine)?;
        let (_, inner) = cx.def(outer.x).ok_or(Decline::NotMine)?;
        let inner = Cast::of(inner, cx.opset()).ok_or(Decline::NotMine)?;
        let from = cx.ty(inner.x).dtype().ok_or(Decline::because("the element type is unknown"))?;
        let (through, to) = (inner.to, outer.to);
        let y = outer.y.ok_or(Decline::NotMine)?;
        let texts = [from, through, to].contains(&DType::String);
        require!(!texts, "text is involved");
        may_skip(from, through, to)?;
        if to == from {
            return Ok(Rewrite::replacing(y, inner.x));
        }
        let mut rewrite = Rewrite::new();
        rewrite.set_input(id, 0, inner.x);
        Ok(rewrite)
    }
}

/// `Gather(x, Cast(i))` and the like, where the indices were i32 before.
struct CastOfIndices;

impl Rule for CastOfIndices {
    fn name(&self) -> &'static str {
        "cast_of_indices"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Gather", "GatherElements", "ScatterElements"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        let slot = match node.op.name.as_str() {
            "Gather" | "GatherElements" | "ScatterElements" => 1,
            _ => return Err(Decline::NotMine),
        };
        require!(node.op.domain == gtt_ir::Domain::ONNX);
        let (_, cast) = cx.def_of_input(id, slot).ok_or(Decline::NotMine)?;
        let cast = Cast::of(cast, cx.opset()).ok_or(Decline::NotMine)?;
        require!(cast.to == DType::I64 && cx.ty(cast.x).dtype() == Some(DType::I32));
        let mut rewrite = Rewrite::new();
        rewrite.set_input(id, slot, cast.x);
        Ok(rewrite)
    }
}
