//! Image resizing.
//!
//! For an output place `o`, extents `n` to `m` and `scale = n / m` (`(n - 1) / (m - 1)` with aligned corners), TensorFlow reads at
//! `o scale`, or at `(o + 0.5) scale - 0.5` with half-pixel centers; nearest neighbours are the floor of that (with aligned corners
//! the nearest, halves up; with half-pixel centers the floor of `(o + 0.5) scale`). ONNX has the same rules, but rounds the scale
//! differently: where nearest neighbours would differ between the two, the places are computed here and gathered. Bilinear weights
//! differ by the rounding of the place, up to `n 2^-24` of a pixel.

use gtt_ir::{Attr, Attrs, DType, Dim, Shape, Tensor, ValueId};

use super::layout::take;
use super::{Results, only};
use crate::attrs::Call;
use crate::builder::Builder;
use crate::value::{Elem, Form, Why, declared, decline};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    Asymmetric,
    AlignCorners,
    HalfPixel,
}

/// `ResizeBilinear` (its result is f32), `ResizeNearestNeighbor`; NHWC.
pub(crate) fn resize(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (x, size) = (call.input(0)?, call.input(1)?);
    let rule = match (call.flag("align_corners", false)?, call.flag("half_pixel_centers", false)?) {
        (false, false) => Rule::Asymmetric,
        (true, false) => Rule::AlignCorners,
        (false, true) => Rule::HalfPixel,
        (true, true) => return decline("both `align_corners` and `half_pixel_centers`"),
    };
    let nearest = call.op() == "ResizeNearestNeighbor";
    let (mut data, dims) = super::conv::data(builder, x, crate::attrs::DataFormat::ChannelsLast, 4)?;
    let dtype = if nearest { builder.held(x).dtype } else { DType::F32 };
    if !nearest && builder.held(x).dtype != DType::F32 {
        data = builder.cast(data, DType::F32);
    }
    let wanted = builder.held(size).elems.clone();
    let out: Vec<Dim> = match wanted.as_deref() {
        Some(elems) if elems.len() == 2 => elems.iter().map(Elem::to_dim).collect(),
        Some(_) => return decline("the size is not a pair"),
        None => vec![Dim::Unknown; 2],
    };
    let shape: Shape = [dims[0].clone(), out[0].clone(), out[1].clone(), dims[1].clone()].into_iter().collect();
    if dims[2..].iter().chain(&out).filter_map(Dim::known).any(|extent| !(1..1 << 16).contains(&extent)) {
        return decline("an extent is out of range");
    }
    let fixed = |dim: &Dim| i64::try_from(dim.known()?).ok();
    let extents: Option<Vec<(i64, i64)>> = (0..2).map(|at| fixed(&dims[2 + at]).zip(fixed(&out[at]))).collect();
    if let Some(pairs) = &extents {
        if pairs.iter().all(|(from, to)| from == to) {
            return only(builder.hold(Form::ChannelsFirst, data, dtype, Some(shape)));
        }
        if nearest && pairs.iter().any(|&(from, to)| Some(places(rule, from, to)) != places_by_onnx(rule, from, to)) {
            for (at, &(from, to)) in pairs.iter().enumerate() {
                data = take(builder, data, &places(rule, from, to), 2 + at);
            }
            return only(builder.hold(Form::ChannelsFirst, data, dtype, Some(shape)));
        }
    }
    let mode = match rule {
        Rule::Asymmetric => "asymmetric",
        Rule::AlignCorners => "align_corners",
        Rule::HalfPixel => "half_pixel",
    };
    let mut attrs = Attrs::new()
        .with("mode", Attr::Str(if nearest { "nearest" } else { "linear" }.into()))
        .with("coordinate_transformation_mode", Attr::Str(mode.into()));
    if nearest {
        let rounding = if rule == Rule::Asymmetric { "floor" } else { "round_prefer_ceil" };
        attrs.set("nearest_mode", Attr::Str(rounding.into()));
    }
    let inputs = match extents.as_ref().and_then(|pairs| exact_scales(pairs)) {
        Some(scales) => vec![Some(data), None, Some(builder.shared(Tensor::vector(&scales)))],
        None => vec![Some(data), None, None, Some(sizes(builder, call, data, &dims, &out)?)],
    };
    let value = builder.node("Resize", &inputs, attrs, &[declared(dtype, None)])[0];
    only(builder.hold(Form::ChannelsFirst, value, dtype, Some(shape)))
}

/// Scales of all four dimensions, if they give the extents wanted and are free of rounding.
fn exact_scales(pairs: &[(i64, i64)]) -> Option<[f32; 4]> {
    let scale = |&(from, to): &(i64, i64)| {
        let scale = to as f32 / from as f32;
        (f64::from(scale) * from as f64 == to as f64).then_some(scale)
    };
    Some([1.0, 1.0, scale(&pairs[0])?, scale(&pairs[1])?])
}

/// The extents wanted, channels-first.
fn sizes(builder: &mut Builder<'_>, call: &Call<'_>, data: ValueId, dims: &Shape, out: &[Dim]) -> Result<ValueId, Why> {
    let all: Option<Vec<i64>> = dims[..2].iter().chain(out).map(|dim| i64::try_from(dim.known()?).ok()).collect();
    if let Some(all) = all {
        return Ok(builder.i64s(&all));
    }
    let shape = |count: u64| declared(DType::I64, Some(&[Dim::Known(count)].into_iter().collect()));
    let own = builder.one("Shape", &[data], Attrs::new(), shape(4));
    let bounds = [builder.i64s(&[0]), builder.i64s(&[2])];
    let front = builder.one("Slice", &[own, bounds[0], bounds[1]], Attrs::new(), shape(2));
    let back = builder.wide(call.input(1)?)?;
    Ok(builder.one("Concat", &[front, back], Attrs::new().with("axis", Attr::Int(0)), shape(4)))
}

/// Where each output place reads, by TensorFlow's arithmetic in f32.
fn places(rule: Rule, from: i64, to: i64) -> Vec<i64> {
    let scale = match rule {
        Rule::AlignCorners if to > 1 => (from - 1) as f32 / (to - 1) as f32,
        _ => from as f32 / to as f32,
    };
    let place = |at: i64| {
        let at = at as f32;
        let place = match rule {
            Rule::Asymmetric => (at * scale).floor(),
            Rule::AlignCorners => (at * scale).round(),
            Rule::HalfPixel => ((at + 0.5) * scale).floor(),
        };
        (place as i64).clamp(0, from - 1)
    };
    (0..to).map(place).collect()
}

/// Where ONNX's formula reads, in exact arithmetic and as engines compute it in f32, if both agree.
fn places_by_onnx(rule: Rule, from: i64, to: i64) -> Option<Vec<i64>> {
    let exact = |at: i64| match rule {
        Rule::Asymmetric => at * from / to,
        Rule::AlignCorners if to == 1 => 0,
        Rule::AlignCorners => (2 * at * (from - 1) + (to - 1)) / (2 * (to - 1)),
        Rule::HalfPixel => (2 * at + 1) * from / (2 * to),
    };
    let scale = to as f32 / from as f32;
    let rounded = |at: i64| {
        let at = at as f32;
        let place = match rule {
            Rule::Asymmetric => (at / scale).floor(),
            Rule::AlignCorners if to == 1 => 0.0,
            Rule::AlignCorners => (at * (from - 1) as f32 / (to - 1) as f32).round(),
            Rule::HalfPixel => ((at + 0.5) / scale - 0.5).round(),
        };
        place as i64
    };
    let place = |at: i64| {
        let (exact, rounded) = (exact(at).clamp(0, from - 1), rounded(at).clamp(0, from - 1));
        (exact == rounded).then_some(exact)
    };
    (0..to).map(place).collect()
}

/// `ResizeBicubic`, `ResizeArea`: both are linear, so each dimension is a product with a matrix of constant weights, which are made by
/// TensorFlow's arithmetic (its table of 1024 cubic weights included).
pub(crate) fn resize_by_matrices(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let (corners, centers) = (call.flag("align_corners", false)?, call.flag("half_pixel_centers", false)?);
    if corners && centers {
        return decline("both `align_corners` and `half_pixel_centers`");
    }
    let size = call.const_ints(builder, 1, "the size")?;
    let (mut data, dims) = super::conv::data(builder, x, crate::attrs::DataFormat::ChannelsLast, 4)?;
    let fixed = |dim: &Dim| i64::try_from(dim.known()?).ok().filter(|extent| (1..1 << 13).contains(extent));
    let (Some(high), Some(wide)) = (fixed(&dims[2]), fixed(&dims[3])) else {
        return decline("the extents are unknown, or out of range");
    };
    let &[to_high, to_wide] = size.as_slice() else { return decline("the size is not a pair") };
    if ![to_high, to_wide].iter().all(|extent| (1..1 << 13).contains(extent)) {
        return decline("an extent is out of range");
    }
    data = builder.cast(data, DType::F32);
    let weights = |from: i64, to: i64| match call.op() {
        "ResizeArea" => area_weights(from, to, corners),
        _ => cubic_weights(from, to, corners, centers),
    };
    let across = transposed(&weights(wide, to_wide), to_wide as usize, wide as usize);
    let (Ok(down), Ok(across)) = (
        Tensor::from_vec(&[to_high as usize, high as usize], weights(high, to_high)),
        Tensor::from_vec(&[wide as usize, to_wide as usize], across),
    ) else {
        return decline("an extent is out of range");
    };
    let (down, across) = (builder.shared(down), builder.shared(across));
    let value = builder.typed("MatMul", &[data, across], Attrs::new(), DType::F32);
    let value = builder.typed("MatMul", &[down, value], Attrs::new(), DType::F32);
    let shape = [dims[0].clone(), Dim::Known(to_high as u64), Dim::Known(to_wide as u64), dims[1].clone()]
        .into_iter()
        .collect();
    only(builder.hold(Form::ChannelsFirst, value, DType::F32, Some(shape)))
}

fn transposed(matrix: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| (0..rows).map(move |row| matrix[row * columns + column])).collect()
}

fn scale_of(from: i64, to: i64, corners: bool) -> f32 {
    if corners && to > 1 { (from - 1) as f32 / (to - 1) as f32 } else { from as f32 / to as f32 }
}

/// Rows of weights, one for each place of the result. Keys' kernel, of parameter -3/4, or -1/2 and without what lies outside of the
/// image (the rest made whole again) with half-pixel centers; distances are rounded to 1/1024.
fn cubic_weights(from: i64, to: i64, corners: bool, centers: bool) -> Vec<f32> {
    const STEPS: i64 = 1024;
    let a = if centers { -0.5f32 } else { -0.75 };
    let near = |x: f32| ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    let far = |x: f32| ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a;
    let scale = scale_of(from, to, corners);
    let mut rows = vec![0f32; (from * to) as usize];
    for (row, at) in rows.chunks_exact_mut(from as usize).zip(0..to) {
        let place = if centers { (at as f32 + 0.5) * scale - 0.5 } else { at as f32 * scale };
        let whole = place.floor();
        let step = ((place - whole) * STEPS as f32).round_ties_even() as i64;
        let share = step as f32 / STEPS as f32;
        let rest = (STEPS - step) as f32 / STEPS as f32;
        let mut weights = [far(share + 1.0), near(share), near(rest), far(rest + 1.0)];
        let places: [i64; 4] = [-1, 0, 1, 2].map(|offset| whole as i64 + offset);
        if centers {
            for (weight, place) in weights.iter_mut().zip(places) {
                if !(0..from).contains(&place) {
                    *weight = 0.0;
                }
            }
            let sum: f32 = weights.iter().sum();
            if sum.abs() >= 1000.0 * f32::MIN_POSITIVE {
                weights = weights.map(|weight| weight * (1.0 / sum));
            }
        }
        for (weight, place) in weights.into_iter().zip(places) {
            row[place.clamp(0, from - 1) as usize] += weight;
        }
    }
    rows
}

/// Rows of weights: the share of each place of the image in `at scale` to `(at + 1) scale`.
fn area_weights(from: i64, to: i64, corners: bool) -> Vec<f32> {
    if from == 1 {
        return vec![1.0; to as usize];
    }
    let scale = scale_of(from, to, corners);
    let mut rows = vec![0f32; (from * to) as usize];
    for (row, at) in rows.chunks_exact_mut(from as usize).zip(0..to) {
        let (begin, end) = (at as f32 * scale, (at + 1) as f32 * scale);
        for place in begin.floor() as i64..end.ceil() as i64 {
            let (low, high) = (place as f32, (place + 1) as f32);
            let covered = if low < begin {
                if high > end { scale } else { high - begin }
            } else if high > end {
                end - low
            } else {
                1.0
            };
            row[place.clamp(0, from - 1) as usize] += covered / scale;
        }
    }
    rows
}
