#![doc = include_str!("README.md")]

use gtt_ir::{Attr, DType, Dialect, Dim, NodeId, Op};
use gtt_rewrite::{
    ArgError, Args, Decline, Error, NewNode, Numerics, Pass, PassContext, PassInfo, Rewrite, Rule, RuleContext, Scope,
    apply_rules, require,
};

use crate::support::norms::{Normalized, deviation, follower, ones};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["rms_normalization_fusion"],
    dialects: &[Dialect::Onnx],
    scope: Scope::WithFunctions,
    numerics: Numerics::Close { relative: 1e-4, absolute: 1e-5 },
    ..PassInfo::new(
        "fuse_rms_norm",
        "fuse a root-mean-square normalisation written out as arithmetic into RMSNormalization",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(FuseRmsNorm))
}

struct FuseRmsNorm;

impl Pass for FuseRmsNorm {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&DecomposedRmsNorm])
    }
}

/// The quotient, and the scale that may follow it.
struct DecomposedRmsNorm;

impl Rule for DecomposedRmsNorm {
    fn name(&self) -> &'static str {
        "decomposed_rms_norm"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Div", "Mul"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let mut norm = Normalized::of(cx, id).ok_or(Decline::NotMine)?;
        let x = norm.squared;
        require!(norm.numerator == x);
        let private = norm.inner.is_private(cx, id);
        require!(deviation(cx, &mut norm, x).is_none());
        require!(cx.opset() >= 23, "RMSNormalization needs operator set 23: see upgrade_opset");
        require!(cx.ty(x).dtype() == Some(DType::F32), "the element type is not float32");
        require!(private, "an intermediate result is used elsewhere");
        require!(norm.extents().iter().all(|dim| *dim != Dim::Unknown), "the extents of the axes are unknown");
        require!(norm.extents().iter().all(|dim| *dim != Dim::Known(0)), "there is nothing to take the mean of");

        let mut rewrite = Rewrite::new();
        let mut last = cx.node(id).output(0).ok_or(Decline::NotMine)?;
        let scale = match follower(cx, &mut rewrite, &norm, last, "Mul") {
            Some((scale, scaled)) => {
                last = scaled;
                scale
            }
            None => {
                ones(&mut rewrite, &norm).ok_or(Decline::because("there is no scale and its extent is not fixed"))?
            }
        };
        let fused = NewNode::new(Op::onnx("RMSNormalization")).input(x).input(scale);
        let fused =
            fused.attr("axis", Attr::Int(norm.axis_from_end())).attr("epsilon", Attr::Float(norm.epsilon as f32));
        let fused = rewrite.node(fused);
        rewrite.replace(last, fused);
        Ok(rewrite)
    }
}
