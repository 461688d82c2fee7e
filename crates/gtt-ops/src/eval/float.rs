//! Element-wise arithmetic of floats, in their own precision.
//!
//! f32 and f64 sums, differences, products, quotients and square roots are rounded once, as IEEE 754 asks for. f16 and bf16 are
//! computed in f32 and rounded to their own precision, as frameworks do. `Rsqrt` is `1 / sqrt(x)`, each rounded; TensorFlow's
//! own kernel may differ from it in the last places. Functions like `Exp` are computed in f64 and rounded: within 0.51 units in
//! the last place for f32, within 1 for f64. `Max` and `Min` of a NaN differ among implementations and have no defined result.

use gtt_ir::{DType, Element, Tensor};
use half::{bf16, f16};

use super::args::{Args, Evaluated};
use super::integer::{Arithmetic, elements, tensor, zipped};

/// f32 and f64.
trait Real: Element + PartialOrd {
    fn arithmetic(kind: Arithmetic, x: Self, y: Self) -> Option<Self>;
    fn function(function: Function, x: Self) -> Self;
}

macro_rules! real {
    ($rust:ty) => {
        impl Real for $rust {
            fn arithmetic(kind: Arithmetic, x: Self, y: Self) -> Option<Self> {
                use Arithmetic::*;
                Some(match kind {
                    Add => x + y,
                    Sub => x - y,
                    Mul => x * y,
                    Div => x / y,
                    TruncMod => x % y,
                    Pow => f64::from(x).powf(f64::from(y)) as $rust,
                    Max | Min if x.is_nan() || y.is_nan() => return None,
                    Max => x.max(y),
                    Min => x.min(y),
                    SquaredDifference => (x - y) * (x - y),
                    FloorDiv => (x / y).floor(),
                    FloorMod => {
                        let rest = x % y;
                        if rest != 0.0 && (rest < 0.0) != (y < 0.0) { rest + y } else { rest }
                    }
                    DivNoNan if y == 0.0 => 0.0,
                    DivNoNan => x / y,
                    And | Or | Xor | ShiftLeft | ShiftRight => return None,
                })
            }

            fn function(function: Function, x: Self) -> Self {
                use Function::*;
                match function {
                    Neg => -x,
                    Abs => x.abs(),
                    Sign if x.is_nan() => x,
                    Sign => <$rust>::from(i8::from(x > 0.0) - i8::from(x < 0.0)),
                    Sqrt => x.sqrt(),
                    Rsqrt => 1.0 / x.sqrt(),
                    Reciprocal => 1.0 / x,
                    Square => x * x,
                    Floor => x.floor(),
                    Ceil => x.ceil(),
                    Round => x.round_ties_even(),
                    Relu if x.is_nan() => x,
                    Relu => x.max(0.0),
                    Relu6 if x.is_nan() => x,
                    Relu6 => x.clamp(0.0, 6.0),
                    Clip(_, _) if x.is_nan() => x,
                    Clip(low, high) => x.max(low as $rust).min(high as $rust),
                    LeakyRelu(slope) => {
                        if x < 0.0 {
                            x * slope as $rust
                        } else {
                            x
                        }
                    }
                    smooth => smooth.of(f64::from(x)) as $rust,
                }
            }
        }
    };
}
real!(f32);
real!(f64);

/// Element-wise functions of one operand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Function {
    Neg,
    Abs,
    Sign,
    Sqrt,
    Rsqrt,
    Reciprocal,
    Square,
    Floor,
    Ceil,
    Round,
    Relu,
    Relu6,
    Clip(f64, f64),
    LeakyRelu(f32),
    Elu(f32),
    Exp,
    Expm1,
    Log,
    Log1p,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    Sigmoid,
    Softplus,
    Softsign,
    HardSigmoid(f32, f32),
    HardSwish,
    Erf,
}

impl Function {
    fn of(self, x: f64) -> f64 {
        match self {
            Function::Exp => x.exp(),
            Function::Expm1 => x.exp_m1(),
            Function::Log => x.ln(),
            Function::Log1p => x.ln_1p(),
            Function::Sin => x.sin(),
            Function::Cos => x.cos(),
            Function::Tan => x.tan(),
            Function::Asin => x.asin(),
            Function::Acos => x.acos(),
            Function::Atan => x.atan(),
            Function::Sinh => x.sinh(),
            Function::Cosh => x.cosh(),
            Function::Tanh => x.tanh(),
            Function::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Function::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            Function::Softsign => x / (1.0 + x.abs()),
            Function::Elu(alpha) if x < 0.0 => f64::from(alpha) * x.exp_m1(),
            Function::HardSigmoid(alpha, beta) => (f64::from(alpha) * x + f64::from(beta)).clamp(0.0, 1.0),
            Function::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
            Function::Erf => erf(x),
            _ => x,
        }
    }

    /// Its f64 result is good to the last place or nearly so.
    fn is_for_f64(self) -> bool {
        !matches!(
            self,
            Function::Erf | Function::Sigmoid | Function::Softplus | Function::HardSwish | Function::HardSigmoid(..)
        )
    }
}

/// The error function, good to about 1e-15 absolutely: a series near zero, a continued fraction of its complement further out.
/// Source: Abramowitz and Stegun, 7.1.6 and 7.1.14.
fn erf(x: f64) -> f64 {
    let magnitude = x.abs();
    if magnitude.is_nan() {
        return x;
    }
    let value = if magnitude < 2.5 {
        let (mut term, mut sum, mut n) = (magnitude, magnitude, 0.0);
        while term > sum * 1e-17 {
            n += 1.0;
            term *= 2.0 * magnitude * magnitude / (2.0 * n + 1.0);
            sum += term;
        }
        2.0 / std::f64::consts::PI.sqrt() * (-magnitude * magnitude).exp() * sum
    } else if magnitude < 6.0 {
        let fraction = (1..=60).rev().fold(0.0, |rest, n| f64::from(n) / 2.0 / (magnitude + rest));
        1.0 - (-magnitude * magnitude).exp() / (std::f64::consts::PI.sqrt() * (magnitude + fraction))
    } else {
        1.0
    };
    value.copysign(x)
}

/// f16 or bf16 as f32.
fn widened(args: Args<'_>, operand: &Tensor) -> Evaluated<Tensor> {
    let wide: Vec<f32> = match operand.dtype() {
        DType::F16 => elements::<f16>(args, operand)?.into_iter().map(f16::to_f32).collect(),
        DType::BF16 => elements::<bf16>(args, operand)?.into_iter().map(bf16::to_f32).collect(),
        other => return args.unsupported(&format!("on {other}")),
    };
    tensor(args, operand.shape(), wide)
}

fn narrowed(args: Args<'_>, wide: Tensor, dtype: DType) -> Evaluated<Tensor> {
    let elements = elements::<f32>(args, &wide)?;
    match dtype {
        DType::F16 => tensor(args, wide.shape(), elements.into_iter().map(f16::from_f32).collect()),
        _ => tensor(args, wide.shape(), elements.into_iter().map(bf16::from_f32).collect()),
    }
}

/// Two float operands of one type.
pub(super) fn binary(args: Args<'_>, kind: Arithmetic, a: &Tensor, b: &Tensor) -> Evaluated<Tensor> {
    fn run<T: Real>(args: Args<'_>, kind: Arithmetic, a: &Tensor, b: &Tensor) -> Evaluated<Tensor> {
        let step = |x: T, y: T| match T::arithmetic(kind, x, y) {
            Some(result) => Ok(result),
            None => args.unsupported(&format!("({kind:?} of NaN, or of floats)")),
        };
        let (shape, elements) = zipped::<T, T>(args, a, b, T::DTYPE, step)?;
        tensor(args, &shape, elements)
    }
    if a.dtype() != b.dtype() {
        return args.undefined(&format!("operands {a:?} and {b:?} of different types"));
    }
    match a.dtype() {
        DType::F32 => run::<f32>(args, kind, a, b),
        DType::F64 => run::<f64>(args, kind, a, b),
        dtype => narrowed(args, run::<f32>(args, kind, &widened(args, a)?, &widened(args, b)?)?, dtype),
    }
}

/// One float operand.
pub(super) fn unary(args: Args<'_>, function: Function, operand: &Tensor) -> Evaluated<Tensor> {
    fn run<T: Real>(args: Args<'_>, function: Function, operand: &Tensor) -> Evaluated<Tensor> {
        let mapped = elements::<T>(args, operand)?.into_iter().map(|x| T::function(function, x)).collect();
        tensor(args, operand.shape(), mapped)
    }
    match operand.dtype() {
        DType::F32 => run::<f32>(args, function, operand),
        DType::F64 if function.is_for_f64() => run::<f64>(args, function, operand),
        DType::F16 | DType::BF16 => {
            narrowed(args, run::<f32>(args, function, &widened(args, operand)?)?, operand.dtype())
        }
        other => args.unsupported(&format!("on {other}")),
    }
}

/// A Boolean for each float.
pub(super) fn classify(args: Args<'_>, holds: impl Fn(f64) -> bool) -> Evaluated<Tensor> {
    let operand = args.input(0)?;
    args.check_size(DType::F64, operand.shape())?;
    let Some(numbers) = operand.to_f64s() else { return args.unsupported(&format!("on {}", operand.dtype())) };
    let bits: Vec<bool> = numbers.into_iter().map(holds).collect();
    Tensor::from_bools(operand.shape(), &bits).or_else(|error| args.undefined(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_function_is_good_to_f32_everywhere() {
        let known = [
            (0.1, 0.112_462_916_018_284_9),
            (0.5, 0.520_499_877_813_046_5),
            (1.0, 0.842_700_792_949_714_9),
            (2.0, 0.995_322_265_018_952_7),
            (2.6, 0.999_763_965_583_470_7),
            (3.5, 0.999_999_256_901_627_7),
        ];
        for (x, expected) in known {
            assert!((erf(x) - expected).abs() < 1e-15, "{x}: {} and {expected}", erf(x));
            assert_eq!(erf(-x), -erf(x));
        }
        assert_eq!(erf(f64::INFINITY), 1.0);
        assert!(erf(f64::NAN).is_nan());
    }

    #[test]
    fn rounding_goes_to_even() {
        let rounded = [0.5f32, 1.5, 2.5, -0.5].map(|x| f32::function(Function::Round, x));
        assert_eq!(rounded, [0.0, 2.0, 2.0, -0.0]);
    }
}
