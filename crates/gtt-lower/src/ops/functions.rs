//! Functions that ONNX does not have, spelled out over element-wise ops.

use std::f64::consts::FRAC_1_SQRT_2;

use gtt_ir::{Attr, Attrs, DType, ValueId};

use super::elementwise::{Operands, boolean, retyped};
use super::{Results, only};
use crate::attrs::Call;
use crate::builder::Builder;
use crate::value::{Why, decline};

/// Some nodes over the operand in whatever form it is; the result has its type.
fn same_form(
    builder: &mut Builder<'_>,
    call: &Call<'_>,
    body: impl FnOnce(&mut Builder<'_>, ValueId, DType) -> Result<ValueId, Why>,
) -> Results {
    let x = call.input(0)?;
    let (value, form) = builder.any_order(x);
    let held = builder.held(x).clone();
    let value = body(builder, value, held.dtype)?;
    only(builder.hold(form, value, held.dtype, held.shape))
}

/// Some nodes over two operands that broadcast.
fn broadcasting(
    builder: &mut Builder<'_>,
    call: &Call<'_>,
    body: impl FnOnce(&mut Builder<'_>, &Operands, DType) -> Result<ValueId, Why>,
) -> Results {
    let vals = [call.input(0)?, call.input(1)?];
    let dtype = builder.held(vals[0]).dtype;
    let operands = Operands::of(builder, &vals)?;
    let value = body(builder, &operands, dtype)?;
    only(operands.hold(builder, value, dtype))
}

/// `y = x * x`.
pub(crate) fn square(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    same_form(builder, call, |builder, x, _| Ok(builder.same("Mul", &[x, x], Attrs::new())))
}

/// `y = 1 / sqrt(x)`.
pub(crate) fn rsqrt(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    same_form(builder, call, |builder, x, _| {
        let root = builder.same("Sqrt", &[x], Attrs::new());
        Ok(builder.same("Reciprocal", &[root], Attrs::new()))
    })
}

/// `y = min(max(x, 0), 6)`.
pub(crate) fn relu6(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    same_form(builder, call, |builder, x, dtype| {
        let (low, high) = (builder.scalar(dtype, 0.0)?, builder.scalar(dtype, 6.0)?);
        Ok(builder.same("Clip", &[x, low, high], Attrs::new()))
    })
}

/// `y = x` where positive, else `alpha x`.
pub(crate) fn leaky_relu(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let alpha = call.float("alpha", 0.2)?;
    same_form(builder, call, |builder, x, _| {
        Ok(builder.same("LeakyRelu", &[x], Attrs::new().with("alpha", Attr::Float(alpha))))
    })
}

/// `y = min(max(x, low), high)`.
pub(crate) fn clip_by_value(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let vals = [call.input(0)?, call.input(1)?, call.input(2)?];
    let dtype = builder.held(vals[0]).dtype;
    let operands = Operands::of(builder, &vals)?;
    let low = operands.emit(builder, "Max", &operands.values[..2], dtype);
    let value = operands.emit(builder, "Min", &[low, operands.values[2]], dtype);
    only(operands.hold(builder, value, dtype))
}

/// `y = log(1 + x)`, exact for small `x` too: with `u = 1 + x` rounded, `y = log(u) x / (u - 1)`, and `x` where `u = 1`
/// (Kahan; see Higham, Accuracy and Stability of Numerical Algorithms, 1.14). Infinite `x` gives itself.
pub(crate) fn log1p(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    same_form(builder, call, |builder, x, dtype| {
        let one = builder.scalar(dtype, 1.0)?;
        let u = builder.same("Add", &[x, one], Attrs::new());
        let less = builder.same("Sub", &[u, one], Attrs::new());
        let log = builder.same("Log", &[u], Attrs::new());
        let ratio = builder.same("Div", &[x, less], Attrs::new());
        let product = builder.same("Mul", &[log, ratio], Attrs::new());
        let tiny = boolean(builder, "Equal", &[u, one]);
        let huge = boolean(builder, "Equal", &[u, x]);
        let small = builder.same("Where", &[tiny, x, product], Attrs::new());
        retyped(builder, small, x);
        let large = builder.same("Where", &[huge, log, small], Attrs::new());
        retyped(builder, large, x);
        Ok(large)
    })
}

/// `y = exp(x) - 1`, exact for small `x` too: with `u = exp(x)` rounded, `y = (u - 1) x / log(u)`, `x` where `u = 1`, and `u - 1`
/// where that is -1 or infinite (same source as for `log1p`).
pub(crate) fn expm1(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    same_form(builder, call, |builder, x, dtype| {
        let (one, minus) = (builder.scalar(dtype, 1.0)?, builder.scalar(dtype, -1.0)?);
        let u = builder.same("Exp", &[x], Attrs::new());
        let less = builder.same("Sub", &[u, one], Attrs::new());
        let log = builder.same("Log", &[u], Attrs::new());
        let ratio = builder.same("Div", &[x, log], Attrs::new());
        let product = builder.same("Mul", &[less, ratio], Attrs::new());
        let tiny = boolean(builder, "Equal", &[u, one]);
        let low = boolean(builder, "Equal", &[less, minus]);
        let high = boolean(builder, "Equal", &[less, u]);
        let edge = boolean(builder, "Or", &[low, high]);
        let small = builder.same("Where", &[tiny, x, product], Attrs::new());
        retyped(builder, small, x);
        let all = builder.same("Where", &[edge, less, small], Attrs::new());
        retyped(builder, all, x);
        Ok(all)
    })
}

/// `y = 1 - erf(x)`. Beyond 1, where that cancels: `t exp(-x^2 + P(t))` with `t = 1 / (1 + x / 2)`, of a relative error below 1.2e-7
/// (Press et al., Numerical Recipes, 2nd ed., 6.2).
pub(crate) fn erfc(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    const P: [f64; 10] = [
        -1.26551223,
        1.00002368,
        0.37409196,
        0.09678418,
        -0.18628806,
        0.27886807,
        -1.13520398,
        1.48851587,
        -0.82215223,
        0.17087277,
    ];
    same_form(builder, call, |builder, x, dtype| {
        if dtype != DType::F32 {
            return decline(format!("element type {dtype}"));
        }
        let (one, half) = (builder.scalar(dtype, 1.0)?, builder.scalar(dtype, 0.5)?);
        let erf = builder.same("Erf", &[x], Attrs::new());
        let near = builder.same("Sub", &[one, erf], Attrs::new());
        retyped(builder, near, x);
        // Below 1 the tail is not used, and must not overflow.
        let tail = builder.same("Max", &[x, one], Attrs::new());
        let scaled = builder.same("Mul", &[tail, half], Attrs::new());
        let more = builder.same("Add", &[scaled, one], Attrs::new());
        let t = builder.same("Reciprocal", &[more], Attrs::new());
        let last = builder.scalar(dtype, P[9])?;
        let mut sum = builder.same("Mul", &[t, last], Attrs::new());
        for (at, &factor) in P[..9].iter().enumerate().rev() {
            let factor = builder.scalar(dtype, factor)?;
            sum = builder.same("Add", &[sum, factor], Attrs::new());
            if at > 0 {
                sum = builder.same("Mul", &[sum, t], Attrs::new());
            }
        }
        let square = builder.same("Mul", &[tail, tail], Attrs::new());
        let exponent = builder.same("Sub", &[sum, square], Attrs::new());
        let exponential = builder.same("Exp", &[exponent], Attrs::new());
        let far = builder.same("Mul", &[t, exponential], Attrs::new());
        let is_near = boolean(builder, "Less", &[x, one]);
        let value = builder.same("Where", &[is_near, near, far], Attrs::new());
        retyped(builder, value, x);
        Ok(value)
    })
}

/// `1 + erf(x / √2)`: the `erfc(-x / √2)` of a GELU.
pub(crate) fn gelu_factor(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    same_form(builder, call, |builder, x, dtype| {
        if !matches!(dtype, DType::F32 | DType::F64) {
            return decline(format!("element type {dtype}"));
        }
        let (one, root) = (builder.scalar(dtype, 1.0)?, builder.scalar(dtype, FRAC_1_SQRT_2)?);
        let scaled = builder.same("Mul", &[x, root], Attrs::new());
        let erf = builder.same("Erf", &[scaled], Attrs::new());
        let factor = builder.same("Add", &[erf, one], Attrs::new());
        retyped(builder, factor, x);
        Ok(factor)
    })
}

/// `y = (a - b)^2`.
pub(crate) fn squared_difference(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    broadcasting(builder, call, |builder, operands, dtype| {
        let difference = operands.emit(builder, "Sub", &operands.values, dtype);
        Ok(operands.emit(builder, "Mul", &[difference, difference], dtype))
    })
}

/// `y = a / b`, 0 where `b = 0`.
pub(crate) fn div_no_nan(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    broadcasting(builder, call, |builder, operands, dtype| {
        let zero = builder.scalar(dtype, 0.0)?;
        let none = boolean(builder, "Equal", &[operands.values[1], zero]);
        let quotient = operands.emit(builder, "Div", &operands.values, dtype);
        Ok(operands.emit(builder, "Where", &[none, zero, quotient], dtype))
    })
}

/// `y = floor(a / b)`. Integers: the truncated quotient, less 1 where the remainder is not 0 and has not the sign of `b`.
pub(crate) fn floor_div(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    broadcasting(builder, call, |builder, operands, dtype| {
        let (a, b) = (operands.values[0], operands.values[1]);
        let quotient = operands.emit(builder, "Div", &[a, b], dtype);
        if dtype.is_float() {
            return Ok(operands.emit(builder, "Floor", &[quotient], dtype));
        }
        if matches!(dtype, DType::U8 | DType::U16 | DType::U32 | DType::U64) {
            return Ok(quotient);
        }
        let product = operands.emit(builder, "Mul", &[quotient, b], dtype);
        let rest = operands.emit(builder, "Sub", &[a, product], dtype);
        let wrong = opposite_signs(builder, operands, rest, b, dtype)?;
        let one = operands.emit_cast(builder, wrong, dtype);
        Ok(operands.emit(builder, "Sub", &[quotient, one], dtype))
    })
}

/// `y = a - b floor(a / b)`: integers by `Mod`, floats by the C remainder, plus `b` where its sign is not that of `b`.
pub(crate) fn floor_mod(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    broadcasting(builder, call, |builder, operands, dtype| {
        if !dtype.is_float() {
            return Ok(operands.emit(builder, "Mod", &operands.values, dtype));
        }
        let rest = remainder(builder, operands, dtype);
        let b = operands.values[1];
        let wrong = opposite_signs(builder, operands, rest, b, dtype)?;
        let moved = operands.emit(builder, "Add", &[rest, b], dtype);
        Ok(operands.emit(builder, "Where", &[wrong, moved, rest], dtype))
    })
}

/// The C remainder: of the sign of `a`.
pub(crate) fn truncate_mod(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    broadcasting(builder, call, |builder, operands, dtype| Ok(remainder(builder, operands, dtype)))
}

fn remainder(builder: &mut Builder<'_>, operands: &Operands, dtype: DType) -> ValueId {
    builder.one("Mod", &operands.values, Attrs::new().with("fmod", Attr::Int(1)), operands.ty(dtype))
}

/// `rest` is not zero and of another sign than `b`.
fn opposite_signs(
    builder: &mut Builder<'_>,
    operands: &Operands,
    rest: ValueId,
    b: ValueId,
    dtype: DType,
) -> Result<ValueId, Why> {
    let zero = builder.scalar(dtype, 0.0)?;
    let none = operands.emit(builder, "Equal", &[rest, zero], DType::Bool);
    let some = operands.emit(builder, "Not", &[none], DType::Bool);
    let rest_negative = operands.emit(builder, "Less", &[rest, zero], DType::Bool);
    let b_negative = boolean(builder, "Less", &[b, zero]);
    let differ = operands.emit(builder, "Xor", &[rest_negative, b_negative], DType::Bool);
    Ok(operands.emit(builder, "And", &[some, differ], DType::Bool))
}

/// `Xdivy`, `Xlogy`: 0 where `x = 0`, else `x / y`, `x log(y)`. `MulNoNan`: 0 where `y = 0`, else `x y`.
pub(crate) fn zero_wins(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    broadcasting(builder, call, |builder, operands, dtype| {
        if !dtype.is_float() {
            return decline(format!("element type {dtype}"));
        }
        let (x, y) = (operands.values[0], operands.values[1]);
        let zero = builder.scalar(dtype, 0.0)?;
        let none = boolean(builder, "Equal", &[if call.op() == "MulNoNan" { y } else { x }, zero]);
        let value = match call.op() {
            "Xdivy" => operands.emit(builder, "Div", &[x, y], dtype),
            "Xlogy" => {
                let log = builder.same("Log", &[y], Attrs::new());
                operands.emit(builder, "Mul", &[x, log], dtype)
            }
            _ => operands.emit(builder, "Mul", &[x, y], dtype),
        };
        Ok(operands.emit(builder, "Where", &[none, zero, value], dtype))
    })
}

/// `|a - b| < tolerance`.
pub(crate) fn approximate_equal(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let vals = [call.input(0)?, call.input(1)?];
    let dtype = builder.held(vals[0]).dtype;
    let operands = Operands::of(builder, &vals)?;
    let tolerance = builder.scalar(dtype, f64::from(call.float("tolerance", 1e-5)?))?;
    let difference = operands.emit(builder, "Sub", &operands.values, dtype);
    let size = operands.emit(builder, "Abs", &[difference], dtype);
    let value = operands.emit(builder, "Less", &[size, tolerance], DType::Bool);
    only(operands.hold(builder, value, DType::Bool))
}

/// Bitwise ops of integers; shifts of unsigned ones (what a negative or too large shift gives is not the same everywhere).
pub(crate) fn bitwise(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (op, direction) = match call.op() {
        "BitwiseAnd" => ("BitwiseAnd", None),
        "BitwiseOr" => ("BitwiseOr", None),
        "BitwiseXor" => ("BitwiseXor", None),
        "LeftShift" => ("BitShift", Some("LEFT")),
        "RightShift" => ("BitShift", Some("RIGHT")),
        _ => ("BitwiseNot", None),
    };
    if builder.opset < 18 && direction.is_none() {
        return decline("it needs opset 18");
    }
    if op == "BitwiseNot" {
        return same_form(builder, call, |builder, x, _| Ok(builder.same("BitwiseNot", &[x], Attrs::new())));
    }
    broadcasting(builder, call, |builder, operands, dtype| {
        let mut attrs = Attrs::new();
        if let Some(direction) = direction {
            if !matches!(dtype, DType::U8 | DType::U32 | DType::U64) {
                return decline(format!("element type {dtype}"));
            }
            attrs.set("direction", Attr::Str(direction.into()));
        }
        Ok(builder.one(op, &operands.values, attrs, operands.ty(dtype)))
    })
}

/// `L2Loss`: half the sum of squares.
pub(crate) fn l2_loss(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let dtype = builder.held(x).dtype;
    let (value, _) = builder.any_order(x);
    let square = builder.same("Mul", &[value, value], Attrs::new());
    let scalar = crate::value::declared(dtype, Some(&gtt_ir::Shape::new()));
    let sum = builder.one("ReduceSum", &[square], Attrs::new().with("keepdims", Attr::Int(0)), scalar);
    let half = builder.scalar(dtype, 0.5)?;
    let value = builder.same("Mul", &[sum, half], Attrs::new());
    only(builder.natural_result(value, dtype, Some(gtt_ir::Shape::new())))
}

/// `FakeQuantWithMinMaxArgs`, `-Vars`, `-VarsPerChannel` for a constant range: the range is moved so that 0 is one of the steps, and
/// `y = floor((min(max(x, low), high) - low) / step - zero + 1/2) step`.
pub(crate) fn fake_quantize(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let bits = call.int("num_bits", Some(8))?;
    if !(2..=16).contains(&bits) {
        return decline("`num_bits` is out of range");
    }
    let constant = |builder: &Builder<'_>, slot: usize| -> Result<Vec<f32>, Why> {
        let held = builder.held(call.input(slot)?);
        held.tensor.as_ref().and_then(|tensor| tensor.to_vec::<f32>()).ok_or_else(|| "the range is not constant".into())
    };
    let (low, high) = match call.op() {
        "FakeQuantWithMinMaxArgs" => (vec![call.float("min", -6.0)?], vec![call.float("max", 6.0)?]),
        _ => (constant(builder, 1)?, constant(builder, 2)?),
    };
    if low.len() != high.len() || low.is_empty() {
        return decline("the ends of the range differ in length");
    }
    let least = if call.flag("narrow_range", false)? { 1.0f32 } else { 0.0 };
    let most = ((1i64 << bits) - 1) as f32;
    let mut all: [Vec<f32>; 5] = Default::default();
    for (&low, &high) in low.iter().zip(&high) {
        if low >= high || low.is_nan() || high.is_nan() {
            return decline("an empty range");
        }
        let step = (high - low) / (most - least);
        let zero = least - low / step;
        let zero = if zero < least {
            least
        } else if zero > most {
            most
        } else {
            zero.round()
        };
        let (bottom, top) = ((least - zero) * step, (most - zero) * step);
        let inverse = 1.0 / step;
        let offset = (-bottom * inverse + 0.5).floor();
        for (list, number) in all.iter_mut().zip([bottom, top, inverse, offset, step]) {
            list.push(number);
        }
    }
    let channels = call.op() == "FakeQuantWithMinMaxVarsPerChannel";
    let name = call.node.name.clone();
    let mut vals = vec![x];
    for list in all {
        let tensor = if channels { gtt_ir::Tensor::vector(&list) } else { gtt_ir::Tensor::scalar(list[0]) };
        vals.push(builder.constant(&name, tensor));
    }
    let operands = Operands::of(builder, &vals)?;
    let [x, bottom, top, inverse, offset, step] = operands.values[..] else { return decline("operands are missing") };
    let dtype = DType::F32;
    let half = builder.scalar(dtype, 0.5)?;
    let value = operands.emit(builder, "Max", &[x, bottom], dtype);
    let value = operands.emit(builder, "Min", &[value, top], dtype);
    let value = operands.emit(builder, "Sub", &[value, bottom], dtype);
    let value = operands.emit(builder, "Mul", &[value, inverse], dtype);
    let value = operands.emit(builder, "Sub", &[value, offset], dtype);
    let value = operands.emit(builder, "Add", &[value, half], dtype);
    let value = operands.emit(builder, "Floor", &[value], dtype);
    let value = operands.emit(builder, "Mul", &[value, step], dtype);
    only(operands.hold(builder, value, dtype))
}
