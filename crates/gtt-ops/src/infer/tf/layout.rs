//! TensorFlow ops that move data: shapes, slices, joins, gathers.

use gtt_ir::{Dim, Shape};

use super::super::context::Context;
use super::super::items;
use super::super::shapes::{self, Inferred};
use super::super::sym::Expr;
use super::{Shapes, one, scalar, vector};
use crate::slicing::{self, Piece};

/// `None` when the op is not one of these.
pub(super) fn shapes_of(context: &mut Context<'_>, name: &str) -> Inferred<Option<Shapes>> {
    let shape = match name {
        "Reshape" => match context.items(1) {
            Some(target) => {
                let from = context.shape(0);
                Some(shapes::reshape(context.symbols, from, &target, false)?)
            }
            None => context.shape_of_items(1),
        },
        "Squeeze" => match context.shape(0) {
            Some(shape) => shapes::squeeze(shape, context.ints_attr("squeeze_dims").filter(|axes| !axes.is_empty()))?,
            None => None,
        },
        "ExpandDims" => match (context.shape(0), context.int(1)) {
            (Some(shape), Some(axis)) => Some(shapes::unsqueeze(shape, &[axis])?),
            (Some(shape), None) => Some(shapes::unknown(shape.len() + 1)),
            _ => None,
        },
        "Transpose" | "ConjugateTranspose" => match (context.shape(0), context.ints(1)) {
            (Some(shape), Some(perm)) => Some(shapes::transpose(shape, &perm)?),
            (Some(shape), None) => Some(shapes::unknown(shape.len())),
            _ => None,
        },
        "Concat" | "ConcatV2" => concat(context, name == "Concat")?,
        "Pack" => pack(context)?,
        "Unpack" => {
            let count = usize::try_from(context.int_attr("num", 0)).unwrap_or(0).min(1 << 16);
            let shape = match context.shape(0) {
                Some(shape) => {
                    let mut shape = shape.clone();
                    let axis = shapes::axis(context.int_attr("axis", 0), shape.len())?;
                    shape.remove(axis);
                    Some(shape)
                }
                None => None,
            };
            return Ok(Some(vec![shape; count]));
        }
        "Split" => {
            let count = context.int_attr("num_split", 0).clamp(0, 1 << 16);
            let shape = match (context.shape(1), context.int(0)) {
                (Some(shape), Some(axis)) => {
                    let axis = shapes::axis(axis, shape.len())?;
                    let extent = context.symbols.expr(&shape[axis]);
                    let part = extent.and_then(|extent| context.symbols.floor_div(&extent, count));
                    let mut shape = shape.clone();
                    shape.make_mut()[axis] = context.symbols.dim(part);
                    Some(shape)
                }
                (Some(shape), None) => Some(shapes::unknown(shape.len())),
                _ => None,
            };
            return Ok(Some(vec![shape; count as usize]));
        }
        "SplitV" => return split_v(context).map(Some),
        "Pad" | "PadV2" | "MirrorPad" => match context.shape(0) {
            Some(shape) => {
                let amounts = context.ints(1).filter(|amounts| amounts.len() == 2 * shape.len());
                let amounts: Option<Vec<_>> =
                    amounts.map(|amounts| amounts.chunks(2).map(|pair| Some((pair[0], pair[1]))).collect());
                Some(match amounts {
                    Some(amounts) => shapes::pad(context.symbols, shape, &amounts),
                    None => shapes::unknown(shape.len()),
                })
            }
            None => None,
        },
        "Slice" => slice(context),
        "StridedSlice" => strided_slice(context)?,
        "Tile" => match context.shape(0) {
            Some(shape) => {
                let counts = context.items(1).unwrap_or_default();
                let mut tiled = Shape::new();
                for (axis, dim) in shape.iter().enumerate() {
                    let count = counts.get(axis).cloned().flatten();
                    let extent = count.and_then(|count| context.symbols.expr(dim)?.mul(&count));
                    tiled.push(context.symbols.dim(extent));
                }
                Some(tiled)
            }
            None => None,
        },
        "Fill" => context.shape_of_items(0),
        "BroadcastTo" => context.shape_of_items(1),
        "Range" => vector(context.range_extent()),
        "LinSpace" => {
            let count = context.int(2).and_then(|count| u64::try_from(count).ok());
            vector(count.map_or(Dim::Unknown, Dim::Known))
        }
        "Shape" => vector(context.shape(0).map_or(Dim::Unknown, |shape| Dim::Known(shape.len() as u64))),
        "ShapeN" => {
            let rank = |slot| vector(context.shape(slot).map_or(Dim::Unknown, |shape| Dim::Known(shape.len() as u64)));
            return Ok(Some((0..context.node.inputs.len()).map(rank).collect()));
        }
        "ConcatOffset" => {
            return Ok(Some((1..context.node.inputs.len()).map(|slot| context.shape(slot).cloned()).collect()));
        }
        "BroadcastArgs" => vector(match (context.dim(0, 0), context.dim(1, 0)) {
            (Dim::Known(a), Dim::Known(b)) => Dim::Known(a.max(b)),
            _ => Dim::Unknown,
        }),
        "Gather" | "GatherV2" => gather(context, name == "GatherV2")?,
        "GatherNd" => gather_nd(context)?,
        "Where" => {
            let rank = context.shape(0).map_or(Dim::Unknown, |shape| Dim::Known(shape.len() as u64));
            Some(Shape::from_iter([Dim::Unknown, rank]))
        }
        "OneHot" => match context.shape(0) {
            Some(shape) => {
                let axis = shapes::axis(context.int_attr("axis", -1), shape.len() + 1)?;
                let depth = context.items(1).and_then(|items| items.into_iter().next().flatten());
                let mut shape = shape.clone();
                shape.insert(axis, context.symbols.dim(depth));
                Some(shape)
            }
            None => None,
        },
        "DynamicStitch" | "ParallelDynamicStitch" => {
            let half = context.node.inputs.len() / 2;
            let inner = match (context.shape(0), context.shape(half)) {
                (Some(index), Some(data)) => data.get(index.len()..).map(<[Dim]>::to_vec),
                _ => None,
            };
            inner.map(|inner| [Dim::Unknown].into_iter().chain(inner).collect())
        }
        "Bitcast" => {
            let same =
                context.dtype_attr("T").zip(context.dtype_attr("type")).is_some_and(|(a, b)| a.bits() == b.bits());
            if same { context.shape(0).cloned() } else { None }
        }
        "Multinomial" => {
            let count = context.int(1).and_then(|count| u64::try_from(count).ok()).map_or(Dim::Unknown, Dim::Known);
            Some(Shape::from_iter([context.dim(0, 0), count]))
        }
        "DecodeRaw" | "DecodeJpeg" | "DecodePng" if name != "DecodeRaw" => {
            let channels = u64::try_from(context.int_attr("channels", 0)).ok().filter(|&channels| channels > 0);
            Some(Shape::from_iter([Dim::Unknown, Dim::Unknown, channels.map_or(Dim::Unknown, Dim::Known)]))
        }
        "ReduceJoin" | "StringLength" if name == "StringLength" => context.shape(0).cloned(),
        "IsVariableInitialized" | "VarIsInitializedOp" => scalar(),
        _ => return Ok(None),
    };
    one(shape).map(Some)
}

fn concat(context: &mut Context<'_>, axis_first: bool) -> Inferred<Option<Shape>> {
    let count = context.node.inputs.len();
    let (slots, axis) = if axis_first { (1..count, 0) } else { (0..count.saturating_sub(1), count.saturating_sub(1)) };
    let operands: Vec<Option<&Shape>> = slots.map(|slot| context.shape(slot)).collect();
    match context.int(axis) {
        Some(axis) => shapes::concat(context.symbols, &operands, axis),
        None => Ok(operands.into_iter().flatten().next().map(|shape| shapes::unknown(shape.len()))),
    }
}

fn pack(context: &mut Context<'_>) -> Inferred<Option<Shape>> {
    let count = context.node.inputs.len();
    match super::alike(context, 0..count)? {
        Some(mut shape) => {
            let axis = shapes::axis(context.int_attr("axis", 0), shape.len() + 1)?;
            shape.insert(axis, Dim::Known(count as u64));
            Ok(Some(shape))
        }
        None => Ok(None),
    }
}

fn split_v(context: &mut Context<'_>) -> Inferred<Shapes> {
    let count = usize::try_from(context.int_attr("num_split", 0)).unwrap_or(0).min(1 << 16);
    let (Some(shape), Some(axis)) = (context.shape(0), context.int(2)) else {
        return Ok(vec![context.shape(0).map(|shape| shapes::unknown(shape.len())); count]);
    };
    let axis = shapes::axis(axis, shape.len())?;
    let sizes = context.ints(1).unwrap_or_default();
    let mut parts = Shapes::with_capacity(count);
    for part in 0..count {
        let size = match sizes.get(part) {
            Some(-1) => {
                let others: i64 =
                    sizes.iter().filter(|&&size| size != -1).fold(0, |sum, &size| sum.saturating_add(size));
                context.symbols.expr(&shape[axis]).and_then(|extent| extent.plus(others.checked_neg()?))
            }
            Some(&size) => Some(Expr::number(size)),
            None => None,
        };
        let mut shape = shape.clone();
        shape.make_mut()[axis] = context.symbols.dim(size);
        parts.push(Some(shape));
    }
    Ok(parts)
}

fn slice(context: &mut Context<'_>) -> Option<Shape> {
    let (Some(begins), Some(sizes)) = (context.items(1), context.items(2)) else {
        return context.shape(0).map(|shape| shapes::unknown(shape.len()));
    };
    let mut sliced = Shape::new();
    for (axis, size) in sizes.iter().enumerate() {
        let begin = begins.get(axis).cloned().flatten();
        let extent = match (size.as_ref(), size.as_ref().and_then(Expr::as_number)) {
            (_, Some(-1)) => begin.and_then(|begin| context.symbols.expr(&context.dim(0, axis))?.sub(&begin)),
            (size, _) => size.cloned(),
        };
        sliced.push(context.symbols.dim(extent));
    }
    Some(sliced)
}

fn strided_slice(context: &mut Context<'_>) -> Inferred<Option<Shape>> {
    let Some(input) = context.shape(0) else { return Ok(None) };
    let length = [1, 2, 3].into_iter().find_map(|slot| context.items(slot).map(|items| items.len()));
    let Some(length) = length else { return Ok(None) };
    let (begins, ends, strides) = (context.items(1), context.items(2), context.items(3));
    let Some(pieces) = slicing::pieces(length, items::masks(context), input.len()) else {
        return Err("the slice does not fit the operand's rank".to_owned());
    };
    let bound = |bounds: &Option<Vec<Option<Expr>>>, index: usize| {
        bounds.as_ref().and_then(|bounds| bounds.get(index)?.clone())
    };
    let mut sliced = Shape::new();
    let mut axes = input.iter();
    for piece in pieces {
        if piece == Piece::New {
            sliced.push(Dim::Known(1));
            continue;
        }
        let Some(dim) = axes.next() else { return Ok(None) };
        match piece {
            Piece::Whole => sliced.push(dim.clone()),
            Piece::Range { index, open_begin, open_end } => {
                let stride = bound(&strides, index).and_then(|stride| stride.as_number());
                let (begin, end) = (bound(&begins, index), bound(&ends, index));
                let (begin, end) = ((!open_begin).then_some(&begin), (!open_end).then_some(&end));
                sliced.push(shapes::sliced(context.symbols, dim, begin, end, stride)?);
            }
            Piece::At { .. } | Piece::New => {}
        }
    }
    Ok(Some(sliced))
}

fn gather(context: &mut Context<'_>, has_axis: bool) -> Inferred<Option<Shape>> {
    let (Some(data), Some(indices)) = (context.shape(0), context.shape(1)) else { return Ok(None) };
    let axis = if has_axis { context.int(2) } else { Some(0) };
    let batch = context.int_attr("batch_dims", 0);
    let batch = if batch < 0 { batch.saturating_add(indices.len() as i64) } else { batch };
    let batch =
        usize::try_from(batch).ok().filter(|&batch| batch <= indices.len()).ok_or("`batch_dims` does not fit")?;
    let Some(axis) = axis else {
        return Ok(Some(shapes::unknown((data.len() + indices.len()).saturating_sub(1 + batch))));
    };
    let axis = shapes::axis(axis, data.len())?;
    Ok(Some(data[..axis].iter().chain(&indices[batch..]).chain(&data[axis + 1..]).cloned().collect()))
}

fn gather_nd(context: &mut Context<'_>) -> Inferred<Option<Shape>> {
    let (Some(data), Some(indices)) = (context.shape(0), context.shape(1)) else { return Ok(None) };
    let Some((depth, outer)) = indices.split_last() else { return Err("the indices are a scalar".to_owned()) };
    let Some(depth) = depth.known() else { return Ok(None) };
    let inner = usize::try_from(depth).ok().and_then(|depth| data.get(depth..)).ok_or("the indices are too deep")?;
    Ok(Some(outer.iter().chain(inner).cloned().collect()))
}
