//! The constant that does what two did.

use gtt_ir::{DType, Tensor};
use gtt_rewrite::{Decline, require};

/// Constants of so many bytes may be added.
pub(super) const TINY: usize = 4096;

/// Factors lie between this and its reciprocal, so that no product in between leaves the range of f32.
const LARGEST_FACTOR: f64 = (1u64 << 40) as f64;

/// Beyond this an addend takes digits from what it is added to.
const LARGEST_ADDEND: f64 = 128.0;

/// What becomes of two constants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Sum,
    Product,
    Quotient,
}

/// Combines two constants, each perhaps with its sign changed. A constant that is not there changes nothing but the sign.
pub(super) fn combine(
    a: (Option<&Tensor>, bool),
    b: (Option<&Tensor>, bool),
    operation: Operation,
) -> Result<Tensor, Decline> {
    match (a.0, b.0) {
        (Some(first), Some(second)) => both(first, a.1, second, b.1, operation),
        (Some(only), None) | (None, Some(only)) => {
            // The sign of the missing factor is the other one's; a missing addend has none.
            let negated = if operation == Operation::Sum { if a.0.is_some() { a.1 } else { b.1 } } else { a.1 != b.1 };
            if negated { negative(only) } else { Ok(only.clone()) }
        }
        (None, None) => Err(Decline::NotMine),
    }
}

fn negative(tensor: &Tensor) -> Result<Tensor, Decline> {
    let negated = match tensor.to_f64s() {
        Some(floats) => {
            let floats: Vec<f64> = floats.into_iter().map(|x| -x).collect();
            Tensor::from_f64s(tensor.dtype(), tensor.shape(), &floats)
        }
        None => {
            let integers = tensor.to_i64s().ok_or(Decline::NotMine)?;
            integers_of(tensor.dtype(), tensor.shape(), integers.into_iter().map(|x| -i128::from(x)))
        }
    };
    negated.ok_or(Decline::because("integers overflow"))
}

fn both(a: &Tensor, minus_a: bool, b: &Tensor, minus_b: bool, operation: Operation) -> Result<Tensor, Decline> {
    let dtype = a.dtype();
    require!(dtype == b.dtype());
    let shape = broadcast(a.shape(), b.shape()).ok_or(Decline::NotMine)?;
    let count = shape.iter().try_fold(1usize, |count, &extent| count.checked_mul(extent)).ok_or(Decline::NotMine)?;
    let tiny = dtype.packed_len(count).is_some_and(|bytes| bytes <= TINY);
    require!(tiny || count <= a.len().max(b.len()), "the merged constant would make the file larger");
    let places = |tensor: &Tensor| (0..count).map(|index| place(&shape, tensor.shape(), index)).collect::<Vec<_>>();
    let (at_a, at_b) = (places(a), places(b));
    let sign = |minus: bool| if minus { -1.0 } else { 1.0 };
    if let (Some(x), Some(y)) = (a.to_f64s(), b.to_f64s()) {
        require!(matches!(dtype, DType::F32 | DType::F64), "the element type is too coarse");
        let inside = |constants: &[f64]| match operation {
            Operation::Sum => constants.iter().all(|c| c.abs() <= LARGEST_ADDEND),
            _ => constants.iter().all(|c| (LARGEST_FACTOR.recip()..=LARGEST_FACTOR).contains(&c.abs())),
        };
        let reason = match operation {
            Operation::Sum => "an addend takes digits from what it is added to",
            _ => "a factor is zero or far from one",
        };
        if !inside(&x) || !inside(&y) {
            return Err(Decline::because(reason));
        }
        let pair = |(&i, &j): (&usize, &usize)| {
            let (x, y) = (sign(minus_a) * x[i], sign(minus_b) * y[j]);
            match operation {
                Operation::Sum => x + y,
                Operation::Product => x * y,
                Operation::Quotient => x / y,
            }
        };
        let elements: Vec<f64> = at_a.iter().zip(&at_b).map(pair).collect();
        return Tensor::from_f64s(dtype, &shape, &elements).ok_or(Decline::NotMine);
    }
    let (x, y) = (a.to_i64s().ok_or(Decline::NotMine)?, b.to_i64s().ok_or(Decline::NotMine)?);
    let signed = |minus: bool, x: i64| if minus { -i128::from(x) } else { i128::from(x) };
    let pair = |(&i, &j): (&usize, &usize)| {
        let (x, y) = (signed(minus_a, x[i]), signed(minus_b, y[j]));
        if operation == Operation::Sum { x + y } else { x * y }
    };
    integers_of(dtype, &shape, at_a.iter().zip(&at_b).map(pair)).ok_or(Decline::because("integers overflow"))
}

/// A tensor of integers, if all of them fit the type.
fn integers_of(dtype: DType, shape: &[usize], elements: impl Iterator<Item = i128>) -> Option<Tensor> {
    let size = dtype.bits() / 8;
    let signed = matches!(dtype, DType::I8 | DType::I16 | DType::I32 | DType::I64);
    let half = 1i128 << dtype.bits().checked_sub(1)?;
    let range = if signed { -half..half } else { 0..2 * half };
    let mut bytes = Vec::new();
    for element in elements {
        if !range.contains(&element) {
            return None;
        }
        bytes.extend_from_slice(&element.to_le_bytes()[..size]);
    }
    Tensor::from_bytes(dtype, shape, bytes.into()).ok()
}

/// Extents after broadcasting.
fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let extent = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |axis| shape[axis]);
    let pair = |axis| match (extent(a, axis), extent(b, axis)) {
        (x, y) if x == y || y == 1 => Some(x),
        (1, y) => Some(y),
        _ => None,
    };
    (0..rank).map(pair).collect()
}

/// Where the element of a broadcast operand lies that goes to a place of the result.
fn place(result: &[usize], operand: &[usize], mut index: usize) -> usize {
    let (mut place, mut stride) = (0, 1);
    for (axis, &extent) in result.iter().enumerate().rev() {
        let coordinate = index % extent;
        index /= extent;
        let Some(axis) = (axis + operand.len()).checked_sub(result.len()) else { break };
        if operand[axis] != 1 {
            place += coordinate * stride;
        }
        stride *= operand[axis];
    }
    place
}
