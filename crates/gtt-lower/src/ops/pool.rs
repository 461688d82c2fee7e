//! Pooling. Padding is that of convolutions (see there); averages leave padding out, as TensorFlow's do.

use gtt_ir::{Attr, Attrs, Dim, Shape, Type, ValueId};

use super::conv::{Pads, Window, data, result};
use super::{Results, only};
use crate::attrs::{Call, Padding, spatial};
use crate::builder::Builder;
use crate::value::{Why, declared, decline};

/// `MaxPool`, `MaxPoolV2` (window and strides as operands), `MaxPool3D`, `MaxPoolWithArgmax` without the places.
pub(crate) fn max(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    if call.needed.iter().skip(1).any(|&needed| needed) {
        return decline("the places of the largest elements are used");
    }
    pool(builder, call, "MaxPool")
}

/// `AvgPool`, `AvgPool3D`.
pub(crate) fn average(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    pool(builder, call, "AveragePool")
}

fn pool(builder: &mut Builder<'_>, call: &Call<'_>, op: &str) -> Results {
    let x = call.input(0)?;
    let rank = if call.op().ends_with("3D") { 5 } else { 4 };
    let window = window(builder, call, rank)?;
    if matches!(window.padding, Padding::Explicit(_)) && op != "MaxPool" {
        return decline("padding EXPLICIT");
    }
    if !builder.held(x).dtype.is_float() && op != "MaxPool" {
        return decline("an average of integers");
    }
    let (data, dims) = data(builder, x, window.format, rank)?;
    let (pads, spatial) = window.pads(&dims[2..])?;
    let kernel: Vec<i64> = window.kernel.iter().filter_map(|dim| Some(dim.known()? as i64)).collect();
    let attrs = pads.attrs(window.attrs()).with("kernel_shape", Attr::Ints(kernel));
    let mut out: Shape = dims[..2].iter().cloned().collect();
    out.extend(spatial);
    let value = builder.same(op, &[data], attrs);
    only(result(builder, value, out, window.format, x))
}

/// Taps of a `Dilation2D` that are spelled out.
const MOST_TAPS: i64 = 256;

/// `Dilation2D` (x, filter `[h, w, channels]`): `y = max(x[s y + r dy, s x + r dx] + filter[dy, dx])`, a maximum of shifted sums.
pub(crate) fn dilation(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (x, filter) = (call.input(0)?, call.input(1)?);
    let (held, filter_held) = (builder.held(x).clone(), builder.held(filter).clone());
    let dtype = held.dtype;
    if !dtype.is_float() {
        return decline(format!("element type {dtype}"));
    }
    let Some(filter_dims) = filter_held.shape.filter(|shape| shape.len() == 3) else {
        return decline("the filter is not known to be of rank 3");
    };
    let format = crate::attrs::DataFormat::ChannelsLast;
    let window = Window {
        kernel: filter_dims[..2].to_vec(),
        strides: spatial(call.ints("strides")?, 4, format, "strides")?,
        dilations: spatial(call.ints("rates")?, 4, format, "rates")?,
        padding: call.padding()?,
        format,
    };
    let Some(shape) = held.shape.filter(|shape| shape.len() == 4) else { return decline("data of unknown rank") };
    let (Pads::Explicit(pads), results) = window.pads(&shape[1..3])? else {
        return decline("data of unknown extents");
    };
    let known = |dims: &[Dim]| dims.iter().map(|dim| i64::try_from(dim.known()?).ok()).collect::<Option<Vec<i64>>>();
    let (Some(kernel), Some(out)) = (known(&window.kernel), known(&results)) else {
        return decline("data or filter of unknown extents");
    };
    if kernel[0] * kernel[1] > MOST_TAPS || kernel.contains(&0) {
        return decline("the filter is empty or too large");
    }
    let mut data = builder.natural(x);
    if pads.iter().any(|&pad| pad != 0) {
        let amounts = builder.i64s(&[0, pads[0], pads[1], 0, 0, pads[2], pads[3], 0]);
        let lowest = builder.scalar(dtype, f64::NEG_INFINITY)?;
        data = builder.one("Pad", &[data, amounts, lowest], Attrs::new(), declared(dtype, None));
    }
    let weights = builder.natural(filter);
    let result: Shape =
        [shape[0].clone(), results[0].clone(), results[1].clone(), shape[3].clone()].into_iter().collect();
    let row: Shape = [Dim::Known(1), Dim::Known(1), filter_dims[2].clone()].into_iter().collect();
    let mut sums = Vec::new();
    for dy in 0..kernel[0] {
        for dx in 0..kernel[1] {
            let starts = [dy * window.dilations[0], dx * window.dilations[1]];
            let ends = [0, 1].map(|at| starts[at] + (out[at] - 1) * window.strides[at] + 1);
            let operands = [starts, ends, [1, 2], [window.strides[0], window.strides[1]]];
            let part = slice(builder, data, &operands, declared(dtype, Some(&result)));
            let tap =
                slice(builder, weights, &[[dy, dx], [dy + 1, dx + 1], [0, 1], [1, 1]], declared(dtype, Some(&row)));
            sums.push(builder.same("Add", &[part, tap], Attrs::new()));
        }
    }
    let value = if sums.len() == 1 { sums[0] } else { builder.same("Max", &sums, Attrs::new()) };
    only(builder.natural_result(value, dtype, Some(result)))
}

/// Two dimensions of it: starts, ends, axes, steps.
fn slice(builder: &mut Builder<'_>, value: ValueId, operands: &[[i64; 2]; 4], ty: Type) -> ValueId {
    let mut inputs = vec![value];
    inputs.extend(operands.map(|operand| builder.i64s(&operand)));
    builder.one("Slice", &inputs, Attrs::new(), ty)
}

fn window(builder: &Builder<'_>, call: &Call<'_>, rank: usize) -> Result<Window, Why> {
    let format = call.data_format()?;
    let (kernel, strides) = if call.op() == "MaxPoolV2" {
        (call.const_ints(builder, 1, "the window")?, call.const_ints(builder, 2, "the stride")?)
    } else {
        (call.ints("ksize")?.to_vec(), call.ints("strides")?.to_vec())
    };
    let kernel = spatial(&kernel, rank, format, "window extents")?;
    Ok(Window {
        dilations: vec![1; kernel.len()],
        kernel: kernel.into_iter().map(|extent| Dim::Known(extent as u64)).collect(),
        strides: spatial(&strides, rank, format, "strides")?,
        padding: call.padding()?,
        format,
    })
}
