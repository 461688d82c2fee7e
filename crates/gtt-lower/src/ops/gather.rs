//! Picking elements by index.

use gtt_ir::{Attr, Attrs, DType, Dim, Shape, Tensor};

use super::{Results, only};
use crate::attrs::Call;
use crate::builder::Builder;
use crate::value::{Elem, Form, axis, declared, decline};

/// `Gather` (first axis) and `GatherV2`. TensorFlow refuses indices out of range, so what ONNX does with negative ones never shows.
pub(crate) fn gather(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (x, indices) = (call.input(0)?, call.input(1)?);
    let held = builder.held(x).clone();
    let at = match call.op() {
        "Gather" => 0,
        "ResourceGather" => call.int("batch_dims", Some(0))?,
        _ => match call.const_ints(builder, 2, "the axis")?.as_slice() {
            &[at] => at,
            _ => return decline("more than one axis"),
        },
    };
    let index_shape = builder.held(indices).shape.clone();
    if call.int("batch_dims", Some(0))? != 0 {
        return batched(builder, call, at);
    }
    let (at, shape) = match (&held.shape, index_shape) {
        (Some(own), index_shape) => {
            let at = axis(at, own.len())?;
            let shape = index_shape.map(|middle| {
                let mut shape: Shape = own[..at].iter().cloned().collect();
                shape.extend(middle);
                shape.extend(own[at + 1..].iter().cloned());
                shape
            });
            (at, shape)
        }
        (None, _) => match usize::try_from(at) {
            Ok(at) => (at, None),
            Err(_) => return decline("data of unknown rank"),
        },
    };
    let form =
        if held.wide.is_some() && held.natural.is_none() && held.tensor.is_none() { Form::Wide } else { Form::Natural };
    let value = builder.form(x, form)?;
    let index_form = if builder.held(indices).wide.is_some() { Form::Wide } else { Form::Natural };
    let indices = builder.form(indices, index_form)?;
    if !matches!(builder.ty(indices).dtype(), Some(DType::I32 | DType::I64)) {
        return decline("indices of another type than i32 and i64");
    }
    let attrs = Attrs::new().with("axis", Attr::Int(at as i64));
    let value = builder.one("Gather", &[value, indices], attrs, declared(held.dtype, None));
    only(builder.hold(form, value, held.dtype, shape))
}

/// `GatherV2` with `batch_dims`: entry by entry of the first dimensions, along the one behind them.
fn batched(builder: &mut Builder<'_>, call: &Call<'_>, at: i64) -> Results {
    let (x, indices) = (call.input(0)?, call.input(1)?);
    let (Some(own), Some(places)) = (builder.held(x).shape.clone(), builder.held(indices).shape.clone()) else {
        return decline("operands of unknown rank");
    };
    let batch = call.int("batch_dims", Some(0))?;
    let batch = if batch < 0 { batch + places.len() as i64 } else { batch };
    let at = axis(at, own.len())?;
    if usize::try_from(batch).ok() != Some(at) || at > places.len() {
        return decline("`batch_dims` is not the axis");
    }
    let dtype = builder.held(x).dtype;
    let shape: Shape = places.iter().chain(&own[at + 1..]).cloned().collect();
    let value = builder.natural(x);
    let index = builder.wide(indices)?;
    let index = builder.unsqueeze(index, &[places.len()]);
    let attrs = Attrs::new().with("batch_dims", Attr::Int(at as i64));
    let value = builder.one("GatherND", &[value, index], attrs, declared(dtype, Some(&shape)));
    only(builder.natural_result(value, dtype, Some(shape)))
}

/// `GatherNd`: the last dimension of the indices is a place in the first dimensions of the data.
pub(crate) fn gather_nd(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (x, indices) = (call.input(0)?, call.input(1)?);
    if !matches!(call.text("bad_indices_policy", Some(""))?, "" | "DEFAULT" | "ERROR") {
        return decline("`bad_indices_policy` other than an error");
    }
    let held = builder.held(x).clone();
    let shape = held.shape.as_ref().zip(builder.held(indices).shape.as_ref()).and_then(|(own, index)| {
        let (last, front) = index.split_last()?;
        let depth = usize::try_from(last.known()?).ok()?;
        Some(front.iter().chain(own.get(depth..)?).cloned().collect::<Shape>())
    });
    let inputs = [builder.natural(x), builder.wide(indices)?];
    let value = builder.one("GatherND", &inputs, Attrs::new(), declared(held.dtype, shape.as_ref()));
    only(builder.natural_result(value, held.dtype, shape))
}

/// `y = on` where the index equals the place along the new dimension, else `off`: indices out of range (negative ones too) give
/// `off` everywhere, which ONNX's `OneHot` does not do.
pub(crate) fn one_hot(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    const DEEPEST: i64 = 1 << 20;
    let (indices, on, off) = (call.input(0)?, call.input(2)?, call.input(3)?);
    let &[depth] = call.const_ints(builder, 1, "the depth")?.as_slice() else { return decline("more than one depth") };
    if !(0..=DEEPEST).contains(&depth) {
        return decline("the depth is out of range");
    }
    let Some(own) = builder.held(indices).shape.clone() else { return decline("indices of unknown rank") };
    let at = match call.int("axis", Some(-1))? {
        -1 => own.len(),
        at => axis(at, own.len() + 1)?,
    };
    let dtype = builder.held(on).dtype;
    let mut shape = own.clone();
    shape.insert(at, Dim::Known(depth as u64));
    let mut extents = vec![1usize; own.len() + 1];
    extents[at] = depth as usize;
    let places = Tensor::from_vec(&extents, (0..depth).collect::<Vec<i64>>());
    let Ok(places) = places else { return decline("the depth is out of range") };
    let places = builder.shared(places);
    let value = builder.wide(indices)?;
    let value = builder.unsqueeze(value, &[at]);
    let equal = builder.one("Equal", &[value, places], Attrs::new(), declared(DType::Bool, Some(&shape)));
    let (on, off) = (builder.natural(on), builder.natural(off));
    let value = builder.one("Where", &[equal, on, off], Attrs::new(), declared(dtype, Some(&shape)));
    only(builder.natural_result(value, dtype, Some(shape)))
}

/// The largest elements of the last dimension and their places; of equal ones the first, in both.
pub(crate) fn top_k(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let k = match call.op() {
        "TopK" => {
            let count = call.int("k", None)?;
            builder.constant(&call.node.name, Tensor::scalar(count))
        }
        _ => call.input(1)?,
    };
    let held = builder.held(x).clone();
    let index_dtype = call.dtype("index_type", Some(DType::I32))?;
    let count = match builder.held(k).elems.as_deref() {
        Some([elem]) => elem.clone(),
        _ => Elem::Unknown,
    };
    let shape = held.shape.clone().map(|mut shape| {
        if let Some(last) = shape.make_mut().last_mut() {
            *last = count.to_dim();
        }
        shape
    });
    let amount = match count.known() {
        Some(known) => builder.i64s(&[known]),
        None => {
            let value = builder.wide(k)?;
            builder.reshape(value, &[1])
        }
    };
    let value = builder.natural(x);
    let attrs = Attrs::new()
        .with("axis", Attr::Int(-1))
        .with("largest", Attr::Int(1))
        .with("sorted", Attr::Int(i64::from(call.flag("sorted", true)?)));
    let types = [declared(held.dtype, shape.as_ref()), declared(DType::I64, shape.as_ref())];
    let results = builder.node("TopK", &[Some(value), Some(amount)], attrs, &types);
    let &[values, places] = results.as_slice() else { return decline("two results expected") };
    let form = if index_dtype == DType::I64 { Form::Natural } else { Form::Wide };
    let values = builder.natural_result(values, held.dtype, shape.clone());
    let places = builder.hold(form, places, index_dtype, shape);
    Ok(vec![Some(values), Some(places)])
}
