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
