#![doc = include_str!("README.md")]

use gtt_ir::{Attr, DType, Dialect, Dim, NodeId, Op, Tensor, ValueId};
use gtt_rewrite::{
    ArgError, Args, Decline, Error, NewNode, Numerics, Operand, Pass, PassContext, PassInfo, Rewrite, Rule,
    RuleContext, apply_rules, require,
};

use crate::support::norms::{Normalized, mean_of_last};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["LayerNormFusion", "layer_normalization_fusion"],
    dialects: &[Dialect::Onnx],
    numerics: Numerics::Close { relative: 1e-4, absolute: 1e-5 },
    ..PassInfo::new(
        "fuse_layer_norm",
        "fuse a layer normalisation written out as arithmetic into LayerNormalization",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(FuseLayerNorm))
}

struct FuseLayerNorm;

impl Pass for FuseLayerNorm {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        apply_rules(cx, &[&DecomposedLayerNorm])
    }
}

/// Up to so many elements, a scale of ones is a constant; else a node makes it, so that the file does not grow.
const SMALL: u64 = 64;

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
        require!(cx.opset() >= 17, "LayerNormalization needs operator set 17: see upgrade_opset");
        require!(cx.ty(x).dtype() == Some(DType::F32), "the element type is not float32");
        require!(norm.inner.is_private(cx, id), "an intermediate result is used elsewhere");
        require!(norm.extents().iter().all(|dim| *dim != Dim::Unknown), "the extents of the axes are unknown");
        require!(norm.extents().iter().all(|dim| *dim != Dim::Known(0)), "there is nothing to take the mean of");

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
        let mut fused = NewNode::new(Op::onnx("LayerNormalization")).input(x).input(scale);
        if let Some((offset, sum)) = follower(cx, &mut rewrite, &norm, last, "Add") {
            fused = fused.input(offset);
            last = sum;
        }
        let fused =
            fused.attr("axis", Attr::Int(norm.axis_from_end())).attr("epsilon", Attr::Float(norm.epsilon as f32));
        let fused = rewrite.node(fused);
        rewrite.replace(last, fused);
        Ok(rewrite)
    }
}

/// `x` of `x - mean(x)`, the mean over the axes of the pattern.
fn deviation(cx: &RuleContext<'_>, norm: &mut Normalized, value: ValueId) -> Option<ValueId> {
    let (_, node) = cx.def(value)?;
    let (x, mean) = (node.input(0)?, node.input(1)?);
    let (of, axis) = if node.op.is_onnx("Sub") { mean_of_last(cx, mean)? } else { return None };
    norm.inner.push(cx, value);
    norm.inner.push(cx, mean);
    (of == x && axis == norm.axis && cx.ty(x).rank() == Some(norm.shape.len())).then_some(x)
}

/// The other operand of the only reader of a value, if that is such an op and the operand has exactly the normalised axes.
fn follower(
    cx: &RuleContext<'_>,
    rewrite: &mut Rewrite,
    norm: &Normalized,
    value: ValueId,
    op: &str,
) -> Option<(Operand, ValueId)> {
    let node = cx.node(cx.only_reader(value)?);
    let (a, b, y) = (node.input(0)?, node.input(1)?, node.output(0)?);
    let other = if !node.op.is_onnx(op) || node.inputs.len() != 2 { return None } else { [a, b] };
    let other = if a == value { other[1] } else { other[0] };
    let ty = cx.ty(other);
    let (shape, extents) = (ty.shape()?, norm.extents());
    let ones = shape.len().checked_sub(extents.len())?;
    let fits = shape[ones..].iter().zip(extents).all(|(dim, extent)| dim.same(extent));
    if ty.dtype() != Some(DType::F32) || !fits {
        return None;
    }
    if ones == 0 {
        return Some((other.into(), y));
    }
    // Ones in front are harmless to broadcasting as long as they do not raise the rank, but runtimes want exactly the axes.
    let tensor = cx.tensor(other)?;
    let droppable = shape.len() <= norm.shape.len() && shape[..ones].iter().all(|dim| *dim == Dim::Known(1));
    cx.only_reader(other)?;
    let tensor = if droppable { tensor.reshaped(&tensor.shape()[ones..])? } else { return None };
    Some((rewrite.constant_like(tensor, other), y))
}

/// A scale of ones, since the op demands one.
fn ones(rewrite: &mut Rewrite, norm: &Normalized) -> Option<Operand> {
    let extents: Vec<u64> = norm.extents().iter().map(Dim::known).collect::<Option<_>>()?;
    let count = extents.iter().try_fold(1u64, |count, &extent| count.checked_mul(extent))?;
    if count <= SMALL {
        let shape: Vec<usize> = extents.iter().map(|&extent| extent as usize).collect();
        return Some(rewrite.constant(Tensor::from_vec(&shape, vec![1f32; count as usize]).ok()?));
    }
    let extents: Vec<i64> = extents.iter().map(|&extent| i64::try_from(extent).ok()).collect::<Option<_>>()?;
    let shape = rewrite.constant(Tensor::vector(&extents));
    let one = Attr::Tensor(Tensor::vector(&[1f32]));
    Some(rewrite.node(NewNode::new(Op::onnx("ConstantOfShape")).input(shape).attr("value", one)).into())
}
