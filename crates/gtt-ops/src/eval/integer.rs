//! Element-wise arithmetic, comparison and logic on integers and Booleans.
//!
//! Sums, differences and products keep the low bits, as machines do; divisions by zero and overflowing divisions have no defined
//! result.

use gtt_ir::{DType, Element, Tensor};

use super::args::{Args, Evaluated};
use super::layout::{Walk, broadcast_shapes};

type Results = Evaluated<Vec<Tensor>>;

/// Integers of 8 bit or more.
pub(super) trait Int: Element + Ord {
    /// Exact value.
    fn wide(self) -> i128;
    /// The low bits.
    fn low(wide: i128) -> Self;
    /// Number of bits.
    const BITS: u32;
}

macro_rules! ints {
    ($($rust:ty),*) => {
        $(impl Int for $rust {
            fn wide(self) -> i128 { self as i128 }
            fn low(wide: i128) -> Self { wide as $rust }
            const BITS: u32 = <$rust>::BITS;
        })*
    };
}
ints!(i8, i16, i32, i64, u8, u16, u32, u64);

/// Runs a body with the Rust type of an integer element type.
macro_rules! with_int {
    ($dtype:expr, $rust:ident => $body:expr, else $other:expr) => {
        match $dtype {
            gtt_ir::DType::I8 => {
                type $rust = i8;
                $body
            }
            gtt_ir::DType::I16 => {
                type $rust = i16;
                $body
            }
            gtt_ir::DType::I32 => {
                type $rust = i32;
                $body
            }
            gtt_ir::DType::I64 => {
                type $rust = i64;
                $body
            }
            gtt_ir::DType::U8 => {
                type $rust = u8;
                $body
            }
            gtt_ir::DType::U16 => {
                type $rust = u16;
                $body
            }
            gtt_ir::DType::U32 => {
                type $rust = u32;
                $body
            }
            gtt_ir::DType::U64 => {
                type $rust = u64;
                $body
            }
            _ => $other,
        }
    };
}
pub(super) use with_int;

/// The elements of two operands of one type, broadcast together, through `combine`. Refuses oversized results first.
pub(super) fn zipped<T: Element, R>(
    args: Args<'_>,
    a: &Tensor,
    b: &Tensor,
    result: DType,
    combine: impl Fn(T, T) -> Evaluated<R>,
) -> Evaluated<(Vec<usize>, Vec<R>)> {
    let Some(shape) = broadcast_shapes(a.shape(), b.shape()) else {
        return args.undefined(&format!("{a:?} and {b:?} do not broadcast"));
    };
    args.check_size(result, &shape)?;
    let (x, y) = (elements::<T>(args, a)?, elements::<T>(args, b)?);
    let combined = if a.shape() == b.shape() {
        x.into_iter().zip(y).map(|(x, y)| combine(x, y)).collect::<Evaluated<Vec<R>>>()?
    } else {
        let walks = (Walk::broadcast(a.shape(), &shape), Walk::broadcast(b.shape(), &shape));
        walks.0.offsets().zip(walks.1.offsets()).map(|(i, j)| combine(x[i], y[j])).collect::<Evaluated<Vec<R>>>()?
    };
    Ok((shape, combined))
}

/// The elements of a tensor, within the limit of the call.
pub(super) fn elements<T: Element>(args: Args<'_>, tensor: &Tensor) -> Evaluated<Vec<T>> {
    args.check_size(T::DTYPE, tensor.shape())?;
    tensor.to_vec().map_or_else(|| args.undefined(&format!("{tensor:?} where {} was expected", T::DTYPE)), Ok)
}

/// A tensor of elements that surely fit their shape.
pub(super) fn tensor<T: Element>(args: Args<'_>, shape: &[usize], elements: Vec<T>) -> Evaluated<Tensor> {
    Tensor::from_vec(shape, elements).or_else(|error| args.undefined(&error.to_string()))
}

/// Element-wise binary arithmetic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Arithmetic {
    Add,
    Sub,
    Mul,
    /// Towards zero.
    Div,
    /// Of floats: 0 where the divisor is.
    DivNoNan,
    /// Towards negative infinity.
    FloorDiv,
    /// With the sign of the divisor.
    FloorMod,
    /// With the sign of the dividend.
    TruncMod,
    Pow,
    Max,
    Min,
    SquaredDifference,
    And,
    Or,
    Xor,
    ShiftLeft,
    ShiftRight,
}

/// One step of arithmetic; `None` where there is no defined result.
fn compute<T: Int>(kind: Arithmetic, x: T, y: T) -> Option<T> {
    use Arithmetic::*;
    let (a, b) = (x.wide(), y.wide());
    let fits = |wide: i128| (T::low(wide).wide() == wide).then(|| T::low(wide));
    Some(match kind {
        Add => T::low(a + b),
        Sub => T::low(a - b),
        // The product of two 64-bit numbers fits i128 except for u64 * u64 beyond 2^127; low bits are what counts.
        Mul => T::low(a.wrapping_mul(b)),
        Div if b != 0 => fits(a / b)?,
        FloorDiv if b != 0 => fits(a.div_euclid(b) - i128::from(b < 0 && a.rem_euclid(b) != 0))?,
        FloorMod if b != 0 => {
            let rest = a % b;
            T::low(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest })
        }
        TruncMod if b != 0 => T::low(a % b),
        Div | DivNoNan | FloorDiv | FloorMod | TruncMod => return None,
        Pow => {
            let exponent = u32::try_from(b).ok()?;
            fits(a.checked_pow(exponent)?)?
        }
        Max => x.max(y),
        Min => x.min(y),
        SquaredDifference => {
            let difference = T::low(a - b).wide();
            T::low(difference.wrapping_mul(difference))
        }
        And => T::low(a & b),
        Or => T::low(a | b),
        Xor => T::low(a ^ b),
        ShiftLeft if (0..i128::from(T::BITS)).contains(&b) => T::low(a << b),
        ShiftRight if (0..i128::from(T::BITS)).contains(&b) => T::low(a >> b),
        ShiftLeft | ShiftRight => return None,
    })
}

/// Two operands through integer arithmetic.
pub(super) fn binary(args: Args<'_>, kind: Arithmetic, a: &Tensor, b: &Tensor) -> Evaluated<Tensor> {
    if a.dtype() != b.dtype() {
        return args.undefined(&format!("operands {a:?} and {b:?} of different types"));
    }
    with_int!(a.dtype(), T => {
        let step = |x: T, y: T| match compute(kind, x, y) {
            Some(result) => Ok(result),
            None => args.undefined(&format!("{kind:?} of {x} and {y} has no defined result")),
        };
        let (shape, elements) = zipped::<T, T>(args, a, b, a.dtype(), step)?;
        tensor(args, &shape, elements)
    }, else args.unsupported(&format!("on {}", a.dtype())))
}

/// Element-wise operations of one operand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unary {
    Neg,
    Abs,
    Sign,
    Square,
    Not,
    Relu,
}

/// One operand through integer arithmetic.
pub(super) fn unary(args: Args<'_>, kind: Unary, operand: &Tensor) -> Evaluated<Tensor> {
    with_int!(operand.dtype(), T => {
        let step = |x: T| {
            let wide = x.wide();
            T::low(match kind {
                Unary::Neg => -wide,
                Unary::Abs => wide.abs(),
                Unary::Sign => wide.signum(),
                Unary::Square => wide.wrapping_mul(wide),
                Unary::Not => !wide,
                Unary::Relu => wide.max(0),
            })
        };
        let elements = elements::<T>(args, operand)?.into_iter().map(step).collect();
        tensor(args, operand.shape(), elements)
    }, else args.unsupported(&format!("on {}", operand.dtype())))
}

/// Comparisons.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    fn holds<T: PartialOrd>(self, x: &T, y: &T) -> bool {
        match self {
            Comparison::Equal => x == y,
            Comparison::NotEqual => x != y,
            Comparison::Less => x < y,
            Comparison::LessOrEqual => x <= y,
            Comparison::Greater => x > y,
            Comparison::GreaterOrEqual => x >= y,
        }
    }
}

/// Compares numbers, Booleans (as 0 and 1) or strings (for equality).
pub(super) fn compare(args: Args<'_>, comparison: Comparison) -> Results {
    args.only(&["incompatible_shape_error"])?;
    let (a, b) = (args.input(0)?, args.input(1)?);
    if a.dtype() != b.dtype() {
        return args.undefined(&format!("operands {a:?} and {b:?} of different types"));
    }
    if !args.bool_attr("incompatible_shape_error", true)? {
        return args.unsupported("of shapes that may not fit");
    }
    let (shape, bits) = with_int!(a.dtype(), T => {
        zipped::<T, bool>(args, a, b, DType::Bool, |x, y| Ok(comparison.holds(&x, &y)))?
    }, else match a.dtype() {
        DType::F32 => zipped::<f32, bool>(args, a, b, DType::Bool, |x, y| Ok(comparison.holds(&x, &y)))?,
        DType::F64 => zipped::<f64, bool>(args, a, b, DType::Bool, |x, y| Ok(comparison.holds(&x, &y)))?,
        DType::F16 => zipped::<half::f16, bool>(args, a, b, DType::Bool, |x, y| Ok(comparison.holds(&x, &y)))?,
        DType::BF16 => zipped::<half::bf16, bool>(args, a, b, DType::Bool, |x, y| Ok(comparison.holds(&x, &y)))?,
        DType::Bool => logical(args, a, b, |x, y| comparison.holds(&x, &y))?,
        DType::String if a.shape() == b.shape() => {
            let pairs = a.strings().unwrap_or_default().iter().zip(b.strings().unwrap_or_default());
            (a.shape().to_vec(), pairs.map(|(x, y)| comparison.holds(x, y)).collect())
        }
        other => return args.unsupported(&format!("on {other}")),
    });
    Tensor::from_bools(&shape, &bits).map_or_else(|error| args.undefined(&error.to_string()), |tensor| Ok(vec![tensor]))
}

fn bools(args: Args<'_>, tensor: &Tensor) -> Evaluated<Tensor> {
    args.check_size(DType::Bool, tensor.shape())?;
    match tensor.bytes() {
        Some(bytes) if tensor.dtype() == DType::Bool => {
            Tensor::from_bytes(DType::U8, tensor.shape(), bytes).or_else(|error| args.undefined(&error.to_string()))
        }
        _ => args.undefined(&format!("{tensor:?} where Booleans were expected")),
    }
}

fn logical(
    args: Args<'_>,
    a: &Tensor,
    b: &Tensor,
    combine: impl Fn(bool, bool) -> bool,
) -> Evaluated<(Vec<usize>, Vec<bool>)> {
    let (a, b) = (bools(args, a)?, bools(args, b)?);
    zipped::<u8, bool>(args, &a, &b, DType::Bool, |x, y| Ok(combine(x != 0, y != 0)))
}

/// `And`, `Or`, `Xor` and TensorFlow's `LogicalAnd`, `LogicalOr`.
pub(super) fn logic(args: Args<'_>, combine: impl Fn(bool, bool) -> bool) -> Results {
    args.only(&[])?;
    let (shape, bits) = logical(args, args.input(0)?, args.input(1)?, combine)?;
    Tensor::from_bools(&shape, &bits).map_or_else(|error| args.undefined(&error.to_string()), |tensor| Ok(vec![tensor]))
}

/// `Not`, `LogicalNot`.
pub(super) fn not(args: Args<'_>) -> Results {
    args.only(&[])?;
    let bits: Vec<u8> = elements(args, &bools(args, args.input(0)?)?)?;
    let bits: Vec<bool> = bits.into_iter().map(|bit| bit == 0).collect();
    let shape = args.input(0)?.shape();
    Tensor::from_bools(shape, &bits).map_or_else(|error| args.undefined(&error.to_string()), |tensor| Ok(vec![tensor]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_products_keep_the_low_bits() {
        assert_eq!(compute(Arithmetic::Add, i32::MAX, 1), Some(i32::MIN));
        assert_eq!(compute(Arithmetic::Mul, u64::MAX, u64::MAX), Some(1));
        assert_eq!(compute(Arithmetic::Sub, 0u8, 1), Some(255));
    }

    #[test]
    fn divisions_differ_in_where_they_round_to() {
        assert_eq!(compute(Arithmetic::Div, -7, 2), Some(-3));
        assert_eq!(compute(Arithmetic::FloorDiv, -7, 2), Some(-4));
        assert_eq!(compute(Arithmetic::FloorDiv, 7, -2), Some(-4));
        assert_eq!(compute(Arithmetic::FloorDiv, -7, -2), Some(3));
        assert_eq!(compute(Arithmetic::FloorDiv, 6, -2), Some(-3));
        assert_eq!(compute(Arithmetic::FloorMod, -7, 3), Some(2));
        assert_eq!(compute(Arithmetic::FloorMod, 7, -3), Some(-2));
        assert_eq!(compute(Arithmetic::TruncMod, -7, 3), Some(-1));
        assert_eq!(compute(Arithmetic::Div, 1, 0), None);
        assert_eq!(compute(Arithmetic::Div, i64::MIN, -1), None);
    }
}
