//! Data movement by index: gathers, scatters, selection, padding.

use gtt_ir::{DType, Tensor};

use super::args::{Args, Evaluated};
use super::layout::{Elements, Walk, broadcast_shapes, empty, product, strides};

type Results = Evaluated<Vec<Tensor>>;

/// Index operands: any count, as numbers. Bounded by the limit of the call.
fn indices(args: Args<'_>, slot: usize) -> Evaluated<Vec<i64>> {
    let tensor = args.input(slot)?;
    args.check_size(DType::I64, tensor.shape())?;
    tensor.to_i64s().map_or_else(|| args.unsupported(&format!("with indices of type {}", tensor.dtype())), Ok)
}

/// An index into an extent. Negative ones count from the end in ONNX only.
fn at(args: Args<'_>, index: i64, extent: usize) -> Evaluated<usize> {
    let resolved = if index < 0 && args.is_onnx() { index.saturating_add(extent as i64) } else { index };
    match usize::try_from(resolved) {
        Ok(index) if index < extent => Ok(index),
        _ => args.undefined(&format!("index {index} is outside of {extent}")),
    }
}

/// ONNX `Gather`; TensorFlow `Gather`, `GatherV2`.
pub(super) fn gather(args: Args<'_>) -> Results {
    args.only(&["axis", "batch_dims", "validate_indices"])?;
    let (tensor, index) = (args.input(0)?, args.input(1)?);
    let axis = match args.call.op.name.as_str() {
        "GatherV2" => args.int(2)?,
        _ if args.is_onnx() => args.int_attr("axis", 0)?,
        _ => 0,
    };
    let axis = args.axis(axis, tensor.rank())?;
    let batch = match args.int_attr("batch_dims", 0)? {
        0 => 0,
        // Negative counts are relative to the rank of the indices.
        batch => args.axis(batch, index.rank() + 1)?,
    };
    if batch > axis || index.shape().get(..batch) != tensor.shape().get(..batch) {
        return args.undefined("the batch axes do not fit");
    }
    let numbers = indices(args, 1)?;
    let (shape, extent) = (tensor.shape(), tensor.shape()[axis]);
    let mut result = shape[..axis].to_vec();
    result.extend_from_slice(&index.shape()[batch..]);
    result.extend_from_slice(&shape[axis + 1..]);
    if args.check_size(tensor.dtype(), &result)? == 0 {
        return Ok(vec![empty(args, tensor.dtype(), &result)?]);
    }
    let positions = numbers.iter().map(|&number| at(args, number, extent)).collect::<Evaluated<Vec<usize>>>()?;
    let batches = product(&shape[..batch]);
    let outer = product(&shape[batch..axis]);
    let inner = product(&shape[axis + 1..]);
    let per_batch = positions.len() / batches;
    let source = [Elements::of(args, tensor)?];
    let runs = (0..batches).flat_map(|group| {
        let positions = &positions[group * per_batch..(group + 1) * per_batch];
        (0..outer).flat_map(move |block| {
            let base = (group * outer + block) * extent;
            positions.iter().map(move |position| (0, (base + position) * inner, inner))
        })
    });
    Ok(vec![Elements::join(&source, runs).into_tensor(args, tensor.dtype(), &result)?])
}

/// `GatherND`, `GatherNd`.
pub(super) fn gather_nd(args: Args<'_>) -> Results {
    args.only(&["batch_dims"])?;
    let (tensor, index) = (args.input(0)?, args.input(1)?);
    let batch = usize::try_from(args.int_attr("batch_dims", 0)?).unwrap_or(usize::MAX);
    let Some((&depth, outer)) = index.shape().split_last() else { return args.undefined("the indices are a scalar") };
    if batch >= index.rank()
        || batch.saturating_add(depth) > tensor.rank()
        || outer.get(..batch) != tensor.shape().get(..batch)
    {
        return args.undefined("the indices do not fit");
    }
    let numbers = indices(args, 1)?;
    let (shape, source) = (tensor.shape(), strides(tensor.shape()));
    let inner = product(&shape[batch + depth..]);
    let mut result = outer.to_vec();
    result.extend_from_slice(&shape[batch + depth..]);
    if args.check_size(tensor.dtype(), &result)? == 0 {
        return Ok(vec![empty(args, tensor.dtype(), &result)?]);
    }
    let tuples = product(outer);
    let per_batch = product(&outer[batch..]);
    let batch_stride = product(&shape[batch..]);
    let mut starts = Vec::with_capacity(tuples);
    for tuple in 0..tuples {
        let mut start = (tuple / per_batch) * batch_stride;
        for place in 0..depth {
            let axis = batch + place;
            start += at(args, numbers[tuple * depth + place], shape[axis])? * source[axis] as usize;
        }
        starts.push(start);
    }
    let runs = starts.into_iter().map(|start| (0, start, inner));
    let elements = Elements::join(&[Elements::of(args, tensor)?], runs);
    Ok(vec![elements.into_tensor(args, tensor.dtype(), &result)?])
}

/// ONNX `GatherElements`.
pub(super) fn gather_elements(args: Args<'_>) -> Results {
    args.only(&["axis"])?;
    let (tensor, index) = (args.input(0)?, args.input(1)?);
    let positions = element_positions(args, tensor, index, 1)?;
    args.check_size(tensor.dtype(), index.shape())?;
    let picked = Elements::of(args, tensor)?.pick(positions.into_iter());
    Ok(vec![picked.into_tensor(args, tensor.dtype(), index.shape())?])
}

/// Where each element of an index tensor points to: its own place, but along the axis.
fn element_positions(args: Args<'_>, tensor: &Tensor, index: &Tensor, slot: usize) -> Evaluated<Vec<usize>> {
    let axis = args.axis(args.int_attr("axis", 0)?, tensor.rank())?;
    let fits = |other: usize| other == axis || index.shape()[other] <= tensor.shape()[other];
    if index.rank() != tensor.rank() || !(0..tensor.rank()).all(fits) {
        return args.undefined("the indices do not fit");
    }
    let numbers = indices(args, slot)?;
    let mut steps = strides(tensor.shape());
    let along = std::mem::replace(&mut steps[axis], 0) as usize;
    let walk = Walk { shape: index.shape().to_vec(), strides: steps, base: 0 };
    let extent = tensor.shape()[axis];
    walk.offsets().zip(&numbers).map(|(offset, &number)| Ok(offset + at(args, number, extent)? * along)).collect()
}

/// Writes the elements of `updates` to runs of `width` elements that begin at `starts`.
fn scattered(args: Args<'_>, tensor: &Tensor, updates: &Tensor, starts: &[usize], width: usize) -> Results {
    args.check_size(tensor.dtype(), tensor.shape())?;
    if updates.dtype() != tensor.dtype() || updates.len() != starts.len() * width {
        return args.undefined("the updates do not fit");
    }
    let scattered = match (Elements::of(args, tensor)?, Elements::of(args, updates)?) {
        (Elements::Strings(mut data), Elements::Strings(new)) => {
            for (run, &start) in starts.iter().enumerate() {
                data[start..start + width].clone_from_slice(&new[run * width..(run + 1) * width]);
            }
            Elements::Strings(data)
        }
        (Elements::Units { unit, data }, Elements::Units { data: new, .. }) => {
            let (mut data, bytes) = (data.to_vec(), width * unit);
            for (run, &start) in starts.iter().enumerate() {
                data[start * unit..start * unit + bytes].copy_from_slice(&new[run * bytes..(run + 1) * bytes]);
            }
            Elements::Units { unit, data: data.into() }
        }
        _ => return args.undefined("the updates do not fit"),
    };
    Ok(vec![scattered.into_tensor(args, tensor.dtype(), tensor.shape())?])
}

fn distinct(args: Args<'_>, starts: &[usize]) -> Evaluated<()> {
    let mut sorted = starts.to_vec();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return args.undefined("two updates go to one place");
    }
    Ok(())
}

/// ONNX `ScatterND` without reduction.
pub(super) fn scatter_nd(args: Args<'_>) -> Results {
    args.only(&["reduction"])?;
    if args.str_attr("reduction", "none")? != "none" {
        return args.unsupported("with a reduction");
    }
    let (tensor, index, updates) = (args.input(0)?, args.input(1)?, args.input(2)?);
    let Some((&depth, outer)) = index.shape().split_last() else { return args.undefined("the indices are a scalar") };
    if depth > tensor.rank() || updates.shape() != [outer, &tensor.shape()[depth..]].concat() {
        return args.undefined("the indices do not fit");
    }
    if tensor.is_empty() {
        return Ok(vec![tensor.clone()]);
    }
    let numbers = indices(args, 1)?;
    let source = strides(tensor.shape());
    let width = product(&tensor.shape()[depth..]);
    let mut starts = Vec::new();
    for tuple in 0..product(outer) {
        let mut start = 0;
        for axis in 0..depth {
            start += at(args, numbers[tuple * depth + axis], tensor.shape()[axis])? * source[axis] as usize;
        }
        starts.push(start);
    }
    distinct(args, &starts)?;
    scattered(args, tensor, updates, &starts, width)
}

/// ONNX `ScatterElements`, `Scatter` without reduction.
pub(super) fn scatter_elements(args: Args<'_>) -> Results {
    args.only(&["axis", "reduction"])?;
    if args.str_attr("reduction", "none")? != "none" {
        return args.unsupported("with a reduction");
    }
    let (tensor, index, updates) = (args.input(0)?, args.input(1)?, args.input(2)?);
    if index.shape() != updates.shape() {
        return args.undefined("indices and updates are of different shapes");
    }
    let starts = element_positions(args, tensor, index, 1)?;
    distinct(args, &starts)?;
    scattered(args, tensor, updates, &starts, 1)
}

/// ONNX `Where`; TensorFlow `Select`, `SelectV2`.
pub(super) fn select(args: Args<'_>) -> Results {
    args.only(&[])?;
    let (condition, x, y) = (args.input(0)?, args.input(1)?, args.input(2)?);
    if condition.dtype() != DType::Bool || x.dtype() != y.dtype() {
        return args.undefined("operands of the wrong types");
    }
    let shape = broadcast_shapes(x.shape(), y.shape());
    let mut condition = condition.clone();
    let shape = if args.call.op.name == "Select" {
        // The first version selects whole rows by a vector, or everything by a scalar, and does not broadcast.
        if x.shape() != y.shape() {
            return args.undefined("operands of different shapes");
        }
        if condition.rank() == 1 && x.rank() > 1 && condition.len() == x.shape()[0] {
            let mut rows = vec![1; x.rank()];
            rows[0] = condition.len();
            condition = condition.reshaped(&rows).unwrap_or(condition);
        } else if condition.rank() != 0 && condition.shape() != x.shape() {
            return args.undefined("the condition does not fit");
        }
        Some(x.shape().to_vec())
    } else {
        shape.and_then(|shape| broadcast_shapes(&shape, condition.shape()))
    };
    let Some(shape) = shape else { return args.undefined("the operands do not broadcast") };
    args.check_size(x.dtype(), &shape)?;
    let chosen = Elements::of(args, &condition)?;
    let Elements::Units { data: chosen, .. } = chosen else { return args.unsupported("of such conditions") };
    let walks = [condition.shape(), x.shape(), y.shape()].map(|from| Walk::broadcast(from, &shape));
    let sources = [Elements::of(args, x)?, Elements::of(args, y)?];
    let [c, a, b] = &walks;
    let runs = c
        .offsets()
        .zip(a.offsets())
        .zip(b.offsets())
        .map(|((condition, x), y)| if chosen[condition] != 0 { (0, x, 1) } else { (1, y, 1) });
    Ok(vec![Elements::join(&sources, runs).into_tensor(args, x.dtype(), &shape)?])
}

/// TensorFlow `Where`, ONNX `NonZero`: the positions of elements that are not zero.
pub(super) fn nonzero(args: Args<'_>) -> Results {
    args.only(&[])?;
    let tensor = args.input(0)?;
    if args.is_onnx() && tensor.rank() == 0 {
        return args.unsupported("of a scalar");
    }
    args.check_size(tensor.dtype(), tensor.shape())?;
    let nonzero: Vec<bool> = if let Some(numbers) = tensor.to_i64s() {
        numbers.iter().map(|&number| number != 0).collect()
    } else if let Some(numbers) = tensor.to_f64s() {
        numbers.iter().map(|&number| number != 0.0).collect()
    } else {
        return args.unsupported(&format!("on {}", tensor.dtype()));
    };
    let (rank, count) = (tensor.rank(), nonzero.iter().filter(|&&is| is).count());
    let shape = if args.is_onnx() { [rank, count] } else { [count, rank] };
    args.check_size(DType::I64, &shape)?;
    let steps = strides(tensor.shape());
    let mut positions = vec![0i64; rank * count];
    for (found, offset) in (0..nonzero.len()).filter(|&offset| nonzero[offset]).enumerate() {
        for (axis, (&step, &extent)) in steps.iter().zip(tensor.shape()).enumerate() {
            let place = if args.is_onnx() { axis * count + found } else { found * rank + axis };
            positions[place] = (offset / step as usize % extent) as i64;
        }
    }
    Tensor::from_vec(&shape, positions)
        .map_or_else(|error| args.undefined(&error.to_string()), |tensor| Ok(vec![tensor]))
}

/// ONNX `Pad`; TensorFlow `Pad`, `PadV2`, `MirrorPad`.
pub(super) fn pad(args: Args<'_>) -> Results {
    args.only(&["mode", "pads", "paddings", "value"])?;
    let tensor = args.input(0)?;
    let rank = tensor.rank();
    let (amounts, mode): (Vec<(i64, i64)>, &str) = if args.is_onnx() {
        let pads = match args.opset() {
            ..=1 => args.ints_attr("paddings")?.unwrap_or_default(),
            2..=10 => args.ints_attr("pads")?.unwrap_or_default(),
            _ => args.ints(1)?,
        };
        let axes: Vec<i64> = if args.optional(3).is_some() { args.ints(3)? } else { (0..rank as i64).collect() };
        args.axes(&axes, rank)?;
        if pads.len() != 2 * axes.len() {
            return args.undefined("there are not two amounts for each axis");
        }
        let mut amounts = vec![(0, 0); rank];
        for (index, &axis) in axes.iter().enumerate() {
            amounts[args.axis(axis, rank)?] = (pads[index], pads[index + axes.len()]);
        }
        (amounts, args.str_attr("mode", "constant")?)
    } else {
        let pads = args.ints(1)?;
        if pads.len() != 2 * rank || pads.iter().any(|&amount| amount < 0) {
            return args.undefined("the amounts do not fit");
        }
        let mode = match (args.call.op.name.as_str(), args.str_attr("mode", "")?) {
            ("MirrorPad", "REFLECT") => "reflect",
            ("MirrorPad", "SYMMETRIC") => "symmetric",
            ("MirrorPad", _) => return args.unsupported("in this mode"),
            _ => "constant",
        };
        (pads.chunks(2).map(|pair| (pair[0], pair[1])).collect(), mode)
    };
    let mut shape = Vec::with_capacity(rank);
    for (&extent, &(before, after)) in tensor.shape().iter().zip(&amounts) {
        let padded = (extent as i64).checked_add(before).and_then(|sum| sum.checked_add(after));
        match padded.and_then(|padded| usize::try_from(padded).ok()) {
            Some(padded) => shape.push(padded),
            None => return args.undefined("the amounts cut more than there is"),
        }
    }
    let count = args.check_size(tensor.dtype(), &shape)?;
    if count == 0 {
        return Ok(vec![empty(args, tensor.dtype(), &shape)?]);
    }
    let sources = [Elements::of(args, tensor)?, fill(args, tensor)?];
    // For each axis, where each position of the result comes from; `None` is the fill value.
    let mut origins: Vec<Vec<Option<usize>>> = Vec::with_capacity(rank);
    for axis in 0..rank {
        let origin = |position: usize| origin(position as i64 - amounts[axis].0, tensor.shape()[axis] as i64, mode);
        let axis_origins: Vec<Option<usize>> = (0..shape[axis]).map(origin).collect();
        if mode != "constant" && axis_origins.contains(&None) {
            return args.undefined("the amounts are larger than the mode allows");
        }
        origins.push(axis_origins);
    }
    let (steps, places) = (strides(tensor.shape()), strides(&shape));
    let runs = (0..count).map(|position| {
        let mut start = 0;
        for axis in 0..rank {
            match origins[axis][position / places[axis] as usize % shape[axis]] {
                Some(origin) => start += origin * steps[axis] as usize,
                None => return (1, 0, 1),
            }
        }
        (0, start, 1)
    });
    Ok(vec![Elements::join(&sources, runs).into_tensor(args, tensor.dtype(), &shape)?])
}

/// Where a position relative to the operand's begin comes from, along an axis of some extent.
fn origin(position: i64, extent: i64, mode: &str) -> Option<usize> {
    let inside = (0..extent).contains(&position);
    let origin = match mode {
        _ if inside => position,
        "edge" if extent > 0 => position.clamp(0, extent - 1),
        "wrap" if extent > 0 => position.rem_euclid(extent),
        "reflect" if position < 0 => -position,
        "reflect" => 2 * (extent - 1) - position,
        "symmetric" if position < 0 => -1 - position,
        "symmetric" => 2 * extent - 1 - position,
        _ => return None,
    };
    (0..extent).contains(&origin).then_some(origin as usize)
}

/// The fill value of a padding as one element.
fn fill(args: Args<'_>, tensor: &Tensor) -> Evaluated<Elements> {
    if let Some(value) = args.optional(2) {
        if value.len() != 1 || value.dtype() != tensor.dtype() {
            return args.undefined("the fill value does not fit");
        }
        return Elements::of(args, value);
    }
    let value = args.float_attr("value", 0.0)?;
    if value == 0.0 && tensor.dtype().bits() >= 8 {
        return Ok(Elements::Units {
            unit: tensor.dtype().bits() / 8,
            data: vec![0; tensor.dtype().bits() / 8].into(),
        });
    }
    match Tensor::from_f64s(tensor.dtype(), &[], &[f64::from(value)]) {
        Some(value) => Elements::of(args, &value),
        None => args.unsupported(&format!("with a fill value on {}", tensor.dtype())),
    }
}

/// ONNX `Trilu`.
pub(super) fn trilu(args: Args<'_>) -> Results {
    args.only(&["upper"])?;
    let tensor = args.input(0)?;
    let upper = args.int_attr("upper", 1)? != 0;
    let k = if args.optional(1).is_some() { args.int(1)? } else { 0 };
    let &[.., rows, columns] = tensor.shape() else { return args.undefined("the operand is no matrix") };
    let count = args.check_size(tensor.dtype(), tensor.shape())?;
    if tensor.dtype().bits() < 8 {
        return args.unsupported(&format!("on {}", tensor.dtype()));
    }
    let unit = tensor.dtype().bits() / 8;
    let sources = [Elements::of(args, tensor)?, Elements::Units { unit, data: vec![0; unit].into() }];
    let runs = (0..count).map(|position| {
        let (row, column) = ((position / columns % rows) as i64, (position % columns) as i64);
        let bound = row.saturating_add(k);
        let kept = if upper { column >= bound } else { column <= bound };
        if kept { (0, position, 1) } else { (1, 0, 1) }
    });
    Ok(vec![Elements::join(&sources, runs).into_tensor(args, tensor.dtype(), tensor.shape())?])
}

/// ONNX `OneHot` and TensorFlow `OneHot`.
pub(super) fn one_hot(args: Args<'_>) -> Results {
    args.only(&["axis"])?;
    let (index, depth) = (args.input(0)?, args.int(1)?);
    let Some(depth) = usize::try_from(depth).ok() else { return args.undefined("the depth is negative") };
    let (off, on) = if args.is_onnx() {
        let values = args.input(2)?;
        if values.shape() != [2] {
            return args.undefined("values are not off and on");
        }
        (Elements::of(args, values)?.pick([0].into_iter()), Elements::of(args, values)?.pick([1].into_iter()))
    } else {
        if args.input(2)?.len() != 1 || args.input(3)?.len() != 1 {
            return args.undefined("on and off are not one value each");
        }
        (Elements::of(args, args.input(3)?)?, Elements::of(args, args.input(2)?)?)
    };
    let dtype = args.input(2)?.dtype();
    let axis = args.axis(args.int_attr("axis", -1)?, index.rank() + 1)?;
    let mut shape = index.shape().to_vec();
    shape.insert(axis, depth);
    let count = args.check_size(dtype, &shape)?;
    let numbers = indices(args, 0)?;
    let inner = product(&shape[axis + 1..]);
    let runs = (0..count).map(|position| {
        let (outer, place, rest) = (position / (inner * depth), position / inner % depth, position % inner);
        let number = numbers[outer * inner + rest];
        let number = if number < 0 && args.is_onnx() { number.saturating_add(depth as i64) } else { number };
        (usize::from(number == place as i64), 0, 1)
    });
    Ok(vec![Elements::join(&[off, on], runs).into_tensor(args, dtype, &shape)?])
}

/// TensorFlow `InvertPermutation`.
pub(super) fn invert_permutation(args: Args<'_>) -> Results {
    args.only(&[])?;
    let (tensor, numbers) = (args.input(0)?, args.ints(0)?);
    let mut inverse = vec![-1i64; numbers.len()];
    for (position, &number) in numbers.iter().enumerate() {
        let place = at(args, number, numbers.len())?;
        if std::mem::replace(&mut inverse[place], position as i64) >= 0 {
            return args.undefined("the operand is no permutation");
        }
    }
    super::generate::from_ints(args, tensor.dtype(), tensor.shape(), &inverse).map(|tensor| vec![tensor])
}

/// TensorFlow `DynamicStitch`: rows of the data operands by index; later ones win. Every row must be given.
pub(super) fn dynamic_stitch(args: Args<'_>) -> Results {
    args.only(&[])?;
    let half = args.count() / 2;
    let mut origin: Vec<Option<(usize, usize)>> = Vec::new();
    let mut sources = Vec::with_capacity(half);
    let mut row: Option<(Vec<usize>, DType)> = None;
    for part in 0..half {
        let (index, data) = (args.input(part)?, args.input(half + part)?);
        let numbers = args.ints(part)?;
        let Some(inner) = data.shape().strip_prefix(index.shape()) else {
            return args.undefined("the data do not fit");
        };
        let this = (inner.to_vec(), data.dtype());
        if *row.get_or_insert_with(|| this.clone()) != this {
            return args.undefined("the data are of different shapes");
        }
        for (position, &number) in numbers.iter().enumerate() {
            let place = at(args, number, 1 << 20)?;
            if origin.len() <= place {
                origin.resize(place + 1, None);
            }
            origin[place] = Some((part, position));
        }
        sources.push(Elements::of(args, data)?);
    }
    let Some((inner, dtype)) = row else { return args.undefined("there are no data") };
    let mut shape = vec![origin.len()];
    shape.extend_from_slice(&inner);
    args.check_size(dtype, &shape)?;
    let width = product(&inner);
    let Some(origin) = origin.into_iter().collect::<Option<Vec<_>>>() else {
        return args.undefined("a row is missing");
    };
    let runs = origin.into_iter().map(|(part, position)| (part, position * width, width));
    Ok(vec![Elements::join(&sources, runs).into_tensor(args, dtype, &shape)?])
}
