//! Constants from shapes and counts.

use bytes::Bytes;
use gtt_ir::{DType, Tensor};

use super::args::{Args, Evaluated};
use super::layout::broadcast_shapes;

type Results = Evaluated<Vec<Tensor>>;

/// A tensor of integers (or Booleans) of any integer type of 8 bit or more; each must fit.
pub(super) fn from_ints(args: Args<'_>, dtype: DType, shape: &[usize], numbers: &[i64]) -> Evaluated<Tensor> {
    args.check_size(dtype, shape)?;
    fn narrow<T: gtt_ir::Element + TryFrom<i64>>(shape: &[usize], numbers: &[i64]) -> Option<Tensor> {
        let elements = numbers.iter().map(|&number| T::try_from(number).ok()).collect::<Option<Vec<T>>>()?;
        Tensor::from_vec(shape, elements).ok()
    }
    let tensor = match dtype {
        DType::I64 => narrow::<i64>(shape, numbers),
        DType::I32 => narrow::<i32>(shape, numbers),
        DType::I16 => narrow::<i16>(shape, numbers),
        DType::I8 => narrow::<i8>(shape, numbers),
        DType::U8 => narrow::<u8>(shape, numbers),
        DType::U16 => narrow::<u16>(shape, numbers),
        DType::U32 => narrow::<u32>(shape, numbers),
        DType::U64 => narrow::<u64>(shape, numbers),
        DType::Bool => Tensor::from_bools(shape, &numbers.iter().map(|&number| number != 0).collect::<Vec<_>>()).ok(),
        _ => return args.unsupported(&format!("with integers as {dtype}")),
    };
    tensor.map_or_else(|| args.undefined(&format!("a number does not fit into {dtype}")), Ok)
}

fn count_dtype(args: Args<'_>) -> Evaluated<DType> {
    if args.is_onnx() { Ok(DType::I64) } else { Ok(args.dtype_attr("out_type")?.unwrap_or(DType::I32)) }
}

/// `Shape`, also of constants that cannot be read; ONNX `start` and `end`.
pub(super) fn shape(args: Args<'_>) -> Results {
    args.only(if args.is_onnx() { &["start", "end"] } else { &["out_type"] })?;
    let tensor = args.input(0)?;
    let rank = tensor.rank() as i64;
    let bound = |bound: i64| if bound < 0 { bound.saturating_add(rank) } else { bound }.clamp(0, rank) as usize;
    let (start, end) = (bound(args.int_attr("start", 0)?), bound(args.int_attr("end", i64::MAX)?));
    let extents: Vec<i64> = tensor.shape()[start.min(end)..end].iter().map(|&extent| extent as i64).collect();
    Ok(vec![from_ints(args, count_dtype(args)?, &[extents.len()], &extents)?])
}

/// TensorFlow `ShapeN`.
pub(super) fn shape_n(args: Args<'_>) -> Results {
    args.only(&["out_type"])?;
    let shape = |tensor: &Tensor| {
        let extents: Vec<i64> = tensor.shape().iter().map(|&extent| extent as i64).collect();
        from_ints(args, count_dtype(args)?, &[extents.len()], &extents)
    };
    args.inputs_from(0)?.into_iter().map(shape).collect()
}

/// `Size`.
pub(super) fn size(args: Args<'_>) -> Results {
    args.only(&["out_type"])?;
    Ok(vec![from_ints(args, count_dtype(args)?, &[], &[args.input(0)?.len() as i64])?])
}

/// TensorFlow `Rank`.
pub(super) fn rank(args: Args<'_>) -> Results {
    args.only(&[])?;
    Ok(vec![Tensor::scalar(args.input(0)?.rank() as i32)])
}

/// One value everywhere.
pub(super) fn splat(args: Args<'_>, shape: &[usize], value: &Tensor) -> Evaluated<Tensor> {
    let dtype = value.dtype();
    let count = args.check_size(dtype, shape)?;
    if value.len() != 1 {
        return args.undefined("the value is not one value");
    }
    let tensor = match (value.strings(), value.bytes()) {
        (Some(strings), _) => Tensor::from_strings(shape, vec![strings[0].clone(); count]),
        (None, Some(element)) if dtype.bits() >= 8 => Tensor::splat(dtype, shape, element),
        (None, Some(element)) if dtype.bits() > 0 => {
            let element = super::layout::unpack(&element, dtype.bits(), 1)[0];
            Tensor::from_bytes(dtype, shape, super::layout::pack(&vec![element; count], dtype.bits()).into())
        }
        _ => return args.unsupported(&format!("on {dtype}")),
    };
    tensor.or_else(|error| args.undefined(&error.to_string()))
}

/// TensorFlow `Fill`.
pub(super) fn fill(args: Args<'_>) -> Results {
    args.only(&[])?;
    let shape = args.extents(&args.vector(0)?)?;
    Ok(vec![splat(args, &shape, args.input(1)?)?])
}

/// ONNX `ConstantOfShape`.
pub(super) fn constant_of_shape(args: Args<'_>) -> Results {
    args.only(&["value"])?;
    let shape = args.extents(&args.vector(0)?)?;
    let zero = Tensor::scalar(0f32);
    let value = match args.call.attrs.get("value") {
        None => &zero,
        Some(attr) => match attr.as_tensor() {
            Some(tensor) => tensor,
            None => return args.undefined("`value` is no tensor"),
        },
    };
    Ok(vec![splat(args, &shape, value)?])
}

/// TensorFlow `ZerosLike`, `OnesLike`.
pub(super) fn like(args: Args<'_>, ones: bool) -> Results {
    args.only(&[])?;
    let tensor = args.input(0)?;
    let dtype = tensor.dtype();
    let element = if ones {
        from_ints(args, dtype, &[], &[1]).ok().or_else(|| Tensor::from_f64s(dtype, &[], &[1.0]))
    } else if dtype.bits() >= 8 {
        Tensor::from_bytes(dtype, &[], vec![0; dtype.bits() / 8].into()).ok()
    } else {
        None
    };
    match element {
        Some(element) => Ok(vec![splat(args, tensor.shape(), &element)?]),
        None => args.unsupported(&format!("on {dtype}")),
    }
}

/// `Range`: integers, and floats when every element is exact.
pub(super) fn range(args: Args<'_>) -> Results {
    args.only(&["stash_type"])?;
    let operands = [args.input(0)?, args.input(1)?, args.input(2)?];
    let dtype = operands[0].dtype();
    if operands.iter().any(|operand| operand.len() != 1 || operand.dtype() != dtype) {
        return args.undefined("start, limit and delta are not one number each of one type");
    }
    if dtype.is_float() {
        let number = |tensor: &Tensor| tensor.to_f64s().map(|numbers| numbers[0]);
        let (Some(start), Some(limit), Some(delta)) = (number(operands[0]), number(operands[1]), number(operands[2]))
        else {
            return args.unsupported(&format!("on {dtype}"));
        };
        let whole = |number: f64| number.fract() == 0.0 && number.abs() < 4096.0;
        if !whole(start) || !whole(limit) || !whole(delta) || !matches!(dtype, DType::F32 | DType::F64) {
            return args.unsupported("on fractions");
        }
        let numbers = progression(args, DType::I64, start as i64, limit as i64, delta as i64)?;
        let numbers: Vec<f64> = numbers.into_iter().map(|number| number as f64).collect();
        let tensor = Tensor::from_f64s(dtype, &[numbers.len()], &numbers);
        return tensor.map_or_else(|| args.unsupported(&format!("on {dtype}")), |tensor| Ok(vec![tensor]));
    }
    let numbers = progression(args, dtype, args.int(0)?, args.int(1)?, args.int(2)?)?;
    Ok(vec![from_ints(args, dtype, &[numbers.len()], &numbers)?])
}

fn progression(args: Args<'_>, dtype: DType, start: i64, limit: i64, delta: i64) -> Evaluated<Vec<i64>> {
    if delta == 0 {
        return args.undefined("delta is 0");
    }
    let span = i128::from(limit) - i128::from(start);
    let delta = i128::from(delta);
    let count = if (span > 0) == (delta > 0) && span != 0 { (span.abs() - 1) / delta.abs() + 1 } else { 0 };
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    args.check_size(dtype, &[count])?;
    args.check_size(DType::I64, &[count])?;
    Ok((0..count).map(|step| (i128::from(start) + step as i128 * delta) as i64).collect())
}

/// ONNX `EyeLike`.
pub(super) fn eye_like(args: Args<'_>) -> Results {
    args.only(&["dtype", "k"])?;
    let tensor = args.input(0)?;
    let &[rows, columns] = tensor.shape() else { return args.undefined("the operand is no matrix") };
    let dtype = args.onnx_dtype_attr("dtype")?.unwrap_or(tensor.dtype());
    let k = args.int_attr("k", 0)?;
    let count = args.check_size(dtype, tensor.shape())?;
    args.check_size(DType::I64, tensor.shape())?;
    let is_one = |position: usize| (position % columns) as i64 == ((position / columns) as i64).saturating_add(k);
    if dtype.is_float() {
        let numbers: Vec<f64> = (0..count).map(|position| f64::from(u8::from(is_one(position)))).collect();
        let tensor = Tensor::from_f64s(dtype, &[rows, columns], &numbers);
        return tensor.map_or_else(|| args.unsupported(&format!("on {dtype}")), |tensor| Ok(vec![tensor]));
    }
    let numbers: Vec<i64> = (0..count).map(|position| i64::from(is_one(position))).collect();
    Ok(vec![from_ints(args, dtype, tensor.shape(), &numbers)?])
}

/// TensorFlow `BroadcastArgs`.
pub(super) fn broadcast_args(args: Args<'_>) -> Results {
    args.only(&[])?;
    let shapes = [args.extents(&args.vector(0)?)?, args.extents(&args.vector(1)?)?];
    let Some(shape) = broadcast_shapes(&shapes[0], &shapes[1]) else {
        return args.undefined("the shapes do not broadcast");
    };
    let extents: Vec<i64> = shape.iter().map(|&extent| extent as i64).collect();
    Ok(vec![from_ints(args, args.input(0)?.dtype(), &[extents.len()], &extents)?])
}

/// TensorFlow `ConcatOffset`: where each of several shapes begins when they are joined along an axis.
pub(super) fn concat_offset(args: Args<'_>) -> Results {
    args.only(&[])?;
    let shapes = (1..args.count()).map(|slot| args.ints(slot)).collect::<Evaluated<Vec<_>>>()?;
    let Some(first) = shapes.first() else { return args.undefined("there are no shapes") };
    let axis = args.axis(args.int(0)?, first.len())?;
    let mut offset = 0i64;
    let mut results = Vec::with_capacity(shapes.len());
    for shape in &shapes {
        let fits = |other: usize| other == axis || shape[other] == first[other];
        if shape.len() != first.len() || !(0..shape.len()).all(fits) {
            return args.undefined("the shapes do not join");
        }
        let mut begins = vec![0i64; shape.len()];
        begins[axis] = offset;
        results.push(from_ints(args, args.input(1)?.dtype(), &[begins.len()], &begins)?);
        offset = offset.saturating_add(shape[axis]);
    }
    Ok(results)
}

/// A zero-dimensional or otherwise shaped value from raw bytes; `None` when they do not fit.
pub(super) fn from_packed(dtype: DType, shape: &[usize], bytes: Vec<u8>) -> Option<Tensor> {
    Tensor::from_bytes(dtype, shape, Bytes::from(bytes)).ok()
}
