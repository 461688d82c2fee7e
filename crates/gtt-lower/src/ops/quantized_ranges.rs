//! Arithmetic of the ranges of quantised tensors, number by number as TensorFlow's kernels do it.
//!
//! A quantised tensor is an integer tensor and the two ends of its range. Ends are floats of 32 bits; some of what follows from them
//! is computed in 64, and rounded to 32 where TensorFlow does. Ties are rounded away from zero.

use gtt_ir::{Attrs, DType, Shape, ValueId};

use crate::attrs::Call;
use crate::builder::Builder;
use crate::value::{Val, Why, declared, decline};

/// A quantised element type.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// The type that its elements are held in.
    pub(super) dtype: DType,
    pub(super) lowest: f64,
    pub(super) highest: f64,
}

impl Kind {
    pub(super) fn of(dtype: DType) -> Result<Self, Why> {
        Ok(match dtype {
            DType::QU8 => Self { dtype: DType::U8, lowest: 0.0, highest: 255.0 },
            DType::QI8 => Self { dtype: DType::I8, lowest: -128.0, highest: 127.0 },
            DType::QI32 => Self { dtype: DType::I32, lowest: f64::from(i32::MIN), highest: f64::from(i32::MAX) },
            other => return decline(format!("quantised elements of type {other}")),
        })
    }

    /// The number of values less one.
    fn steps(self) -> f64 {
        self.highest - self.lowest
    }
}

/// The ends of a range, scalars.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    pub(super) min: ValueId,
    pub(super) max: ValueId,
}

impl Ends {
    /// The operands in two slots.
    pub(super) fn of(builder: &mut Builder<'_>, call: &Call<'_>, min: usize, max: usize) -> Result<Self, Why> {
        Ok(Self { min: scalar(builder, call.input(min)?)?, max: scalar(builder, call.input(max)?)? })
    }

    pub(super) fn hold(self, builder: &mut Builder<'_>) -> [Option<Val>; 2] {
        [self.min, self.max]
            .map(|end| Some(builder.hold_again(crate::value::Form::Natural, end, DType::F32, Some(Shape::new()))))
    }
}

/// A float that is given as a scalar, or as a vector of one.
pub(super) fn scalar(builder: &mut Builder<'_>, val: Val) -> Result<ValueId, Why> {
    let held = builder.held(val);
    let (dtype, rank) = (held.dtype, held.rank());
    let value = builder.natural(val);
    match (dtype, rank) {
        (DType::F32, Some(0)) => Ok(value),
        (DType::F32, Some(rank)) => {
            let axes: Vec<usize> = (0..rank).collect();
            Ok(builder.squeeze(value, &axes))
        }
        _ => decline("an end of a range that is not known to be one float"),
    }
}

/// A node whose result is a scalar.
pub(super) fn one(builder: &mut Builder<'_>, op: &str, inputs: &[ValueId], dtype: DType) -> ValueId {
    builder.one(op, inputs, Attrs::new(), declared(dtype, Some(&Shape::new())))
}

/// Rounded to the nearest whole number, ties away from zero.
pub(super) fn round(builder: &mut Builder<'_>, x: ValueId, dtype: DType) -> Result<ValueId, Why> {
    let half = builder.scalar(dtype, 0.5)?;
    let size = builder.same("Abs", &[x], Attrs::new());
    let floor = builder.same("Floor", &[size], Attrs::new());
    let rest = builder.same("Sub", &[size, floor], Attrs::new());
    let shape = builder.ty(x).shape().cloned();
    let up = builder.one("GreaterOrEqual", &[rest, half], Attrs::new(), declared(DType::Bool, shape.as_ref()));
    let up = builder.cast(up, dtype);
    let size = builder.same("Add", &[floor, up], Attrs::new());
    let sign = builder.same("Sign", &[x], Attrs::new());
    Ok(builder.same("Mul", &[size, sign], Attrs::new()))
}

/// Twice the number of values, and twice what a range grows by so that it holds one step more. Doubled, which changes no digit, as
/// ONNX Runtime leaves out a factor that is 1 in 32 bits.
fn doubled(builder: &mut Builder<'_>, kind: Kind) -> Result<(ValueId, ValueId), Why> {
    let count = kind.steps() + 1.0;
    Ok((builder.scalar(DType::F64, 2.0 * count)?, builder.scalar(DType::F64, 2.0 * (count / kind.steps()))?))
}

impl Ends {
    fn difference(self, builder: &mut Builder<'_>) -> ValueId {
        one(builder, "Sub", &[self.max, self.min], DType::F32)
    }

    fn is_empty(self, builder: &mut Builder<'_>) -> ValueId {
        one(builder, "Equal", &[self.max, self.min], DType::Bool)
    }

    /// The integer that stands for a float, as a number of 64 bits; it may lie beyond the type.
    pub(super) fn integer(self, builder: &mut Builder<'_>, kind: Kind, number: f64) -> Result<ValueId, Why> {
        let wide = DType::F64;
        let (count, adjust) = doubled(builder, kind)?;
        let (lowest, number) = (builder.scalar(wide, kind.lowest)?, builder.scalar(wide, number)?);
        let difference = self.difference(builder);
        let difference = builder.cast(difference, wide);
        let range = one(builder, "Mul", &[difference, adjust], wide);
        let scale = one(builder, "Div", &[count, range], wide);
        let min = builder.cast(self.min, wide);
        let (at, from) = (one(builder, "Mul", &[number, scale], wide), one(builder, "Mul", &[min, scale], wide));
        let (at, from) = (round(builder, at, wide)?, round(builder, from, wide)?);
        let steps = one(builder, "Sub", &[at, from], wide);
        let integer = one(builder, "Add", &[steps, lowest], wide);
        let empty = self.is_empty(builder);
        Ok(one(builder, "Where", &[empty, lowest, integer], wide))
    }

    /// The same within the type, as an element.
    pub(super) fn element(self, builder: &mut Builder<'_>, kind: Kind, number: f64) -> Result<ValueId, Why> {
        let integer = self.integer(builder, kind, number)?;
        let low = builder.scalar(DType::F64, kind.lowest)?;
        let high = builder.scalar(DType::F64, kind.highest)?;
        let integer = one(builder, "Max", &[integer, low], DType::F64);
        let integer = one(builder, "Min", &[integer, high], DType::F64);
        Ok(builder.cast(integer, kind.dtype))
    }

    /// Floats for elements: `round(min / scale) scale - lowest scale + x scale`.
    pub(super) fn floats(self, builder: &mut Builder<'_>, kind: Kind, x: ValueId) -> Result<ValueId, Why> {
        let steps = builder.scalar(DType::F64, kind.steps())?;
        let lowest = builder.scalar(DType::F32, kind.lowest)?;
        let difference = self.difference(builder);
        let difference = builder.cast(difference, DType::F64);
        let scale = one(builder, "Div", &[difference, steps], DType::F64);
        let scale = builder.cast(scale, DType::F32);
        let min = self.rounded_min(builder, scale)?;
        let offset = one(builder, "Mul", &[lowest, scale], DType::F32);
        let base = one(builder, "Sub", &[min, offset], DType::F32);
        let x = builder.cast(x, DType::F32);
        let x = builder.same("Mul", &[x, scale], Attrs::new());
        Ok(builder.same("Add", &[x, base], Attrs::new()))
    }

    fn rounded_min(self, builder: &mut Builder<'_>, scale: ValueId) -> Result<ValueId, Why> {
        let ratio = one(builder, "Div", &[self.min, scale], DType::F32);
        let ratio = round(builder, ratio, DType::F32)?;
        let min = one(builder, "Mul", &[ratio, scale], DType::F32);
        let empty = self.is_empty(builder);
        Ok(one(builder, "Where", &[empty, self.min, min], DType::F32))
    }

    /// The float of one element, computed in 64 bits.
    pub(super) fn float(self, builder: &mut Builder<'_>, kind: Kind, x: ValueId) -> Result<ValueId, Why> {
        let wide = DType::F64;
        let (count, adjust) = doubled(builder, kind)?;
        let lowest = builder.scalar(wide, kind.lowest)?;
        let difference = self.difference(builder);
        let difference = builder.cast(difference, wide);
        let range = one(builder, "Mul", &[difference, adjust], wide);
        let scale = one(builder, "Div", &[range, count], wide);
        let narrow = builder.cast(scale, DType::F32);
        let min = self.rounded_min(builder, narrow)?;
        let min = builder.cast(min, wide);
        let x = builder.cast(x, wide);
        let offset = one(builder, "Sub", &[x, lowest], wide);
        let product = one(builder, "Mul", &[offset, scale], wide);
        let sum = one(builder, "Add", &[min, product], wide);
        let sum = builder.cast(sum, DType::F32);
        let empty = self.is_empty(builder);
        Ok(one(builder, "Where", &[empty, self.min, sum], DType::F32))
    }

    /// Elements for floats: `round(x scale) - (round(min scale) - lowest)` within the type.
    pub(super) fn elements(self, builder: &mut Builder<'_>, kind: Kind, x: ValueId) -> Result<ValueId, Why> {
        let float = DType::F32;
        let (zero, steps) = (builder.scalar(float, 0.0)?, builder.scalar(DType::F64, kind.steps())?);
        let lowest = builder.scalar(float, kind.lowest)?;
        let (low, high) =
            (builder.scalar(float, kind.lowest)?, builder.scalar(float, kind.highest.min(2_147_483_520.0))?);
        let difference = self.difference(builder);
        let difference = builder.cast(difference, DType::F64);
        let scale = one(builder, "Div", &[steps, difference], DType::F64);
        let scale = builder.cast(scale, float);
        let empty = self.is_empty(builder);
        let scale = one(builder, "Where", &[empty, zero, scale], float);
        let from = one(builder, "Mul", &[self.min, scale], float);
        let from = round(builder, from, float)?;
        let from = one(builder, "Sub", &[from, lowest], float);
        let x = builder.same("Mul", &[x, scale], Attrs::new());
        let x = round(builder, x, float)?;
        let x = builder.same("Sub", &[x, from], Attrs::new());
        let x = builder.same("Max", &[x, low], Attrs::new());
        let x = builder.same("Min", &[x, high], Attrs::new());
        Ok(builder.cast(x, kind.dtype))
    }

    /// The range of products of elements of two types, held in 32 bits.
    pub(super) fn of_product(builder: &mut Builder<'_>, a: (Self, Kind), b: (Self, Kind)) -> Result<Self, Why> {
        let level = |builder: &mut Builder<'_>, (ends, kind): (Self, Kind)| {
            let steps = builder.scalar(DType::F32, kind.steps())?;
            let difference = ends.difference(builder);
            Ok::<_, Why>(one(builder, "Div", &[difference, steps], DType::F32))
        };
        let (a, b) = (level(builder, a)?, level(builder, b)?);
        let level = one(builder, "Mul", &[a, b], DType::F32);
        let low = builder.scalar(DType::F32, f64::from(i32::MIN))?;
        let high = builder.scalar(DType::F32, f64::from(i32::MAX as f32))?;
        Ok(Self {
            min: one(builder, "Mul", &[level, low], DType::F32),
            max: one(builder, "Mul", &[level, high], DType::F32),
        })
    }
}
