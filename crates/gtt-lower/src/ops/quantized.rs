//! Quantised constants, and quantisation that is only simulated.

use gtt_ir::{Attr, Attrs, DType, Dim, Shape, Tensor, ValueId};

use super::{Results, only, quantized_kernels};
use crate::attrs::Call;
use crate::builder::Builder;
use crate::value::{Val, Why, axis, axis_in, declared, decline};

/// `Dequantize` in mode `MIN_FIRST`, of constants a constant: `round(min / width) width + step width` with `width = (max - min) / 255`.
pub(crate) fn dequantize(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    if call.text("mode", Some("MIN_COMBINED"))? != "MIN_FIRST" || call.int("axis", Some(-1))? != -1 {
        return decline("`mode` is not `MIN_FIRST`, or there is an `axis`");
    }
    if !matches!(call.node.attr("dtype").and_then(gtt_ir::Attr::as_dtype), None | Some(DType::F32)) {
        return decline("`dtype` is not float");
    }
    let bytes = builder.held(call.input(0)?).tensor.clone().filter(|tensor| tensor.dtype() == DType::U8);
    let constants = bytes.zip(number(builder, call.input(1)?).zip(number(builder, call.input(2)?)));
    let Some((quantized, (min, max))) = constants else { return quantized_kernels::dequantize(builder, call) };
    let Some(steps) = quantized.bytes() else { return decline("the constant cannot be read") };
    let width = (f64::from(max - min) / 255.0) as f32;
    let lowest = if min == max { min } else { (min / width).round() * width };
    let elements: Vec<f32> = steps.iter().map(|&step| lowest + f32::from(step) * width).collect();
    match Tensor::from_vec(quantized.shape(), elements) {
        Ok(tensor) => only(builder.constant(&call.node.name, tensor)),
        Err(_) => decline("the constant is too large"),
    }
}

/// A constant of one float.
fn number(builder: &Builder<'_>, val: Val) -> Option<f32> {
    match builder.held(val).tensor.as_ref()?.to_vec::<f32>()?[..] {
        [only] => Some(only),
        _ => None,
    }
}

/// `QuantizeAndDequantizeV2`, `V3` (`num_bits` is an operand) and `V4`: `y = round(clamp(x) scale) / scale`, where the scale is the
/// largest with which the range fits into that of the integers and 0 stays 0. Without a given range it is that of the data, and
/// nothing is clamped.
pub(crate) fn quantize_and_dequantize(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let held = builder.held(x).clone();
    let dtype = held.dtype;
    let bits = match call.op() {
        "QuantizeAndDequantizeV3" => match call.const_ints(builder, 3, "the number of bits")?[..] {
            [bits] => bits,
            _ => return decline("several numbers of bits"),
        },
        _ => call.int("num_bits", Some(8))?,
    };
    if !(2..=24).contains(&bits) {
        return decline("`num_bits` is out of range");
    }
    let (signed, given) =
        (call.flag("signed_input", true)?, call.flag("range_given", call.op() == "QuantizeAndDequantizeV3")?);
    let narrow = call.flag("narrow_range", false)?;
    let half = 1i64 << (bits - 1);
    let (bottom, top) = if signed { (i64::from(narrow) - half, half - 1) } else { (0, 2 * half - 1) };
    let up = match call.text("round_mode", Some("HALF_TO_EVEN"))? {
        "HALF_TO_EVEN" => false,
        "HALF_UP" => true,
        other => return decline(format!("`round_mode` {other}")),
    };
    let (value, form) = builder.any_order(x);
    let at = match (call.int("axis", Some(-1))?, held.rank()) {
        (-1, _) => None,
        (at, Some(rank)) => Some(axis_in(form, axis(at, rank)?, rank)),
        _ => return decline("data of unknown rank"),
    };
    let ends = match (given, at) {
        (true, None) => [end(builder, call, 1)?, end(builder, call, 2)?],
        (true, Some(_)) => return decline("a given range with an axis: TensorFlow does not run that either"),
        (false, at) => [
            of_data(builder, value, "ReduceMin", at, held.rank())?,
            of_data(builder, value, "ReduceMax", at, held.rank())?,
        ],
    };
    let range = Range::of(builder, ends, bottom as f64, top as f64, dtype)?;
    let mut value = value;
    if given {
        value = builder.same("Min", &[value, range.max], Attrs::new());
        value = builder.same("Max", &[value, range.min], Attrs::new());
    }
    value = builder.same("Mul", &[value, range.scale], Attrs::new());
    if up {
        let half = builder.scalar(dtype, 0.5)?;
        value = builder.same("Add", &[value, half], Attrs::new());
    }
    value = builder.same(if up { "Floor" } else { "Round" }, &[value], Attrs::new());
    value = builder.same("Mul", &[value, range.inverse], Attrs::new());
    only(builder.hold(form, value, dtype, held.shape))
}

/// The range as it is used, the scale and its inverse.
struct Range {
    min: ValueId,
    max: ValueId,
    scale: ValueId,
    inverse: ValueId,
}

impl Range {
    /// The side of the range that needs more of the integers decides. A side without any decides nothing.
    fn of(
        builder: &mut Builder<'_>,
        [min, max]: [ValueId; 2],
        bottom: f64,
        top: f64,
        dtype: DType,
    ) -> Result<Self, Why> {
        let largest = match dtype {
            DType::F32 => f64::from(f32::MAX),
            DType::F64 => f64::MAX,
            _ => return decline(format!("element type {dtype}")),
        };
        let (bottom, top) = (builder.scalar(dtype, bottom)?, builder.scalar(dtype, top)?);
        let (zero, largest) = (builder.scalar(dtype, 0.0)?, builder.scalar(dtype, largest)?);
        let like = |builder: &mut Builder<'_>, op: &str, inputs: &[ValueId]| {
            let shape = builder.ty(min).shape().cloned();
            builder.one(op, inputs, Attrs::new(), declared(dtype, shape.as_ref()))
        };
        let truth = |builder: &mut Builder<'_>, op: &str, inputs: &[ValueId]| {
            let shape = builder.ty(min).shape().cloned();
            builder.one(op, inputs, Attrs::new(), declared(DType::Bool, shape.as_ref()))
        };
        let side = |builder: &mut Builder<'_>, steps: ValueId, end: ValueId| {
            let product = like(builder, "Mul", &[end, steps]);
            let counts = truth(builder, "Greater", &[product, zero]);
            let scale = like(builder, "Div", &[steps, end]);
            like(builder, "Where", &[counts, scale, largest])
        };
        let (from_min, from_max) = (side(builder, bottom, min), side(builder, top, max));
        let by_min = truth(builder, "Less", &[from_min, from_max]);
        let scale = like(builder, "Where", &[by_min, from_min, from_max]);
        let (low, high) = (like(builder, "Div", &[min, bottom]), like(builder, "Div", &[max, top]));
        let inverse = like(builder, "Where", &[by_min, low, high]);
        let (least, most) = (like(builder, "Mul", &[inverse, bottom]), like(builder, "Mul", &[inverse, top]));
        let min = like(builder, "Where", &[by_min, min, least]);
        let max = like(builder, "Where", &[by_min, most, max]);
        Ok(Self { min, max, scale, inverse })
    }
}

/// An end of a given range, which TensorFlow takes for the whole tensor only.
fn end(builder: &mut Builder<'_>, call: &Call<'_>, slot: usize) -> Result<ValueId, Why> {
    let end = call.input(slot)?;
    match builder.held(end).shape.as_deref() {
        Some([]) => Ok(builder.natural(end)),
        _ => decline("a range that is not known to be a scalar"),
    }
}

/// The least or largest element, of all or for each place along a dimension.
fn of_data(
    builder: &mut Builder<'_>,
    value: ValueId,
    op: &str,
    at: Option<usize>,
    rank: Option<usize>,
) -> Result<ValueId, Why> {
    let ty = builder.ty(value);
    let dtype = ty.dtype().unwrap_or(DType::F32);
    let (Some(at), Some(rank)) = (at, rank) else {
        let attrs = Attrs::new().with("keepdims", Attr::Int(0));
        return Ok(builder.one(op, &[value], attrs, declared(dtype, Some(&Shape::new()))));
    };
    let axes: Vec<i64> = (0..rank).filter(|&other| other != at).map(|other| other as i64).collect();
    let keep = |(other, dim): (usize, &Dim)| if other == at { dim.clone() } else { Dim::Known(1) };
    let shape: Option<Shape> = ty.shape().map(|shape| shape.iter().enumerate().map(keep).collect());
    if axes.is_empty() {
        return Ok(value);
    }
    Ok(super::reduce::emit(builder, op, value, &axes, true, declared(dtype, shape.as_ref())))
}
