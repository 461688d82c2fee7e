#![doc = include_str!("README.md")]

mod affine;
mod skip;

use gtt_ir::{Attr, DType, Dialect, Dim, NodeId, Op, ValueId};
use gtt_rewrite::{
    ArgError, Args, Decline, Error, NewNode, Numerics, Operand, Pass, PassContext, PassInfo, Rewrite, Rule,
    RuleContext, Scope, apply_rules, require,
};

use self::affine::AffineLayerNorm;
use self::skip::NormalizedSum;
use crate::support::contrib;
use crate::support::norms::{Normalized, deviation, follower, ones};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["layer_normalization_fusion"],
    params: &[contrib::PARAM],
    dialects: &[Dialect::Onnx],
    scope: Scope::WithFunctions,
    numerics: Numerics::Close { relative: 1e-4, absolute: 1e-5 },
    ..PassInfo::new(
        "fuse_layer_norm",
        "fuse a layer normalisation written out as arithmetic into LayerNormalization",
        include_str!("README.md"),
        build,
    )
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(FuseLayerNorm { contrib: contrib::asked(args)? }))
}

struct FuseLayerNorm {
    contrib: bool,
}

impl Pass for FuseLayerNorm {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        if !self.contrib || contrib::is_taken(cx.model()) {
            return apply_rules(cx, &[&DecomposedLayerNorm, &AffineLayerNorm]);
        }
        apply_rules(cx, &[&DecomposedLayerNorm, &AffineLayerNorm, &NormalizedSum])?;
        contrib::import(cx);
        Ok(())
    }
}

/// The quotient, and the scale and offset that may follow it.
struct DecomposedLayerNorm;

impl Rule for DecomposedLayerNorm {
    fn name(&self) -> &'static str {
        "decomposed_layer_norm"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Div", "Mul"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let mut norm = Normalized::of(cx, id).ok_or(Decline::NotMine)?;
        let (squared, numerator) = (norm.squared, norm.numerator);
        let x = deviation(cx, &mut norm, squared).ok_or(Decline::NotMine)?;
        require!(numerator == squared || deviation(cx, &mut norm, numerator) == Some(x));
        checked(cx, id, x, &norm)?;
        let mut rewrite = Rewrite::new();
        let mut last = cx.node(id).output(0).ok_or(Decline::NotMine)?;
        let scale = follower(cx, &mut rewrite, &norm, last, "Mul");
        let scale = match scale {
            Some((scale, scaled)) => {
                last = scaled;
                scale
            }
            None => {
                ones(&mut rewrite, &norm).ok_or(Decline::because("there is no scale and its extent is not fixed"))?
            }
        };
        let offset = follower(cx, &mut rewrite, &norm, last, "Add").map(|(offset, sum)| {
            last = sum;
            offset
        });
        let fused = rewrite.node(fused(&norm, x, scale, offset));
        rewrite.replace(last, fused);
        Ok(rewrite)
    }
}

/// What every spelling needs: `x` can be normalised by the op, and nothing else reads what lies inside.
fn checked(cx: &RuleContext<'_>, last: NodeId, x: ValueId, norm: &Normalized) -> Result<(), Decline> {
    require!(cx.opset() >= 17, "LayerNormalization needs operator set 17: see upgrade_opset");
    require!(cx.ty(x).dtype() == Some(DType::F32), "the element type is not float32");
    require!(norm.inner.is_private(cx, last), "an intermediate result is used elsewhere");
    require!(norm.extents().iter().all(|dim| *dim != Dim::Unknown), "the extents of the axes are unknown");
    require!(norm.extents().iter().all(|dim| *dim != Dim::Known(0)), "there is nothing to take the mean of");
    Ok(())
}

fn fused(norm: &Normalized, x: ValueId, scale: Operand, offset: Option<Operand>) -> NewNode {
    let mut fused = NewNode::new(Op::onnx("LayerNormalization")).input(x).input(scale);
    if let Some(offset) = offset {
        fused = fused.input(offset);
    }
    fused.attr("axis", Attr::Int(norm.axis_from_end())).attr("epsilon", Attr::Float(norm.epsilon as f32))
}
