//! Decomposed normalisations: `a / sqrt(mean(b * b) + epsilon)` in the spellings of exporters.

use gtt_ir::{Attr, DType, Dim, NodeId, Op, Shape, Tensor, ValueId};
use gtt_ops::views::onnx::{Cast, Reduce};
use gtt_rewrite::{NewNode, Operand, Rewrite, RuleContext};

use super::inner::Inner;
use super::{axes, constants};

/// `numerator / sqrt(mean(squared * squared) + epsilon)`, the mean over the last axes.
pub(crate) struct Normalized {
    /// What is divided.
    pub(crate) numerator: ValueId,
    /// What is squared.
    pub(crate) squared: ValueId,
    /// The first of the axes that the mean is taken over; the others follow up to the last.
    pub(crate) axis: usize,
    /// The shape of what is squared.
    pub(crate) shape: Shape,
    /// Added to the mean.
    pub(crate) epsilon: f64,
    /// What lies between `squared` and the quotient.
    pub(crate) inner: Inner,
}

impl Normalized {
    /// The extents of the axes that are normalised.
    pub(crate) fn extents(&self) -> &[Dim] {
        &self.shape[self.axis..]
    }

    /// The first axis, counted from the end.
    pub(crate) fn axis_from_end(&self) -> i64 {
        self.axis as i64 - self.shape.len() as i64
    }

    /// Reads the pattern that ends with the division (or the multiplication by a reciprocal) of a node.
    pub(crate) fn of(cx: &RuleContext<'_>, id: NodeId) -> Option<Self> {
        let node = cx.node(id);
        let (a, b) = (node.input(0)?, node.input(1)?);
        if node.op.is_onnx("Div") {
            return Self::over(cx, a, b, false);
        }
        if !node.op.is_onnx("Mul") {
            return None;
        }
        Self::over(cx, a, b, true).or_else(|| Self::over(cx, b, a, true))
    }

    fn over(cx: &RuleContext<'_>, numerator: ValueId, root: ValueId, reciprocal: bool) -> Option<Self> {
        let mut inner = Inner::default();
        let root = plain(cx, root, &mut inner);
        let sum = if reciprocal { reciprocal_root(cx, root, &mut inner)? } else { root_of(cx, root, &mut inner)? };
        let sum = plain(cx, sum, &mut inner);
        inner.push(cx, sum);
        let (_, add) = cx.def(sum)?;
        if !add.op.is_onnx("Add") {
            return None;
        }
        let (a, b) = (add.input(0)?, add.input(1)?);
        let (mean, epsilon) =
            match (constants::scalar(cx, b, cx.ty(a).rank()), constants::scalar(cx, a, cx.ty(b).rank())) {
                (Some(epsilon), _) => (a, epsilon),
                (None, Some(epsilon)) => (b, epsilon),
                _ => return None,
            };
        let mean = plain(cx, mean, &mut inner);
        inner.push(cx, mean);
        let (squares, axis) = mean_of_last(cx, mean)?;
        let squares = plain(cx, squares, &mut inner);
        inner.push(cx, squares);
        let squared = plain(cx, square_of(cx, squares)?, &mut inner);
        let shape = cx.ty(squared).shape()?.clone();
        let numerator = plain(cx, numerator, &mut inner);
        (epsilon >= 0.0 && epsilon.is_finite()).then_some(Self { numerator, squared, axis, shape, epsilon, inner })
    }
}

/// Steps over casts that change nothing, and notes them.
fn plain(cx: &RuleContext<'_>, mut value: ValueId, inner: &mut Inner) -> ValueId {
    while let Some((_, node)) = cx.def(value) {
        let Some(cast) = Cast::of(node, cx.opset()) else { break };
        if cx.ty(cast.x).dtype() != Some(cast.to) {
            break;
        }
        inner.push(cx, value);
        value = cast.x;
    }
    value
}

/// `Sqrt(x)` or `Pow(x, 0.5)`.
fn root_of(cx: &RuleContext<'_>, value: ValueId, inner: &mut Inner) -> Option<ValueId> {
    let (_, node) = cx.def(value)?;
    let x = node.input(0)?;
    let is_root = node.op.is_onnx("Sqrt") || (node.op.is_onnx("Pow") && exponent(cx, node.input(1)?, x)? == 0.5);
    inner.push(cx, value);
    is_root.then_some(x)
}

/// `Reciprocal` or `1 /` of a root, or `Pow(x, -0.5)`.
fn reciprocal_root(cx: &RuleContext<'_>, value: ValueId, inner: &mut Inner) -> Option<ValueId> {
    let (_, node) = cx.def(value)?;
    inner.push(cx, value);
    match node.op.name.as_str() {
        _ if !node.op.domain.as_str().is_empty() => None,
        "Reciprocal" => {
            let root = plain(cx, node.input(0)?, inner);
            root_of(cx, root, inner)
        }
        "Div" => {
            let root = node.input(1)?;
            if constants::scalar(cx, node.input(0)?, cx.ty(root).rank())? != 1.0 {
                return None;
            }
            let root = plain(cx, root, inner);
            root_of(cx, root, inner)
        }
        "Pow" => (exponent(cx, node.input(1)?, node.input(0)?)? == -0.5).then_some(node.input(0)?),
        _ => None,
    }
}

fn exponent(cx: &RuleContext<'_>, value: ValueId, base: ValueId) -> Option<f64> {
    constants::scalar(cx, value, cx.ty(base).rank())
}

/// The operand and first axis of a mean over the last axes that keeps them.
pub(crate) fn mean_of_last(cx: &RuleContext<'_>, value: ValueId) -> Option<(ValueId, usize)> {
    let (_, node) = cx.def(value)?;
    if !node.op.is_onnx("ReduceMean") {
        return None;
    }
    let mean = Reduce::of(node, cx.opset())?;
    let rank = cx.ty(mean.x).rank()?;
    let mut over = match axes::given(cx, &mean.axes)? {
        Some(over) if !over.is_empty() => axes::all_normal(&over, rank)?,
        _ if mean.noop_without_axes => return None,
        _ => (0..rank).collect(),
    };
    over.sort_unstable();
    let first = *over.first()?;
    (mean.keep_dims && over.iter().copied().eq(first..rank)).then_some((mean.x, first))
}

/// `x` of `Pow(x, 2)` or `Mul(x, x)`.
fn square_of(cx: &RuleContext<'_>, value: ValueId) -> Option<ValueId> {
    let (_, node) = cx.def(value)?;
    let (x, other) = (node.input(0)?, node.input(1)?);
    let squares = (node.op.is_onnx("Mul") && x == other) || (node.op.is_onnx("Pow") && exponent(cx, other, x)? == 2.0);
    squares.then_some(x)
}

/// `x` of `x - mean(x)`, the mean over the axes of the pattern.
pub(crate) fn deviation(cx: &RuleContext<'_>, norm: &mut Normalized, value: ValueId) -> Option<ValueId> {
    let (_, node) = cx.def(value)?;
    let (x, mean) = (node.input(0)?, node.input(1)?);
    let (of, axis) = if node.op.is_onnx("Sub") { mean_of_last(cx, mean)? } else { return None };
    norm.inner.push(cx, value);
    norm.inner.push(cx, mean);
    (of == x && axis == norm.axis && cx.ty(x).rank() == Some(norm.shape.len())).then_some(x)
}

/// The other operand of the only reader of a value, if that is such an op and the operand has exactly the normalised axes.
pub(crate) fn follower(
    cx: &RuleContext<'_>,
    rewrite: &mut Rewrite,
    norm: &Normalized,
    value: ValueId,
    op: &str,
) -> Option<(Operand, ValueId)> {
    let node = cx.node(cx.only_reader(value)?);
    let (a, b, y) = (node.input(0)?, node.input(1)?, node.output(0)?);
    if !node.op.is_onnx(op) || node.inputs.len() != 2 {
        return None;
    }
    let other = if a == value { b } else { a };
    Some((fitting(cx, rewrite, norm, other)?, y))
}

/// Scales and offsets of so many bytes are copied.
const COPIED: usize = 512;

/// A value as scale or offset, if it is f32 and has exactly the normalised axes, or is a constant with ones in front of them.
pub(crate) fn fitting(
    cx: &RuleContext<'_>,
    rewrite: &mut Rewrite,
    norm: &Normalized,
    other: ValueId,
) -> Option<Operand> {
    let ty = cx.ty(other);
    let (shape, extents) = (ty.shape()?, norm.extents());
    let ones = shape.len().checked_sub(extents.len())?;
    let fits = shape[ones..].iter().zip(extents).all(|(dim, extent)| dim.same(extent));
    if ty.dtype() != Some(DType::F32) || !fits {
        return None;
    }
    if ones == 0 {
        return Some(other.into());
    }
    // Ones in front are harmless to broadcasting as long as they do not raise the rank, but runtimes want exactly the axes.
    let tensor = cx.tensor(other)?;
    let droppable = shape.len() <= norm.shape.len() && shape[..ones].iter().all(|dim| *dim == Dim::Known(1));
    // A copy of one that others read, too, has to be smaller than the nodes that go.
    if tensor.byte_len() > COPIED {
        cx.only_reader(other)?;
    }
    let tensor = if droppable { tensor.reshaped(&tensor.shape()[ones..])? } else { return None };
    Some(rewrite.constant_like(tensor, other))
}

/// Up to so many elements, a scale of ones is a constant; else a node makes it, so that the file does not grow.
const SMALL: u64 = 64;

/// A scale of ones, since the op demands one.
pub(crate) fn ones(rewrite: &mut Rewrite, norm: &Normalized) -> Option<Operand> {
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
