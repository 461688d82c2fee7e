//! Reductions that need no rounding: integers, Booleans, extremes of floats; running sums; positions of extremes.

use gtt_ir::{DType, Element, Tensor};
use half::{bf16, f16};

use super::args::{Args, Evaluated};
use super::integer::{Int, elements, tensor, with_int};
use super::layout::{Walk, product, strides};

type Results = Evaluated<Vec<Tensor>>;

/// What is done with the elements that fall together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Reduction {
    Sum,
    Prod,
    Max,
    Min,
    SumSquare,
    L1,
    All,
    Any,
}

/// Which elements fall together: `None` means that the operand stays as it is.
struct Plan {
    shape: Vec<usize>,
    walk: Walk,
}

fn plan(args: Args<'_>, operand: &Tensor) -> Evaluated<Option<Plan>> {
    args.only(&["axes", "keepdims", "keep_dims", "noop_with_empty_axes"])?;
    let rank = operand.rank();
    let since = if args.call.op.name == "ReduceSum" { 13 } else { 18 };
    let axes = args.ints_by_version("axes", 1, since)?;
    let axes = match axes {
        Some(axes) if axes.is_empty() && args.is_onnx() => None,
        axes => axes,
    };
    let axes = match axes {
        Some(axes) => args.axes(&axes, rank)?,
        None if args.opset() >= since && args.int_attr("noop_with_empty_axes", 0)? != 0 => return Ok(None),
        None if !args.is_onnx() => return args.undefined("there are no axes"),
        None => (0..rank).collect(),
    };
    let keep = if args.is_onnx() { args.int_attr("keepdims", 1)? != 0 } else { args.bool_attr("keep_dims", false)? };
    let kept: Vec<usize> = (0..rank).map(|axis| if axes.contains(&axis) { 1 } else { operand.shape()[axis] }).collect();
    let steps = strides(&kept);
    let walk = Walk {
        shape: operand.shape().to_vec(),
        strides: (0..rank).map(|axis| if axes.contains(&axis) { 0 } else { steps[axis] }).collect(),
        base: 0,
    };
    let shape = (0..rank).filter(|axis| keep || !axes.contains(axis)).map(|axis| kept[axis]).collect();
    Ok(Some(Plan { shape, walk }))
}

/// Folds the elements that fall together; `None` where there are none.
fn folded<T: Element>(
    args: Args<'_>,
    plan: &Plan,
    operand: &Tensor,
    first: impl Fn(T) -> T,
    step: impl Fn(T, T) -> T,
) -> Evaluated<Vec<Option<T>>> {
    let count = args.check_size(T::DTYPE, &plan.shape)?;
    let mut folded: Vec<Option<T>> = vec![None; count];
    for (place, element) in plan.walk.offsets().zip(elements::<T>(args, operand)?) {
        folded[place] = Some(match folded[place] {
            None => first(element),
            Some(so_far) => step(so_far, element),
        });
    }
    Ok(folded)
}

fn filled<T: Element>(args: Args<'_>, plan: &Plan, folded: Vec<Option<T>>, neutral: Option<T>) -> Results {
    let elements = folded.into_iter().map(|element| element.or(neutral)).collect::<Option<Vec<T>>>();
    match elements {
        Some(elements) => Ok(vec![tensor(args, &plan.shape, elements)?]),
        None => args.undefined("the reduction of nothing"),
    }
}

fn extremes<T: Element + PartialOrd>(args: Args<'_>, plan: &Plan, operand: &Tensor, max: bool) -> Results {
    #[allow(clippy::eq_op, reason = "only NaN differs from itself; the element type is generic")]
    if elements::<T>(args, operand)?.iter().any(|element| element != element) {
        return args.undefined("the extreme of NaN");
    }
    let step = |x: T, y: T| if (y > x) == max && y != x { y } else { x };
    filled(args, plan, folded::<T>(args, plan, operand, |x| x, step)?, None)
}

/// `ReduceSum` and its like; TensorFlow's `Sum` and its like.
pub(super) fn reduce(args: Args<'_>, reduction: Reduction) -> Results {
    use Reduction::*;
    let operand = args.input(0)?;
    let dtype = operand.dtype();
    let Some(plan) = plan(args, operand)? else {
        return if matches!(reduction, SumSquare | L1) {
            args.unsupported("without axes")
        } else {
            Ok(vec![operand.clone()])
        };
    };
    if matches!(reduction, Max | Min) {
        match dtype {
            DType::F32 => return extremes::<f32>(args, &plan, operand, reduction == Max),
            DType::F64 => return extremes::<f64>(args, &plan, operand, reduction == Max),
            DType::F16 => return extremes::<f16>(args, &plan, operand, reduction == Max),
            DType::BF16 => return extremes::<bf16>(args, &plan, operand, reduction == Max),
            _ => {}
        }
    }
    if dtype == DType::Bool {
        let all = match reduction {
            All | Min => true,
            Any | Max => false,
            _ => return args.unsupported("on Booleans"),
        };
        args.check_size(dtype, operand.shape())?;
        let bytes = operand.bytes().unwrap_or_default();
        let bits = bytes.iter().map(|&byte| u8::from(byte != 0)).collect();
        let bits = tensor(args, operand.shape(), bits)?;
        let folded = folded::<u8>(args, &plan, &bits, |x| x, |x, y| if all { x & y } else { x | y })?;
        let bits: Vec<bool> = folded.into_iter().map(|bit| bit.map_or(all, |bit| bit != 0)).collect();
        return Tensor::from_bools(&plan.shape, &bits)
            .map_or_else(|error| args.undefined(&error.to_string()), |tensor| Ok(vec![tensor]));
    }
    with_int!(dtype, T => {
        let first = |x: T| match reduction {
            SumSquare => T::low(x.wide().wrapping_mul(x.wide())),
            L1 => T::low(x.wide().abs()),
            _ => x,
        };
        let step = |sum: T, x: T| match reduction {
            Sum | SumSquare | L1 => T::low(sum.wide() + first(x).wide()),
            Prod => T::low(sum.wide().wrapping_mul(x.wide())),
            Max => sum.max(x),
            _ => sum.min(x),
        };
        let neutral = match reduction {
            Sum | SumSquare | L1 => Some(0),
            Prod => Some(1),
            Max | Min => None,
            All | Any => return args.undefined("a reduction of numbers to a Boolean"),
        };
        let folded = folded::<T>(args, &plan, operand, first, step)?;
        filled(args, &plan, folded, neutral)
    }, else args.unsupported(&format!("on {dtype}")))
}

/// `CumSum`, `Cumsum`, `Cumprod` of integers.
pub(super) fn cumulative(args: Args<'_>, multiply: bool) -> Results {
    args.only(&["exclusive", "reverse"])?;
    let operand = args.input(0)?;
    let axis = args.axis(args.int(1)?, operand.rank())?;
    let flag = |name: &str| if args.is_onnx() { Ok(args.int_attr(name, 0)? != 0) } else { args.bool_attr(name, false) };
    let (exclusive, reverse) = (flag("exclusive")?, flag("reverse")?);
    let extent = operand.shape()[axis];
    let inner = product(&operand.shape()[axis + 1..]);
    with_int!(operand.dtype(), T => {
        let mut elements = elements::<T>(args, operand)?;
        let lines = if extent == 0 || inner == 0 { 0 } else { elements.len() / extent };
        for line in 0..lines {
            let base = line / inner * extent * inner + line % inner;
            let mut so_far: i128 = i128::from(multiply);
            for step in 0..extent {
                let place = base + inner * if reverse { extent - 1 - step } else { step };
                let x = elements[place].wide();
                let next = T::low(if multiply { so_far.wrapping_mul(x) } else { so_far + x }).wide();
                elements[place] = T::low(if exclusive { so_far } else { next });
                so_far = next;
            }
        }
        Ok(vec![tensor(args, operand.shape(), elements)?])
    }, else args.unsupported(&format!("on {}", operand.dtype())))
}

/// `ArgMax`, `ArgMin`.
pub(super) fn arg_extreme(args: Args<'_>, max: bool) -> Results {
    args.only(&["axis", "keepdims", "select_last_index", "output_type"])?;
    let operand = args.input(0)?;
    let (axis, keep, last, dtype) = if args.is_onnx() {
        let last = args.int_attr("select_last_index", 0)? != 0;
        (args.int_attr("axis", 0)?, args.int_attr("keepdims", 1)? != 0, last, DType::I64)
    } else {
        (args.int(1)?, false, false, args.dtype_attr("output_type")?.unwrap_or(DType::I64))
    };
    let axis = args.axis(axis, operand.rank())?;
    args.check_size(DType::I64, operand.shape())?;
    let found = with_int!(operand.dtype(), T => places::<T>(args, operand, axis, max, last)?, else match operand.dtype() {
        DType::F32 => places::<f32>(args, operand, axis, max, last)?,
        DType::F64 => places::<f64>(args, operand, axis, max, last)?,
        DType::F16 => places::<f16>(args, operand, axis, max, last)?,
        DType::BF16 => places::<bf16>(args, operand, axis, max, last)?,
        other => return args.unsupported(&format!("on {other}")),
    });
    let mut shape = operand.shape().to_vec();
    if keep {
        shape[axis] = 1;
    } else {
        shape.remove(axis);
    }
    Ok(vec![super::generate::from_ints(args, dtype, &shape, &found)?])
}

fn places<T: Element + PartialOrd>(
    args: Args<'_>,
    operand: &Tensor,
    axis: usize,
    max: bool,
    last: bool,
) -> Evaluated<Vec<i64>> {
    let elements = elements::<T>(args, operand)?;
    let extent = operand.shape()[axis];
    let inner = product(&operand.shape()[axis + 1..]);
    let outer = product(&operand.shape()[..axis]);
    #[allow(clippy::eq_op, reason = "only NaN differs from itself; the element type is generic")]
    if extent == 0 || elements.iter().any(|element| element != element) {
        return args.undefined("the extreme of nothing, or of NaN");
    }
    let place = |line: usize| {
        let base = line / inner * extent * inner + line % inner;
        let mut best = 0;
        for step in 1..extent {
            let (x, y) = (elements[base + best * inner], elements[base + step * inner]);
            if (if max { y > x } else { y < x }) || (last && y == x) {
                best = step;
            }
        }
        best as i64
    };
    Ok((0..outer.saturating_mul(inner)).map(place).collect())
}
