//! Element-wise ops, with numpy's broadcasting as in ONNX.
//!
//! If an operand is held channels-first and the others can follow (scalars, vectors over the channels, values of the same rank), the
//! result is channels-first too.

use gtt_ir::{Attr, Attrs, DType, Dim, Shape, Type, ValueId};

use super::{Results, only};
use crate::attrs::Call;
use crate::builder::{Builder, onnx_code};
use crate::value::{Form, Val, Why, broadcast, declared, decline};

/// TensorFlow op and ONNX op with exactly its meaning: one operand, result of the same type.
const UNARY: &[(&str, &str)] = &[
    ("Abs", "Abs"),
    ("Acos", "Acos"),
    ("Acosh", "Acosh"),
    ("Asin", "Asin"),
    ("Asinh", "Asinh"),
    ("Atan", "Atan"),
    ("Atanh", "Atanh"),
    ("Ceil", "Ceil"),
    ("Cos", "Cos"),
    ("Cosh", "Cosh"),
    ("Elu", "Elu"),
    ("Erf", "Erf"),
    ("Exp", "Exp"),
    ("Floor", "Floor"),
    ("Inv", "Reciprocal"),
    ("Log", "Log"),
    ("LogicalNot", "Not"),
    ("Neg", "Neg"),
    ("Reciprocal", "Reciprocal"),
    ("Relu", "Relu"),
    ("Rint", "Round"),
    ("Round", "Round"),
    ("Selu", "Selu"),
    ("Sigmoid", "Sigmoid"),
    ("Sign", "Sign"),
    ("Sin", "Sin"),
    ("Sinh", "Sinh"),
    ("Softplus", "Softplus"),
    ("Softsign", "Softsign"),
    ("Sqrt", "Sqrt"),
    ("Tan", "Tan"),
    ("Tanh", "Tanh"),
];

/// The same for two operands of one type. `Div` and `TruncateDiv` of integers truncate in ONNX as in TensorFlow.
const BINARY: &[(&str, &str)] = &[
    ("Add", "Add"),
    ("AddV2", "Add"),
    ("Div", "Div"),
    ("Maximum", "Max"),
    ("Minimum", "Min"),
    ("Mul", "Mul"),
    ("Pow", "Pow"),
    ("RealDiv", "Div"),
    ("Sub", "Sub"),
    ("TruncateDiv", "Div"),
];

/// Comparisons: Boolean results.
const COMPARE: &[(&str, &str)] = &[
    ("Equal", "Equal"),
    ("Greater", "Greater"),
    ("GreaterEqual", "GreaterOrEqual"),
    ("Less", "Less"),
    ("LessEqual", "LessOrEqual"),
    ("NotEqual", "Equal"),
];

fn translate(table: &[(&str, &'static str)], op: &str) -> Result<&'static str, Why> {
    match table.iter().find(|(tf, _)| *tf == op) {
        Some((_, onnx)) => Ok(onnx),
        None => decline("there is no translation for it"),
    }
}

/// Operands of an element-wise op in one form, and the shape of the result.
pub(crate) struct Operands {
    pub(crate) values: Vec<ValueId>,
    pub(crate) form: Form,
    pub(crate) shape: Option<Shape>,
}

impl Operands {
    /// Chooses the form and brings the operands into it.
    pub(crate) fn of(builder: &mut Builder, vals: &[Val]) -> Result<Self, Why> {
        let mut shape = vals.first().and_then(|&val| builder.held(val).shape.clone());
        for &val in vals.iter().skip(1) {
            shape = broadcast(shape.as_ref(), builder.held(val).shape.as_ref());
        }
        let rank = shape.as_ref().map(|shape| shape.len());
        let leads =
            |builder: &Builder, val: Val| builder.held(val).is_channels_first() && builder.held(val).rank() == rank;
        let follows = |builder: &Builder, val: Val| {
            let held = builder.held(val);
            match (held.rank(), rank) {
                (Some(own), Some(rank)) => own <= 1 || own == rank || held.tensor.is_some() && own < rank,
                _ => false,
            }
        };
        let channels_first =
            vals.iter().any(|&val| leads(builder, val)) && vals.iter().all(|&val| follows(builder, val));
        let form = if channels_first { Form::ChannelsFirst } else { Form::Natural };
        let mut values = Vec::with_capacity(vals.len());
        for &val in vals {
            values.push(match rank.filter(|_| channels_first) {
                Some(rank) => follow(builder, val, rank)?,
                None => builder.natural(val),
            });
        }
        Ok(Self { values, form, shape })
    }

    /// The declared type of a result in this form.
    fn ty(&self, dtype: DType) -> Type {
        match (&self.shape, self.form) {
            (Some(shape), Form::ChannelsFirst) => {
                let order = crate::value::to_channels_first(shape.len());
                declared(dtype, Some(&crate::value::permuted(shape, &order)))
            }
            (shape, _) => declared(dtype, shape.as_ref()),
        }
    }

    /// A node over operands in this form.
    pub(crate) fn emit(&self, builder: &mut Builder, op: &str, inputs: &[ValueId], dtype: DType) -> ValueId {
        builder.one(op, inputs, Attrs::new(), self.ty(dtype))
    }

    /// The result.
    pub(crate) fn hold(&self, builder: &mut Builder, value: ValueId, dtype: DType) -> Val {
        builder.hold(self.form, value, dtype, self.shape.clone())
    }
}

/// An operand as it broadcasts against channels-first values of a rank.
fn follow(builder: &mut Builder, val: Val, rank: usize) -> Result<ValueId, Why> {
    let held = builder.held(val);
    let Some(shape) = held.shape.clone() else { return decline("an operand of unknown rank") };
    if shape.len() == rank {
        return builder.channels_first(val);
    }
    if shape.iter().all(|dim| *dim == Dim::Known(1)) && shape.len() <= 1 {
        return Ok(builder.natural(val));
    }
    if let (Some(tensor), Some(extents)) = (held.tensor.clone(), extents(&shape)) {
        let mut full = vec![1usize; rank - extents.len()];
        full.extend(extents);
        let Some(tensor) = tensor.reshaped(&full) else { return decline("a constant cannot be read") };
        let name = held.name.clone();
        let leading = builder.constant(&name, tensor);
        return builder.channels_first(leading);
    }
    let value = builder.natural(val);
    let trailing: Vec<usize> = (1..rank - 1).collect();
    Ok(builder.unsqueeze(value, &trailing))
}

fn extents(shape: &Shape) -> Option<Vec<usize>> {
    shape.iter().map(|dim| usize::try_from(dim.known()?).ok()).collect()
}

/// `y = f(x)` with the ONNX op of that function.
pub(crate) fn unary(builder: &mut Builder, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let op = translate(UNARY, call.op())?;
    if op == "Round" && builder.held(x).dtype.is_int() {
        return only(x);
    }
    let (value, form) = builder.any_order(x);
    let value = builder.same(op, &[value], Attrs::new());
    let held = builder.held(x).clone();
    only(builder.hold(form, value, held.dtype, held.shape))
}

/// `y = x`, of another type.
pub(crate) fn cast(builder: &mut Builder, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let to = call.dtype("DstT", None)?;
    let held = builder.held(x).clone();
    if call.flag("Truncate", false)? && to.is_float() && held.dtype.is_float() && to.bits() < held.dtype.bits() {
        return decline("a narrowing cast that truncates");
    }
    if onnx_code(to).is_none() || to == DType::String || held.dtype == DType::String {
        return decline(format!("a cast from {} to {to}", held.dtype));
    }
    if to == held.dtype {
        return only(x);
    }
    if let (DType::I64, DType::I32, true) = (to, held.dtype, held.wide.is_some()) {
        let value = builder.wide(x)?;
        return only(builder.natural_result(value, to, held.shape));
    }
    let (value, form) = builder.any_order(x);
    let value = builder.cast(value, to);
    only(builder.hold(form, value, to, held.shape))
}

/// `y = f(a, b)` with the ONNX op of that function. Integer shape arithmetic stays in 64 bit: its ring operations agree with
/// 32 bit after the final cast.
pub(crate) fn binary(builder: &mut Builder, call: &Call<'_>) -> Results {
    let op = translate(BINARY, call.op())?;
    let vals = [call.input(0)?, call.input(1)?];
    let dtype = builder.held(vals[0]).dtype;
    if builder.held(vals[1]).dtype != dtype {
        return decline("operands of different types");
    }
    if dtype == DType::String {
        return decline("strings");
    }
    if dtype == DType::I32 && matches!(op, "Add" | "Sub" | "Mul") && wide_is_free(builder, &vals) {
        let shape = broadcast(builder.held(vals[0]).shape.as_ref(), builder.held(vals[1]).shape.as_ref());
        let inputs = [builder.wide(vals[0])?, builder.wide(vals[1])?];
        let value = builder.one(op, &inputs, Attrs::new(), declared(DType::I64, shape.as_ref()));
        return only(builder.hold(Form::Wide, value, dtype, shape));
    }
    let operands = Operands::of(builder, &vals)?;
    let value = operands.emit(builder, op, &operands.values, dtype);
    only(operands.hold(builder, value, dtype))
}

/// One operand exists only in 64 bit, and the others exist so or are constants.
pub(crate) fn wide_is_free(builder: &Builder, vals: &[Val]) -> bool {
    let wide = |val: &Val| builder.held(*val).wide.is_some();
    vals.iter().any(|val| wide(val) && builder.held(*val).tensor.is_none())
        && vals.iter().all(|val| wide(val) || builder.held(*val).tensor.is_some())
}

/// `y = a & b`, `y = a | b`.
pub(crate) fn logical(builder: &mut Builder, call: &Call<'_>) -> Results {
    let op = if call.op() == "LogicalAnd" { "And" } else { "Or" };
    let operands = Operands::of(builder, &[call.input(0)?, call.input(1)?])?;
    let value = operands.emit(builder, op, &operands.values, DType::Bool);
    only(operands.hold(builder, value, DType::Bool))
}

/// `y = a < b` and the like.
pub(crate) fn compare(builder: &mut Builder, call: &Call<'_>) -> Results {
    let op = translate(COMPARE, call.op())?;
    let vals = [call.input(0)?, call.input(1)?];
    let operands = Operands::of(builder, &vals)?;
    if !call.flag("incompatible_shape_error", true)? && !fits(builder, &vals) {
        return decline("`incompatible_shape_error` is false and the shapes may not fit");
    }
    if builder.held(vals[0]).dtype == DType::String {
        return decline("strings");
    }
    let mut value = operands.emit(builder, op, &operands.values, DType::Bool);
    if call.op() == "NotEqual" {
        value = operands.emit(builder, "Not", &[value], DType::Bool);
    }
    only(operands.hold(builder, value, DType::Bool))
}

/// The shapes certainly broadcast.
fn fits(builder: &Builder, vals: &[Val; 2]) -> bool {
    let [Some(a), Some(b)] = vals.map(|val| builder.held(val).shape.clone()) else { return false };
    let one = Dim::Known(1);
    a.iter().rev().zip(b.iter().rev()).all(|(x, y)| x.same(y) || *x == one || *y == one)
}

/// `y = x_0 + x_1 + …`, from the left.
pub(crate) fn add_n(builder: &mut Builder, call: &Call<'_>) -> Results {
    if call.inputs.len() == 1 {
        return only(call.input(0)?);
    }
    let dtype = builder.held(call.input(0)?).dtype;
    let operands = Operands::of(builder, &call.inputs)?;
    let mut sum = operands.values[0];
    for &value in &operands.values[1..] {
        sum = operands.emit(builder, "Add", &[sum, value], dtype);
    }
    only(operands.hold(builder, sum, dtype))
}

/// `y = x * x`.
pub(crate) fn square(builder: &mut Builder, call: &Call<'_>) -> Results {
    same_form(builder, call, |builder, x, _| Ok(builder.same("Mul", &[x, x], Attrs::new())))
}

/// `y = 1 / sqrt(x)`.
pub(crate) fn rsqrt(builder: &mut Builder, call: &Call<'_>) -> Results {
    same_form(builder, call, |builder, x, _| {
        let root = builder.same("Sqrt", &[x], Attrs::new());
        Ok(builder.same("Reciprocal", &[root], Attrs::new()))
    })
}

/// `y = min(max(x, 0), 6)`.
pub(crate) fn relu6(builder: &mut Builder, call: &Call<'_>) -> Results {
    same_form(builder, call, |builder, x, dtype| {
        let (low, high) = (builder.scalar(dtype, 0.0)?, builder.scalar(dtype, 6.0)?);
        Ok(builder.same("Clip", &[x, low, high], Attrs::new()))
    })
}

/// `y = x` where positive, else `alpha x`.
pub(crate) fn leaky_relu(builder: &mut Builder, call: &Call<'_>) -> Results {
    let alpha = call.float("alpha", 0.2)?;
    same_form(builder, call, |builder, x, _| {
        Ok(builder.same("LeakyRelu", &[x], Attrs::new().with("alpha", Attr::Float(alpha))))
    })
}

/// `y = log(1 + x)`, exact for small `x` too: with `u = 1 + x` rounded, `y = log(u) x / (u - 1)`, and `x` where `u = 1`
/// (Kahan; see Higham, Accuracy and Stability of Numerical Algorithms, 1.14). Infinite `x` gives itself.
pub(crate) fn log1p(builder: &mut Builder, call: &Call<'_>) -> Results {
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
pub(crate) fn expm1(builder: &mut Builder, call: &Call<'_>) -> Results {
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
pub(crate) fn erfc(builder: &mut Builder, call: &Call<'_>) -> Results {
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

fn boolean(builder: &mut Builder, op: &str, inputs: &[ValueId]) -> ValueId {
    let shape = builder.ty(inputs[0]).shape().cloned();
    builder.one(op, inputs, Attrs::new(), Type::Tensor { dtype: Some(DType::Bool), shape })
}

fn retyped(builder: &mut Builder, value: ValueId, like: ValueId) {
    let ty = builder.ty(like);
    builder.set_type(value, ty);
}

/// Some nodes over the operand in whatever form it is; the result has its type.
fn same_form(
    builder: &mut Builder,
    call: &Call<'_>,
    body: impl FnOnce(&mut Builder, ValueId, DType) -> Result<ValueId, Why>,
) -> Results {
    let x = call.input(0)?;
    let (value, form) = builder.any_order(x);
    let held = builder.held(x).clone();
    let value = body(builder, value, held.dtype)?;
    only(builder.hold(form, value, held.dtype, held.shape))
}

/// Some nodes over two operands that broadcast.
fn broadcasting(
    builder: &mut Builder,
    call: &Call<'_>,
    body: impl FnOnce(&mut Builder, &Operands, DType) -> Result<ValueId, Why>,
) -> Results {
    let vals = [call.input(0)?, call.input(1)?];
    let dtype = builder.held(vals[0]).dtype;
    let operands = Operands::of(builder, &vals)?;
    let value = body(builder, &operands, dtype)?;
    only(operands.hold(builder, value, dtype))
}

/// `y = (a - b)^2`.
pub(crate) fn squared_difference(builder: &mut Builder, call: &Call<'_>) -> Results {
    broadcasting(builder, call, |builder, operands, dtype| {
        let difference = operands.emit(builder, "Sub", &operands.values, dtype);
        Ok(operands.emit(builder, "Mul", &[difference, difference], dtype))
    })
}

/// `y = floor(a / b)`. Integers: the truncated quotient, less 1 where the remainder is not 0 and has not the sign of `b`.
pub(crate) fn floor_div(builder: &mut Builder, call: &Call<'_>) -> Results {
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

/// `rest` is not zero and of another sign than `b`.
fn opposite_signs(
    builder: &mut Builder,
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

impl Operands {
    fn emit_cast(&self, builder: &mut Builder, value: ValueId, dtype: DType) -> ValueId {
        let value = builder.cast(value, dtype);
        builder.set_type(value, self.ty(dtype));
        value
    }
}

/// `y = a - b floor(a / b)`: integers by `Mod`, floats by the C remainder, plus `b` where its sign is not that of `b`.
pub(crate) fn floor_mod(builder: &mut Builder, call: &Call<'_>) -> Results {
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
pub(crate) fn truncate_mod(builder: &mut Builder, call: &Call<'_>) -> Results {
    broadcasting(builder, call, |builder, operands, dtype| Ok(remainder(builder, operands, dtype)))
}

fn remainder(builder: &mut Builder, operands: &Operands, dtype: DType) -> ValueId {
    builder.one("Mod", &operands.values, Attrs::new().with("fmod", Attr::Int(1)), operands.ty(dtype))
}

/// `y = a / b`, 0 where `b = 0`.
pub(crate) fn div_no_nan(builder: &mut Builder, call: &Call<'_>) -> Results {
    broadcasting(builder, call, |builder, operands, dtype| {
        let zero = builder.scalar(dtype, 0.0)?;
        let none = boolean(builder, "Equal", &[operands.values[1], zero]);
        let quotient = operands.emit(builder, "Div", &operands.values, dtype);
        Ok(operands.emit(builder, "Where", &[none, zero, quotient], dtype))
    })
}

/// `y = min(max(x, low), high)`.
pub(crate) fn clip_by_value(builder: &mut Builder, call: &Call<'_>) -> Results {
    let vals = [call.input(0)?, call.input(1)?, call.input(2)?];
    let dtype = builder.held(vals[0]).dtype;
    let operands = Operands::of(builder, &vals)?;
    let low = operands.emit(builder, "Max", &operands.values[..2], dtype);
    let value = operands.emit(builder, "Min", &[low, operands.values[2]], dtype);
    only(operands.hold(builder, value, dtype))
}

/// `IsNan`, `IsInf`.
pub(crate) fn test(builder: &mut Builder, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let (value, form) = builder.any_order(x);
    let value = boolean(builder, if call.op() == "IsNan" { "IsNaN" } else { "IsInf" }, &[value]);
    let shape = builder.held(x).shape.clone();
    only(builder.hold(form, value, DType::Bool, shape))
}

/// Neither NaN nor infinite.
pub(crate) fn is_finite(builder: &mut Builder, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let (value, form) = builder.any_order(x);
    let tests = [boolean(builder, "IsNaN", &[value]), boolean(builder, "IsInf", &[value])];
    let either = boolean(builder, "Or", &tests);
    let value = boolean(builder, "Not", &[either]);
    let shape = builder.held(x).shape.clone();
    only(builder.hold(form, value, DType::Bool, shape))
}

/// `y = a` where the condition holds, else `b`. The condition of `Select` may be a vector over the first dimension.
pub(crate) fn select(builder: &mut Builder, call: &Call<'_>) -> Results {
    let (condition, a, b) = (call.input(0)?, call.input(1)?, call.input(2)?);
    let dtype = builder.held(a).dtype;
    let ranks = [condition, a].map(|val| builder.held(val).rank());
    if call.op() == "Select" {
        match ranks {
            [Some(0), _] => {}
            [Some(1), Some(rank)] if rank > 1 => {
                let rows = builder.natural(condition);
                let trailing: Vec<usize> = (1..rank).collect();
                let rows = builder.unsqueeze(rows, &trailing);
                let inputs = [rows, builder.natural(a), builder.natural(b)];
                let shape = builder.held(a).shape.clone();
                let value = builder.one("Where", &inputs, Attrs::new(), declared(dtype, shape.as_ref()));
                return only(builder.natural_result(value, dtype, shape));
            }
            [Some(own), Some(rank)] if own == rank => {}
            _ => return decline("operands of unknown rank"),
        }
    }
    let operands = Operands::of(builder, &[condition, a, b])?;
    let value = operands.emit(builder, "Where", &operands.values, dtype);
    only(operands.hold(builder, value, dtype))
}
