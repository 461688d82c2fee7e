//! Quantised constants.

use gtt_ir::{DType, Tensor};

use super::{Results, only};
use crate::attrs::Call;
use crate::builder::Builder;
use crate::value::{Val, Why, decline};

/// `round(min / width) width + step width` of a constant, with `width = (max - min) / 255`: a constant of floats.
pub(crate) fn dequantize(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    if call.text("mode", Some("MIN_COMBINED"))? != "MIN_FIRST" || call.int("axis", Some(-1))? != -1 {
        return decline("`mode` is not `MIN_FIRST`, or there is an `axis`");
    }
    if !matches!(call.node.attr("dtype").and_then(gtt_ir::Attr::as_dtype), None | Some(DType::F32)) {
        return decline("`dtype` is not float");
    }
    let quantized = builder.held(call.input(0)?).tensor.clone();
    let Some(quantized) = quantized.filter(|tensor| tensor.dtype() == DType::QU8) else {
        return decline("the operand is not a constant of type quint8");
    };
    let (min, max) = (scalar(builder, call.input(1)?)?, scalar(builder, call.input(2)?)?);
    let Some(steps) = quantized.bytes() else { return decline("the constant cannot be read") };
    let width = ((f64::from(max) - f64::from(min)) / 255.0) as f32;
    let lowest = if min == max { min } else { (min / width).round() * width };
    let elements: Vec<f32> = steps.iter().map(|&step| lowest + f32::from(step) * width).collect();
    match Tensor::from_vec(quantized.shape(), elements) {
        Ok(tensor) => only(builder.constant(&call.node.name, tensor)),
        Err(_) => decline("the constant is too large"),
    }
}

fn scalar(builder: &Builder<'_>, val: Val) -> Result<f32, Why> {
    let elements = builder.held(val).tensor.as_ref().and_then(|tensor| tensor.to_vec::<f32>());
    match elements.as_deref() {
        Some([only]) => Ok(*only),
        _ => decline("the range is not constant"),
    }
}
