#![doc = include_str!("README.md")]

mod pattern;

use gtt_ir::{Attr, DType, Dialect, NodeId, Op, ValueId};
use gtt_rewrite::{
    ArgError, Args, Decline, Error, NewNode, Numerics, Pass, PassContext, PassInfo, Rewrite, Rule, RuleContext, Scope,
    apply_rules, require,
};

use pattern::{Found, Gate};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["fuse_hard_sigmoid"],
    dialects: &[Dialect::Onnx],
    scope: Scope::WithFunctions,
    numerics: Numerics::Close { relative: 1e-4, absolute: 1e-5 },
    ..PassInfo::new(
        "fuse_hard_swish",
        "fuse a hard swish or hard sigmoid written out as arithmetic",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(FuseHardSwish))
}

struct FuseHardSwish;

impl Pass for FuseHardSwish {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&HardSwish, &HardSigmoid])
    }
}

/// The lowest operator set that has `HardSwish`.
const SINCE: i64 = 14;

/// `x` times its hard sigmoid.
struct HardSwish;

impl Rule for HardSwish {
    fn name(&self) -> &'static str {
        "hard_swish"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Mul", "Div"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let found = Found::swish(cx, id).ok_or(Decline::NotMine)?;
        // Below, a product with a ready hard sigmoid is what we would make.
        require!(cx.opset() >= SINCE || found.gate == Gate::Arithmetic);
        check(cx, &found, id)?;
        let y = cx.node(id).output(0).ok_or(Decline::NotMine)?;
        let mut rewrite = Rewrite::new();
        let fused = if cx.opset() >= SINCE {
            rewrite.node(NewNode::new(Op::onnx("HardSwish")).input(found.x))
        } else {
            let gate = rewrite.node(hard_sigmoid(found.x));
            rewrite.node(NewNode::new(Op::onnx("Mul")).input(found.x).input(gate))
        };
        rewrite.replace(y, fused);
        Ok(rewrite)
    }
}

/// `Clip(x + 3, 0, 6) / 6` on its own.
struct HardSigmoid;

impl Rule for HardSigmoid {
    fn name(&self) -> &'static str {
        "hard_sigmoid"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Mul", "Div"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let found = Found::sigmoid(cx, id).ok_or(Decline::NotMine)?;
        let y = cx.node(id).output(0).ok_or(Decline::NotMine)?;
        // The whole is more: leave this part to the product that reads it.
        let whole = cx.only_reader(y).is_some_and(|reader| Found::swish(cx, reader).is_some());
        require!(!whole);
        check(cx, &found, id)?;
        let mut rewrite = Rewrite::new();
        let fused = rewrite.node(hard_sigmoid(found.x));
        rewrite.replace(y, fused);
        Ok(rewrite)
    }
}

fn hard_sigmoid(x: ValueId) -> NewNode {
    let node = NewNode::new(Op::onnx("HardSigmoid")).input(x);
    node.attr("alpha", Attr::Float(1.0 / 6.0)).attr("beta", Attr::Float(0.5))
}

fn check(cx: &RuleContext<'_>, found: &Found, last: NodeId) -> Result<(), Decline> {
    require!(found.inner.is_private(cx, last), "an intermediate result is used elsewhere");
    require!(cx.ty(found.x).dtype() == Some(DType::F32), "the element type is not float32");
    Ok(())
}
