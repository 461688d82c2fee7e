//! Pooling. Padding is that of convolutions (see there); averages leave padding out, as TensorFlow's do.

use gtt_ir::{Attr, Dim, Shape};

use super::conv::{Window, data, result};
use super::{Results, only};
use crate::attrs::{Call, Padding, spatial};
use crate::builder::Builder;
use crate::value::{Why, decline};

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
