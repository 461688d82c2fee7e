//! Shapes: asking for them and changing them without moving data, and `Transpose`.

use gtt_ir::{Attr, Attrs, DType, Dim, Shape};

use super::{Results, only};
use crate::attrs::Call;
use crate::builder::Builder;
use crate::value::{
    Elem, Elems, Form, Val, Why, axis, declared, decline, from_channels_first, permuted, to_channels_first,
};

/// The extents of `x`; what is known of them was taken care of before (see `ints`).
pub(crate) fn shape(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    only(shape_of(builder, call.input(0)?, call.dtype("out_type", Some(DType::I32))?)?)
}

/// The extents of each operand.
pub(crate) fn shape_n(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let dtype = call.dtype("out_type", Some(DType::I32))?;
    call.inputs.iter().map(|&val| Ok(Some(shape_of(builder, val, dtype)?))).collect()
}

fn shape_of(builder: &mut Builder<'_>, x: Val, dtype: DType) -> Result<Val, Why> {
    let held = builder.held(x).clone();
    let rank = held.shape.as_ref().map_or(Dim::Unknown, |shape| Dim::Known(shape.len() as u64));
    let dims: Option<Shape> = Some([rank].into_iter().collect());
    let (value, form) = builder.any_order(x);
    let mut value = builder.one("Shape", &[value], Attrs::new(), declared(DType::I64, dims.as_ref()));
    if let (Form::ChannelsFirst, Some(rank)) = (form, held.rank()) {
        let order: Vec<i64> = from_channels_first(rank).into_iter().map(|at| at as i64).collect();
        let order = builder.i64s(&order);
        value = builder.one("Gather", &[value, order], Attrs::new(), declared(DType::I64, dims.as_ref()));
    }
    let form = if dtype == DType::I64 { Form::Natural } else { Form::Wide };
    let result = builder.hold(form, value, dtype, dims);
    if let Some(shape) = &held.shape {
        builder.set_elems(result, shape.iter().map(Elem::of_dim).collect::<Elems>());
    }
    Ok(result)
}

/// The number of elements.
pub(crate) fn size(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let dtype = call.dtype("out_type", Some(DType::I32))?;
    let (value, _) = builder.any_order(call.input(0)?);
    let scalar: Option<Shape> = Some(Shape::new());
    let value = builder.one("Size", &[value], Attrs::new(), declared(DType::I64, scalar.as_ref()));
    let form = if dtype == DType::I64 { Form::Natural } else { Form::Wide };
    only(builder.hold(form, value, dtype, scalar))
}

/// The number of dimensions; known ones were taken care of before.
pub(crate) fn rank(_: &mut Builder<'_>, _: &Call<'_>) -> Results {
    decline("the rank is unknown")
}

/// `Reshape`. The shape becomes a constant when at most one extent is unknown (then -1), counting those that are equal to the extent
/// of `x` in the same place as known (then 0). An extent of 0 in TensorFlow is really 0.
pub(crate) fn reshape(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (x, target) = (call.input(0)?, call.input(1)?);
    let held = builder.held(x).clone();
    let elems = builder.held(target).elems.clone();
    let result_rank = builder.held(target).shape.as_ref().and_then(|dims| dims.first().and_then(Dim::known));
    let shape: Option<Shape> = match &elems {
        Some(elems) => Some(result_shape(held.shape.as_ref(), elems)),
        None => result_rank.filter(|&rank| rank <= 64).map(|rank| (0..rank).map(|_| Dim::Unknown).collect()),
    };
    if let (Some(tensor), Some(extents)) = (&held.tensor, shape.as_ref().and_then(extents))
        && let Some(reshaped) = tensor.reshaped(&extents)
    {
        return only(builder.constant(&call.node.name, reshaped));
    }
    if let Some((shape, own)) = shape.as_ref().zip(held.shape.as_ref())
        && shape.len() == own.len()
        && shape.iter().zip(own).all(|(x, y)| x.same(y))
    {
        return only(x);
    }
    if let (Some(kept), Some(shape)) = (held.kept, &shape) {
        let with_dims = builder.held(kept).shape.as_ref();
        let same = |own: &Shape| own.len() == shape.len() && own.iter().zip(shape).all(|(x, y)| x.same(y));
        if with_dims.is_some_and(same) {
            return only(kept);
        }
    }
    let value = builder.natural(x);
    let ty = declared(held.dtype, shape.as_ref());
    let Some(fixed) = elems.as_ref().and_then(|elems| fixed_target(elems, held.shape.as_ref())) else {
        let mut attrs = Attrs::new();
        if builder.opset >= 14 {
            attrs.set("allowzero", Attr::Int(1));
        }
        let target = builder.wide(target)?;
        let value = builder.one("Reshape", &[value, target], attrs, ty);
        return only(builder.natural_result(value, held.dtype, shape));
    };
    let mut attrs = Attrs::new();
    if fixed.really_zero {
        if builder.opset < 14 || fixed.extents.contains(&-1) {
            return decline("an extent of 0");
        }
        attrs.set("allowzero", Attr::Int(1));
    }
    let target = builder.i64s(&fixed.extents);
    let value = builder.one("Reshape", &[value, target], attrs, ty);
    only(builder.natural_result(value, held.dtype, shape))
}

fn extents(shape: &Shape) -> Option<Vec<usize>> {
    shape.iter().map(|dim| usize::try_from(dim.known()?).ok()).collect()
}

/// The extents of the result: -1 is worked out where possible.
fn result_shape(own: Option<&Shape>, elems: &Elems) -> Shape {
    let mut shape: Shape = elems.iter().map(Elem::to_dim).collect();
    let open: Vec<usize> = (0..elems.len()).filter(|&at| elems[at] == Elem::Known(-1)).collect();
    let (Some(own), [open]) = (own, open.as_slice()) else { return shape };
    // Extents that occur on both sides cancel.
    let mut before: Vec<Dim> = own.to_vec();
    let mut after: Vec<Dim> = Vec::new();
    for (at, dim) in shape.iter().enumerate().filter(|(at, _)| at != open) {
        let _ = at;
        match before.iter().position(|other| matches!(dim, Dim::Symbol(_)) && other == dim) {
            Some(found) => {
                before.remove(found);
            }
            None => after.push(dim.clone()),
        }
    }
    let product = |dims: &[Dim]| dims.iter().try_fold(1u64, |product, dim| product.checked_mul(dim.known()?));
    let symbols: Vec<Dim> = before.iter().filter(|dim| dim.known().is_none()).cloned().collect();
    before.retain(|dim| dim.known().is_some());
    if let (Some(before), Some(after)) = (product(&before), product(&after))
        && after > 0
        && before % after == 0
    {
        shape.make_mut()[*open] = match symbols.as_slice() {
            [] => Dim::Known(before / after),
            [only] if before == after => only.clone(),
            _ => Dim::Unknown,
        };
    }
    shape
}

struct Fixed {
    extents: Vec<i64>,
    /// A 0 in `extents` is an extent, not "as before".
    really_zero: bool,
}

/// The target of a `Reshape` as a constant, if it can be one.
fn fixed_target(elems: &Elems, own: Option<&Shape>) -> Option<Fixed> {
    let really_zero = elems.contains(&Elem::Known(0));
    let mut extents: Vec<Option<i64>> = elems.iter().map(Elem::known).collect();
    if !really_zero {
        for (at, elem) in elems.iter().enumerate() {
            let same = own.and_then(|own| own.get(at)).is_some_and(|dim| Elem::of_dim(dim) == *elem);
            if matches!(elem, Elem::Symbol(_)) && same {
                extents[at] = Some(0);
            }
        }
    }
    let unknown = extents.iter().filter(|extent| extent.is_none()).count();
    let open = extents.iter().filter(|extent| **extent == Some(-1)).count();
    if unknown + open > 1 || unknown == 1 && really_zero {
        return None;
    }
    Some(Fixed { extents: extents.into_iter().map(|extent| extent.unwrap_or(-1)).collect(), really_zero })
}

/// Without the named dimensions, or without all of extent 1.
pub(crate) fn squeeze(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let held = builder.held(x).clone();
    let named = call.ints("squeeze_dims")?;
    let Some(shape) = held.shape.clone() else {
        if named.iter().any(|&dim| dim < 0) {
            return decline("data of unknown rank");
        }
        let mut inputs = vec![builder.natural(x)];
        if !named.is_empty() {
            inputs.push(builder.i64s(named));
        }
        let value = builder.one("Squeeze", &inputs, Attrs::new(), declared(held.dtype, None));
        return only(builder.natural_result(value, held.dtype, None));
    };
    let mut axes: Vec<usize> = named.iter().map(|&dim| axis(dim, shape.len())).collect::<Result<_, _>>()?;
    if named.is_empty() {
        if shape.iter().any(|dim| dim.known().is_none()) {
            let value = builder.natural(x);
            let value = builder.one("Squeeze", &[value], Attrs::new(), declared(held.dtype, None));
            return only(builder.natural_result(value, held.dtype, None));
        }
        axes = (0..shape.len()).filter(|&at| shape[at] == Dim::Known(1)).collect();
    }
    axes.sort_unstable();
    axes.dedup();
    if axes.iter().any(|&at| shape[at].known().is_some_and(|extent| extent != 1)) {
        return decline("a dimension to be dropped is not of extent 1");
    }
    let left: Shape = (0..shape.len()).filter(|at| !axes.contains(at)).map(|at| shape[at].clone()).collect();
    if let (Some(tensor), Some(extents)) = (&held.tensor, extents(&left))
        && let Some(reshaped) = tensor.reshaped(&extents)
    {
        return only(builder.constant(&call.node.name, reshaped));
    }
    let (value, axes) = order_kept(builder, x, &axes)?;
    let value = builder.squeeze(value, &axes);
    only(builder.natural_result(value, held.dtype, Some(left)))
}

/// Dimensions are about to go: the channels-first form will do if what stays is in the same order there.
pub(crate) fn order_kept(
    builder: &mut Builder<'_>,
    x: Val,
    axes: &[usize],
) -> Result<(gtt_ir::ValueId, Vec<usize>), Why> {
    let rank = builder.held(x).rank().unwrap_or(0);
    let channels_stay = !axes.contains(&(rank.max(1) - 1));
    let spatial_stay = (1..rank.max(1) - 1).any(|at| !axes.contains(&at));
    if builder.held(x).is_channels_first() && !(channels_stay && spatial_stay) {
        let places = from_channels_first(rank);
        let mut axes: Vec<usize> = axes.iter().map(|&axis| places[axis]).collect();
        axes.sort_unstable();
        return Ok((builder.channels_first(x)?, axes));
    }
    Ok((builder.natural(x), axes.to_vec()))
}

/// With a new dimension of extent 1.
pub(crate) fn expand_dims(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let held = builder.held(x).clone();
    let &[at] = call.const_ints(builder, 1, "the axis")?.as_slice() else { return decline("more than one axis") };
    let Some(mut shape) = held.shape.clone() else { return decline("data of unknown rank") };
    let at = axis(at, shape.len() + 1)?;
    shape.insert(at, Dim::Known(1));
    if let (Some(tensor), Some(extents)) = (&held.tensor, extents(&shape))
        && let Some(reshaped) = tensor.reshaped(&extents)
    {
        return only(builder.constant(&call.node.name, reshaped));
    }
    let form = if held.wide.is_some() && held.natural.is_none() { Form::Wide } else { Form::Natural };
    let value = builder.form(x, form)?;
    let value = builder.unsqueeze(value, &[at]);
    only(builder.hold(form, value, held.dtype, Some(shape)))
}

/// `Transpose`. From or to channels-first it costs nothing.
pub(crate) fn transpose(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let held = builder.held(x).clone();
    let perm = call.const_ints(builder, 1, "the permutation")?;
    let rank = held.rank().unwrap_or(perm.len());
    let order: Vec<usize> = perm.iter().map(|&from| axis(from, rank)).collect::<Result<_, _>>()?;
    let mut seen = order.clone();
    seen.sort_unstable();
    if order.len() != rank || seen != (0..rank).collect::<Vec<_>>() {
        return decline("the permutation does not fit the data");
    }
    if order.is_sorted() {
        return only(x);
    }
    let shape = held.shape.as_ref().map(|shape| permuted(shape, &order));
    if rank >= 3 && shape.is_some() {
        if order == to_channels_first(rank) && held.tensor.is_none() {
            let value = builder.channels_first(x)?;
            return only(builder.hold_again(Form::Natural, value, held.dtype, shape));
        }
        if order == from_channels_first(rank) && held.tensor.is_none() {
            let value = builder.natural(x);
            return only(builder.hold_again(Form::ChannelsFirst, value, held.dtype, shape));
        }
    }
    let value = builder.reordered(x, &order, None, "transposed");
    only(builder.hold_again(Form::Natural, value, held.dtype, shape))
}
