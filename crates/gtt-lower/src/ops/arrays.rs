//! Tensor arrays of v1 loops and lists of tensors of v2 loops. Each is held as one stacked tensor, or as the element that the body of a
//! loop gives in every iteration (see `loops`). What v1 passes on as "flow" is the array here; its handle is not looked at.

use gtt_ir::{Attr, Attrs, DType, Dim, Shape};

use super::{Results, only};
use crate::attrs::Call;
use crate::builder::Builder;
use crate::value::{Array, ArrayState, Elem, Form, Val, Why, declared, decline};

/// `TensorArrayV3`: handle and flow.
pub(crate) fn array(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let size = started(builder, call.input(0)?);
    if size.is_some() && call.flag("dynamic_size", false)? {
        return decline("an array that may grow has elements from the beginning");
    }
    let made = builder.list(Array { size, state: ArrayState::Empty });
    Ok(vec![Some(made), Some(made)])
}

/// `TensorListReserve`.
pub(crate) fn reserve(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let size = started(builder, call.input(1)?);
    only(builder.list(Array { size, state: ArrayState::Empty }))
}

/// The size that a list starts with; none for one that holds nothing yet, and grows if it is written at all.
fn started(builder: &Builder<'_>, size: Val) -> Option<Val> {
    (known(builder, size) != Some(0)).then_some(size)
}

/// A known integer.
fn known(builder: &Builder<'_>, val: Val) -> Option<i64> {
    builder.held(val).elems.as_ref().and_then(|elems| elems.first()?.known())
}

/// `EmptyTensorList`, which elements are pushed to.
pub(crate) fn empty(builder: &mut Builder<'_>, _: &Call<'_>) -> Results {
    only(builder.list(Array { size: None, state: ArrayState::Empty }))
}

fn held(builder: &Builder<'_>, val: Val) -> Result<Array, Why> {
    match builder.held(val).array {
        Some(array) => Ok(array),
        None => decline("an operand is not a list of tensors that is made here"),
    }
}

fn content(builder: &Builder<'_>, val: Val) -> Result<Val, Why> {
    match held(builder, val)?.state {
        ArrayState::Full(content) => Ok(content),
        ArrayState::Begun { content, .. } => Ok(content),
        ArrayState::Empty => decline("a list is read before it is written"),
        ArrayState::Open { .. } | ArrayState::Written { .. } => decline("a list is read in the loop that writes it"),
    }
}

/// `TensorArrayScatterV3` of all elements, in order; `TensorListFromTensor`.
pub(crate) fn unstack(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (value, size) = if call.op() == "TensorListFromTensor" {
        (call.input(0)?, None)
    } else {
        let array = held(builder, call.input(3)?)?;
        if !matches!(array.state, ArrayState::Empty) {
            return decline("an array that is not empty is written");
        }
        if !in_order(builder, call.input(1)?) {
            return decline("the indices are not known to be 0, 1, 2, …");
        }
        (call.input(2)?, array.size)
    };
    only(builder.list(Array { size, state: ArrayState::Full(value) }))
}

/// The indices count from 0.
fn in_order(builder: &Builder<'_>, indices: Val) -> bool {
    let held = builder.held(indices);
    let known = held.tensor.as_ref().and_then(|tensor| tensor.to_i64s());
    held.counts.is_some() || known.is_some_and(|known| known.iter().zip(0..).all(|(&index, place)| index == place))
}

/// `TensorArrayReadV3`, `TensorListGetItem`.
pub(crate) fn read(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (list, index) = match call.op() {
        "TensorListGetItem" => (call.input(0)?, call.input(1)?),
        _ => (call.input(2)?, call.input(1)?),
    };
    let content = content(builder, list)?;
    pick(builder, content, index, Some(Shape::new()))
}

/// Elements of a stacked tensor.
fn pick(builder: &mut Builder<'_>, content: Val, index: Val, places: Option<Shape>) -> Results {
    let held = builder.held(content).clone();
    let shape = held.shape.as_ref().zip(places).and_then(|(own, places)| {
        let rest = own.get(1..)?;
        Some(places.iter().chain(rest).cloned().collect::<Shape>())
    });
    let value = builder.natural(content);
    let index = builder.wide(index)?;
    let attrs = Attrs::new().with("axis", Attr::Int(0));
    let value = builder.one("Gather", &[value, index], attrs, declared(held.dtype, shape.as_ref()));
    only(builder.natural_result(value, held.dtype, shape))
}

/// One more element behind those that are there.
fn appended(builder: &mut Builder<'_>, call: &Call<'_>, list: Array, index: Option<Val>, item: Val) -> Results {
    let (before, count) = match list.state {
        ArrayState::Begun { content, count } => (Some(content), count),
        _ => (None, 0),
    };
    if index.is_some_and(|index| known(builder, index) != Some(count)) {
        return decline("a list is written out of order");
    }
    let held = builder.held(item).clone();
    let value = builder.natural(item);
    let mut value = builder.unsqueeze(value, &[0]);
    let shape = held.shape.map(|mut shape| {
        shape.insert(0, Dim::Known(count as u64 + 1));
        shape
    });
    if let Some(before) = before {
        if builder.held(before).dtype != held.dtype {
            return decline("elements of different types");
        }
        let attrs = Attrs::new().with("axis", Attr::Int(0));
        let parts = [builder.natural(before), value];
        value = builder.one("Concat", &parts, attrs, declared(held.dtype, shape.as_ref()));
    }
    builder.set_scope(&call.node.name);
    let content = builder.natural_result(value, held.dtype, shape);
    only(builder.list(Array { size: list.size, state: ArrayState::Begun { content, count: count + 1 } }))
}

/// `TensorArrayWriteV3`, `TensorListSetItem`: in a loop, at the place of the iteration. `TensorListPushBack`.
pub(crate) fn write(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (list, index, item) = match call.op() {
        "TensorListSetItem" => (call.input(0)?, Some(call.input(1)?), call.input(2)?),
        "TensorListPushBack" => (call.input(0)?, None, call.input(1)?),
        _ => (call.input(3)?, Some(call.input(1)?), call.input(2)?),
    };
    let array = held(builder, list)?;
    if array.size.is_some() && call.flag("resize_if_index_out_of_bounds", false)? {
        return decline("a list that may grow has elements from the beginning");
    }
    let (number, var, first) = match array.state {
        ArrayState::Open { number, var, first } => (number, var, first),
        ArrayState::Written { .. } => return decline("a list is written twice in one iteration"),
        ArrayState::Empty | ArrayState::Begun { .. } if builder.held(item).array.is_none() => {
            return appended(builder, call, array, index, item);
        }
        _ => return decline("a list that is full is written"),
    };
    let is_only =
        |index: Val| known(builder, index) == Some(0) && array.size.and_then(|size| known(builder, size)) == Some(1);
    let mut over = false;
    match index {
        Some(index) if builder.held(index).iteration == Some((number, first)) => {}
        Some(index) if first == 0 && is_only(index) => over = true,
        Some(_) => return decline("a list is written at another place than that of the iteration"),
        None if array.size.is_some() => return decline("an element is pushed to a list of fixed size"),
        _ => {}
    }
    if builder.held(item).array.is_some() {
        return decline("a list of lists");
    }
    only(builder.list(Array { size: array.size, state: ArrayState::Written { number, var, item, over } }))
}

/// `TensorArrayGatherV3`, `TensorListGather`; all elements, in order, need no node.
pub(crate) fn gather(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (list, indices) = match call.op() {
        "TensorListGather" => (call.input(0)?, call.input(1)?),
        _ => (call.input(2)?, call.input(1)?),
    };
    let content = content(builder, list)?;
    let extent = builder.held(content).shape.as_ref().and_then(|shape| shape.first().cloned());
    let limit = builder.held(indices).counts;
    let size = held(builder, list)?.size;
    let counted = limit.zip(size).is_some_and(|(limit, size)| builder.same_scalar(limit, size));
    let count = match builder.held(indices).shape.as_deref() {
        Some([count]) => count.clone(),
        _ => Dim::Unknown,
    };
    if counted
        || in_order(builder, indices) && count.known().is_some() && extent.as_ref().is_some_and(|own| own.same(&count))
    {
        return only(content);
    }
    pick(builder, content, indices, Some([count].into_iter().collect()))
}

/// `TensorListStack`.
pub(crate) fn stack(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    only(content(builder, call.input(0)?)?)
}

/// `TensorArraySizeV3`, `TensorListLength`.
pub(crate) fn size(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let list = call.input(if call.op() == "TensorListLength" { 0 } else { 1 })?;
    if let Some(size) = held(builder, list)?.size {
        return only(size);
    }
    if matches!(held(builder, list)?.state, ArrayState::Empty) {
        return only(builder.constant(&call.node.name, gtt_ir::Tensor::scalar(0i32)));
    }
    let content = content(builder, list)?;
    let first = builder.held(content).shape.as_ref().and_then(|shape| shape.first().cloned());
    if let Some(known) = first.and_then(|dim| i32::try_from(dim.known()?).ok()) {
        return only(builder.constant(&call.node.name, gtt_ir::Tensor::scalar(known)));
    }
    let value = builder.natural(content);
    let own = builder.typed("Shape", &[value], Attrs::new(), DType::I64);
    let zero = builder.shared(gtt_ir::Tensor::scalar(0i64));
    let attrs = Attrs::new().with("axis", Attr::Int(0));
    let value = builder.one("Gather", &[own, zero], attrs, declared(DType::I64, Some(&Shape::new())));
    let val = builder.hold(Form::Wide, value, DType::I32, Some(Shape::new()));
    if let Some(dim) = builder.held(content).shape.as_ref().and_then(|shape| shape.first().cloned()) {
        builder.set_elems(val, std::iter::once(Elem::of_dim(&dim)).collect());
    }
    only(val)
}

/// `TensorArrayConcatV3`: the elements joined along their first dimension, and the extents of each in it.
pub(crate) fn concat(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    if call.needed.get(1) == Some(&true) {
        return decline("the lengths of the elements are used");
    }
    let content = content(builder, call.input(1)?)?;
    let held = builder.held(content).clone();
    let Some(shape) = held.shape.filter(|shape| shape.len() >= 2) else { return decline("elements of unknown rank") };
    let rest: Option<Vec<i64>> = shape[2..].iter().map(|dim| i64::try_from(dim.known()?).ok()).collect();
    let Some(rest) = rest.filter(|rest| rest.iter().all(|&extent| extent > 0)) else {
        return decline("elements of unknown extents");
    };
    let mut target = vec![-1];
    target.extend(rest);
    let value = builder.natural(content);
    let value = builder.reshape(value, &target);
    let mut result: Shape = [Dim::Unknown].into_iter().collect();
    result.extend(shape[2..].iter().cloned());
    if let (Some(count), Some(each)) = (shape[0].known(), shape[1].known()) {
        result.make_mut()[0] = count.checked_mul(each).map_or(Dim::Unknown, Dim::Known);
    }
    only(builder.natural_result(value, held.dtype, Some(result)))
}
