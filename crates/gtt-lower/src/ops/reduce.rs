//! Reductions over dimensions.

use gtt_ir::{Attr, Attrs, DType, Dim, Shape, Type, ValueId};

use super::shape::order_kept;
use super::{Results, only};
use crate::attrs::Call;
use crate::builder::Builder;
use crate::idioms::Idiom;
use crate::value::{Form, Val, Why, axis, axis_in, declared, decline};

/// Dimensions to go, ascending; `None` when the rank is unknown.
fn axes(builder: &Builder<'_>, call: &Call<'_>, x: Val) -> Result<Option<Vec<usize>>, Why> {
    let named = call.const_ints(builder, 1, "the axes")?;
    if named.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let Some(rank) = builder.held(x).rank() else { return Ok(None) };
    let mut axes: Vec<usize> = named.iter().map(|&at| axis(at, rank)).collect::<Result<_, _>>()?;
    axes.sort_unstable();
    axes.dedup();
    Ok(Some(axes))
}

/// Where the reduction happens, and what comes out.
struct Plan {
    value: ValueId,
    axes: Vec<i64>,
    form: Form,
    shape: Shape,
}

fn plan(builder: &mut Builder<'_>, x: Val, axes: &[usize], keep: bool) -> Result<Plan, Why> {
    let Some(own) = builder.held(x).shape.clone() else { return decline("data of unknown rank") };
    let rank = own.len();
    let mut shape = Shape::new();
    for (at, dim) in own.iter().enumerate() {
        match (axes.contains(&at), keep) {
            (false, _) => shape.push(dim.clone()),
            (true, true) => shape.push(Dim::Known(1)),
            (true, false) => {}
        }
    }
    if keep {
        let (value, form) = builder.any_order(x);
        let axes = axes.iter().map(|&at| axis_in(form, at, rank) as i64).collect();
        return Ok(Plan { value, axes, form, shape });
    }
    let (value, axes) = order_kept(builder, x, axes)?;
    Ok(Plan { value, axes: axes.into_iter().map(|at| at as i64).collect(), form: Form::Natural, shape })
}

/// `Sum`, `Mean`, `Max`, `Min`, `Prod`, `EuclideanNorm`.
pub(crate) fn reduce(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let dtype = builder.held(x).dtype;
    let op = match call.op() {
        "Sum" => "ReduceSum",
        "Mean" if dtype.is_float() => "ReduceMean",
        "Mean" => return decline("a mean of integers"),
        "Max" => "ReduceMax",
        "Min" => "ReduceMin",
        "Prod" => "ReduceProd",
        "EuclideanNorm" if dtype.is_float() => "ReduceL2",
        other => return decline(format!("{other} of {dtype}")),
    };
    let Some(axes) = axes(builder, call, x)? else { return decline("data of unknown rank") };
    if axes.is_empty() && op != "ReduceL2" {
        return only(x);
    }
    if axes.is_empty() {
        return decline("a norm over no dimension");
    }
    let keep = call.flag("keep_dims", false)?;
    if op == "ReduceProd" && dtype.is_int() {
        return integer_product(builder, x, &axes, keep);
    }
    let is_last = builder.held(x).rank() == axes.last().map(|axis| axis + 1) && axes.len() == 1;
    if call.idiom == Some(Idiom::LayerNorm) && is_last && builder.opset >= 17 {
        // From here on the channels are last.
        builder.natural(x);
    }
    let of_image = !keep && builder.held(x).is_channels_first();
    let reduced = plan(builder, x, &axes, keep)?;
    let value = emit(builder, op, reduced.value, &reduced.axes, keep, declared(dtype, None));
    let result = builder.hold(reduced.form, value, dtype, Some(reduced.shape));
    if of_image {
        // Should a `Reshape` bring the dimensions back: one of the two is dropped in the end.
        let kept = plan(builder, x, &axes, true)?;
        let value = emit(builder, op, kept.value, &kept.axes, true, declared(dtype, None));
        let kept = builder.hold(kept.form, value, dtype, Some(kept.shape));
        builder.set_kept(result, kept);
    }
    only(result)
}

/// Products of more integers are not spelled out.
const MOST_FACTORS: u64 = 64;

/// A product of integers, factor by factor: it wraps around, while `ReduceProd` of ONNX Runtime ends at the largest number.
fn integer_product(builder: &mut Builder<'_>, x: Val, axes: &[usize], keep: bool) -> Results {
    let held = builder.held(x).clone();
    let Some(mut shape) = held.shape else { return decline("data of unknown rank") };
    let extents: Option<Vec<u64>> = axes.iter().map(|&at| shape[at].known()).collect();
    let Some(extents) = extents.filter(|extents| extents.iter().all(|extent| (1..=MOST_FACTORS).contains(extent)))
    else {
        return decline("a product of many integers, or of an unknown number of them, which may overflow");
    };
    let mut value = builder.natural(x);
    for (&at, extent) in axes.iter().zip(extents) {
        shape.make_mut()[at] = Dim::Known(1);
        let ty = declared(held.dtype, Some(&shape));
        if extent > 1 {
            let parts = builder.i64s(&vec![1; extent as usize]);
            let axis = Attrs::new().with("axis", Attr::Int(at as i64));
            let factors = builder.node("Split", &[Some(value), Some(parts)], axis, &vec![ty.clone(); extent as usize]);
            value = factors[0];
            for &factor in &factors[1..] {
                value = builder.one("Mul", &[value, factor], Attrs::new(), ty.clone());
            }
        }
    }
    if !keep {
        value = builder.squeeze(value, axes);
        shape = shape.iter().enumerate().filter(|(at, _)| !axes.contains(at)).map(|(_, dim)| dim.clone()).collect();
    }
    only(builder.natural_result(value, held.dtype, Some(shape)))
}

/// The axes are an operand from opset 18 on, of `ReduceSum` always.
pub(super) fn emit(builder: &mut Builder<'_>, op: &str, value: ValueId, axes: &[i64], keep: bool, ty: Type) -> ValueId {
    let mut attrs = Attrs::new().with("keepdims", Attr::Int(i64::from(keep)));
    let mut inputs = vec![value];
    if op == "ReduceSum" || builder.opset >= 18 {
        inputs.push(builder.i64s(axes));
    } else {
        attrs.set("axes", Attr::Ints(axes.to_vec()));
    }
    builder.one(op, &inputs, attrs, ty)
}

/// `All`, `Any`: the least or greatest of 0 and 1.
pub(crate) fn logical(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let op = if call.op() == "All" { "ReduceMin" } else { "ReduceMax" };
    let Some(axes) = axes(builder, call, x)? else { return decline("data of unknown rank") };
    if axes.is_empty() {
        return only(x);
    }
    if builder.held(x).shape.as_ref().is_none_or(|shape| axes.iter().any(|&at| shape[at] == Dim::Known(0))) {
        return decline("a reduction of nothing");
    }
    let keep = call.flag("keep_dims", false)?;
    let plan = plan(builder, x, &axes, keep)?;
    let numbers = builder.cast(plan.value, DType::I32);
    let value = emit(builder, op, numbers, &plan.axes, keep, declared(DType::I32, None));
    let value = builder.cast(value, DType::Bool);
    only(builder.hold(plan.form, value, DType::Bool, Some(plan.shape)))
}

/// `ArgMax`, `ArgMin`: of equal elements the first, in both.
pub(crate) fn arg(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let out = call.dtype("output_type", Some(DType::I64))?;
    if !matches!(out, DType::I32 | DType::I64) {
        return decline(format!("a result of type {out}"));
    }
    let &[at] = call.const_ints(builder, 1, "the axis")?.as_slice() else { return decline("more than one axis") };
    let Some(rank) = builder.held(x).rank() else { return decline("data of unknown rank") };
    let at = axis(at, rank)?;
    let plan = plan(builder, x, &[at], false)?;
    let attrs = Attrs::new().with("axis", Attr::Int(plan.axes[0])).with("keepdims", Attr::Int(0));
    let value = builder.one(call.op(), &[plan.value], attrs, declared(DType::I64, None));
    let form = if out == DType::I64 { Form::Natural } else { Form::Wide };
    only(builder.hold(form, value, out, Some(plan.shape)))
}

/// `Cumsum`.
pub(crate) fn cumsum(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let held = builder.held(x).clone();
    let &[at] = call.const_ints(builder, 1, "the axis")?.as_slice() else { return decline("more than one axis") };
    let Some(rank) = held.rank() else { return decline("data of unknown rank") };
    let at = builder.shared(gtt_ir::Tensor::scalar(axis(at, rank)? as i64));
    let attrs = Attrs::new()
        .with("exclusive", Attr::Int(i64::from(call.flag("exclusive", false)?)))
        .with("reverse", Attr::Int(i64::from(call.flag("reverse", false)?)));
    let value = builder.natural(x);
    let value = builder.same("CumSum", &[value, at], attrs);
    only(builder.natural_result(value, held.dtype, held.shape))
}
