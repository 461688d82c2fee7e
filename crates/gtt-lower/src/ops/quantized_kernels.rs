//! Ops on quantised tensors, which `quantize_nodes` makes: integers, exactly as TensorFlow's kernels compute them.
//!
//! quint8, qint8 and qint32 are held as u8, i8 and i32. Sums of products are computed from the elements as they are, and what the
//! zero points add is taken off: those depend on ranges, which run-time values may give, and need not lie within the type.

use gtt_ir::{Attr, Attrs, DType, Dim, Shape, ValueId};

use super::conv::{self, Window};
use super::quantized_ranges::{Ends, Kind, one, round, scalar};
use super::{Results, fused, layout, matmul, pool, shape};
use crate::attrs::{Call, DataFormat};
use crate::builder::Builder;
use crate::value::{Form, Val, Why, broadcast, declared, decline};

const BYTES: DType = DType::QU8;

fn kind(call: &Call<'_>, name: &str) -> Result<Kind, Why> {
    Kind::of(call.dtype(name, None)?)
}

/// A result and its range.
fn ranged(builder: &mut Builder<'_>, val: Val, ends: Ends) -> Results {
    let [min, max] = ends.hold(builder);
    Ok(vec![Some(val), min, max])
}

/// `QuantizeV2` in mode `MIN_FIRST`: the range is widened to hold 0, and to `ensure_minimum_range` of its largest end.
pub(crate) fn quantize(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let kind = kind(call, "T")?;
    if call.text("mode", Some("MIN_COMBINED"))? != "MIN_FIRST" || call.int("axis", Some(-1))? != -1 {
        return decline("`mode` is not `MIN_FIRST`, or there is an `axis`");
    }
    if call.flag("narrow_range", false)? || kind.dtype == DType::I32 {
        return decline("a narrow range, or elements of 32 bits");
    }
    let share = call.float("ensure_minimum_range", 0.01)?;
    let given = Ends::of(builder, call, 1, 2)?;
    let float = DType::F32;
    let (zero, unit, share) =
        (builder.scalar(float, 0.0)?, builder.scalar(float, 1.0)?, builder.scalar(float, f64::from(share))?);
    let min = one(builder, "Min", &[given.min, zero], float);
    let sizes = [one(builder, "Abs", &[given.min], float), one(builder, "Abs", &[given.max], float)];
    let largest = one(builder, "Max", &[unit, sizes[0], sizes[1]], float);
    let least = one(builder, "Mul", &[largest, share], float);
    let end = one(builder, "Add", &[min, least], float);
    let max = one(builder, "Max", &[given.max, end, zero], float);
    let ends = Ends { min, max };
    let x = call.input(0)?;
    let (value, form) = builder.any_order(x);
    let value = ends.elements(builder, kind, value)?;
    let shape = builder.held(x).shape.clone();
    let val = builder.hold(form, value, kind.dtype, shape);
    ranged(builder, val, ends)
}

/// `Dequantize` in mode `MIN_FIRST`.
pub(crate) fn dequantize(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let kind = kind(call, "T")?;
    let ends = Ends::of(builder, call, 1, 2)?;
    let x = call.input(0)?;
    let (value, form) = builder.any_order(x);
    let value = ends.floats(builder, kind, value)?;
    let shape = builder.held(x).shape.clone();
    super::only(builder.hold(form, value, DType::F32, shape))
}

/// `QuantizedRelu`, `QuantizedRelu6`: within the elements of 0 and 6.
pub(crate) fn relu(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let kind = kind(call, "Tinput")?;
    let ends = Ends::of(builder, call, 1, 2)?;
    let x = call.input(0)?;
    let (mut value, form) = builder.any_order(x);
    let low = ends.element(builder, kind, 0.0)?;
    value = builder.same("Max", &[value, low], Attrs::new());
    if call.op() == "QuantizedRelu6" {
        let high = ends.element(builder, kind, 6.0)?;
        value = builder.same("Min", &[value, high], Attrs::new());
    }
    let shape = builder.held(x).shape.clone();
    let val = builder.hold(form, value, kind.dtype, shape);
    ranged(builder, val, ends)
}

/// `QuantizedReshape` (x, shape, ends).
pub(crate) fn reshape(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let ends = Ends::of(builder, call, 2, 3)?;
    let operands = vec![call.input(0)?, call.input(1)?];
    let val = fused::part(builder, call, "Reshape", Attrs::new(), operands, shape::reshape)?;
    ranged(builder, val, ends)
}

/// The attributes of a window that a plain op knows.
fn window_attrs(call: &Call<'_>, names: &[&'static str]) -> Attrs {
    names.iter().filter_map(|&name| Some((name.into(), call.node.attr(name)?.clone()))).collect()
}

/// `QuantizedMaxPool`, and `QuantizedAvgPool`, whose averages are whole numbers, rounded down.
pub(crate) fn pooled(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let ends = Ends::of(builder, call, 1, 2)?;
    let attrs = window_attrs(call, &["ksize", "strides", "padding"]);
    let x = call.input(0)?;
    if call.op() == "QuantizedMaxPool" {
        let val = fused::part(builder, call, "MaxPool", attrs, vec![x], pool::max)?;
        return ranged(builder, val, ends);
    }
    let count: i64 = call.ints("ksize")?.iter().product();
    let (value, form) = builder.any_order(x);
    let held = builder.held(x).clone();
    let value = builder.cast(value, DType::F32);
    let floats = builder.hold(form, value, DType::F32, held.shape);
    let average = fused::part(builder, call, "AvgPool", attrs, vec![floats], pool::average)?;
    let (value, form) = builder.any_order(average);
    // A whole average may be computed slightly too small; the next larger fraction is further away.
    let nudge = builder.scalar(DType::F32, 0.5 / count.max(1) as f64)?;
    let value = builder.same("Add", &[value, nudge], Attrs::new());
    let value = builder.same("Floor", &[value], Attrs::new());
    let value = builder.cast(value, held.dtype);
    let shape = builder.held(average).shape.clone();
    let val = builder.hold(form, value, held.dtype, shape);
    ranged(builder, val, ends)
}

/// `QuantizedConcat` (axis, parts, smallest ends, largest ends): parts of other ranges than the common one are quantised anew.
pub(crate) fn concat(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let kind = kind(call, "T")?;
    let count = (call.inputs.len().saturating_sub(1)) / 3;
    if kind.lowest < 0.0 || count == 0 {
        return decline("parts of a signed type, or none");
    }
    let float = DType::F32;
    let mut ends = Vec::with_capacity(count);
    for at in 0..count {
        ends.push(Ends::of(builder, call, 1 + count + at, 1 + 2 * count + at)?);
    }
    let mut all = ends[0];
    for part in &ends[1..] {
        all.min = one(builder, "Min", &[all.min, part.min], float);
        all.max = one(builder, "Max", &[all.max, part.max], float);
    }
    let mut operands = vec![call.input(0)?];
    for (at, &own) in ends.iter().enumerate() {
        let part = call.input(1 + at)?;
        let (value, form) = builder.any_order(part);
        let floats = own.floats(builder, kind, value)?;
        let anew = all.elements(builder, kind, floats)?;
        let (low, high) = (
            one(builder, "Equal", &[own.min, all.min], DType::Bool),
            one(builder, "Equal", &[own.max, all.max], DType::Bool),
        );
        let same = one(builder, "And", &[low, high], DType::Bool);
        let ty = builder.ty(value);
        let value = builder.one("Where", &[same, value, anew], Attrs::new(), ty);
        let shape = builder.held(part).shape.clone();
        operands.push(builder.hold(form, value, kind.dtype, shape));
    }
    let val = fused::part(builder, call, "Concat", Attrs::new(), operands, layout::concat_v1)?;
    ranged(builder, val, all)
}

/// `QuantizedBiasAdd`: both in a range of 2^17 times the largest end, of 32 bits.
pub(crate) fn bias_add(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (a_kind, b_kind, wide) = (kind(call, "T1")?, kind(call, "T2")?, Kind::of(DType::QI32)?);
    let (a, b) = (Ends::of(builder, call, 2, 3)?, Ends::of(builder, call, 4, 5)?);
    let float = DType::F32;
    let lows = [one(builder, "Neg", &[a.min], float), one(builder, "Neg", &[b.min], float)];
    let largest = one(builder, "Max", &[a.max, lows[0], b.max, lows[1]], float);
    let room = builder.scalar(float, f64::from(1u32 << 17))?;
    let max = one(builder, "Mul", &[largest, room], float);
    let ends = Ends { min: one(builder, "Neg", &[max], float), max };
    let (x, bias) = (call.input(0)?, call.input(1)?);
    let (value, shape) = (builder.natural(x), builder.held(x).shape.clone());
    let floats = a.floats(builder, a_kind, value)?;
    let value = ends.elements(builder, wide, floats)?;
    let bias = builder.natural(bias);
    let floats = b.floats(builder, b_kind, bias)?;
    let bias = ends.elements(builder, wide, floats)?;
    let zero = ends.element(builder, wide, 0.0)?;
    let bias = builder.same("Add", &[bias, zero], Attrs::new());
    let value = builder.same("Add", &[value, bias], Attrs::new());
    let val = builder.natural_result(value, DType::I32, shape);
    ranged(builder, val, ends)
}

/// An operand as i32, less its zero point.
fn centred(builder: &mut Builder<'_>, value: ValueId, ends: Ends, kind: Kind) -> Result<ValueId, Why> {
    let zero = zero_point(builder, ends, kind)?;
    let value = builder.cast(value, DType::I32);
    Ok(builder.same("Sub", &[value, zero], Attrs::new()))
}

fn zero_point(builder: &mut Builder<'_>, ends: Ends, kind: Kind) -> Result<ValueId, Why> {
    let zero = ends.integer(builder, kind, 0.0)?;
    Ok(builder.cast(zero, DType::I32))
}

/// `QuantizedMul`.
pub(crate) fn multiply(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (a_kind, b_kind) = (kind(call, "T1")?, kind(call, "T2")?);
    let (a, b) = (Ends::of(builder, call, 2, 3)?, Ends::of(builder, call, 4, 5)?);
    let (x, y) = (call.input(0)?, call.input(1)?);
    let shape = broadcast(builder.held(x).shape.as_ref(), builder.held(y).shape.as_ref());
    let (x, y) = (builder.natural(x), builder.natural(y));
    let (x, y) = (centred(builder, x, a, a_kind)?, centred(builder, y, b, b_kind)?);
    let value = builder.one("Mul", &[x, y], Attrs::new(), declared(DType::I32, shape.as_ref()));
    let ends = Ends::of_product(builder, (a, a_kind), (b, b_kind))?;
    let val = builder.natural_result(value, DType::I32, shape);
    ranged(builder, val, ends)
}

/// What the zero points add to sums of products: `sum(x w) - z_w sum(x) - z_x sum(w) + count z_x z_w`.
fn without_zeros(
    builder: &mut Builder<'_>,
    raw: ValueId,
    [of_x, of_w, count]: [ValueId; 3],
    [zero_x, zero_w]: [ValueId; 2],
) -> ValueId {
    let both = one(builder, "Mul", &[zero_x, zero_w], DType::I32);
    let parts = [(of_x, zero_w), (of_w, zero_x), (count, both)]
        .map(|(sum, zero)| builder.same("Mul", &[sum, zero], Attrs::new()));
    let value = builder.same("Sub", &[raw, parts[0]], Attrs::new());
    let value = builder.same("Sub", &[value, parts[1]], Attrs::new());
    builder.same("Add", &[value, parts[2]], Attrs::new())
}

/// `QuantizedMatMul`.
pub(crate) fn product(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (a_kind, b_kind) = (kind(call, "T1")?, kind(call, "T2")?);
    let (a, b) = (Ends::of(builder, call, 2, 3)?, Ends::of(builder, call, 4, 5)?);
    let mut sides = Vec::new();
    for (slot, flag) in [(0, "transpose_a"), (1, "transpose_b")] {
        let val = call.input(slot)?;
        if builder.held(val).rank() != Some(2) {
            return decline("an operand that is not known to be a matrix");
        }
        sides.push(matmul::operand(builder, val, call.flag(flag, false)?)?);
    }
    let [(x, x_shape), (w, w_shape)] = &sides[..] else { return decline("an operand is missing") };
    let (Some(x_shape), Some(w_shape)) = (x_shape, w_shape) else { return decline("an operand of unknown rank") };
    let result: Shape = [x_shape[0].clone(), w_shape[1].clone()].into_iter().collect();
    let raw = builder.one("MatMulInteger", &[*x, *w], Attrs::new(), declared(DType::I32, Some(&result)));
    let mut sum = |value: ValueId, at: i64| {
        let wide = builder.cast(value, DType::I32);
        let axis = builder.i64s(&[at]);
        builder.one("ReduceSum", &[wide, axis], Attrs::new().with("keepdims", Attr::Int(1)), declared(DType::I32, None))
    };
    let (of_x, of_w) = (sum(*x, 1), sum(*w, 0));
    let count = match (x_shape[1].known(), w_shape[0].known()) {
        (Some(count), _) | (_, Some(count)) => builder.scalar(DType::I32, count as f64)?,
        _ => return decline("products of an unknown number of elements"),
    };
    let zeros = [zero_point(builder, a, a_kind)?, zero_point(builder, b, b_kind)?];
    let value = without_zeros(builder, raw, [of_x, of_w, count], zeros);
    let ends = Ends::of_product(builder, (a, a_kind), (b, b_kind))?;
    let val = builder.natural_result(value, DType::I32, Some(result));
    ranged(builder, val, ends)
}

/// Floats hold whole numbers up to this without a loss.
const EXACT: i64 = 1 << 24;

/// `QuantizedConv2D`. The sums of products come from convolutions of floats that stay exact: of the upper and the lower half of each
/// element of the data, and where there are many products, of the filter, too. What is padded counts as 0.
pub(crate) fn convolution(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    if call.dtype("Tinput", None)? != BYTES || call.dtype("Tfilter", None)? != BYTES {
        return decline("elements of other types than quint8");
    }
    let (bytes, format) = (Kind::of(BYTES)?, DataFormat::ChannelsLast);
    let (a, b) = (Ends::of(builder, call, 2, 3)?, Ends::of(builder, call, 4, 5)?);
    let (x, filter) = (call.input(0)?, call.input(1)?);
    let Some(filter_dims) = builder.held(filter).shape.clone().filter(|shape| shape.len() == 4) else {
        return decline("the filter is not known to be of rank 4");
    };
    let known: Option<Vec<i64>> = filter_dims.iter().map(|dim| i64::try_from(dim.known()?).ok()).collect();
    let Some([high, wide, channels, filters]) = known.as_deref().and_then(|dims| <[i64; 4]>::try_from(dims).ok())
    else {
        return decline("the extents of the filter are unknown");
    };
    let taps = high * wide * channels;
    if taps * 255 >= EXACT {
        return decline("a filter of more elements than floats can add up exactly");
    }
    let window = Window::of(call, 4, filter_dims[..2].to_vec())?;
    let (data, dims) = conv::data(builder, x, format, 4)?;
    let (pads, spatial) = window.pads(&dims[2..])?;
    let attrs = pads.attrs(window.attrs()).with("kernel_shape", Attr::Ints(vec![high, wide]));
    let weights = builder.reordered(filter, &[3, 2, 0, 1], None, "onnx");
    let weights = builder.cast(weights, DType::F32);
    let data = builder.cast(data, DType::F32);
    let parts = halves(builder, data)?;
    let filters_apart = taps * 15 * 255 >= EXACT;
    let weight_parts = if filters_apart { halves(builder, weights)?.to_vec() } else { vec![(weights, 1)] };
    let (zero, unit) = (builder.scalar(DType::F32, 0.0)?, builder.scalar(DType::F32, 1.0)?);
    let nothing = builder.same("Mul", &[data, zero], Attrs::new());
    let ones = builder.same("Add", &[nothing, unit], Attrs::new());
    let single = vec![1f32; usize::try_from(taps).unwrap_or_default()];
    let extents = [1, channels, high, wide].map(|extent| usize::try_from(extent).unwrap_or_default());
    let Ok(single) = gtt_ir::Tensor::from_vec(&extents, single) else { return decline("the filter is too large") };
    let single = builder.shared(single);
    let shape = |count: Dim| {
        let mut shape: Shape = [dims[0].clone(), count].into_iter().collect();
        shape.extend(spatial.iter().cloned());
        shape
    };
    let (full, thin) = (shape(Dim::Known(filters.unsigned_abs())), shape(Dim::Known(1)));
    let mut sums = |data: ValueId, weights: ValueId, shape: &Shape| {
        let sums = builder.one("Conv", &[data, weights], attrs.clone(), declared(DType::F32, Some(shape)));
        builder.cast(sums, DType::I32)
    };
    let (of_x, of_w, count) = (sums(data, single, &thin), sums(ones, weights, &full), sums(ones, single, &thin));
    let pairs = parts.iter().flat_map(|&x| weight_parts.iter().map(move |&w| (x, w)));
    let products: Vec<(ValueId, i64)> = pairs.map(|((x, high), (w, wide))| (sums(x, w, &full), high * wide)).collect();
    let mut raw = None;
    for (sum, factor) in products {
        let factor = builder.scalar(DType::I32, factor as f64)?;
        let part = builder.same("Mul", &[sum, factor], Attrs::new());
        raw = Some(match raw {
            Some(raw) => builder.same("Add", &[raw, part], Attrs::new()),
            None => part,
        });
    }
    let Some(raw) = raw else { return decline("a filter without elements") };
    let zeros = [zero_point(builder, a, bytes)?, zero_point(builder, b, bytes)?];
    let value = without_zeros(builder, raw, [of_x, of_w, count], zeros);
    let ends = Ends::of_product(builder, (a, bytes), (b, bytes))?;
    let shape = crate::value::permuted(&full, &crate::value::from_channels_first(4));
    let val = builder.hold(Form::ChannelsFirst, value, DType::I32, Some(shape));
    ranged(builder, val, ends)
}

/// The upper and the lower four bits of each element, with what they count.
fn halves(builder: &mut Builder<'_>, value: ValueId) -> Result<[(ValueId, i64); 2], Why> {
    let sixteen = builder.scalar(DType::F32, 16.0)?;
    let upper = builder.same("Div", &[value, sixteen], Attrs::new());
    let upper = builder.same("Floor", &[upper], Attrs::new());
    let shifted = builder.same("Mul", &[upper, sixteen], Attrs::new());
    let lower = builder.same("Sub", &[value, shifted], Attrs::new());
    Ok([(upper, 16), (lower, 1)])
}

/// `RequantizationRange`: what the elements really reach, the smaller end at most 0.
pub(crate) fn range(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let ends = actual(builder, call)?;
    Ok(ends.hold(builder).into())
}

fn actual(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Ends, Why> {
    let kind = kind(call, "Tinput")?;
    let given = Ends::of(builder, call, 1, 2)?;
    let (value, _) = builder.any_order(call.input(0)?);
    let mut end = |op: &str| {
        let attrs = Attrs::new().with("keepdims", Attr::Int(0));
        let element = builder.one(op, &[value], attrs, declared(kind.dtype, Some(&Shape::new())));
        given.float(builder, kind, element)
    };
    let (min, max) = (end("ReduceMin")?, end("ReduceMax")?);
    let zero = builder.scalar(DType::F32, 0.0)?;
    Ok(Ends { min: one(builder, "Min", &[min, zero], DType::F32), max })
}

/// `Requantize`, and `QuantizeDownAndShrinkRange`, from 32 bits to 8: with 16 bits behind the point.
pub(crate) fn requantize(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    if call.dtype("Tinput", None)? != DType::QI32 || call.dtype("out_type", None)? != BYTES {
        return decline("other than qint32 to quint8");
    }
    let given = Ends::of(builder, call, 1, 2)?;
    let wanted = match call.op() {
        "Requantize" => Ends { min: scalar(builder, call.input(3)?)?, max: scalar(builder, call.input(4)?)? },
        _ => actual(builder, call)?,
    };
    let (float, wide, int) = (DType::F32, DType::F64, DType::I64);
    let factors = [65536.0 * 255.0, 65536.0, 255.0, 2.0].map(|factor| builder.scalar(wide, factor));
    let [all, point, steps, two] = factors;
    let (all, point, steps, two) = (all?, point?, steps?, two?);
    let (zero, none) = (builder.scalar(float, 0.0)?, builder.scalar(int, 0.0)?);
    let from = one(builder, "Sub", &[given.max, given.min], float);
    let to = one(builder, "Sub", &[wanted.max, wanted.min], float);
    let empty = one(builder, "Equal", &[to, zero], DType::Bool);
    let (from, to) = (builder.cast(from, wide), builder.cast(to, wide));
    // 255 / range and the middle of the range given; then numbers with 16 bits behind the point, of which the smaller end is rounded.
    let inverse = one(builder, "Div", &[steps, to], wide);
    let inverse = builder.cast(inverse, float);
    let inverse = one(builder, "Where", &[empty, zero, inverse], float);
    let middle = one(builder, "Add", &[given.min, given.max], float);
    let middle = builder.cast(middle, wide);
    let middle = one(builder, "Div", &[middle, two], wide);
    let middle = builder.cast(middle, float);
    let scale = one(builder, "Mul", &[all, from], wide);
    let scale = one(builder, "Div", &[scale, to], wide);
    let narrow_point = builder.scalar(float, 65536.0)?;
    let into = one(builder, "Mul", &[middle, inverse], float);
    let into = one(builder, "Mul", &[into, narrow_point], float);
    let low = builder.cast(wanted.min, wide);
    let low = one(builder, "Mul", &[low, steps], wide);
    let low = one(builder, "Mul", &[point, low], wide);
    let low = one(builder, "Div", &[low, to], wide);
    let low = round(builder, low, wide)?;
    let mut fixed = |value: ValueId| {
        let value = builder.cast(value, int);
        one(builder, "Where", &[empty, none, value], int)
    };
    let (scale, low) = (fixed(scale), fixed(low));
    let into = builder.cast(into, int);
    let half = builder.scalar(int, 32768.0)?;
    let offset = one(builder, "Sub", &[into, low], int);
    let offset = one(builder, "Add", &[offset, half], int);
    let x = call.input(0)?;
    let (value, form) = builder.any_order(x);
    let value = builder.cast(value, int);
    let value = builder.same("Mul", &[value, scale], Attrs::new());
    let value = shifted(builder, value, 32)?;
    let value = builder.same("Add", &[value, offset], Attrs::new());
    let value = shifted(builder, value, 16)?;
    let (least, most) = (builder.scalar(int, 0.0)?, builder.scalar(int, 255.0)?);
    let value = builder.same("Max", &[value, least], Attrs::new());
    let value = builder.same("Min", &[value, most], Attrs::new());
    let value = builder.cast(value, DType::U8);
    let shape = builder.held(x).shape.clone();
    let val = builder.hold(form, value, DType::U8, shape);
    ranged(builder, val, wanted)
}

/// Shifted to the right, rounding down.
fn shifted(builder: &mut Builder<'_>, value: ValueId, bits: u32) -> Result<ValueId, Why> {
    let unit = builder.scalar(DType::I64, (1u64 << bits) as f64)?;
    let rest = builder.same("Mod", &[value, unit], Attrs::new());
    let whole = builder.same("Sub", &[value, rest], Attrs::new());
    Ok(builder.same("Div", &[whole, unit], Attrs::new()))
}
