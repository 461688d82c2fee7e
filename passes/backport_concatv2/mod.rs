#![doc = include_str!("README.md")]

use gtt_ir::{DType, Dialect, NodeId, Op};
use gtt_rewrite::{
    ArgError, Args, Decline, Error, Operand, Pass, PassContext, PassInfo, Rewrite, Rule, RuleContext, apply_rules,
    require,
};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    dialects: &[Dialect::Tf],
    ..PassInfo::new(
        "backport_concatv2",
        "replace ConcatV2 by Concat, for old runtimes",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(BackportConcatV2))
}

struct BackportConcatV2;

impl Pass for BackportConcatV2 {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&ConcatV2])
    }
}

struct ConcatV2;

impl Rule for ConcatV2 {
    fn name(&self) -> &'static str {
        "concat_v2"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["ConcatV2"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_tf("ConcatV2"));
        let (Some(&axis), true) = (node.inputs.last(), node.inputs.len() >= 2) else { return Err(Decline::NotMine) };
        let dtype = match node.attr("Tidx") {
            Some(attr) => attr.as_dtype(),
            None => Some(DType::I32),
        };
        require!(dtype == Some(DType::I32), "the axis is not int32, which is all that Concat takes");
        let values = node.inputs[..node.inputs.len() - 1].iter().map(|&value| Operand::from(value));
        let mut rewrite = Rewrite::new();
        rewrite.set_op(id, Op::tf("Concat"));
        rewrite.set_inputs(id, std::iter::once(Operand::from(axis)).chain(values));
        rewrite.remove_attr(id, "Tidx");
        Ok(rewrite)
    }
}
