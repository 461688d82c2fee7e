#![doc = include_str!("README.md")]

use gtt_ir::{Attr, DType, Dialect, NodeId, Op, ValueId};
use gtt_rewrite::{
    ArgError, Args, Decline, Error, NewNode, Numerics, Pass, PassContext, PassInfo, Rewrite, Rule, RuleContext, Scope,
    apply_rules, require,
};

use crate::support::{constants, contrib};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["fuse_silu"],
    params: &[contrib::PARAM],
    dialects: &[Dialect::Onnx],
    scope: Scope::WithFunctions,
    numerics: Numerics::Close { relative: 1e-4, absolute: 1e-5 },
    ..PassInfo::new("fuse_swish", "fuse x * sigmoid(alpha * x) into Swish", include_str!("README.md"), build)
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(FuseSwish { contrib: contrib::asked(args)? }))
}

struct FuseSwish {
    contrib: bool,
}

impl Pass for FuseSwish {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        let contrib = self.contrib && !contrib::is_taken(cx.model());
        apply_rules(cx, &[&TimesSigmoid { contrib }])?;
        if contrib {
            contrib::import(cx);
        }
        Ok(())
    }
}

/// `x * Sigmoid(alpha * x)`.
struct TimesSigmoid {
    /// Where there is no `Swish`, `QuickGelu` of ONNX Runtime will do.
    contrib: bool,
}

impl Rule for TimesSigmoid {
    fn name(&self) -> &'static str {
        "times_sigmoid"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Mul"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("Mul"));
        let (Some(a), Some(b), Some(y)) = (node.input(0), node.input(1), node.output(0)) else {
            return Err(Decline::NotMine);
        };
        let found = sigmoid_of(cx, b, a).map(|found| (a, b, found));
        let found = found.or_else(|| sigmoid_of(cx, a, b).map(|found| (b, a, found)));
        let (x, sigmoid, (alpha, scaled)) = found.ok_or(Decline::NotMine)?;
        let standard = cx.opset() >= 24;
        require!(standard || self.contrib, "Swish needs operator set 24: see upgrade_opset");
        let private = cx.only_reader(sigmoid).is_some() && (scaled == x || cx.only_reader(scaled).is_some());
        require!(private, "the sigmoid is used elsewhere");
        let dtype = cx.ty(x).dtype();
        require!(matches!(dtype, Some(DType::F32 | DType::F64)), "the element type is not float32 or float64");
        require!(standard || dtype == Some(DType::F32), "ONNX Runtime's own op is for float32");
        let mut rewrite = Rewrite::new();
        let op = if standard { Op::onnx("Swish") } else { contrib::op("QuickGelu") };
        let swish = rewrite.node(NewNode::new(op).input(x).attr("alpha", Attr::Float(alpha as f32)));
        rewrite.replace(y, swish);
        Ok(rewrite)
    }
}

/// The factor of `x` in a sigmoid, and the product that the sigmoid is of.
fn sigmoid_of(cx: &RuleContext<'_>, sigmoid: ValueId, x: ValueId) -> Option<(f64, ValueId)> {
    let (_, node) = cx.def(sigmoid)?;
    let scaled = if node.op.is_onnx("Sigmoid") { node.input(0)? } else { return None };
    if scaled == x {
        return Some((1.0, scaled));
    }
    let (_, node) = cx.def(scaled)?;
    let (a, b) = (node.input(0)?, node.input(1)?);
    let rank = cx.ty(x).rank();
    let alpha = match (node.op.is_onnx("Mul"), node.op.is_onnx("Div")) {
        (true, _) if a == x => constants::scalar(cx, b, rank)?,
        (true, _) if b == x => constants::scalar(cx, a, rank)?,
        (_, true) if a == x => 1.0 / constants::scalar(cx, b, rank)?,
        _ => return None,
    };
    alpha.is_finite().then_some((alpha, scaled))
}
