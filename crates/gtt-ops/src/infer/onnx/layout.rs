//! ONNX ops that move data: shapes, slices, joins, gathers.

use gtt_ir::{DType, Dim, Shape, Tensor};

use super::super::context::{Context, Facts};
use super::super::fact::{Content, Fact};
use super::super::shapes::{self, Inferred};
use super::super::sym::Expr;

/// `None` when the op is not one of these.
pub(super) fn infer(context: &mut Context<'_>, name: &str) -> Inferred<Option<Facts>> {
    let dtype = context.dtype(0);
    let facts = match name {
        "Reshape" => {
            let target = if context.opset < 5 {
                context.ints_attr("shape").map(|shape| shape.iter().map(|&extent| Some(Expr::number(extent))).collect())
            } else {
                context.items(1)
            };
            let copies_zero = context.int_attr("allowzero", 0) == 0;
            let shape = match target {
                Some(target) => {
                    let from = context.shape(0);
                    Some(shapes::reshape(context.symbols, from, &target, copies_zero)?)
                }
                // At least the rank may be known.
                None => context.shape_of_items(1),
            };
            Context::one(dtype, shape)?
        }
        "Flatten" => context.mapped(0, dtype, |context, shape| {
            let axis = context.int_attr("axis", 1);
            let axis = if axis == shape.len() as i64 { shape.len() } else { shapes::axis(axis, shape.len())? };
            let (outer, inner) = shape.split_at(axis);
            let counts = [shapes::count(context.symbols, outer), shapes::count(context.symbols, inner)];
            Ok(counts.into_iter().map(|count| context.symbols.dim(count)).collect())
        })?,
        "Squeeze" => {
            let axes = axes(context, 13);
            let shape = match (context.shape(0), axes) {
                (Some(shape), Axes::Known(axes)) => shapes::squeeze(shape, Some(&axes))?,
                (Some(shape), Axes::None) => shapes::squeeze(shape, None)?,
                _ => None,
            };
            Context::one(dtype, shape)?
        }
        "Unsqueeze" => match axes(context, 13) {
            Axes::Known(axes) => context.mapped(0, dtype, |_, shape| shapes::unsqueeze(shape, &axes))?,
            _ => Context::one(dtype, None)?,
        },
        "Transpose" => context.mapped(0, dtype, |context, shape| {
            let reversed: Vec<i64> = (0..shape.len() as i64).rev().collect();
            shapes::transpose(shape, context.ints_attr("perm").unwrap_or(&reversed))
        })?,
        "Expand" => {
            let shape = match (context.shape(0), context.shape_of_items(1)) {
                (Some(shape), Some(target)) => Some(shapes::broadcast(shape, &target)?),
                _ => None,
            };
            Context::one(dtype, shape)?
        }
        "Tile" if context.opset >= 6 => {
            let repeats = context.items(1);
            context.mapped(0, dtype, |context, shape| {
                let mut tiled = Shape::new();
                for (axis, dim) in shape.iter().enumerate() {
                    let count = repeats.as_ref().and_then(|repeats| repeats.get(axis)?.clone());
                    let extent = count.and_then(|count| context.symbols.expr(dim)?.mul(&count));
                    tiled.push(context.symbols.dim(extent));
                }
                Ok(tiled)
            })?
        }
        "Pad" => {
            let amounts = pad_amounts(context);
            context.mapped(0, dtype, |context, shape| {
                Ok(match amounts {
                    Some(amounts) if amounts.len() == shape.len() => shapes::pad(context.symbols, shape, &amounts),
                    _ => shapes::unknown(shape.len()),
                })
            })?
        }
        "Concat" => {
            let shapes_of: Vec<Option<&Shape>> =
                (0..context.node.inputs.len()).map(|slot| context.shape(slot)).collect();
            let default = if context.opset < 4 { 1 } else { 0 };
            let axis = context.int_attr("axis", default);
            let dtype = (0..context.node.inputs.len()).find_map(|slot| context.dtype(slot));
            Context::one(dtype, shapes::concat(context.symbols, &shapes_of, axis)?)?
        }
        "Split" => split(context)?,
        "Slice" => slice(context)?,
        "Gather" => {
            let shape = match (context.shape(0), context.shape(1)) {
                (Some(data), Some(indices)) => {
                    let axis = shapes::axis(context.int_attr("axis", 0), data.len())?;
                    Some(data[..axis].iter().chain(indices).chain(&data[axis + 1..]).cloned().collect())
                }
                _ => None,
            };
            Context::one(dtype, shape)?
        }
        "GatherElements" => Context::one(dtype, context.shape(1).cloned())?,
        "GatherND" => gather_nd(context)?,
        "Compress" => {
            let shape = match (context.attr("axis").and_then(gtt_ir::Attr::as_int), context.shape(0)) {
                (None, _) => Some(shapes::unknown(1)),
                (Some(axis), Some(shape)) => {
                    let mut shape = shape.clone();
                    let axis = shapes::axis(axis, shape.len())?;
                    shape.make_mut()[axis] = Dim::Unknown;
                    Some(shape)
                }
                _ => None,
            };
            Context::one(dtype, shape)?
        }
        "Shape" => {
            let shape = match context.shape(0) {
                Some(shape) => {
                    let rank = shape.len() as i64;
                    let bound = |bound: i64| if bound < 0 { bound.saturating_add(rank) } else { bound }.clamp(0, rank);
                    let (start, end) = (bound(context.int_attr("start", 0)), bound(context.int_attr("end", i64::MAX)));
                    Shape::from_iter([Dim::Known((end - start).max(0) as u64)])
                }
                None => shapes::unknown(1),
            };
            Context::one(Some(DType::I64), Some(shape))?
        }
        "Size" => Context::one(Some(DType::I64), Some(Shape::new()))?,
        "ConstantOfShape" => constant_of_shape(context),
        "Range" => Context::one(dtype, Some(Shape::from_iter([context.range_extent()])))?,
        "OneHot" => {
            let depth = context.items(1).and_then(|items| items.into_iter().next().flatten());
            let depth = context.symbols.dim(depth);
            let dtype = context.dtype(2);
            context.mapped(0, dtype, |context, shape| {
                let axis = shapes::axis(context.int_attr("axis", -1), shape.len() + 1)?;
                let mut shape = shape.clone();
                shape.insert(axis, depth);
                Ok(shape)
            })?
        }
        "CenterCropPad" => {
            let target = context.items(1);
            context.mapped(0, dtype, |context, shape| {
                let all: Vec<i64> = (0..shape.len() as i64).collect();
                let axes = context.ints_attr("axes").unwrap_or(&all).to_vec();
                let mut shape = shape.clone();
                for (index, axis) in axes.iter().enumerate() {
                    let axis = shapes::axis(*axis, shape.len())?;
                    let extent = target.as_ref().and_then(|target| target.get(index)?.clone());
                    shape.make_mut()[axis] = context.symbols.dim(extent);
                }
                Ok(shape)
            })?
        }
        "RandomNormalLike" => return Ok(None),
        _ => return Ok(None),
    };
    Ok(Some(facts))
}

/// Axes of an op that takes them as an attribute before an operator set and as an operand from it on.
enum Axes {
    /// Not given.
    None,
    /// Given and known.
    Known(Vec<i64>),
    /// Given but not known.
    Unknown,
}

fn axes(context: &Context<'_>, operand_since: i64) -> Axes {
    if context.opset >= operand_since {
        if !context.has(1) {
            return Axes::None;
        }
        return context.ints(1).map_or(Axes::Unknown, Axes::Known);
    }
    context.ints_attr("axes").map_or(Axes::None, |axes| Axes::Known(axes.to_vec()))
}

/// Begin and end for each axis; `None` for an axis of unknown amounts, or as a whole.
fn pad_amounts(context: &Context<'_>) -> Option<Vec<Option<(i64, i64)>>> {
    let rank = context.shape(0)?.len();
    let pads = match context.opset {
        ..=1 => context.ints_attr("paddings")?.to_vec(),
        2..=10 => context.ints_attr("pads")?.to_vec(),
        _ => context.ints(1)?,
    };
    let axes = if context.has(3) { context.ints(3)? } else { (0..rank as i64).collect() };
    (pads.len() == 2 * axes.len()).then_some(())?;
    let mut amounts = vec![Some((0, 0)); rank];
    for (index, &axis) in axes.iter().enumerate() {
        amounts[shapes::axis(axis, rank).ok()?] = Some((pads[index], pads[index + axes.len()]));
    }
    Some(amounts)
}

fn split(context: &mut Context<'_>) -> Inferred<Facts> {
    let dtype = context.dtype(0);
    let count = context.output_count();
    let Some(shape) = context.shape(0) else { return Ok(vec![Fact::tensor(dtype, None); count]) };
    let axis = shapes::axis(context.int_attr("axis", 0), shape.len())?;
    let given = if context.has(1) { context.ints(1) } else { context.ints_attr("split").map(<[i64]>::to_vec) };
    let equal = !context.has(1) && context.ints_attr("split").is_none();
    let mut facts = Facts::with_capacity(count);
    for part in 0..count {
        let mut shape = shape.clone();
        shape.make_mut()[axis] = match (&given, &shape[axis]) {
            (Some(sizes), _) => {
                sizes.get(part).and_then(|&size| u64::try_from(size).ok()).map_or(Dim::Unknown, Dim::Known)
            }
            (None, Dim::Known(extent)) if equal => {
                let count =
                    if context.opset >= 18 { context.int_attr("num_outputs", count as i64) } else { count as i64 };
                let count = u64::try_from(count)
                    .ok()
                    .filter(|&count| count > 0)
                    .ok_or("the number of parts is not positive")?;
                let chunk = extent.div_ceil(count);
                if !extent.is_multiple_of(count) && context.opset < 18 {
                    return Err(format!("{extent} does not split into {count} equal parts"));
                }
                let begin = chunk.saturating_mul(part as u64);
                Dim::Known(chunk.min(extent.saturating_sub(begin)))
            }
            _ => Dim::Unknown,
        };
        facts.push(Fact::tensor(dtype, Some(shape)));
    }
    Ok(facts)
}

fn slice(context: &mut Context<'_>) -> Inferred<Facts> {
    let dtype = context.dtype(0);
    let Some(shape) = context.shape(0) else { return Context::one(dtype, None) };
    let items = |ints: Option<&[i64]>| {
        ints.map(|ints| ints.iter().map(|&number| Some(Expr::number(number))).collect::<Vec<_>>())
    };
    let (starts, ends, axes, steps) = if context.opset < 10 {
        let axes = context.ints_attr("axes").map(<[i64]>::to_vec);
        (items(context.ints_attr("starts")), items(context.ints_attr("ends")), Some(axes), Some(None))
    } else {
        // The outer option: known at all; the inner: given.
        let optional = |slot: usize| if context.has(slot) { context.ints(slot).map(Some) } else { Some(None) };
        (context.items(1), context.items(2), optional(3), optional(4))
    };
    let Some(axes) = axes else { return Context::one(dtype, Some(shapes::unknown(shape.len()))) };
    let length = match (&starts, &ends, &axes) {
        (Some(starts), _, _) => starts.len(),
        (_, Some(ends), _) => ends.len(),
        (_, _, Some(axes)) => axes.len(),
        _ => return Context::one(dtype, Some(shapes::unknown(shape.len()))),
    };
    let axes = axes.unwrap_or_else(|| (0..length as i64).collect());
    let mut sliced = shape.clone();
    for (index, &axis) in axes.iter().enumerate() {
        let axis = shapes::axis(axis, shape.len())?;
        let bound = |bounds: &Option<Vec<Option<Expr>>>| {
            bounds.as_ref().and_then(|bounds| bounds.get(index).cloned()).flatten()
        };
        let step = match &steps {
            Some(None) => Some(1),
            Some(Some(steps)) => steps.get(index).copied(),
            None => None,
        };
        let (begin, end) = (bound(&starts), bound(&ends));
        sliced.make_mut()[axis] = shapes::sliced(context.symbols, &shape[axis], Some(&begin), Some(&end), step)?;
    }
    Context::one(dtype, Some(sliced))
}

fn gather_nd(context: &mut Context<'_>) -> Inferred<Facts> {
    let dtype = context.dtype(0);
    let (Some(data), Some(indices)) = (context.shape(0), context.shape(1)) else { return Context::one(dtype, None) };
    let batch = usize::try_from(context.int_attr("batch_dims", 0)).map_err(|_| "`batch_dims` is negative")?;
    let Some((depth, outer)) = indices.split_last() else { return Err("the indices are a scalar".to_owned()) };
    let Some(depth) = depth.known() else { return Context::one(dtype, None) };
    let inner = usize::try_from(depth)
        .ok()
        .and_then(|depth| data.get(batch.checked_add(depth)?..))
        .ok_or("the indices are too deep")?;
    Context::one(dtype, Some(outer.iter().chain(inner).cloned().collect()))
}

fn constant_of_shape(context: &mut Context<'_>) -> Facts {
    let shape = context.shape_of_items(0);
    let value = context.attr("value").and_then(gtt_ir::Attr::as_tensor);
    let dtype = value.map_or(DType::F32, Tensor::dtype);
    let mut fact = Fact::tensor(Some(dtype), shape);
    let length = fact.ty.fixed_shape().filter(|shape| shape.len() <= 1).map(|shape| shape.iter().product::<usize>());
    if let (Some(length), Some(value)) = (length, value)
        && length <= super::super::fact::MAX_ITEMS
        && let Some(&[number]) = value.to_i64s().as_deref()
    {
        let scalar = fact.ty.rank() == Some(0);
        fact = fact.with(Content::of(dtype, scalar, vec![Some(Expr::number(number)); length]));
    }
    vec![fact]
}
