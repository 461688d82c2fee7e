//! Element-wise ops, with numpy's broadcasting as in ONNX.
//!
//! If an operand is held channels-first and the others can follow (scalars, vectors over the channels, values of the same rank), the
//! result is channels-first too.

use gtt_ir::{Attrs, DType, Dim, Shape, Type, ValueId};

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
    pub(crate) fn of(builder: &mut Builder<'_>, vals: &[Val]) -> Result<Self, Why> {
        let mut shape = vals.first().and_then(|&val| builder.held(val).shape.clone());
        for &val in vals.iter().skip(1) {
            shape = broadcast(shape.as_ref(), builder.held(val).shape.as_ref());
        }
        let rank = shape.as_ref().map(|shape| shape.len());
        let leads =
            |builder: &Builder<'_>, val: Val| builder.held(val).is_channels_first() && builder.held(val).rank() == rank;
        let follows = |builder: &Builder<'_>, val: Val| {
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
    pub(crate) fn ty(&self, dtype: DType) -> Type {
        match (&self.shape, self.form) {
            (Some(shape), Form::ChannelsFirst) => {
                let order = crate::value::to_channels_first(shape.len());
                declared(dtype, Some(&crate::value::permuted(shape, &order)))
            }
            (shape, _) => declared(dtype, shape.as_ref()),
        }
    }

    /// A node over operands in this form.
    pub(crate) fn emit(&self, builder: &mut Builder<'_>, op: &str, inputs: &[ValueId], dtype: DType) -> ValueId {
        builder.one(op, inputs, Attrs::new(), self.ty(dtype))
    }

    /// A cast in this form.
    pub(crate) fn emit_cast(&self, builder: &mut Builder<'_>, value: ValueId, dtype: DType) -> ValueId {
        let value = builder.cast(value, dtype);
        builder.set_type(value, self.ty(dtype));
        value
    }

    /// The result.
    pub(crate) fn hold(&self, builder: &mut Builder<'_>, value: ValueId, dtype: DType) -> Val {
        builder.hold(self.form, value, dtype, self.shape.clone())
    }
}

/// An operand as it broadcasts against channels-first values of a rank.
fn follow(builder: &mut Builder<'_>, val: Val, rank: usize) -> Result<ValueId, Why> {
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
pub(crate) fn unary(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
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
pub(crate) fn cast(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
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
pub(crate) fn binary(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
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
pub(crate) fn wide_is_free(builder: &Builder<'_>, vals: &[Val]) -> bool {
    let wide = |val: &Val| builder.held(*val).wide.is_some();
    vals.iter().any(|val| wide(val) && builder.held(*val).tensor.is_none())
        && vals.iter().all(|val| wide(val) || builder.held(*val).tensor.is_some())
}

/// `y = a & b`, `y = a | b`.
pub(crate) fn logical(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let op = if call.op() == "LogicalAnd" { "And" } else { "Or" };
    let operands = Operands::of(builder, &[call.input(0)?, call.input(1)?])?;
    let value = operands.emit(builder, op, &operands.values, DType::Bool);
    only(operands.hold(builder, value, DType::Bool))
}

/// `y = a < b` and the like.
pub(crate) fn compare(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
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
fn fits(builder: &Builder<'_>, vals: &[Val; 2]) -> bool {
    let [Some(a), Some(b)] = vals.map(|val| builder.held(val).shape.clone()) else { return false };
    let one = Dim::Known(1);
    a.iter().rev().zip(b.iter().rev()).all(|(x, y)| x.same(y) || *x == one || *y == one)
}

/// `y = x_0 + x_1 + …`, from the left.
pub(crate) fn add_n(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
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

pub(crate) fn boolean(builder: &mut Builder<'_>, op: &str, inputs: &[ValueId]) -> ValueId {
    let shape = builder.ty(inputs[0]).shape().cloned();
    builder.one(op, inputs, Attrs::new(), Type::Tensor { dtype: Some(DType::Bool), shape })
}

pub(crate) fn retyped(builder: &mut Builder<'_>, value: ValueId, like: ValueId) {
    let ty = builder.ty(like);
    builder.set_type(value, ty);
}

/// `IsNan`, `IsInf`.
pub(crate) fn test(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let (value, form) = builder.any_order(x);
    let value = boolean(builder, if call.op() == "IsNan" { "IsNaN" } else { "IsInf" }, &[value]);
    let shape = builder.held(x).shape.clone();
    only(builder.hold(form, value, DType::Bool, shape))
}

/// Neither NaN nor infinite.
pub(crate) fn is_finite(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let (value, form) = builder.any_order(x);
    let tests = [boolean(builder, "IsNaN", &[value]), boolean(builder, "IsInf", &[value])];
    let either = boolean(builder, "Or", &tests);
    let value = boolean(builder, "Not", &[either]);
    let shape = builder.held(x).shape.clone();
    only(builder.hold(form, value, DType::Bool, shape))
}

/// `y = a` where the condition holds, else `b`. The condition of `Select` may be a vector over the first dimension.
pub(crate) fn select(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
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
