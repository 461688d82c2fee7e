//! Inputs, constants, and tensors made of a shape.

use gtt_ir::{Attr, Attrs, DType, Dim, Shape, Tensor};

use super::{Results, only};
use crate::attrs::Call;
use crate::builder::Builder;
use crate::tensors::{element, plain};
use crate::value::{Elem, Form, Val, Why, broadcast, declared, decline};

/// A placeholder that is not fed.
pub(crate) fn placeholder(_: &mut Builder<'_>, _: &Call<'_>) -> Results {
    decline("it is not among the inputs of the model")
}

/// A `Const` that is a node because it has control inputs.
pub(crate) fn constant(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    match call.node.attr("value").and_then(Attr::as_tensor).and_then(plain) {
        Some(tensor) => only(builder.constant(&call.node.name, tensor)),
        None => decline("its value cannot be read"),
    }
}

/// `dims` filled with a scalar: a constant when both are known, else `ConstantOfShape` or `Expand`.
pub(crate) fn fill(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (dims, value) = (call.input(0)?, call.input(1)?);
    let held = builder.held(value).clone();
    let shape = shape_of_elems(builder, dims);
    if let Some(tensor) = held.tensor.filter(|tensor| tensor.len() == 1) {
        return filled(builder, call, shape, &tensor, |builder| builder.wide(dims));
    }
    let target = builder.wide(dims)?;
    let value = builder.natural(value);
    let value = builder.one("Expand", &[value, target], Attrs::new(), declared(held.dtype, shape.as_ref()));
    only(builder.natural_result(value, held.dtype, shape))
}

/// Larger tensors of equal elements are made at run time, in bytes.
const LARGEST: usize = 1 << 20;

/// The mask of a dropout that keeps everything: ones of a shape.
pub(crate) fn mask(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let dims = call.input(0)?;
    let shape = shape_of_elems(builder, dims);
    filled(builder, call, shape, &Tensor::scalar(1.0f32), |builder| builder.wide(dims))
}

/// A tensor of equal elements.
fn filled(
    builder: &mut Builder<'_>,
    call: &Call<'_>,
    shape: Option<Shape>,
    value: &Tensor,
    dims: impl FnOnce(&mut Builder<'_>) -> Result<gtt_ir::ValueId, Why>,
) -> Results {
    let dtype = value.dtype();
    let Some(bytes) = value.bytes() else { return decline("its element cannot be read") };
    let extents: Option<Vec<usize>> =
        shape.as_ref().and_then(|shape| shape.iter().map(|dim| usize::try_from(dim.known()?).ok()).collect());
    let tensor = extents.and_then(|extents| Tensor::splat(dtype, &extents, bytes).ok());
    if let Some(tensor) = tensor.filter(|tensor| tensor.byte_len() <= LARGEST) {
        return only(builder.constant(&call.node.name, tensor));
    }
    let dims = dims(builder)?;
    let Some(one) = value.reshaped(&[1]) else { return decline("its element cannot be read") };
    let attrs = Attrs::new().with("value", Attr::Tensor(one));
    let value = builder.one("ConstantOfShape", &[dims], attrs, declared(dtype, shape.as_ref()));
    only(builder.natural_result(value, dtype, shape))
}

/// The shape that the elements of a vector describe.
pub(crate) fn shape_of_elems(builder: &Builder<'_>, dims: Val) -> Option<Shape> {
    let held = builder.held(dims);
    match &held.elems {
        Some(elems) => Some(elems.iter().map(Elem::to_dim).collect()),
        None => {
            let rank = held.shape.as_ref()?.first()?.known()?;
            (rank <= 64).then(|| (0..rank).map(|_| Dim::Unknown).collect())
        }
    }
}

/// `ZerosLike`, `OnesLike`.
pub(crate) fn filled_like(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let held = builder.held(x).clone();
    let number = if call.op() == "OnesLike" { 1.0 } else { 0.0 };
    let tensor = if held.dtype == DType::Bool {
        Tensor::from_bools(&[], &[number == 1.0]).ok()
    } else {
        element(held.dtype, number).and_then(|bytes| Tensor::from_bytes(held.dtype, &[], bytes).ok())
    };
    let Some(tensor) = tensor else { return decline(format!("element type {}", held.dtype)) };
    filled(builder, call, held.shape, &tensor, |builder| {
        let value = builder.natural(x);
        Ok(builder.one("Shape", &[value], Attrs::new(), declared(DType::I64, None)))
    })
}

/// `y` is `x` repeated to the given shape.
pub(crate) fn broadcast_to(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (x, dims) = (call.input(0)?, call.input(1)?);
    let held = builder.held(x).clone();
    let target = shape_of_elems(builder, dims);
    let shape = match &held.shape {
        Some(own) => broadcast(target.as_ref(), Some(own)),
        None => target,
    };
    let inputs = [builder.natural(x), builder.wide(dims)?];
    let value = builder.one("Expand", &inputs, Attrs::new(), declared(held.dtype, shape.as_ref()));
    only(builder.natural_result(value, held.dtype, shape))
}

/// Each dimension repeated so many times.
pub(crate) fn tile(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (x, repeats) = (call.input(0)?, call.input(1)?);
    let held = builder.held(x).clone();
    let times = |dim: &Dim, elem: &Elem| match (dim, elem) {
        (dim, Elem::Known(1)) => dim.clone(),
        (Dim::Known(1), elem) => elem.to_dim(),
        (Dim::Known(extent), Elem::Known(times)) => {
            u64::try_from(*times).ok().and_then(|times| extent.checked_mul(times)).map_or(Dim::Unknown, Dim::Known)
        }
        _ => Dim::Unknown,
    };
    let shape = match (&held.shape, &builder.held(repeats).elems) {
        (Some(shape), Some(elems)) if shape.len() == elems.len() => {
            Some(shape.iter().zip(elems).map(|(dim, elem)| times(dim, elem)).collect())
        }
        (Some(shape), _) => Some(shape.iter().map(|_| Dim::Unknown).collect::<Shape>()),
        _ => None,
    };
    let inputs = [builder.natural(x), builder.wide(repeats)?];
    let value = builder.one("Tile", &inputs, Attrs::new(), declared(held.dtype, shape.as_ref()));
    only(builder.natural_result(value, held.dtype, shape))
}

/// `start, start + delta, …` below `limit`: a constant for known integers (up to a million), else `Range`.
pub(crate) fn range(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let known = |builder: &Builder<'_>, slot: usize, number: i64| {
        call.elems(builder, slot).is_some_and(|elems| elems.as_slice() == [Elem::Known(number)])
    };
    let counts = known(builder, 0, 0) && known(builder, 2, 1);
    let results = numbers(builder, call)?;
    if let (true, Some(Some(val))) = (counts, results.first()) {
        builder.set_counts(*val, call.input(1)?);
    }
    Ok(results)
}

fn numbers(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    const LONGEST: i64 = 1 << 20;
    let vals = [call.input(0)?, call.input(1)?, call.input(2)?];
    let dtype = builder.held(vals[0]).dtype;
    let known = vals.map(|val| match builder.held(val).elems.as_deref() {
        Some([Elem::Known(element)]) => Some(*element),
        _ => None,
    });
    if let [Some(start), Some(limit), Some(delta)] = known {
        let span = if delta > 0 { limit.checked_sub(start) } else { start.checked_sub(limit) };
        let (Some(span), Some(step)) = (span, delta.checked_abs().filter(|&step| step > 0)) else {
            return decline("its extent is out of range");
        };
        let count = (span.max(0) as u64).div_ceil(step as u64) as i64;
        if count <= LONGEST {
            let elements: Vec<i64> = (0..count).map(|at| start + at * delta).collect();
            if let Some(tensor) = crate::tensors::integers(dtype, &[elements.len()], &elements) {
                return only(builder.constant(&call.node.name, tensor));
            }
        }
    }
    let shape: Option<Shape> = Some([Dim::Unknown].into_iter().collect());
    if super::elementwise::wide_is_free(builder, &vals) {
        let inputs = [builder.wide(vals[0])?, builder.wide(vals[1])?, builder.wide(vals[2])?];
        let value = builder.one("Range", &inputs, Attrs::new(), declared(DType::I64, shape.as_ref()));
        let form = if dtype == DType::I64 { Form::Natural } else { Form::Wide };
        return only(builder.hold(form, value, dtype, shape));
    }
    let inputs = vals.map(|val| builder.natural(val));
    let value = builder.one("Range", &inputs, Attrs::new(), declared(dtype, shape.as_ref()));
    only(builder.natural_result(value, dtype, shape))
}
