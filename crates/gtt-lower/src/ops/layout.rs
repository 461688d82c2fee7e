//! Joining, splitting and padding along dimensions.

use gtt_ir::{Attr, Attrs, DType, Dim, Shape, ValueId};

use super::elementwise::wide_is_free;
use super::{Results, only};
use crate::attrs::Call;
use crate::builder::Builder;
use crate::value::{Elem, Form, Val, axis, axis_in, declared, decline, to_channels_first};

/// `ConcatV2`: the axis is the last operand.
pub(crate) fn concat(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let Some((_, parts)) = call.inputs.split_last() else { return decline("no operands") };
    let axes = call.const_ints(builder, parts.len(), "the axis")?;
    join(builder, parts, &axes)
}

/// `Concat`: the axis is the first operand.
pub(crate) fn concat_v1(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let Some((_, parts)) = call.inputs.split_first() else { return decline("no operands") };
    let axes = call.const_ints(builder, 0, "the axis")?;
    join(builder, parts, &axes)
}

fn join(builder: &mut Builder<'_>, parts: &[Val], axes: &[i64]) -> Results {
    let &[at] = axes else { return decline("more than one axis") };
    let Some(&first) = parts.first() else { return decline("no operands") };
    if parts.len() == 1 {
        return only(first);
    }
    let dtype = builder.held(first).dtype;
    let ranked = parts.iter().find_map(|&part| builder.held(part).rank());
    let Some(rank) = ranked else {
        if at < 0 {
            return decline("data of unknown rank");
        }
        let inputs: Vec<ValueId> = parts.iter().map(|&part| builder.natural(part)).collect();
        let attrs = Attrs::new().with("axis", Attr::Int(at));
        let value = builder.one("Concat", &inputs, attrs, declared(dtype, None));
        return only(builder.natural_result(value, dtype, None));
    };
    let at = axis(at, rank)?;
    let shape = joined(builder, parts, at, rank);
    let form = if rank >= 3 && parts.iter().any(|&part| builder.held(part).is_channels_first()) {
        let known = |part: &Val| builder.held(*part).rank() == Some(rank);
        if parts.iter().all(known) { Form::ChannelsFirst } else { Form::Natural }
    } else if dtype == DType::I32 && wide_is_free(builder, parts) {
        Form::Wide
    } else {
        Form::Natural
    };
    let mut inputs = Vec::with_capacity(parts.len());
    for &part in parts {
        inputs.push(builder.form(part, form)?);
    }
    let attrs = Attrs::new().with("axis", Attr::Int(axis_in(form, at, rank) as i64));
    let value = builder.one("Concat", &inputs, attrs, declared(dtype, None));
    only(builder.hold(form, value, dtype, Some(shape)))
}

fn joined(builder: &Builder<'_>, parts: &[Val], at: usize, rank: usize) -> Shape {
    let mut shape: Shape = (0..rank).map(|_| Dim::Unknown).collect();
    let mut sum = Some(0u64);
    for &part in parts {
        let own = builder.held(part).shape.as_ref().filter(|own| own.len() == rank);
        let extent = own.and_then(|own| own[at].known());
        sum = sum.zip(extent).and_then(|(sum, extent)| sum.checked_add(extent));
        for (dim, own) in shape.make_mut().iter_mut().zip(own.into_iter().flatten()) {
            if dim.known().is_none()
                && *own != Dim::Unknown
                && !(matches!(dim, Dim::Symbol(_)) && own.known().is_none())
            {
                *dim = own.clone();
            }
        }
    }
    shape.make_mut()[at] = sum.map_or(Dim::Unknown, Dim::Known);
    shape
}

/// `Pack`: a new dimension to join along.
pub(crate) fn pack(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let first = call.input(0)?;
    let held = builder.held(first).clone();
    let Some(own) = held.shape.clone() else { return decline("data of unknown rank") };
    let at = axis(call.int("axis", Some(0))?, own.len() + 1)?;
    let mut shape = own;
    for &part in &call.inputs {
        let Some(other) = &builder.held(part).shape else { continue };
        if other.len() != shape.len() {
            return decline("operands of different rank");
        }
        for (dim, other) in shape.make_mut().iter_mut().zip(other) {
            if *dim == Dim::Unknown || dim.known().is_none() && other.known().is_some() {
                *dim = other.clone();
            }
        }
    }
    shape.insert(at, Dim::Known(call.inputs.len() as u64));
    let form = if held.dtype == DType::I32 && wide_is_free(builder, &call.inputs) { Form::Wide } else { Form::Natural };
    let mut parts = Vec::with_capacity(call.inputs.len());
    for &part in &call.inputs {
        let value = builder.form(part, form)?;
        parts.push(builder.unsqueeze(value, &[at]));
    }
    if let [only_part] = parts.as_slice() {
        return only(builder.hold(form, *only_part, held.dtype, Some(shape)));
    }
    let attrs = Attrs::new().with("axis", Attr::Int(at as i64));
    let value = builder.one("Concat", &parts, attrs, declared(held.dtype, None));
    only(builder.hold(form, value, held.dtype, Some(shape)))
}

/// `Unpack`: slices along a dimension, which goes.
pub(crate) fn unpack(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let held = builder.held(x).clone();
    let Some(shape) = held.shape.clone() else { return decline("data of unknown rank") };
    let at = axis(call.int("axis", Some(0))?, shape.len())?;
    let Ok(count) = usize::try_from(call.int("num", None)?) else {
        return decline("`num` is negative");
    };
    if count == 0 || count > 1 << 16 {
        return decline("`num` is out of range");
    }
    if shape[at].known().is_some_and(|extent| extent != count as u64) {
        return decline("`num` is not the extent of the dimension");
    }
    let mut each = shape;
    each.remove(at);
    let form = if held.wide.is_some() && held.natural.is_none() { Form::Wide } else { Form::Natural };
    let value = builder.form(x, form)?;
    let parts = cut(builder, value, at, &vec![1; count]);
    let mut results = Vec::with_capacity(count);
    for (slot, part) in parts.into_iter().enumerate() {
        if call.needed.get(slot) != Some(&true) {
            results.push(None);
            continue;
        }
        let part = builder.squeeze(part, &[at]);
        let val = builder.hold(form, part, held.dtype, Some(each.clone()));
        if let Some(elem) = held.elems.as_ref().and_then(|elems| elems.get(slot)) {
            builder.set_elems(val, std::iter::once(elem.clone()).collect());
        }
        results.push(Some(val));
    }
    Ok(results)
}

/// `Split` of one ONNX value into parts of the given extents.
fn cut(builder: &mut Builder<'_>, value: ValueId, at: usize, extents: &[i64]) -> Vec<ValueId> {
    if extents.len() == 1 {
        return vec![value];
    }
    let ty = builder.ty(value);
    let types: Vec<_> = extents
        .iter()
        .map(|&extent| {
            let shape = ty.shape().map(|shape| {
                let mut shape = shape.clone();
                shape.make_mut()[at] = Elem::Known(extent).to_dim();
                shape
            });
            gtt_ir::Type::Tensor { dtype: ty.dtype(), shape }
        })
        .collect();
    let sizes = builder.i64s(extents);
    builder.node("Split", &[Some(value), Some(sizes)], Attrs::new().with("axis", Attr::Int(at as i64)), &types)
}

/// `Split`: equal parts; the axis is the first operand.
pub(crate) fn split(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let &[at] = call.const_ints(builder, 0, "the axis")?.as_slice() else { return decline("more than one axis") };
    let x = call.input(1)?;
    let Some(shape) = builder.held(x).shape.clone() else { return decline("data of unknown rank") };
    let at = axis(at, shape.len())?;
    let count = call.int("num_split", None)?;
    let Some(extent) = shape[at].known().and_then(|extent| i64::try_from(extent).ok()) else {
        return decline("the extent to be split is unknown");
    };
    if !(1..=4096).contains(&count) || extent % count != 0 {
        return decline("the extent cannot be split into equal parts");
    }
    parts(builder, x, at, &vec![extent / count; count as usize])
}

/// `SplitV`: parts of given extents, one of which may be -1.
pub(crate) fn split_v(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let mut sizes = call.const_ints(builder, 1, "the extents of the parts")?;
    let &[at] = call.const_ints(builder, 2, "the axis")?.as_slice() else { return decline("more than one axis") };
    let Some(shape) = builder.held(x).shape.clone() else { return decline("data of unknown rank") };
    let at = axis(at, shape.len())?;
    if let Some(open) = sizes.iter().position(|&size| size == -1) {
        let Some(extent) = shape[at].known().and_then(|extent| i64::try_from(extent).ok()) else {
            return decline("the extent to be split is unknown");
        };
        let others = sizes.iter().filter(|&&size| size >= 0).try_fold(0i64, |sum, &size| sum.checked_add(size));
        sizes[open] = others.map_or(-1, |others| extent - others);
    }
    if sizes.iter().any(|&size| size < 0) {
        return decline("an extent is negative");
    }
    parts(builder, x, at, &sizes)
}

fn parts(builder: &mut Builder<'_>, x: Val, at: usize, sizes: &[i64]) -> Results {
    let held = builder.held(x).clone();
    let rank = held.rank().unwrap_or(0);
    let (value, form) = builder.any_order(x);
    let values = cut(builder, value, axis_in(form, at, rank), sizes);
    if sizes.len() == 1 {
        return only(x);
    }
    let hold = |(value, &size): (ValueId, &i64)| {
        let shape = held.shape.clone().map(|mut shape| {
            shape.make_mut()[at] = Elem::Known(size).to_dim();
            shape
        });
        Some(builder.hold(form, value, held.dtype, shape))
    };
    Ok(values.into_iter().zip(sizes).map(hold).collect())
}

/// `Pad`, `PadV2` (with the number to pad with), `MirrorPad` without the edge.
pub(crate) fn pad(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let held = builder.held(x).clone();
    let flat = match call.const_ints(builder, 1, "the padding") {
        Ok(flat) => flat,
        Err(_) => return padded_at_run_time(builder, call),
    };
    let (pairs, []) = flat.as_chunks::<2>() else { return decline("the padding is not pairs") };
    let rank = pairs.len();
    if held.rank().is_some_and(|own| own != rank) {
        return decline("the padding does not fit the rank");
    }
    if pairs.iter().flatten().any(|pad| !(0..1 << 31).contains(pad)) {
        return decline("padding out of range");
    }
    if pairs.iter().flatten().all(|&pad| pad == 0) {
        return only(x);
    }
    let mirror = call.op() == "MirrorPad";
    if mirror && call.text("mode", None)? != "REFLECT" {
        return mirrored_with_edge(builder, x, pairs);
    }
    let shape: Shape = match &held.shape {
        Some(shape) => shape.iter().zip(pairs).map(|(dim, pair)| padded(dim, pair)).collect(),
        None => (0..rank).map(|_| Dim::Unknown).collect(),
    };
    let (value, form) = builder.any_order(x);
    let order: Vec<usize> = if form == Form::ChannelsFirst { to_channels_first(rank) } else { (0..rank).collect() };
    let sides = [0, 1].map(|side| order.iter().map(move |&at| pairs[at][side]));
    let pads: Vec<i64> = sides.into_iter().flatten().collect();
    let mut inputs = vec![Some(value), Some(builder.i64s(&pads))];
    let attrs = Attrs::new().with("mode", Attr::Str(if mirror { "reflect" } else { "constant" }.into()));
    if call.op() == "PadV2" {
        let number = call.input(2)?;
        inputs.push(Some(builder.natural(number)));
    }
    let value = builder.node("Pad", &inputs, attrs, &[declared(held.dtype, None)])[0];
    only(builder.hold(form, value, held.dtype, Some(shape)))
}

/// The padding is computed: rows of before and after become all before, all after.
fn padded_at_run_time(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (x, padding) = (call.input(0)?, call.input(1)?);
    let held = builder.held(x).clone();
    let mode = match call.op() {
        "MirrorPad" if call.text("mode", None)? != "REFLECT" => return decline("mode SYMMETRIC of unknown padding"),
        "MirrorPad" => "reflect",
        _ => "constant",
    };
    let Some(rank) = held.rank() else { return decline("data of unknown rank") };
    let rows = builder.wide(padding)?;
    let columns = builder.transpose(rows, &[1, 0]);
    let pads = builder.reshape(columns, &[2 * rank as i64]);
    let mut inputs = vec![Some(builder.natural(x)), Some(pads)];
    if call.op() == "PadV2" {
        let number = call.input(2)?;
        inputs.push(Some(builder.natural(number)));
    }
    let shape: Shape = (0..rank).map(|_| Dim::Unknown).collect();
    let attrs = Attrs::new().with("mode", Attr::Str(mode.into()));
    let value = builder.node("Pad", &inputs, attrs, &[declared(held.dtype, Some(&shape))])[0];
    only(builder.natural_result(value, held.dtype, Some(shape)))
}

fn padded(dim: &Dim, pair: &[i64; 2]) -> Dim {
    match (dim.known(), pair) {
        (_, [0, 0]) => dim.clone(),
        (Some(extent), [before, after]) => extent
            .checked_add(*before as u64)
            .and_then(|sum| sum.checked_add(*after as u64))
            .map_or(Dim::Unknown, Dim::Known),
        _ => Dim::Unknown,
    }
}

/// `MirrorPad` in mode `SYMMETRIC`, which ONNX does not have: a `Gather` with fixed positions for each dimension.
fn mirrored_with_edge(builder: &mut Builder<'_>, x: Val, pairs: &[[i64; 2]]) -> Results {
    let held = builder.held(x).clone();
    let Some(shape) = held.shape else { return decline("data of unknown rank") };
    let (mut value, form) = builder.any_order(x);
    let mut result = shape.clone();
    for (at, &[before, after]) in pairs.iter().enumerate() {
        if before == 0 && after == 0 {
            continue;
        }
        let Some(extent) =
            shape[at].known().and_then(|extent| i64::try_from(extent).ok()).filter(|&extent| extent < 1 << 31)
        else {
            return decline("mode SYMMETRIC of unknown extents");
        };
        if before > extent || after > extent || extent > 1 << 20 {
            return decline("the padding is longer than the data, or the data too long");
        }
        let inside = |place: i64| match place {
            place if place < 0 => -1 - place,
            place if place >= extent => 2 * extent - 1 - place,
            place => place,
        };
        let places: Vec<i64> = (-before..extent + after).map(inside).collect();
        value = take(builder, value, &places, axis_in(form, at, shape.len()));
        result.make_mut()[at] = Dim::Known(places.len() as u64);
    }
    only(builder.hold(form, value, held.dtype, Some(result)))
}

/// `Gather` with fixed positions along one dimension of an ONNX value.
pub(crate) fn take(builder: &mut Builder<'_>, value: ValueId, places: &[i64], at: usize) -> ValueId {
    let ty = builder.ty(value);
    let shape = ty.shape().map(|shape| {
        let mut shape = shape.clone();
        shape.make_mut()[at] = Dim::Known(places.len() as u64);
        shape
    });
    let places = builder.i64s(places);
    let ty = gtt_ir::Type::Tensor { dtype: ty.dtype(), shape };
    builder.one("Gather", &[value, places], Attrs::new().with("axis", Attr::Int(at as i64)), ty)
}
