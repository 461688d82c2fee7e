//! Contents of small integer tensors, followed through the ops that shape arithmetic is made of.
//!
//! Ops whose operands are all known were evaluated before; here some elements are expressions or unknown.

use gtt_ir::{DType, Dim};

use super::context::{Context, Facts};
use super::fact::{Content, MAX_ITEMS};
use super::sym::Expr;
use crate::slicing::{self, Masks, Piece};

type Items = Vec<Option<Expr>>;

/// Adds the contents of results, where the op is one of those.
pub(super) fn follow(context: &mut Context<'_>, facts: &mut Facts) {
    let Some(first) = facts.first() else { return };
    if first.content.is_some() || !matches!(first.ty.dtype(), Some(DType::I32 | DType::I64 | DType::Bool) | None) {
        return;
    }
    let name = context.node.op.name.as_str();
    let is_onnx = context.node.op.domain.as_str().is_empty();
    match (name, is_onnx) {
        ("Split", _) | ("SplitV", false) | ("Unpack", false) | ("ShapeN", false) => return parts(context, facts),
        _ => {}
    }
    let Some((scalar, items)) = content(context, name, is_onnx) else { return };
    let dtype = first.ty.dtype().unwrap_or(if is_onnx { DType::I64 } else { DType::I32 });
    let fits = match first.ty.rank() {
        Some(0) => scalar,
        Some(1) => !scalar,
        Some(_) => false,
        None => true,
    };
    if fits {
        facts[0].content = Content::of(dtype, scalar, items).map(Box::new);
    }
}

/// Content of the first result: whether it is a scalar, and its elements.
fn content(context: &mut Context<'_>, name: &str, is_onnx: bool) -> Option<(bool, Items)> {
    let scalar_of = |context: &Context<'_>, slot: usize| context.content(slot).is_some_and(Content::is_scalar);
    match name {
        "Shape" => {
            let shape = context.shape(0)?;
            let rank = shape.len() as i64;
            let bound = |bound: i64| if bound < 0 { bound.saturating_add(rank) } else { bound }.clamp(0, rank) as usize;
            let (start, end) = if is_onnx {
                (bound(context.int_attr("start", 0)), bound(context.int_attr("end", i64::MAX)))
            } else {
                (0, shape.len())
            };
            Some((false, extents(context, &shape[start.min(end)..end])))
        }
        "Size" => {
            let shape = context.shape(0)?;
            Some((true, vec![super::shapes::count(context.symbols, shape)]))
        }
        "Identity" | "StopGradient" | "Snapshot" | "PreventGradient" | "Cast" => {
            if name == "Cast" && !matches!(context.dtype(0), Some(DType::I32 | DType::I64 | DType::Bool)) {
                return None;
            }
            Some((scalar_of(context, 0), context.items(0)?))
        }
        "Squeeze" => Some((context.items(0)?.len() == 1, context.items(0)?)),
        "Unsqueeze" | "ExpandDims" => {
            let count = if is_onnx {
                context.ints(1).map_or_else(|| context.ints_attr("axes").map_or(0, <[i64]>::len), |axes| axes.len())
            } else {
                1
            };
            (scalar_of(context, 0) && count == 1).then_some(())?;
            Some((false, context.items(0)?))
        }
        "Reshape" => {
            let target = context.ints(1).or_else(|| context.ints_attr("shape").map(<[i64]>::to_vec))?;
            (target.len() <= 1).then_some(())?;
            Some((target.is_empty(), context.items(0)?))
        }
        "Concat" | "ConcatV2" => {
            let slots = match (name, is_onnx) {
                ("ConcatV2", _) => 0..context.node.inputs.len().checked_sub(1)?,
                (_, false) => 1..context.node.inputs.len(),
                _ => 0..context.node.inputs.len(),
            };
            let mut joined = Items::new();
            for slot in slots {
                let items = match context.items(slot) {
                    Some(items) => items,
                    // A vector of known length whose elements are unknown.
                    None => match context.shape(slot)?.as_slice() {
                        [Dim::Known(length)] if *length <= MAX_ITEMS as u64 => vec![None; *length as usize],
                        _ => return None,
                    },
                };
                joined.extend(items);
                (joined.len() <= MAX_ITEMS).then_some(())?;
            }
            Some((false, joined))
        }
        "Pack" => {
            let item = |slot: usize| match context.items(slot) {
                Some(items) if items.len() == 1 && scalar_of(context, slot) => items[0].clone(),
                _ => None,
            };
            let scalars = (0..context.node.inputs.len()).all(|slot| context.ty(slot).rank() == Some(0));
            scalars.then(|| (false, (0..context.node.inputs.len()).map(item).collect()))
        }
        "Gather" | "GatherV2" => {
            let items = context.items(0)?;
            (!scalar_of(context, 0)).then_some(())?;
            let indices = context.content(1)?.known()?;
            (indices.rank() <= 1).then_some(())?;
            let picked = indices.to_i64s()?.into_iter().map(|index| {
                let index = if index < 0 { index.checked_add(items.len() as i64)? } else { index };
                items.get(usize::try_from(index).ok()?).cloned()
            });
            Some((indices.rank() == 0, picked.collect::<Option<Items>>()?))
        }
        "Slice" => {
            let items = context.items(0)?;
            let length = items.len() as u64;
            let (begin, count, step) = if is_onnx {
                let (starts, ends, steps) = if context.opset < 10 {
                    (context.ints_attr("starts")?.to_vec(), context.ints_attr("ends")?.to_vec(), vec![1])
                } else {
                    let steps = if context.has(4) { context.ints(4)? } else { vec![1] };
                    (context.ints(1)?, context.ints(2)?, steps)
                };
                let (&[start], &[end], &[step]) = (starts.as_slice(), ends.as_slice(), steps.as_slice()) else {
                    return None;
                };
                let (begin, count) = slicing::resolve(Some(start), Some(end), step, length)?;
                (begin, count, step)
            } else {
                let (begin, size) = (context.int(1)?, context.int(2)?);
                let size = if size == -1 { (length as i64).checked_sub(begin)? } else { size };
                (begin, u64::try_from(size).ok()?, 1)
            };
            Some((false, ranged(&items, begin, count, step)?))
        }
        "StridedSlice" => {
            let items = context.items(0)?;
            (!scalar_of(context, 0)).then_some(())?;
            let (begin, end, strides) = (context.ints(1)?, context.ints(2)?, context.ints(3)?);
            let pieces = slicing::pieces(begin.len(), masks(context), 1)?;
            match pieces.as_slice() {
                [Piece::Whole] => Some((false, items)),
                [Piece::At { index }] => {
                    let at = *begin.get(*index)?;
                    let at = if at < 0 { at.checked_add(items.len() as i64)? } else { at };
                    Some((true, vec![items.get(usize::try_from(at).ok()?)?.clone()]))
                }
                [Piece::Range { index, open_begin, open_end }] => {
                    let (begin, end, stride) = (*begin.get(*index)?, *end.get(*index)?, *strides.get(*index)?);
                    let bounds = ((!open_begin).then_some(begin), (!open_end).then_some(end));
                    let (first, count) = slicing::resolve(bounds.0, bounds.1, stride, items.len() as u64)?;
                    Some((false, ranged(&items, first, count, stride)?))
                }
                _ => None,
            }
        }
        "Add" | "AddV2" | "Sub" | "Mul" | "Div" | "FloorDiv" => {
            (context.items(0)?.len() <= MAX_ITEMS).then_some(())?;
            let (a, b) = (context.items(0)?, context.items(1)?);
            let scalar = scalar_of(context, 0) && scalar_of(context, 1);
            let length = match (a.len(), b.len()) {
                (x, y) if x == y => x,
                (1, y) => y,
                (x, 1) => x,
                _ => return None,
            };
            let pick = |items: &Items, at: usize| items[if items.len() == 1 { 0 } else { at }].clone();
            let items = (0..length).map(|at| combine(context, name, &pick(&a, at)?, &pick(&b, at)?)).collect();
            Some((scalar, items))
        }
        "ReduceProd" | "Prod" => {
            let keep =
                if is_onnx { context.int_attr("keepdims", 1) != 0 } else { context.bool_attr("keep_dims", false) };
            let items = context.items(0)?;
            let product = items.iter().try_fold(Expr::number(1), |product, item| product.mul(item.as_ref()?));
            Some((!keep, vec![product]))
        }
        "ConstantOfShape" | "Fill" => {
            let length = usize::try_from(context.int(0)?).ok().filter(|&length| length <= MAX_ITEMS)?;
            let value = if is_onnx { return None } else { context.items(1)?.into_iter().next()? };
            Some((false, vec![value; length]))
        }
        _ if is_onnx => super::choice::content(context, name),
        _ => None,
    }
}

/// The extents of dims as elements.
fn extents(context: &Context<'_>, dims: &[Dim]) -> Items {
    dims.iter().map(|dim| context.symbols.expr(dim)).collect()
}

/// One step of arithmetic. Divisions are exact or by a positive number.
fn combine(context: &mut Context<'_>, name: &str, a: &Expr, b: &Expr) -> Option<Expr> {
    match name {
        "Add" | "AddV2" => a.add(b),
        "Sub" => a.sub(b),
        "Mul" => a.mul(b),
        _ => {
            if b.as_number() == Some(0) {
                return None;
            }
            match (a.exact_div(b), b.as_number()) {
                (Some(quotient), _) => Some(quotient),
                // Towards zero and towards negative infinity are one for what is not negative; only names that are dims are.
                (None, Some(divisor)) if name == "FloorDiv" => context.symbols.floor_div(a, divisor),
                (None, Some(divisor)) if a.is_nonnegative() => context.symbols.floor_div(a, divisor),
                _ => None,
            }
        }
    }
}

fn ranged(items: &Items, begin: i64, count: u64, step: i64) -> Option<Items> {
    let at = |place: u64| {
        let position = begin.checked_add(i64::try_from(place).ok()?.checked_mul(step)?)?;
        items.get(usize::try_from(position).ok()?).cloned()
    };
    (count <= items.len() as u64).then_some(())?;
    (0..count).map(at).collect()
}

/// The masks of a `StridedSlice`.
pub(super) fn masks(context: &Context<'_>) -> Masks {
    Masks {
        begin: context.int_attr("begin_mask", 0),
        end: context.int_attr("end_mask", 0),
        ellipsis: context.int_attr("ellipsis_mask", 0),
        new_axis: context.int_attr("new_axis_mask", 0),
        shrink_axis: context.int_attr("shrink_axis_mask", 0),
    }
}

/// Ops with several results.
fn parts(context: &mut Context<'_>, facts: &mut Facts) {
    let name = context.node.op.name.as_str();
    if name == "ShapeN" {
        for (slot, fact) in facts.iter_mut().enumerate() {
            if let (Some(shape), Some(dtype)) = (context.shape(slot), fact.ty.dtype()) {
                fact.content = Content::of(dtype, false, extents(context, shape)).map(Box::new);
            }
        }
        return;
    }
    let is_onnx = context.node.op.domain.as_str().is_empty();
    let slot = usize::from(name == "Split" && !is_onnx);
    let (Some(items), false) = (context.items(slot), context.content(slot).is_some_and(Content::is_scalar)) else {
        return;
    };
    let mut begin = 0usize;
    for fact in facts.iter_mut() {
        let Some(dtype) = fact.ty.dtype() else { return };
        let (scalar, length) = match fact.ty.shape().map(|shape| shape.as_slice()) {
            Some([]) if name == "Unpack" => (true, 1),
            Some([Dim::Known(length)]) if *length <= MAX_ITEMS as u64 => (false, *length as usize),
            _ => return,
        };
        let Some(part) = items.get(begin..begin + length) else { return };
        fact.content = Content::of(dtype, scalar, part.to_vec()).map(Box::new);
        begin += length;
    }
}
