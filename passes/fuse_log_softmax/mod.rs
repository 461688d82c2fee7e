#![doc = include_str!("README.md")]

use gtt_ir::{Dialect, NodeId, Op};
use gtt_ops::views::onnx::{Elementwise, Softmax};
use gtt_rewrite::{
    ArgError, Args, Decline, Error, NewNode, Numerics, Pass, PassContext, PassInfo, Rewrite, Rule, RuleContext, Scope,
    apply_rules, require,
};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["fuse_consecutive_log_softmax"],
    dialects: &[Dialect::Onnx],
    scope: Scope::WithFunctions,
    numerics: Numerics::Close { relative: 1e-4, absolute: 1e-5 },
    ..PassInfo::new(
        "fuse_log_softmax",
        "fuse the logarithm of a softmax into LogSoftmax",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(FuseLogSoftmax))
}

struct FuseLogSoftmax;

impl Pass for FuseLogSoftmax {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&LogOfSoftmax])
    }
}

/// `Log(Softmax(x))`.
struct LogOfSoftmax;

impl Rule for LogOfSoftmax {
    fn name(&self) -> &'static str {
        "log_of_softmax"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Log"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let log = cx.node(id);
        require!(log.op.is_onnx("Log"));
        let log = Elementwise::of(log, cx.opset()).ok_or(Decline::NotMine)?;
        let &[shares] = log.operands.as_slice() else { return Err(Decline::NotMine) };
        let (softmax_id, node) = cx.def(shares).ok_or(Decline::NotMine)?;
        let softmax = Softmax::of(node, cx.opset()).ok_or(Decline::NotMine)?;
        require!(!softmax.log);
        require!(cx.only_reader(shares).is_some(), "the softmax is used elsewhere");
        let mut rewrite = Rewrite::new();
        let fused = rewrite.node(NewNode::like(softmax_id, node).op(Op::onnx("LogSoftmax")));
        rewrite.replace(log.y.ok_or(Decline::NotMine)?, fused);
        Ok(rewrite)
    }
}
