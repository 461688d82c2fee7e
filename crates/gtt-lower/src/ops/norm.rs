//! Biases, normalisations and softmax: ops that know which dimension holds the channels.

use gtt_ir::{Attr, Attrs, DType, Dim};

use super::conv::{data, result};
use super::elementwise::Operands;
use super::{Results, only};
use crate::attrs::{Call, DataFormat};
use crate::builder::Builder;
use crate::value::{Form, decline};

/// `y = x + b` with `b` over the channels: the last dimension, or the second for `NCHW`.
pub(crate) fn bias_add(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (x, bias) = (call.input(0)?, call.input(1)?);
    let dtype = builder.held(x).dtype;
    if builder.held(bias).rank() != Some(1) {
        return decline("the bias is not known to be a vector");
    }
    if call.data_format()? == DataFormat::ChannelsLast {
        let operands = Operands::of(builder, &[x, bias])?;
        let value = operands.emit(builder, "Add", &operands.values, dtype);
        return only(operands.hold(builder, value, dtype));
    }
    let held = builder.held(x).clone();
    let Some(rank) = held.rank().filter(|&rank| rank >= 2) else { return decline("data of unknown rank") };
    let trailing: Vec<usize> = (1..rank - 1).collect();
    let bias = builder.natural(bias);
    let inputs = [builder.natural(x), builder.unsqueeze(bias, &trailing)];
    let value = builder.same("Add", &inputs, Attrs::new());
    only(builder.natural_result(value, dtype, held.shape))
}

/// `y = (x - mean) / sqrt(variance + epsilon) scale + offset` over the channels. Only inference, and only the first result.
pub(crate) fn fused_batch_norm(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    if call.flag("is_training", true)? {
        return decline("`is_training` is true");
    }
    if call.needed.iter().skip(1).any(|&needed| needed) {
        return decline("a result other than the first is used");
    }
    let x = call.input(0)?;
    let format = call.data_format()?;
    let rank = match call.text("data_format", Some("NHWC"))? {
        "NDHWC" | "NCDHW" => 5,
        _ => 4,
    };
    let mut inputs = vec![data(builder, x, format, rank)?];
    let dims = inputs.remove(0);
    let dtype = builder.held(x).dtype;
    let mut values = vec![dims.0];
    for slot in 1..5 {
        let operand = call.input(slot)?;
        if builder.held(operand).dtype != dtype && builder.opset < 15 {
            return decline("statistics of another type need opset 15");
        }
        values.push(builder.natural(operand));
    }
    let attrs = Attrs::new().with("epsilon", Attr::Float(call.float("epsilon", 1e-4)?));
    let value = builder.same("BatchNormalization", &values, attrs);
    only(result(builder, value, dims.1, format, x))
}

/// `BatchNormWithGlobalNormalization`: data, mean, variance, offset, scale.
pub(crate) fn global_batch_norm(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let (data, dims) = data(builder, x, DataFormat::ChannelsLast, 4)?;
    let scale = if call.flag("scale_after_normalization", true)? {
        let scale = call.input(4)?;
        builder.natural(scale)
    } else {
        let count = builder.held(call.input(1)?).shape.as_ref().and_then(|shape| shape.first()?.known());
        let Some(count) = count.filter(|&count| count < 1 << 24) else {
            return decline("the number of channels is unknown");
        };
        builder.shared(gtt_ir::Tensor::vector(&vec![1.0f32; count as usize]))
    };
    let [mean, variance, offset] = [call.input(1)?, call.input(2)?, call.input(3)?].map(|val| builder.natural(val));
    let attrs = Attrs::new().with("epsilon", Attr::Float(call.float("variance_epsilon", 1e-3)?));
    let value = builder.same("BatchNormalization", &[data, scale, offset, mean, variance], attrs);
    only(result(builder, value, dims, DataFormat::ChannelsLast, x))
}

/// `y = x / (bias + alpha sum)^beta`, the sum over the squares of `2 depth_radius + 1` channels. ONNX divides alpha by their number.
pub(crate) fn lrn(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let radius = call.int("depth_radius", Some(5))?;
    let Some(size) = radius.checked_mul(2).and_then(|twice| twice.checked_add(1)).filter(|&size| size > 0) else {
        return decline("`depth_radius` out of range");
    };
    let (data, dims) = data(builder, x, DataFormat::ChannelsLast, 4)?;
    let attrs = Attrs::new()
        .with("size", Attr::Int(size))
        .with("alpha", Attr::Float(call.float("alpha", 1.0)? * size as f32))
        .with("beta", Attr::Float(call.float("beta", 0.5)?))
        .with("bias", Attr::Float(call.float("bias", 1.0)?));
    let value = builder.same("LRN", &[data], attrs);
    only(result(builder, value, dims, DataFormat::ChannelsLast, x))
}

/// `Softmax`, `LogSoftmax` over the last dimension.
pub(crate) fn softmax(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let held = builder.held(x).clone();
    if held.dtype == DType::BF16 {
        return decline("element type bf16");
    }
    let (value, form) = builder.any_order(x);
    let axis = match (form, held.rank()) {
        (Form::ChannelsFirst, _) => 1,
        (_, Some(rank)) if rank > 0 => rank as i64 - 1,
        _ => -1,
    };
    let value = builder.same(call.op(), &[value], Attrs::new().with("axis", Attr::Int(axis)));
    only(builder.hold(form, value, held.dtype, held.shape))
}

/// Extents of a shape that are all known and positive.
pub(crate) fn positive(dims: &[Dim]) -> Option<Vec<i64>> {
    dims.iter().map(|dim| i64::try_from(dim.known()?).ok().filter(|&extent| extent > 0)).collect()
}
