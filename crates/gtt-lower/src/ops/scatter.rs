//! Writing by index, sorting out, and what results of extents that only the data tell.

use gtt_ir::{Attr, Attrs, DType, Dim, Shape, Tensor, ValueId};

use super::{Results, only};
use crate::attrs::Call;
use crate::builder::Builder;
use crate::tensors::element;
use crate::value::{Elem, Form, Val, Why, axis, declared, decline};

fn at_axis(at: i64) -> Attrs {
    Attrs::new().with("axis", Attr::Int(at))
}

fn from(builder: &Builder<'_>, opset: i64) -> Result<(), Why> {
    if builder.opset < opset { decline(format!("it needs opset {opset}")) } else { Ok(()) }
}

/// Integers come as i64 or in TensorFlow's 32 bit.
fn hold_index(builder: &mut Builder<'_>, value: ValueId, dtype: DType, shape: Option<Shape>) -> Val {
    builder.hold(if dtype == DType::I64 { Form::Natural } else { Form::Wide }, value, dtype, shape)
}

/// `Where`: the places that are not zero, one a row, in order.
pub(crate) fn places(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let held = builder.held(x).clone();
    let Some(rank) = held.rank().filter(|&rank| rank > 0) else { return decline("data of unknown rank, or a scalar") };
    let value = builder.natural(x);
    let columns: Shape = [Dim::Known(rank as u64), Dim::Unknown].into_iter().collect();
    let value = builder.one("NonZero", &[value], Attrs::new(), declared(DType::I64, Some(&columns)));
    let value = builder.transpose(value, &[1, 0]);
    only(builder.natural_result(value, DType::I64, Some([Dim::Unknown, Dim::Known(rank as u64)].into_iter().collect())))
}

/// `ScatterNd`: zeros, to which updates are added; `TensorScatterUpdate` and its like.
pub(crate) fn scatter(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    if !matches!(call.text("bad_indices_policy", Some(""))?, "" | "DEFAULT" | "ERROR") {
        return decline("`bad_indices_policy` other than an error");
    }
    let (target, indices, updates) = match call.op() {
        "ScatterNd" => (None, call.input(0)?, call.input(1)?),
        _ => (Some(call.input(0)?), call.input(1)?, call.input(2)?),
    };
    let dtype = builder.held(updates).dtype;
    let (onto, shape) = match target {
        Some(target) => (builder.natural(target), builder.held(target).shape.clone()),
        None => {
            let extents = call.input(2)?;
            let shape = super::create::shape_of_elems(builder, extents);
            let dims = builder.wide(extents)?;
            (constant_of(builder, dims, dtype, 0.0)?, shape)
        }
    };
    let mut new = builder.natural(updates);
    let reduction = match call.op() {
        "TensorScatterUpdate" => "none",
        "TensorScatterSub" => {
            new = builder.same("Neg", &[new], Attrs::new());
            "add"
        }
        "TensorScatterMax" => "max",
        "TensorScatterMin" => "min",
        _ => "add",
    };
    from(
        builder,
        match reduction {
            "none" => 13,
            "add" => 16,
            _ => 18,
        },
    )?;
    if dtype == DType::Bool && reduction != "none" {
        return decline("Boolean updates");
    }
    let indices = builder.wide(indices)?;
    let value = scattered(builder, onto, indices, new, reduction, dtype);
    only(builder.natural_result(value, dtype, shape))
}

fn scattered(
    builder: &mut Builder<'_>,
    onto: ValueId,
    indices: ValueId,
    new: ValueId,
    reduction: &str,
    dtype: DType,
) -> ValueId {
    let attrs = match reduction {
        "none" => Attrs::new(),
        reduction => Attrs::new().with("reduction", Attr::Str(bytes::Bytes::copy_from_slice(reduction.as_bytes()))),
    };
    builder.typed("ScatterND", &[onto, indices, new], attrs, dtype)
}

fn constant_of(builder: &mut Builder<'_>, dims: ValueId, dtype: DType, number: f64) -> Result<ValueId, Why> {
    let one = match dtype {
        DType::Bool => Tensor::from_bools(&[1], &[number != 0.0]).ok(),
        _ => element(dtype, number).and_then(|bytes| Tensor::from_bytes(dtype, &[1], bytes).ok()),
    };
    let Some(one) = one else { return decline(format!("element type {dtype}")) };
    Ok(builder.typed("ConstantOfShape", &[dims], Attrs::new().with("value", Attr::Tensor(one)), dtype))
}

/// `UnsortedSegmentSum`, `-Prod`, `-Max`, `-Min` and `SegmentSum`: rows with the same number are put together; those with a negative one
/// are left out.
pub(crate) fn segments(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (x, ids) = (call.input(0)?, call.input(1)?);
    let held = builder.held(x).clone();
    let (reduction, start) = match call.op() {
        "UnsortedSegmentSum" | "SegmentSum" => ("add", 0.0),
        "UnsortedSegmentProd" => ("mul", 1.0),
        "UnsortedSegmentMax" if held.dtype == DType::F32 => ("max", f64::from(f32::MIN)),
        "UnsortedSegmentMin" if held.dtype == DType::F32 => ("min", f64::from(f32::MAX)),
        _ => return decline(format!("element type {}", held.dtype)),
    };
    from(builder, if matches!(reduction, "add" | "mul") { 16 } else { 18 })?;
    let (Some(shape), Some(of_ids)) = (held.shape.clone(), builder.held(ids).rank()) else {
        return decline("operands of unknown rank");
    };
    let own = builder.wide(ids)?;
    let vector = |count: u64| declared(DType::I64, Some(&[Dim::Known(count)].into_iter().collect()));
    let (count, known) = if call.op() == "SegmentSum" {
        if of_ids != 1 {
            return decline("numbers that are no vector");
        }
        let last = builder.i64s(&[-1]);
        let last = builder.one("Gather", &[own, last], at_axis(0), vector(1));
        let one = builder.i64s(&[1]);
        (builder.one("Add", &[last, one], Attrs::new(), vector(1)), None)
    } else {
        let count = call.input(2)?;
        let known = call.elems(builder, 2).and_then(|elems| elems.first().and_then(Elem::known));
        let count = builder.wide(count)?;
        (builder.reshape(count, &[1]), known)
    };
    let zero = builder.shared(Tensor::scalar(0i64));
    let one = builder.i64s(&[1]);
    let left_out = builder.typed("Less", &[own, zero], Attrs::new(), DType::Bool);
    let rows = builder.typed("Where", &[left_out, count, own], Attrs::new(), DType::I64);
    let indices = builder.unsqueeze(rows, &[of_ids]);
    let more = builder.one("Add", &[count, one], Attrs::new(), vector(1));
    let value = builder.natural(x);
    let mut dims = more;
    if shape.len() > of_ids {
        let whole = builder.typed("Shape", &[value], Attrs::new(), DType::I64);
        let bounds = [builder.i64s(&[of_ids as i64]), builder.i64s(&[i64::MAX])];
        let rest = builder.typed("Slice", &[whole, bounds[0], bounds[1]], Attrs::new(), DType::I64);
        dims = builder.typed("Concat", &[more, rest], at_axis(0), DType::I64);
    }
    let start = constant_of(builder, dims, held.dtype, start)?;
    let value = scattered(builder, start, indices, value, reduction, held.dtype);
    let bounds = [builder.i64s(&[0]), count, builder.i64s(&[0])];
    let value = builder.typed("Slice", &[value, bounds[0], bounds[1], bounds[2]], Attrs::new(), held.dtype);
    let mut result: Shape = [known.map_or(Dim::Unknown, |known| Elem::Known(known).to_dim())].into_iter().collect();
    result.extend(shape[of_ids..].iter().cloned());
    only(builder.natural_result(value, held.dtype, Some(result)))
}

/// `Unique`, `UniqueWithCounts` of a vector: in the order in which elements first occur.
pub(crate) fn unique(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let held = builder.held(x).clone();
    let index = call.dtype("out_idx", Some(DType::I32))?;
    if call.op() == "UniqueV2" && call.const_ints(builder, 1, "the axis")?.iter().any(|&at| at != 0)
        || held.rank() != Some(1)
    {
        return decline("data that is no vector");
    }
    let (value, cast) = match held.dtype {
        DType::I32 => (builder.wide(x)?, DType::I64),
        DType::F32 | DType::F64 | DType::I64 => (builder.natural(x), held.dtype),
        dtype => return decline(format!("element type {dtype}")),
    };
    let open: Shape = [Dim::Unknown].into_iter().collect();
    let numbers = declared(DType::I64, Some(&open));
    let types = [declared(cast, Some(&open)), numbers.clone(), declared(DType::I64, held.shape.as_ref()), numbers];
    let results = builder.node("Unique", &[Some(value)], Attrs::new().with("sorted", Attr::Int(0)), &types);
    let &[kept, _, places, counts] = results.as_slice() else { return decline("four results expected") };
    let form = if held.dtype == DType::I32 { Form::Wide } else { Form::Natural };
    let kept = builder.hold(form, kept, held.dtype, Some(open.clone()));
    let places = hold_index(builder, places, index, held.shape);
    let counts = hold_index(builder, counts, index, Some(open));
    Ok(vec![Some(kept), Some(places), Some(counts)])
}

/// `DynamicPartition` by a vector of numbers.
pub(crate) fn partition(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (x, numbers) = (call.input(0)?, call.input(1)?);
    let held = builder.held(x).clone();
    let count = call.int("num_partitions", None)?;
    if builder.held(numbers).rank() != Some(1) || !(1..=1024).contains(&count) {
        return decline("partitions that are no vector, or too many");
    }
    let (value, own) = (builder.natural(x), builder.wide(numbers)?);
    let shape = held.shape.map(|mut shape| {
        if let Some(first) = shape.make_mut().first_mut() {
            *first = Dim::Unknown;
        }
        shape
    });
    let mut results = Vec::new();
    for at in 0..count {
        let number = builder.shared(Tensor::scalar(at));
        let chosen = builder.typed("Equal", &[own, number], Attrs::new(), DType::Bool);
        let value = builder.one("Compress", &[value, chosen], at_axis(0), declared(held.dtype, shape.as_ref()));
        results.push(Some(builder.natural_result(value, held.dtype, shape.clone())));
    }
    Ok(results)
}

/// `InvertPermutation`.
pub(crate) fn invert(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let held = builder.held(x).clone();
    let known = held
        .tensor
        .as_ref()
        .and_then(|tensor| tensor.to_i64s())
        .or_else(|| held.elems.as_ref().and_then(|elems| elems.iter().map(Elem::known).collect()));
    if let Some(known) = known {
        let mut inverse = vec![-1i64; known.len()];
        for (place, &to) in known.iter().enumerate() {
            match usize::try_from(to).ok().and_then(|to| inverse.get_mut(to)).filter(|slot| **slot < 0) {
                Some(slot) => *slot = place as i64,
                None => return decline("the constant is no permutation"),
            }
        }
        let tensor = crate::tensors::integers(held.dtype, &[inverse.len()], &inverse);
        return match tensor {
            Some(tensor) => only(builder.constant(&call.node.name, tensor)),
            None => decline("the constant is too large"),
        };
    }
    let count = held.shape.as_ref().and_then(|shape| shape.first()?.known()).filter(|&count| count <= 1 << 20);
    let Some(count) = count else { return decline("the extent is unknown") };
    let places = builder.shared(Tensor::vector(&(0..count as i64).collect::<Vec<_>>()));
    let own = builder.wide(x)?;
    let value = builder.typed("ScatterElements", &[places, own, places], at_axis(0), DType::I64);
    only(hold_index(builder, value, held.dtype, held.shape))
}

/// `Roll`: each dimension is cut in two, and the parts change places.
pub(crate) fn roll(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let held = builder.held(x).clone();
    let (shifts, axes) = (call.const_ints(builder, 1, "the shift")?, call.const_ints(builder, 2, "the axis")?);
    let Some(shape) = held.shape.clone() else { return decline("data of unknown rank") };
    if shifts.len() != axes.len() {
        return decline("shift and axis differ in length");
    }
    let mut value = builder.natural(x);
    for (&shift, &at) in shifts.iter().zip(&axes) {
        let at = axis(at, shape.len())?;
        let Some(extent) = shape[at].known().and_then(|extent| i64::try_from(extent).ok()) else {
            return decline("an extent is unknown");
        };
        let cut = if extent == 0 { 0 } else { (-shift).rem_euclid(extent) };
        if cut == 0 {
            continue;
        }
        let axes = builder.i64s(&[at as i64]);
        let bounds = [builder.i64s(&[0]), builder.i64s(&[cut]), builder.i64s(&[extent])];
        let front = builder.typed("Slice", &[value, bounds[0], bounds[1], axes], Attrs::new(), held.dtype);
        let back = builder.typed("Slice", &[value, bounds[1], bounds[2], axes], Attrs::new(), held.dtype);
        value = builder.one("Concat", &[back, front], at_axis(at as i64), declared(held.dtype, Some(&shape)));
    }
    only(builder.hold_again(Form::Natural, value, held.dtype, Some(shape)))
}

/// `ReverseSequence`: in each entry of the batch the first so many elements are reversed.
pub(crate) fn reverse_sequence(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (x, lengths) = (call.input(0)?, call.input(1)?);
    let held = builder.held(x).clone();
    let Some(rank) = held.rank() else { return decline("data of unknown rank") };
    let (time, batch) = (axis(call.int("seq_dim", None)?, rank)?, axis(call.int("batch_dim", Some(0))?, rank)?);
    if time + batch != 1 {
        return decline("other dimensions than the first two");
    }
    let attrs = Attrs::new().with("time_axis", Attr::Int(time as i64)).with("batch_axis", Attr::Int(batch as i64));
    let inputs = [builder.natural(x), builder.wide(lengths)?];
    let value = builder.one("ReverseSequence", &inputs, attrs, declared(held.dtype, held.shape.as_ref()));
    only(builder.natural_result(value, held.dtype, held.shape))
}

/// `Bucketize`: how many of the sorted boundaries an element is not below.
pub(crate) fn bucketize(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let held = builder.held(x).clone();
    let Some(rank) = held.rank() else { return decline("data of unknown rank") };
    let boundaries: Vec<f32> = match call.node.attr("boundaries") {
        Some(Attr::Floats(boundaries)) => boundaries.clone(),
        _ => return decline("no boundaries"),
    };
    if held.dtype != DType::F32 {
        return decline(format!("element type {}", held.dtype));
    }
    let value = builder.natural(x);
    let value = builder.unsqueeze(value, &[rank]);
    let boundaries = builder.shared(Tensor::vector(&boundaries));
    let reached = builder.typed("GreaterOrEqual", &[value, boundaries], Attrs::new(), DType::Bool);
    let reached = builder.cast(reached, DType::I32);
    let axes = builder.i64s(&[-1]);
    let value = builder.typed("ReduceSum", &[reached, axes], Attrs::new().with("keepdims", Attr::Int(0)), DType::I32);
    only(builder.natural_result(value, DType::I32, held.shape))
}
