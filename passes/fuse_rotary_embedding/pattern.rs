//! Rotations of the halves of a tensor.

use gtt_ir::{Def, NodeId, ValueId};
use gtt_ops::views::onnx::{Axes, Concat, Slice, Split, Unsqueeze};
use gtt_rewrite::RuleContext;

use crate::support::inner::Inner;
use crate::support::{axes, constants};

/// How deep a cache may lie under ops that work on each element.
const DEPTH: usize = 4;

/// A rotation that was found.
pub(super) struct Rotation {
    pub(super) x: ValueId,
    /// `[batch, sequence, …]`.
    pub(super) cos: ValueId,
    pub(super) sin: ValueId,
    /// The caches hold every angle twice: `[…, D]` instead of `[…, D/2]`.
    pub(super) repeated: bool,
    /// `D/2`.
    pub(super) half: i64,
    pub(super) inner: Inner,
}

impl Rotation {
    /// `x * cos + Concat(-x2, x1) * sin`, at the sum.
    pub(super) fn whole(cx: &RuleContext<'_>, id: NodeId) -> Option<Self> {
        let node = cx.node(id);
        let [a, b] = [node.input(0)?, node.input(1)?];
        Self::of_products(cx, a, b).or_else(|| Self::of_products(cx, b, a))
    }

    fn of_products(cx: &RuleContext<'_>, plain: ValueId, turned: ValueId) -> Option<Self> {
        let mut inner = Inner::default();
        let (c, d) = product(cx, turned, &mut inner)?;
        let (rotated, sin) = match concat(cx, c) {
            Some(_) => (c, d),
            None => (d, c),
        };
        let (negated, first) = concat(cx, rotated)?;
        inner.push(cx, rotated);
        let (_, neg) = cx.def(negated).filter(|(_, node)| node.op.is_onnx("Neg"))?;
        inner.push(cx, negated);
        let (x, half) = halves(cx, first, neg.input(0)?, &mut inner)?;
        let (e, f) = product(cx, plain, &mut inner)?;
        let cos = if e == x { f } else { Some(e).filter(|_| f == x)? };
        let [cos, sin] = [cache(cx, cos)?, cache(cx, sin)?];
        let repeated = is_repeated(cx, cos, half, DEPTH) && is_repeated(cx, sin, half, DEPTH);
        repeated.then_some(Self { x, cos, sin, repeated, half, inner })
    }

    /// `Concat(x1*c - x2*s, x1*s + x2*c)`.
    pub(super) fn by_halves(cx: &RuleContext<'_>, id: NodeId) -> Option<Self> {
        let (real, imaginary) = concat(cx, cx.node(id).output(0)?)?;
        let mut inner = Inner::default();
        let mut both = |value: ValueId, op: &str| {
            let (_, node) = cx.def(value).filter(|(_, node)| node.op.is_onnx(op))?;
            inner.push(cx, value);
            let [a, b] = [node.input(0)?, node.input(1)?];
            Some([product(cx, a, &mut inner)?, product(cx, b, &mut inner)?])
        };
        let [(a, b), (c, d)] = both(real, "Sub")?;
        let sums = both(imaginary, "Add")?;
        // Which factor is the half, which the cache.
        for (x1, cos) in [(a, b), (b, a)] {
            for (x2, sin) in [(c, d), (d, c)] {
                let same = |(a, b): (ValueId, ValueId), x: ValueId, y: ValueId| (a, b) == (x, y) || (a, b) == (y, x);
                let crossed = (same(sums[0], x1, sin) && same(sums[1], x2, cos))
                    || (same(sums[1], x1, sin) && same(sums[0], x2, cos));
                if !crossed {
                    continue;
                }
                let mut parts = Inner::default();
                let Some((x, half)) = halves(cx, x1, x2, &mut parts) else { continue };
                let [Some(cos), Some(sin)] = [cache(cx, cos), cache(cx, sin)] else { continue };
                inner.append(parts);
                return Some(Self { x, cos, sin, repeated: false, half, inner });
            }
        }
        None
    }
}

fn product(cx: &RuleContext<'_>, value: ValueId, inner: &mut Inner) -> Option<(ValueId, ValueId)> {
    let (_, node) = cx.def(value).filter(|(_, node)| node.op.is_onnx("Mul"))?;
    inner.push(cx, value);
    Some((node.input(0)?, node.input(1)?))
}

/// The two operands of a concatenation along the last axis.
fn concat(cx: &RuleContext<'_>, value: ValueId) -> Option<(ValueId, ValueId)> {
    let (_, node) = cx.def(value).filter(|(_, node)| node.op.is_onnx("Concat"))?;
    let concat = Concat::of(node, cx.opset())?;
    let &[a, b] = concat.inputs.as_slice() else { return None };
    let last = concat.axis == -1 || cx.ty(a).rank().is_some_and(|rank| concat.axis == rank as i64 - 1);
    last.then_some((a, b))
}

/// The tensor of four axes whose first and second half along the last these are, and how long they are.
fn halves(cx: &RuleContext<'_>, first: ValueId, second: ValueId, inner: &mut Inner) -> Option<(ValueId, i64)> {
    inner.push(cx, first);
    let part = |value: ValueId| match cx.value(value).def {
        Def::Node { node, slot } => Some((node, slot)),
        _ => None,
    };
    let ((a, of_a), (b, of_b)) = (part(first)?, part(second)?);
    let x = cx.node(a).input(0)?;
    let width = cx.ty(x).shape().filter(|shape| shape.len() == 4)?[3].known()?;
    let half = i64::try_from(width).ok().filter(|width| width % 2 == 0)? / 2;
    if a == b {
        let split = Split::of(cx.node(a), cx.opset())?;
        let sizes = axes::given(cx, &split.split)?.unwrap_or_else(|| vec![half, half]);
        let equal = split.parts.len() == 2 && sizes == [half, half] && matches!(split.axis, -1 | 3);
        inner.push(cx, second);
        return (equal && (of_a, of_b) == (0, 1)).then_some((x, half));
    }
    inner.push(cx, second);
    let [low, high] = [a, b].map(|node| range_of_last(cx, node));
    let right = low? == (x, 0, half) && high? == (x, half, 2 * half);
    right.then_some((x, half))
}

/// A slice of the last axis of four: of what, from and to.
fn range_of_last(cx: &RuleContext<'_>, node: NodeId) -> Option<(ValueId, i64, i64)> {
    let slice = Slice::of(cx.node(node), cx.opset())?;
    let one = |ints: &Axes| match axes::given(cx, ints)??.as_slice() {
        &[one] => Some(one),
        _ => None,
    };
    let extent = i64::try_from(cx.ty(slice.x).shape()?.get(3)?.known()?).ok()?;
    let bound = |bound: i64| if bound < 0 { (bound.saturating_add(extent)).max(0) } else { bound.min(extent) };
    let steps = axes::given(cx, &slice.steps)?.is_none_or(|steps| steps == [1]);
    let last = matches!(one(&slice.axes)?, -1 | 3);
    (steps && last).then_some((slice.x, bound(one(&slice.starts)?), bound(one(&slice.ends)?)))
}

/// What is given an axis for the heads.
fn cache(cx: &RuleContext<'_>, value: ValueId) -> Option<ValueId> {
    let (_, node) = cx.def(value).filter(|(_, node)| node.op.is_onnx("Unsqueeze"))?;
    let view = Unsqueeze::of(node, cx.opset())?;
    let is_heads = matches!(axes::given(cx, &view.axes)??.as_slice(), [1 | -3]);
    (is_heads && cx.ty(view.x).rank() == Some(3)).then_some(view.x)
}

/// Element by element the same twice along the last axis.
fn is_repeated(cx: &RuleContext<'_>, value: ValueId, half: i64, depth: usize) -> bool {
    let Some((_, node)) = cx.def(value) else { return false };
    if let Some((a, b)) = concat(cx, value) {
        return a == b && cx.ty(a).shape().and_then(|shape| shape.last()?.known()) == u64::try_from(half).ok();
    }
    let operand = match (node.op.name.as_str(), node.input(0), node.input(1)) {
        ("Cos" | "Sin" | "Cast" | "Identity", Some(x), None) => Some(x),
        ("Mul", Some(a), Some(b)) if constants::scalar(cx, b, cx.ty(a).rank()).is_some() => Some(a),
        ("Mul", Some(a), Some(b)) if constants::scalar(cx, a, cx.ty(b).rank()).is_some() => Some(b),
        _ => None,
    };
    let deeper = operand.zip(depth.checked_sub(1));
    node.op.is_onnx(&node.op.name) && deeper.is_some_and(|(x, depth)| is_repeated(cx, x, half, depth))
}
