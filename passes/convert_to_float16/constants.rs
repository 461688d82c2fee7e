//! Constants in float16: what fits, what is cut off, and how much is lost.

use gtt_ir::{DType, Tensor};
use gtt_rewrite::Change;
use half::f16;

/// What elements may become.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    /// Elements nearer to 0, but not 0, become this or its negative.
    pub(super) smallest: f32,
    /// Elements that stand for "as large as can be" become this or its negative.
    pub(super) largest: f32,
}

/// From here on an element stands for infinity: a mask.
const MASK: f32 = 1e9;

/// The smallest number of float16 that has all its digits.
const NORMAL: f32 = 6.103_515_6e-5;

/// What a constant is to float16.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fit {
    /// An element is too large, and no mask.
    pub(super) is_beyond: bool,
    /// An element is a mask.
    pub(super) has_mask: bool,
    /// An element that is not 0 loses digits.
    pub(super) is_subnormal: bool,
}

impl Fit {
    /// Looks at every element; no copy.
    pub(super) fn of(tensor: &Tensor, range: Range) -> Self {
        let mut fit = Self::default();
        for_each(tensor, |element| {
            let size = element.abs();
            fit.has_mask |= size >= MASK && element.is_finite();
            fit.is_beyond |= size > range.largest && size < MASK;
            fit.is_subnormal |= size < NORMAL && size > 0.0;
        });
        fit
    }
}

/// A constant in float16.
pub(super) struct Halves {
    pub(super) tensor: Tensor,
    pub(super) change: Change,
    /// Masks that were cut off.
    pub(super) masks: u64,
    /// Elements that would have become 0.
    pub(super) lifted: u64,
}

/// Rounds to the nearest, ties to even. One element after the other: nothing but the result is allocated.
pub(super) fn halves(tensor: &Tensor, range: Range) -> Option<Halves> {
    let mut halves = Halves { tensor: tensor.clone(), change: Change::default(), masks: 0, lifted: 0 };
    let convert = |element: f32, halves: &mut Halves| {
        let size = element.abs();
        if size > range.largest && element.is_finite() {
            halves.masks += u64::from(size >= MASK);
            return f16::from_f32(range.largest.copysign(element));
        }
        if size > 0.0 && size < range.smallest {
            halves.lifted += 1;
            return f16::from_f32(range.smallest.copysign(element));
        }
        let half = f16::from_f32(element);
        halves.change.add(f64::from(element), f64::from(half));
        half
    };
    if let Some(element) = tensor.as_splat() {
        let element = f32::from_le_bytes(element.as_ref().try_into().ok()?);
        let half = convert(element, &mut halves);
        halves.tensor = Tensor::splat(DType::F16, tensor.shape(), half.to_le_bytes().to_vec().into()).ok()?;
        return Some(halves);
    }
    let mut bytes = Vec::with_capacity(2 * tensor.len());
    for_each(tensor, |element| bytes.extend_from_slice(&convert(element, &mut halves).to_le_bytes()));
    halves.tensor = Tensor::from_bytes(DType::F16, tensor.shape(), bytes.into()).ok()?;
    Some(halves)
}

fn for_each(tensor: &Tensor, mut visit: impl FnMut(f32)) {
    let read = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    match (tensor.as_splat(), tensor.bytes()) {
        (Some(element), _) if element.len() == 4 => visit(read(element)),
        (None, Some(bytes)) => bytes.chunks_exact(4).for_each(|bytes| visit(read(bytes))),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: Range = Range { smallest: 5.960_464_5e-8, largest: 65504.0 };

    #[test]
    fn masks_are_cut_off_and_small_divisors_do_not_become_zero() {
        let tensor = Tensor::vector(&[-3.4e38f32, 1e-12, 0.0, f32::NEG_INFINITY, 0.1]);
        let halves = halves(&tensor, RANGE).expect("floats");
        let found: Vec<f32> = halves.tensor.to_vec::<f16>().expect("halves").iter().map(|half| half.to_f32()).collect();
        assert_eq!(found[..4], [-65504.0, 5.960_464_5e-8, 0.0, f32::NEG_INFINITY]);
        assert_eq!((halves.masks, halves.lifted), (1, 1));
        assert!(halves.change.relative() < 1e-3);
    }

    #[test]
    fn what_is_too_large_and_no_mask_does_not_fit() {
        let fit = |element: f32| Fit::of(&Tensor::scalar(element), RANGE);
        assert!(fit(1e5).is_beyond && !fit(1e5).has_mask);
        assert!(!fit(-1e9).is_beyond && fit(-1e9).has_mask);
        assert!(!fit(f32::INFINITY).is_beyond && !fit(f32::INFINITY).has_mask);
        assert!(fit(1e-5).is_subnormal && !fit(0.0).is_subnormal);
    }

    #[test]
    fn equal_elements_stay_one_element() {
        let tensor = Tensor::splat(DType::F32, &[1000], 1.5f32.to_le_bytes().to_vec().into()).expect("valid");
        let halves = halves(&tensor, RANGE).expect("floats");
        assert_eq!(halves.tensor.stored_len(), 2);
    }
}
