//! What is proven about the elements of a mask, and its shape as the runtimes want it.

use gtt_ir::{Attr, DType, Dim, Op, Shape, Tensor, ValueId};
use gtt_rewrite::{NewNode, Operand, Rewrite, RuleContext};

use crate::support::constants;

/// The rows of a mask.
pub(super) enum Rows {
    /// One for each query.
    All,
    /// One for all of so many queries.
    One(u64),
    /// One for all queries, of which there are as many as keys.
    OneForEachKey,
}

/// A mask has a row for each query, or one that can be repeated, and a column for each key; the axes in front broadcast.
pub(super) fn rows(cx: &RuleContext<'_>, mask: &Shape, q: &Shape, keys: &Shape) -> Option<Rows> {
    let [batch, heads, queries, _] = q.as_slice() else { return None };
    let whole = [batch, heads, queries, &keys[3]];
    let missing = whole.len().checked_sub(mask.len()).filter(|missing| *missing <= 2)?;
    let fits = |axis: usize, dim: &Dim| match axis {
        0 | 1 => dim.same(whole[axis]) || *dim == Dim::Known(1),
        2 => true,
        _ => dim.same(whole[axis]),
    };
    if !mask.iter().enumerate().all(|(axis, dim)| fits(axis + missing, dim)) {
        return None;
    }
    let rows = &mask[2 - missing];
    if rows.same(queries) {
        return Some(Rows::All);
    }
    match queries {
        _ if *rows != Dim::Known(1) => None,
        Dim::Known(queries) => Some(Rows::One(*queries)),
        _ if queries.same(&keys[3]) && cx.opset() >= 15 => Some(Rows::OneForEachKey),
        _ => None,
    }
}

impl Rows {
    /// The mask with a row for each query; the runtimes refuse one row, which the specification allows. Nodes speak of the mask alone,
    /// so that many layers share them.
    pub(super) fn mask(self, cx: &RuleContext<'_>, rewrite: &mut Rewrite, mask: ValueId, all_axes: bool) -> Operand {
        let rank = cx.ty(mask).rank().unwrap_or(4);
        let shape: Option<Operand> = match self {
            Rows::All => None,
            Rows::One(queries) => Some(constants::vector(rewrite, &[queries as i64, 1])),
            Rows::OneForEachKey => {
                let (start, end) = (Attr::Int(rank as i64 - 1), Attr::Int(rank as i64));
                let keys = NewNode::new(Op::onnx("Shape")).input(mask).attr("start", start).attr("end", end);
                let keys = rewrite.node(keys);
                let one = constants::vector(rewrite, &[1]);
                let both = NewNode::new(Op::onnx("Concat")).input(keys).input(one).attr("axis", Attr::Int(0));
                Some(rewrite.node(both).into())
            }
        };
        let mut whole: Operand = mask.into();
        if let Some(shape) = shape {
            whole = rewrite.node(NewNode::new(Op::onnx("Expand")).input(whole).input(shape)).into();
        }
        if !all_axes || rank == 4 {
            return whole;
        }
        let axes: Vec<i64> = (0..4 - rank as i64).collect();
        let node = NewNode::new(Op::onnx("Unsqueeze")).input(whole);
        let node = crate::support::axes::give(rewrite, node, "axes", &axes, cx.opset() >= 13);
        rewrite.node(node).into()
    }
}

/// How deep the proof looks.
const DEPTH: usize = 8;

/// How many elements of a constant are looked at.
const ELEMENTS: usize = 1 << 22;

/// The op in ONNX Runtime 1.31 takes the lowest float32, -3.4028e38, for minus infinity. Sums may round down to it.
const LOWEST: f64 = -3.4e38;

/// Every row has an element above [`LOWEST`], and none is NaN.
pub(super) fn leaves_something(cx: &RuleContext<'_>, mask: ValueId) -> bool {
    match cx.tensor(mask) {
        Some(tensor) => rows_leave_something(tensor),
        None => bounds(cx, mask, DEPTH).is_some_and(|(low, _)| low > LOWEST),
    }
}

fn rows_leave_something(tensor: &Tensor) -> bool {
    let Some(&columns) = tensor.shape().last().filter(|columns| **columns > 0) else { return false };
    if tensor.len() > ELEMENTS {
        return false;
    }
    let Some(elements) = tensor.to_f64s() else { return false };
    elements
        .chunks_exact(columns)
        .all(|row| row.iter().any(|element| *element > LOWEST) && row.iter().all(|element| !element.is_nan()))
}

/// Finite numbers that all elements lie between.
fn bounds(cx: &RuleContext<'_>, value: ValueId, depth: usize) -> Option<(f64, f64)> {
    if let Some(tensor) = cx.tensor(value) {
        let elements = if tensor.len() <= ELEMENTS { tensor.to_f64s() } else { None };
        let elements =
            elements.or_else(|| tensor.to_i64s()?.into_iter().map(|element| Some(element as f64)).collect())?;
        let low = elements.iter().copied().fold(f64::INFINITY, f64::min);
        let high = elements.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        return finite((low, high)).filter(|_| elements.iter().all(|element| element.is_finite()));
    }
    if let Some(bounds) = cx.ty(value).dtype().and_then(range) {
        return Some(bounds);
    }
    if cx.ty(value).dtype() != Some(DType::F32) {
        return None;
    }
    let depth = depth.checked_sub(1)?;
    let (_, node) = cx.def(value).filter(|(_, node)| node.op.is_onnx(&node.op.name))?;
    let of = |slot: usize| bounds(cx, node.input(slot)?, depth);
    match node.op.name.as_str() {
        "Cast" | "Identity" | "Unsqueeze" | "Squeeze" | "Reshape" | "Expand" | "Transpose" | "Slice" | "Tile"
        | "Flatten" => of(0),
        "Neg" => of(0).map(|(low, high)| (-high, -low)),
        "Where" => {
            let ((a, b), (c, d)) = (of(1)?, of(2)?);
            finite((a.min(c), b.max(d)))
        }
        "Add" => {
            let ((a, b), (c, d)) = (of(0)?, of(1)?);
            finite((a + c, b + d))
        }
        "Sub" => {
            let ((a, b), (c, d)) = (of(0)?, of(1)?);
            finite((a - d, b - c))
        }
        "Mul" => {
            let ((a, b), (c, d)) = (of(0)?, of(1)?);
            let products = [a * c, a * d, b * c, b * d];
            finite(
                products.into_iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), product| {
                    (low.min(product), high.max(product))
                }),
            )
        }
        _ => None,
    }
}

/// Bounds that a float32 holds with room for rounding.
fn finite((low, high): (f64, f64)) -> Option<(f64, f64)> {
    let most = f64::from(f32::MAX);
    (low <= high && low >= -most && high <= most).then_some((low, high))
}

/// The numbers of a type of integers.
fn range(dtype: DType) -> Option<(f64, f64)> {
    match dtype {
        DType::Bool => Some((0.0, 1.0)),
        DType::U8 => Some((0.0, 255.0)),
        DType::I8 => Some((-128.0, 127.0)),
        DType::I32 => Some((f64::from(i32::MIN), f64::from(i32::MAX))),
        DType::I64 => Some((i64::MIN as f64, i64::MAX as f64)),
        _ => None,
    }
}
