//! Convolutions.
//!
//! ONNX convolves channels-first, with filters `[out, in / group, spatial...]`. `SAME` padding is TensorFlow's: for an extent `n`,
//! stride `s` and dilated filter extent `k`, `out = ceil(n / s)`, `total = max((out - 1) s + k - n, 0)`, the smaller half before.
//! It is computed here where `n` is known or `s = 1` (then it does not depend on `n`); else ONNX's `SAME_UPPER`, which is the same
//! formula, takes its place at run time.

use gtt_ir::{Attr, Attrs, Dim, Shape, ValueId};

use super::{Results, only};
use crate::attrs::{Call, DataFormat, Padding, spatial};
use crate::builder::Builder;
use crate::value::{Form, Val, Why, decline, permuted, to_channels_first};

/// How an ONNX node pads.
pub(crate) enum Pads {
    /// Before each spatial dimension, then after each.
    Explicit(Vec<i64>),
    SameUpper,
}

impl Pads {
    /// As attributes; none where nothing is padded.
    pub(crate) fn attrs(self, attrs: Attrs) -> Attrs {
        match self {
            Pads::Explicit(pads) if pads.iter().all(|&pad| pad == 0) => attrs,
            Pads::Explicit(pads) => attrs.with("pads", Attr::Ints(pads)),
            Pads::SameUpper => attrs.with("auto_pad", Attr::Str("SAME_UPPER".into())),
        }
    }
}

/// Extents from here on count as unknown, so that arithmetic on them cannot overflow.
const LARGEST: i64 = 1 << 31;

/// A sliding window over the spatial dimensions.
pub(crate) struct Window {
    /// Extents of the filter or window.
    pub(crate) kernel: Vec<Dim>,
    pub(crate) strides: Vec<i64>,
    pub(crate) dilations: Vec<i64>,
    pub(crate) padding: Padding,
    pub(crate) format: DataFormat,
}

impl Window {
    /// Strides, dilations and padding of a node whose data has this rank.
    pub(crate) fn of(call: &Call<'_>, rank: usize, kernel: Vec<Dim>) -> Result<Self, Why> {
        let format = call.data_format()?;
        Ok(Self {
            kernel,
            strides: spatial(call.ints("strides")?, rank, format, "strides")?,
            dilations: spatial(call.ints("dilations")?, rank, format, "dilations")?,
            padding: call.padding()?,
            format,
        })
    }

    /// Extent of the filter with its gaps, if known.
    fn reach(&self, at: usize) -> Option<i64> {
        let kernel = i64::try_from(self.kernel[at].known()?).ok()?;
        (kernel - 1).checked_mul(self.dilations[at])?.checked_add(1).filter(|&reach| (0..LARGEST).contains(&reach))
    }

    /// Padding over spatial extents, and the extents of the result.
    pub(crate) fn pads(&self, extents: &[Dim]) -> Result<(Pads, Vec<Dim>), Why> {
        let count = extents.len();
        let (mut before, mut after) = (vec![0i64; count], vec![0i64; count]);
        let mut results = vec![Dim::Unknown; count];
        let explicit = match &self.padding {
            Padding::Explicit(pads) => Some(explicit(pads, count + 2, self.format)?),
            _ => None,
        };
        let mut at_run_time = false;
        for at in 0..count {
            let (stride, reach) = (self.strides[at], self.reach(at));
            let extent =
                extents[at].known().and_then(|extent| i64::try_from(extent).ok()).filter(|&extent| extent < LARGEST);
            if let Some(pads) = &explicit {
                (before[at], after[at]) = pads[at];
            }
            if self.padding == Padding::Same {
                let total = match (extent, reach) {
                    (Some(extent), Some(reach)) => {
                        let out = (extent + stride - 1) / stride;
                        Some(((out - 1) * stride + reach - extent).max(0))
                    }
                    (None, Some(reach)) if stride == 1 || reach == 1 => Some(reach - 1),
                    _ => None,
                };
                match total {
                    Some(total) => (before[at], after[at]) = (total / 2, total - total / 2),
                    None => at_run_time = true,
                }
                results[at] = match extent {
                    Some(extent) => Dim::Known(((extent + stride - 1) / stride) as u64),
                    None if stride == 1 => extents[at].clone(),
                    None => Dim::Unknown,
                };
            } else if let (Some(extent), Some(reach)) = (extent, reach) {
                let room = extent + before[at] + after[at] - reach;
                if room < 0 {
                    return decline("the window does not fit into the data");
                }
                results[at] = Dim::Known((room / stride + 1) as u64);
            }
        }
        if !at_run_time {
            before.extend(after);
            return Ok((Pads::Explicit(before), results));
        }
        if self.dilations.iter().any(|&dilation| dilation != 1) {
            return decline("`SAME` padding of unknown extents with strides and dilations");
        }
        // TensorFlow clips a negative total to 0; at run time ONNX does not.
        if (0..count).any(|at| self.reach(at).is_none_or(|reach| reach < self.strides[at])) {
            return decline("`SAME` padding of unknown extents with strides beyond the window");
        }
        Ok((Pads::SameUpper, results))
    }

    /// Attributes of strides and dilations.
    pub(crate) fn attrs(&self) -> Attrs {
        let mut attrs = Attrs::new().with("strides", Attr::Ints(self.strides.clone()));
        if self.dilations.iter().any(|&dilation| dilation != 1) {
            attrs.set("dilations", Attr::Ints(self.dilations.clone()));
        }
        attrs
    }
}

/// The spatial pairs of `explicit_paddings`.
fn explicit(pads: &[(i64, i64)], rank: usize, format: DataFormat) -> Result<Vec<(i64, i64)>, Why> {
    if pads.len() != rank {
        return decline("`explicit_paddings` do not fit the rank");
    }
    let (others, spatial) = match format {
        DataFormat::ChannelsLast => ([pads[0], pads[rank - 1]], &pads[1..rank - 1]),
        DataFormat::ChannelsFirst => ([pads[0], pads[1]], &pads[2..]),
    };
    if others != [(0, 0), (0, 0)] {
        return decline("padding of batch or channels");
    }
    Ok(spatial.to_vec())
}

/// The data operand channels-first, with its dimensions in that order.
pub(crate) fn data(
    builder: &mut Builder<'_>,
    x: Val,
    format: DataFormat,
    rank: usize,
) -> Result<(ValueId, Shape), Why> {
    let shape = match builder.held(x).shape.clone() {
        Some(shape) if shape.len() == rank => shape,
        Some(shape) => return decline(format!("an operand of rank {}, expected {rank}", shape.len())),
        None => {
            builder.assume_shape(x, (0..rank).map(|_| Dim::Unknown).collect());
            (0..rank).map(|_| Dim::Unknown).collect()
        }
    };
    match format {
        DataFormat::ChannelsFirst => Ok((builder.natural(x), shape)),
        DataFormat::ChannelsLast => Ok((builder.channels_first(x)?, permuted(&shape, &to_channels_first(rank)))),
    }
}

/// A channels-first result as a value of the node's data format.
pub(crate) fn result(builder: &mut Builder<'_>, value: ValueId, dims: Shape, format: DataFormat, like: Val) -> Val {
    let dtype = builder.held(like).dtype;
    match format {
        DataFormat::ChannelsFirst => builder.hold(Form::Natural, value, dtype, Some(dims)),
        DataFormat::ChannelsLast => {
            let shape = permuted(&dims, &crate::value::from_channels_first(dims.len()));
            builder.hold(Form::ChannelsFirst, value, dtype, Some(shape))
        }
    }
}

fn filter_shape(builder: &Builder<'_>, filter: Val, rank: usize) -> Result<Shape, Why> {
    match &builder.held(filter).shape {
        Some(shape) if shape.len() == rank => Ok(shape.clone()),
        _ => decline(format!("the filter is not known to be of rank {rank}")),
    }
}

/// `Conv2D`, `Conv3D`: filter `[spatial..., in / group, out]`; the number of groups follows from the channels of the data.
pub(crate) fn conv(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let rank = if call.op() == "Conv3D" { 5 } else { 4 };
    let (x, filter) = (call.input(0)?, call.input(1)?);
    let filter_dims = filter_shape(builder, filter, rank)?;
    let window = Window::of(call, rank, filter_dims[..rank - 2].to_vec())?;
    let (data, dims) = data(builder, x, window.format, rank)?;
    let group = match (dims[1].known(), filter_dims[rank - 2].known()) {
        (Some(channels), Some(each)) if each > 0 && channels % each == 0 => channels / each,
        (Some(channels), Some(each)) => return decline(format!("{channels} channels, filters for {each}")),
        _ if dims[1].same(&filter_dims[rank - 2]) => 1,
        _ => return decline("the number of channels is unknown"),
    };
    let (pads, spatial) = window.pads(&dims[2..])?;
    let mut order = vec![rank - 1, rank - 2];
    order.extend(0..rank - 2);
    let weights = builder.reordered(filter, &order, None, "onnx");
    let mut attrs = pads.attrs(window.attrs());
    attrs.set("group", Attr::Int(group as i64));
    kernel_shape(&mut attrs, &window);
    let mut out: Shape = [dims[0].clone(), filter_dims[rank - 1].clone()].into_iter().collect();
    out.extend(spatial);
    let value = builder.same("Conv", &[data, weights], attrs);
    only(result(builder, value, out, window.format, x))
}

fn kernel_shape(attrs: &mut Attrs, window: &Window) {
    let kernel: Option<Vec<i64>> = window.kernel.iter().map(|dim| i64::try_from(dim.known()?).ok()).collect();
    if let Some(kernel) = kernel {
        attrs.set("kernel_shape", Attr::Ints(kernel));
    }
}

/// Filter `[h, w, in, multiplier]`; result channel `c multiplier + m` is of channel `c`: a convolution in `in` groups.
pub(crate) fn depthwise(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let rank = 4;
    let (x, filter) = (call.input(0)?, call.input(1)?);
    let filter_dims = filter_shape(builder, filter, rank)?;
    let window = Window::of(call, rank, filter_dims[..2].to_vec())?;
    let (data, dims) = data(builder, x, window.format, rank)?;
    let known: Option<Vec<i64>> = filter_dims.iter().map(|dim| i64::try_from(dim.known()?).ok()).collect();
    let Some(extents) = known.filter(|extents| extents.iter().all(|&extent| extent > 0)) else {
        return decline("the extents of the filter are unknown");
    };
    let [height, width, channels, multiplier] = extents[..] else { return decline("the filter is not of rank 4") };
    if dims[1].known().is_some_and(|found| found != channels as u64) {
        return decline("the filter is for another number of channels");
    }
    let (pads, spatial) = window.pads(&dims[2..])?;
    let Some(filters) = channels.checked_mul(multiplier) else { return decline("the filter is too large") };
    let shape = [filters, 1, height, width];
    let weights = builder.reordered(filter, &[2, 3, 0, 1], Some(&shape), "onnx");
    let mut attrs = pads.attrs(window.attrs());
    attrs.set("group", Attr::Int(channels));
    kernel_shape(&mut attrs, &window);
    let mut out: Shape = [dims[0].clone(), Dim::Known(filters as u64)].into_iter().collect();
    out.extend(spatial);
    let value = builder.same("Conv", &[data, weights], attrs);
    only(result(builder, value, out, window.format, x))
}

/// `Conv2DBackpropInput`, `Conv3DBackpropInputV2`: operands are the extents of the result, the filter `[spatial..., out, in]` and the data. With the forward
/// padding `total = (n_in - 1) s + k - n_out`, a positive total is cut off (the smaller half before), a negative one is
/// `output_padding`.
pub(crate) fn transposed(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let rank = if call.op() == "Conv2DBackpropInput" { 4 } else { 5 };
    let count = rank - 2;
    let (filter, x) = (call.input(1)?, call.input(2)?);
    let filter_dims = filter_shape(builder, filter, rank)?;
    let window = Window::of(call, rank, filter_dims[..count].to_vec())?;
    let (data, dims) = data(builder, x, window.format, rank)?;
    match (dims[1].known(), filter_dims[rank - 1].known()) {
        (Some(channels), Some(expected)) if channels == expected => {}
        _ if dims[1].same(&filter_dims[rank - 1]) => {}
        _ => return decline("the channels of the data are not known to fit the filter"),
    }
    let sizes = call.elems(builder, 0);
    let spatial_at = if window.format == DataFormat::ChannelsLast { 1 } else { 2 };
    // All extents, or the spatial ones alone.
    let wanted: Option<Vec<i64>> = sizes.as_ref().and_then(|sizes| {
        let from = if sizes.len() == count { 0 } else { spatial_at };
        sizes.get(from..from + count)?.iter().map(|elem| elem.known()).collect()
    });
    let Some(wanted) = wanted else { return decline("the extents of the result are unknown") };
    let explicit = match &window.padding {
        Padding::Explicit(pads) => Some(explicit(pads, rank, window.format)?),
        _ => None,
    };
    let (mut before, mut after, mut extra) = (vec![0i64; count], vec![0i64; count], vec![0i64; count]);
    for at in 0..count {
        let (Some(extent), Some(reach)) = (dims[2 + at].known(), window.reach(at)) else {
            return decline("the extents of data or filter are unknown");
        };
        if extent >= LARGEST as u64 || !(0..LARGEST).contains(&wanted[at]) {
            return decline("the extents of data or result are out of range");
        }
        let full = (extent as i64 - 1) * window.strides[at] + reach;
        let total = full - wanted[at];
        match &explicit {
            Some(pads) => {
                (before[at], after[at]) = pads[at];
                extra[at] = pads[at].0 + pads[at].1 - total;
            }
            None if window.padding == Padding::Same && total > 0 => {
                (before[at], after[at]) = (total / 2, total - total / 2);
            }
            None => extra[at] = -total,
        }
        if extra[at] < 0 || extra[at] >= window.strides[at].max(window.dilations[at]) && extra[at] != 0 {
            return decline("the extents of the result do not fit the padding");
        }
    }
    before.extend(after);
    let mut attrs = Pads::Explicit(before).attrs(window.attrs());
    if extra.iter().any(|&extra| extra != 0) {
        attrs.set("output_padding", Attr::Ints(extra));
    }
    kernel_shape(&mut attrs, &window);
    let mut order = vec![rank - 1, count];
    order.extend(0..count);
    let weights = builder.reordered(filter, &order, None, "onnx");
    let mut out: Shape = [dims[0].clone(), filter_dims[count].clone()].into_iter().collect();
    out.extend(wanted.iter().map(|&extent| u64::try_from(extent).map_or(Dim::Unknown, Dim::Known)));
    let value = builder.same("ConvTranspose", &[data, weights], attrs);
    only(result(builder, value, out, window.format, x))
}
