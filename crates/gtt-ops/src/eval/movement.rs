//! Data movement: shapes, slices, joins. Any element type; nothing is computed.

use std::sync::Arc;

use gtt_ir::{MADE_FROM, Tensor};

use super::args::{Args, Evaluated};
use super::layout::{Elements, Walk, broadcast_shapes, empty, product, strides};
use super::walked::Walked;
use crate::slicing::{self, Masks, Piece};

type Results = Evaluated<Vec<Tensor>>;

/// The operand itself.
pub(super) fn identity(args: Args<'_>) -> Results {
    Ok(vec![args.input(0)?.clone()])
}

/// The operands themselves.
pub(super) fn identities(args: Args<'_>) -> Results {
    Ok(args.inputs_from(0)?.into_iter().cloned().collect())
}

fn reshaped(args: Args<'_>, tensor: &Tensor, shape: &[usize]) -> Results {
    match tensor.reshaped(shape) {
        Some(tensor) => Ok(vec![tensor]),
        None => args.undefined(&format!("{tensor:?} does not reshape to {shape:?}")),
    }
}

pub(super) fn reshape(args: Args<'_>) -> Results {
    let tensor = args.input(0)?;
    let target = if args.is_onnx() && args.opset() < 5 {
        args.only(&["shape", "consumed_inputs"])?;
        args.ints_attr("shape")?.map_or_else(|| args.undefined("there is no shape"), Ok)?
    } else {
        args.only(&["allowzero"])?;
        args.vector(1)?
    };
    let keeps_zero = args.is_onnx() && args.int_attr("allowzero", 0)? == 0;
    let mut shape = Vec::with_capacity(target.len());
    let mut open = None;
    for (axis, &extent) in target.iter().enumerate() {
        match extent {
            -1 if open.is_none() => {
                open = Some(axis);
                shape.push(1);
            }
            0 if keeps_zero => match tensor.shape().get(axis) {
                Some(&extent) => shape.push(extent),
                None => return args.undefined("the shape copies an axis that is not there"),
            },
            0.. => shape.push(extent as usize),
            _ => return args.undefined(&format!("the shape {target:?} is not one")),
        }
    }
    if let Some(axis) = open {
        let rest = shape.iter().try_fold(1usize, |rest, &extent| rest.checked_mul(extent));
        match rest {
            Some(rest) if rest > 0 && tensor.len().is_multiple_of(rest) => shape[axis] = tensor.len() / rest,
            _ => return args.undefined(&format!("{tensor:?} does not reshape to {target:?}")),
        }
    }
    reshaped(args, tensor, &shape)
}

pub(super) fn squeeze(args: Args<'_>) -> Results {
    let tensor = args.input(0)?;
    args.only(&["axes", "squeeze_dims", "axis"])?;
    let axes = if args.is_onnx() {
        args.ints_by_version("axes", 1, 13)?
    } else {
        args.ints_attr("squeeze_dims")?.filter(|axes| !axes.is_empty())
    };
    let axes = match axes {
        Some(axes) => args.axes(&axes, tensor.rank())?,
        None => (0..tensor.rank()).filter(|&axis| tensor.shape()[axis] == 1).collect(),
    };
    if axes.iter().any(|&axis| tensor.shape()[axis] != 1) {
        return args.undefined("an axis to be squeezed is not 1");
    }
    let shape: Vec<usize> =
        (0..tensor.rank()).filter(|axis| !axes.contains(axis)).map(|axis| tensor.shape()[axis]).collect();
    reshaped(args, tensor, &shape)
}

/// ONNX `Unsqueeze`, TensorFlow `ExpandDims`.
pub(super) fn unsqueeze(args: Args<'_>) -> Results {
    let tensor = args.input(0)?;
    args.only(&["axes"])?;
    let Some(axes) = args.ints_by_version("axes", 1, 13)? else { return args.undefined("there are no axes") };
    if axes.len() > 64 || (!args.is_onnx() && axes.len() != 1) {
        return args.undefined("too many axes");
    }
    let rank = tensor.rank() + axes.len();
    let axes = args.axes(&axes, rank)?;
    let mut old = tensor.shape().iter();
    let shape: Vec<usize> =
        (0..rank).map(|axis| if axes.contains(&axis) { 1 } else { old.next().copied().unwrap_or(1) }).collect();
    reshaped(args, tensor, &shape)
}

pub(super) fn flatten(args: Args<'_>) -> Results {
    let tensor = args.input(0)?;
    args.only(&["axis"])?;
    let axis = args.int_attr("axis", 1)?;
    let rank = tensor.rank() as i64;
    let axis = if axis < 0 { axis.saturating_add(rank) } else { axis };
    if !(0..=rank).contains(&axis) {
        return args.undefined("the axis is out of range");
    }
    let (outer, inner) = tensor.shape().split_at(axis as usize);
    reshaped(args, tensor, &[product(outer), product(inner)])
}

fn walked(args: Args<'_>, tensor: &Tensor, walk: &Walk) -> Evaluated<Tensor> {
    args.check_size(tensor.dtype(), &walk.shape)?;
    if let Some(element) = tensor.as_splat() {
        let splat = Tensor::splat(tensor.dtype(), &walk.shape, element.clone());
        return splat.or_else(|error| args.undefined(&error.to_string()));
    }
    let elements = Elements::of(args, tensor)?;
    // Put together when it is read, unless that would keep a larger tensor alive.
    if let Elements::Units { unit, data } = &elements
        && tensor.dtype().bits() >= 8
        && walk.count().saturating_mul(*unit) >= MADE_FROM.max(data.len())
    {
        let recipe = Arc::new(Walked::new(walk, *unit, data.clone()));
        let tensor = Tensor::from_recipe(tensor.dtype(), &walk.shape, recipe);
        return tensor.or_else(|error| args.undefined(&error.to_string()));
    }
    elements.walk(walk).into_tensor(args, tensor.dtype(), &walk.shape)
}

pub(super) fn transpose(args: Args<'_>) -> Results {
    let tensor = args.input(0)?;
    args.only(&["perm"])?;
    let rank = tensor.rank();
    let perm = if args.is_onnx() { args.ints_attr("perm")? } else { Some(args.ints(1)?) };
    let perm = perm.unwrap_or_else(|| (0..rank as i64).rev().collect());
    let axes = perm.iter().map(|&axis| args.axis(axis, rank)).collect::<Evaluated<Vec<usize>>>()?;
    if axes.len() != rank || args.axes(&perm, rank).is_err() {
        return args.undefined("the permutation is not one");
    }
    Ok(vec![permuted(args, tensor, &axes)?])
}

/// The tensor with its axes in another order.
pub(super) fn permuted(args: Args<'_>, tensor: &Tensor, axes: &[usize]) -> Evaluated<Tensor> {
    let source = strides(tensor.shape());
    let shape = axes.iter().map(|&axis| tensor.shape()[axis]).collect();
    walked(args, tensor, &Walk { shape, strides: axes.iter().map(|&axis| source[axis]).collect(), base: 0 })
}

/// ONNX `Slice` and TensorFlow `Slice`.
pub(super) fn slice(args: Args<'_>) -> Results {
    let tensor = args.input(0)?;
    let rank = tensor.rank();
    if !args.is_onnx() {
        args.only(&[])?;
        let (begin, size) = (args.ints(1)?, args.ints(2)?);
        if begin.len() != rank || size.len() != rank {
            return args.undefined("begin and size do not have one number for each axis");
        }
        let mut walk = Walk { shape: Vec::with_capacity(rank), strides: strides(tensor.shape()), base: 0 };
        for axis in 0..rank {
            let extent = tensor.shape()[axis] as i64;
            let size = if size[axis] == -1 { extent.saturating_sub(begin[axis]) } else { size[axis] };
            if begin[axis] < 0 || size < 0 || begin[axis].checked_add(size).is_none_or(|end| end > extent) {
                return args.undefined("the slice leaves the operand");
            }
            walk.advance(begin[axis] as isize, axis);
            walk.shape.push(size as usize);
        }
        return Ok(vec![walked(args, tensor, &walk)?]);
    }
    args.only(&["starts", "ends", "axes"])?;
    let operand = |slot: usize| if args.optional(slot).is_some() { args.ints(slot).map(Some) } else { Ok(None) };
    let (starts, ends, axes, steps) = if args.opset() < 10 {
        (args.ints_attr("starts")?, args.ints_attr("ends")?, args.ints_attr("axes")?, None)
    } else {
        (operand(1)?, operand(2)?, operand(3)?, operand(4)?)
    };
    let (Some(starts), Some(ends)) = (starts, ends) else { return args.undefined("starts or ends are missing") };
    let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return args.undefined("starts, ends, axes and steps are of different lengths");
    }
    args.axes(&axes, rank)?;
    let mut walk = Walk { shape: tensor.shape().to_vec(), strides: strides(tensor.shape()), base: 0 };
    for (index, &axis) in axes.iter().enumerate() {
        let axis = args.axis(axis, rank)?;
        let (start, step, extent) = (starts[index], steps[index], tensor.shape()[axis]);
        if step < 0 && start.saturating_add(extent as i64) < 0 {
            return args.undefined("a start before the first element with a negative step has two readings");
        }
        let Some((begin, count)) = slicing::resolve(Some(start), Some(ends[index]), step, extent as u64) else {
            return args.undefined("a step is 0");
        };
        narrow(&mut walk, axis, begin, count, step);
    }
    Ok(vec![walked(args, tensor, &walk)?])
}

fn narrow(walk: &mut Walk, axis: usize, begin: i64, count: u64, step: i64) {
    if count > 0 {
        walk.advance(begin as isize, axis);
    }
    walk.strides[axis] = walk.strides[axis].saturating_mul(step as isize);
    walk.shape[axis] = count as usize;
}

pub(super) fn strided_slice(args: Args<'_>) -> Results {
    let tensor = args.input(0)?;
    args.only(&["begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"])?;
    let (begin, end, stride) = (args.ints(1)?, args.ints(2)?, args.ints(3)?);
    if end.len() != begin.len() || stride.len() != begin.len() {
        return args.undefined("begin, end and strides are of different lengths");
    }
    let masks = Masks {
        begin: args.int_attr("begin_mask", 0)?,
        end: args.int_attr("end_mask", 0)?,
        ellipsis: args.int_attr("ellipsis_mask", 0)?,
        new_axis: args.int_attr("new_axis_mask", 0)?,
        shrink_axis: args.int_attr("shrink_axis_mask", 0)?,
    };
    let Some(pieces) = slicing::pieces(begin.len(), masks, tensor.rank()) else {
        return args.undefined("the slice does not fit the operand's rank");
    };
    let source = strides(tensor.shape());
    let mut walk = Walk { shape: Vec::new(), strides: Vec::new(), base: 0 };
    let mut axis = 0;
    for piece in pieces {
        let extent = tensor.shape().get(axis).copied().unwrap_or(1);
        match piece {
            Piece::New => {
                walk.shape.push(1);
                walk.strides.push(0);
                continue;
            }
            Piece::Whole => {
                walk.shape.push(extent);
                walk.strides.push(source[axis]);
            }
            Piece::At { index } => {
                let at = args.axis(begin[index], extent)? as isize;
                walk.base = walk.base.wrapping_add(source[axis].wrapping_mul(at));
            }
            Piece::Range { index, open_begin, open_end } => {
                let bounds = ((!open_begin).then_some(begin[index]), (!open_end).then_some(end[index]));
                let Some((first, count)) = slicing::resolve(bounds.0, bounds.1, stride[index], extent as u64) else {
                    return args.undefined("a stride is 0");
                };
                walk.shape.push(extent);
                walk.strides.push(source[axis]);
                let last = walk.shape.len() - 1;
                narrow(&mut walk, last, first, count, stride[index]);
            }
        }
        axis += 1;
    }
    Ok(vec![walked(args, tensor, &walk)?])
}

pub(super) fn expand(args: Args<'_>) -> Results {
    let tensor = args.input(0)?;
    args.only(&[])?;
    let target = args.extents(&args.vector(1)?)?;
    let shape = match broadcast_shapes(tensor.shape(), &target) {
        Some(shape) if args.is_onnx() || shape == target => shape,
        _ => return args.undefined(&format!("{tensor:?} does not broadcast to {target:?}")),
    };
    args.check_size(tensor.dtype(), &shape)?;
    Ok(vec![walked(args, tensor, &Walk::broadcast(tensor.shape(), &shape))?])
}

pub(super) fn tile(args: Args<'_>) -> Results {
    let tensor = args.input(0)?;
    args.only(&[])?;
    if args.is_onnx() && args.opset() < 6 {
        return args.unsupported("before operator set 6");
    }
    let repeats = args.extents(&args.vector(1)?)?;
    if repeats.len() != tensor.rank() {
        return args.undefined("there is not one count for each axis");
    }
    let source = strides(tensor.shape());
    let mut walk = Walk { shape: Vec::new(), strides: Vec::new(), base: 0 };
    let mut shape = Vec::with_capacity(repeats.len());
    for (axis, &count) in repeats.iter().enumerate() {
        let extent = tensor.shape()[axis];
        walk.shape.extend([count, extent]);
        walk.strides.extend([0, source[axis]]);
        shape.push(count.saturating_mul(extent));
    }
    args.check_size(tensor.dtype(), &shape)?;
    let tiled = walked(args, tensor, &walk)?;
    reshaped(args, &tiled, &shape)
}

/// Joins tensors of one element type along an axis.
fn joined(args: Args<'_>, tensors: &[&Tensor], axis: usize) -> Evaluated<Tensor> {
    let first = tensors[0];
    let mut shape = first.shape().to_vec();
    let mut extents = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        let fits = |other: usize| other == axis || tensor.shape()[other] == shape[other];
        if tensor.dtype() != first.dtype() || tensor.rank() != shape.len() || !(0..shape.len()).all(fits) {
            return args.undefined(&format!("{first:?} and {tensor:?} do not join at axis {axis}"));
        }
        extents.push(tensor.shape()[axis]);
    }
    let total = extents.iter().try_fold(0usize, |total, &extent| total.checked_add(extent));
    shape[axis] = total.unwrap_or(usize::MAX);
    if args.check_size(first.dtype(), &shape)? == 0 {
        return empty(args, first.dtype(), &shape);
    }
    let sources = tensors.iter().map(|tensor| Elements::of(args, tensor)).collect::<Evaluated<Vec<Elements>>>()?;
    let outer = product(&shape[..axis]);
    let inner = product(&shape[axis + 1..]);
    let runs = (0..outer).flat_map(|block| {
        extents.iter().enumerate().map(move |(source, &extent)| (source, block * extent * inner, extent * inner))
    });
    Elements::join(&sources, runs).into_tensor(args, first.dtype(), &shape)
}

/// ONNX `Concat`; TensorFlow `Concat` (axis first) and `ConcatV2` (axis last).
pub(super) fn concat(args: Args<'_>) -> Results {
    args.only(&["axis"])?;
    let (tensors, axis) = match args.call.op.name.as_str() {
        "ConcatV2" => {
            let mut tensors = args.inputs_from(0)?;
            tensors.pop();
            (tensors, args.int(args.count().saturating_sub(1))?)
        }
        "Concat" if !args.is_onnx() => (args.inputs_from(1)?, args.int(0)?),
        _ => {
            let default = if args.opset() < 4 { 1 } else { 0 };
            (args.inputs_from(0)?, args.int_attr("axis", default)?)
        }
    };
    let Some(first) = tensors.first() else { return args.undefined("there is nothing to join") };
    let axis = args.axis(axis, first.rank())?;
    Ok(vec![joined(args, &tensors, axis)?])
}

/// TensorFlow `Pack`: stacks along a new axis.
pub(super) fn pack(args: Args<'_>) -> Results {
    args.only(&["axis"])?;
    let tensors = args.inputs_from(0)?;
    let Some(first) = tensors.first() else { return args.undefined("there is nothing to pack") };
    let axis = args.axis(args.int_attr("axis", 0)?, first.rank() + 1)?;
    let widened = |tensor: &&Tensor| {
        let mut shape = tensor.shape().to_vec();
        if axis > shape.len() {
            return args.undefined("operands of different ranks");
        }
        shape.insert(axis, 1);
        tensor.reshaped(&shape).map_or_else(|| args.unsupported("of such constants"), Ok)
    };
    let widened = tensors.iter().map(widened).collect::<Evaluated<Vec<Tensor>>>()?;
    Ok(vec![joined(args, &widened.iter().collect::<Vec<_>>(), axis)?])
}

/// The tensor in parts along an axis.
fn parts(args: Args<'_>, tensor: &Tensor, axis: usize, extents: &[usize]) -> Results {
    let total = extents.iter().try_fold(0usize, |total, &extent| total.checked_add(extent));
    if total != Some(tensor.shape()[axis]) {
        return args.undefined(&format!("{tensor:?} does not split into {extents:?} at axis {axis}"));
    }
    args.check_size(tensor.dtype(), tensor.shape())?;
    let mut walk = Walk { shape: tensor.shape().to_vec(), strides: strides(tensor.shape()), base: 0 };
    let mut results = Vec::with_capacity(extents.len());
    for &extent in extents {
        walk.shape[axis] = extent;
        results.push(walked(args, tensor, &walk)?);
        walk.advance(extent as isize, axis);
    }
    Ok(results)
}

/// ONNX `Split`; TensorFlow `Split` (axis first) and `SplitV`.
pub(super) fn split(args: Args<'_>) -> Results {
    args.only(&["axis", "split", "num_outputs", "num_split"])?;
    let (tensor, axis) = match (args.is_onnx(), args.call.op.name.as_str()) {
        (true, _) => (args.input(0)?, args.int_attr("axis", 0)?),
        (false, "Split") => (args.input(1)?, args.int(0)?),
        _ => (args.input(0)?, args.int(2)?),
    };
    let axis = args.axis(axis, tensor.rank())?;
    let extent = tensor.shape()[axis];
    let given = match (args.is_onnx(), args.call.op.name.as_str()) {
        (true, _) => args.ints_by_version("split", 1, 13)?,
        (false, "SplitV") => Some(args.ints(1)?),
        _ => None,
    };
    if let Some(mut sizes) = given {
        if let Some(open) = sizes.iter().position(|&size| size == -1)
            && !args.is_onnx()
        {
            sizes[open] = 0;
            let rest = sizes.iter().try_fold(extent as i64, |rest, &size| rest.checked_sub(size));
            sizes[open] = rest.unwrap_or(-1);
        }
        return parts(args, tensor, axis, &args.extents(&sizes)?);
    }
    let count = if !args.is_onnx() {
        args.int_attr("num_split", 0)?
    } else if args.opset() >= 18 {
        args.int_attr("num_outputs", args.call.output_count as i64)?
    } else {
        args.call.output_count as i64
    };
    let Some(count) = usize::try_from(count).ok().filter(|count| (1..=1 << 16).contains(count)) else {
        return args.undefined("the number of parts is not positive");
    };
    let is_last_smaller = args.is_onnx() && args.opset() >= 18;
    if !extent.is_multiple_of(count) && !is_last_smaller {
        return args.undefined(&format!("{extent} does not split into {count} equal parts"));
    }
    let chunk = extent.div_ceil(count);
    let mut extents = vec![chunk; count];
    let Some(last) = extent.checked_sub(chunk * (count - 1)) else {
        return args.undefined(&format!("{extent} does not split into {count} parts"));
    };
    extents[count - 1] = last;
    parts(args, tensor, axis, &extents)
}

/// TensorFlow `Unpack`: one result for each element of an axis, which goes.
pub(super) fn unpack(args: Args<'_>) -> Results {
    args.only(&["axis", "num"])?;
    let tensor = args.input(0)?;
    let axis = args.axis(args.int_attr("axis", 0)?, tensor.rank())?;
    let mut shape = tensor.shape().to_vec();
    let extent = shape.remove(axis);
    if extent > 1 << 16 || args.int_attr("num", extent as i64)? != extent as i64 {
        return args.undefined("`num` is not the extent of the axis");
    }
    let parts = parts(args, tensor, axis, &vec![1; extent])?;
    parts.iter().map(|part| Ok(reshaped(args, part, &shape)?.remove(0))).collect()
}

/// ONNX `DepthToSpace`, `SpaceToDepth`; TensorFlow's with `NHWC`.
pub(super) fn depth_space(args: Args<'_>) -> Results {
    args.only(&["blocksize", "block_size", "mode", "data_format"])?;
    let tensor = args.input(0)?;
    let [n, c, h, w] = match (args.is_onnx(), tensor.shape()) {
        (true, &[n, c, h, w]) => [n, c, h, w],
        (false, &[n, h, w, c]) if args.str_attr("data_format", "NHWC")? == "NHWC" => [n, c, h, w],
        _ => return args.unsupported("in this layout"),
    };
    let block = args.int_attr(if args.is_onnx() { "blocksize" } else { "block_size" }, 0)?;
    let Some(b) = usize::try_from(block).ok().filter(|block| (1..=1 << 16).contains(block)) else {
        return args.undefined("the block size is not positive");
    };
    let crd = args.str_attr("mode", "DCR")? == "CRD";
    let to_space = args.call.op.name == "DepthToSpace";
    let fits = if to_space { c.is_multiple_of(b * b) } else { h.is_multiple_of(b) && w.is_multiple_of(b) };
    if !fits {
        return args.undefined("the block size does not divide the extents");
    }
    let (split, order, shape): (Vec<usize>, &[usize], [usize; 4]) = match (args.is_onnx(), to_space) {
        (true, true) if crd => (vec![n, c / (b * b), b, b, h, w], &[0, 1, 4, 2, 5, 3], [n, c / (b * b), h * b, w * b]),
        (true, true) => (vec![n, b, b, c / (b * b), h, w], &[0, 3, 4, 1, 5, 2], [n, c / (b * b), h * b, w * b]),
        (true, false) if crd => (vec![n, c, h / b, b, w / b, b], &[0, 1, 3, 5, 2, 4], [n, c * b * b, h / b, w / b]),
        (true, false) => (vec![n, c, h / b, b, w / b, b], &[0, 3, 5, 1, 2, 4], [n, c * b * b, h / b, w / b]),
        (false, true) => (vec![n, h, w, b, b, c / (b * b)], &[0, 1, 3, 2, 4, 5], [n, h * b, w * b, c / (b * b)]),
        (false, false) => (vec![n, h / b, b, w / b, b, c], &[0, 1, 3, 2, 4, 5], [n, h / b, w / b, c * b * b]),
    };
    let split = reshaped(args, tensor, &split)?.remove(0);
    reshaped(args, &permuted(args, &split, order)?, &shape)
}

/// TensorFlow `ReverseV2`.
pub(super) fn reverse(args: Args<'_>) -> Results {
    args.only(&[])?;
    let tensor = args.input(0)?;
    let axes = args.axes(&args.ints(1)?, tensor.rank())?;
    let mut walk = Walk { shape: tensor.shape().to_vec(), strides: strides(tensor.shape()), base: 0 };
    for axis in axes {
        let extent = walk.shape[axis];
        narrow(&mut walk, axis, extent as i64 - 1, extent as u64, -1);
    }
    Ok(vec![walked(args, tensor, &walk)?])
}
