#![doc = include_str!("README.md")]

use gtt_ir::{DType, Dialect, NodeId, Op, ValueId};
use gtt_ops::views::onnx::{ArgReduce, Elementwise, Softmax};
use gtt_rewrite::{
    ArgError, Args, Decline, Error, Kind, NewNode, Numerics, Param, Pass, PassContext, PassInfo, Rewrite, Rule,
    RuleContext, apply_rules, require,
};

use crate::support::axes;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["eliminate_nop_monotone_argmax"],
    dialects: &[Dialect::Onnx],
    params: &[Param {
        default: Some("false"),
        ..Param::new("saturating", Kind::Bool, "also for functions whose results may be equal where x is not")
    }],
    numerics: Numerics::Close { relative: 1e-4, absolute: 1e-5 },
    ..PassInfo::new(
        "simplify_arg_max",
        "remove Softmax and other monotone functions in front of ArgMax",
        include_str!("README.md"),
        build,
    )
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(SimplifyArgMax { saturating: args.bool("saturating")? }))
}

struct SimplifyArgMax {
    saturating: bool,
}

impl Pass for SimplifyArgMax {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&MonotoneFunction { saturating: self.saturating }])
    }
}

/// `ArgMax` or `ArgMin` of a monotone function.
struct MonotoneFunction {
    saturating: bool,
}

impl Rule for MonotoneFunction {
    fn name(&self) -> &'static str {
        "monotone_function"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["ArgMax", "ArgMin"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(matches!(node.op.name.as_str(), "ArgMax" | "ArgMin"));
        let index = ArgReduce::of(node, cx.opset()).ok_or(Decline::NotMine)?;
        let (_, inner) = cx.def(index.x).ok_or(Decline::NotMine)?;
        let (x, flattens_out, negates) = match (inner.op.name.as_str(), Softmax::of(inner, cx.opset())) {
            (_, Some(softmax)) => {
                along_the_same_axis(cx, &index, &softmax)?;
                (softmax.x, !softmax.log && !index.largest, false)
            }
            ("Neg", _) => (operand(cx, inner)?, false, true),
            ("Sigmoid" | "Tanh" | "Exp" | "Log" | "Sqrt" | "Softplus" | "Erf", _) => (operand(cx, inner)?, true, false),
            _ => return Err(Decline::NotMine),
        };
        require!(self.saturating || !flattens_out, "the function flattens out");
        require!(cx.only_reader(index.x).is_some(), "the function is used elsewhere");
        let dtype = cx.ty(x).dtype();
        let fine = matches!(dtype, Some(DType::F32 | DType::F64)) || (negates && dtype.is_some_and(DType::is_float));
        require!(fine, "the element type is too coarse, or unknown");
        let mut rewrite = Rewrite::new();
        if !negates {
            rewrite.set_input(id, 0, x);
            return Ok(rewrite);
        }
        let opposite = Op::onnx(if index.largest { "ArgMin" } else { "ArgMax" });
        let opposite = rewrite.node(NewNode::like(id, node).op(opposite).inputs([x.into()]));
        rewrite.replace(index.y.ok_or(Decline::NotMine)?, opposite);
        Ok(rewrite)
    }
}

fn operand(cx: &RuleContext<'_>, node: &gtt_ir::Node) -> Result<ValueId, Decline> {
    let view = Elementwise::of(node, cx.opset()).ok_or(Decline::NotMine)?;
    view.operands.first().copied().ok_or(Decline::NotMine)
}

/// All elements that are compared with each other were divided by the same sum.
fn along_the_same_axis(cx: &RuleContext<'_>, index: &ArgReduce, softmax: &Softmax) -> Result<(), Decline> {
    if index.axis == softmax.axis {
        return Ok(());
    }
    let rank = cx.ty(softmax.x).rank().ok_or(Decline::because("the rank is unknown"))?;
    let normal = |axis| axes::normal(axis, rank).ok_or(Decline::NotMine);
    let (compared, divided) = (normal(index.axis)?, normal(softmax.axis)?);
    let same = if softmax.flattens { compared >= divided } else { compared == divided };
    require!(same, "the index is not along the axis of the softmax");
    Ok(())
}
