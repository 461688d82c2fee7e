//! Element storage and strided walks: what all data movement is made of.

use bytes::Bytes;
use gtt_ir::{DType, Tensor};

use super::args::{Args, Evaluated};
use super::walked::Walked;

/// The elements of a tensor, each in whole bytes; types under 8 bit take one byte, sign bits as stored.
#[derive(Clone)]
pub(super) enum Elements {
    Units { unit: usize, data: Bytes },
    Strings(Vec<Bytes>),
}

impl Elements {
    /// The elements of a readable tensor. Packed elements of 8 bit and more are shared, others are written out, within the
    /// limit of the call.
    pub(super) fn of(args: Args<'_>, tensor: &Tensor) -> Evaluated<Self> {
        if let Some(strings) = tensor.strings() {
            return Ok(Self::Strings(strings.to_vec()));
        }
        let dtype = tensor.dtype();
        if tensor.as_splat().is_some() || dtype.bits() < 8 {
            args.check_size(dtype, tensor.shape())?;
        }
        match tensor.bytes() {
            Some(bytes) if dtype.bits() >= 8 => Ok(Self::Units { unit: dtype.bits() / 8, data: bytes }),
            Some(bytes) if dtype.bits() > 0 => {
                Ok(Self::Units { unit: 1, data: unpack(&bytes, dtype.bits(), tensor.len()).into() })
            }
            _ => args.unsupported(&format!("on {dtype} constants")),
        }
    }

    /// The elements found by a walk.
    pub(super) fn walk(&self, walk: &Walk) -> Self {
        match self {
            Self::Strings(strings) => Self::Strings(walk.offsets().map(|offset| strings[offset].clone()).collect()),
            Self::Units { unit, data } => {
                Self::Units { unit: *unit, data: Walked::new(walk, *unit, data.clone()).bytes() }
            }
        }
    }

    /// The elements at the given positions.
    pub(super) fn pick(&self, positions: impl Iterator<Item = usize>) -> Self {
        match self {
            Self::Strings(strings) => Self::Strings(positions.map(|position| strings[position].clone()).collect()),
            Self::Units { unit, data } => {
                let mut picked = Vec::with_capacity(positions.size_hint().0 * unit);
                for position in positions {
                    picked.extend_from_slice(&data[position * unit..(position + 1) * unit]);
                }
                Self::Units { unit: *unit, data: picked.into() }
            }
        }
    }

    /// Runs of elements `(start, count)`, one after the other, each of one of several sources.
    pub(super) fn join<'s>(sources: &'s [Elements], runs: impl Iterator<Item = (usize, usize, usize)> + 's) -> Self {
        if sources.iter().any(|source| matches!(source, Self::Strings(_))) {
            let mut joined = Vec::new();
            for (source, start, count) in runs {
                if let Self::Strings(strings) = &sources[source] {
                    joined.extend_from_slice(&strings[start..start + count]);
                }
            }
            return Self::Strings(joined);
        }
        let mut joined = Vec::new();
        let mut width = 1;
        for (source, start, count) in runs {
            if let Self::Units { unit, data } = &sources[source] {
                width = *unit;
                joined.extend_from_slice(&data[start * unit..(start + count) * unit]);
            }
        }
        Self::Units { unit: width, data: joined.into() }
    }

    /// The tensor of these elements.
    pub(super) fn into_tensor(self, args: Args<'_>, dtype: DType, shape: &[usize]) -> Evaluated<Tensor> {
        let tensor = match self {
            Self::Strings(strings) => Tensor::from_strings(shape, strings),
            Self::Units { data, .. } if dtype.bits() < 8 => {
                Tensor::from_bytes(dtype, shape, pack(&data, dtype.bits()).into())
            }
            Self::Units { data, .. } => Tensor::from_bytes(dtype, shape, data),
        };
        tensor.or_else(|error| args.undefined(&error.to_string()))
    }
}

/// Elements of less than 8 bit, one a byte. They are packed as a stream of bits, low bits first.
pub(super) fn unpack(packed: &[u8], bits: usize, count: usize) -> Vec<u8> {
    let mask = (1u16 << bits) - 1;
    let element = |index: usize| {
        let (byte, shift) = (index * bits / 8, index * bits % 8);
        let pair = u16::from(packed[byte]) | u16::from(packed.get(byte + 1).copied().unwrap_or(0)) << 8;
        (pair >> shift & mask) as u8
    };
    (0..count).map(element).collect()
}

/// The inverse of [`unpack`].
pub(super) fn pack(elements: &[u8], bits: usize) -> Vec<u8> {
    let mask = (1u16 << bits) - 1;
    let mut packed = vec![0u8; (elements.len() * bits).div_ceil(8)];
    for (index, &element) in elements.iter().enumerate() {
        let (byte, shift) = (index * bits / 8, index * bits % 8);
        let pair = (u16::from(element) & mask) << shift;
        packed[byte] |= pair as u8;
        if let Some(next) = packed.get_mut(byte + 1) {
            *next |= (pair >> 8) as u8;
        }
    }
    packed
}

/// Number of elements of a shape or a part of one. Saturates: axes of extent 0 let others be of any size.
pub(super) fn product(shape: &[usize]) -> usize {
    shape.iter().fold(1, |count: usize, &extent| count.saturating_mul(extent))
}

/// A tensor without elements.
pub(super) fn empty(args: Args<'_>, dtype: DType, shape: &[usize]) -> Evaluated<Tensor> {
    let tensor = if dtype == DType::String {
        Tensor::from_strings(shape, Vec::new())
    } else {
        Tensor::from_bytes(dtype, shape, Bytes::new())
    };
    tensor.or_else(|error| args.undefined(&error.to_string()))
}

/// Row-major strides.
pub(super) fn strides(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![1isize; shape.len()];
    for axis in (0..shape.len().saturating_sub(1)).rev() {
        strides[axis] = strides[axis + 1].saturating_mul(shape[axis + 1].max(1) as isize);
    }
    strides
}

/// A strided walk over a source: every element of a result of shape `shape`, in row-major order, is found at
/// `base + sum(index * stride)`. The maker guarantees that this stays inside the source.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<isize>,
    pub(super) base: isize,
}

impl Walk {
    /// Over a source of shape `from`, broadcast to `to` by numpy's rules (which the caller has checked).
    pub(super) fn broadcast(from: &[usize], to: &[usize]) -> Self {
        let missing = to.len() - from.len();
        let source = strides(from);
        let stride = |axis: usize| {
            if axis < missing || from[axis - missing] == 1 { 0 } else { source[axis - missing] }
        };
        Self { shape: to.to_vec(), strides: (0..to.len()).map(stride).collect(), base: 0 }
    }

    /// Begins some steps further along an axis. Wraps only where there are no elements to be found.
    pub(super) fn advance(&mut self, steps: isize, axis: usize) {
        self.base = self.base.wrapping_add(steps.wrapping_mul(self.strides[axis]));
    }

    pub(super) fn count(&self) -> usize {
        product(&self.shape)
    }

    /// The offsets in order.
    pub(super) fn offsets(&self) -> Offsets<'_> {
        Offsets { walk: self, index: vec![0; self.shape.len()], offset: self.base, left: self.count() }
    }
}

/// See [`Walk::offsets`].
pub(super) struct Offsets<'w> {
    walk: &'w Walk,
    index: Vec<usize>,
    offset: isize,
    left: usize,
}

impl Iterator for Offsets<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let found = self.offset as usize;
        for axis in (0..self.index.len()).rev() {
            self.index[axis] += 1;
            self.offset += self.walk.strides[axis];
            if self.index[axis] < self.walk.shape[axis] {
                break;
            }
            self.offset -= self.walk.strides[axis] * self.walk.shape[axis] as isize;
            self.index[axis] = 0;
        }
        Some(found)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

/// The shape that two shapes broadcast to by numpy's rules; `None` when they do not.
pub(super) fn broadcast_shapes(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let extent = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |axis| shape[axis]);
    (0..rank)
        .map(|axis| match (extent(a, axis), extent(b, axis)) {
            (x, y) if x == y => Some(x),
            (1, y) => Some(y),
            (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_broadcast_like_numpy() {
        assert_eq!(broadcast_shapes(&[2, 1, 3], &[4, 1]), Some(vec![2, 4, 3]));
        assert_eq!(broadcast_shapes(&[], &[5]), Some(vec![5]));
        assert_eq!(broadcast_shapes(&[0], &[1]), Some(vec![0]));
        assert_eq!(broadcast_shapes(&[2], &[3]), None);
    }

    #[test]
    fn a_walk_visits_transposed_and_reversed_sources() {
        let transposed = Walk { shape: vec![3, 2], strides: vec![1, 3], base: 0 };
        assert_eq!(transposed.offsets().collect::<Vec<_>>(), [0, 3, 1, 4, 2, 5]);
        let reversed = Walk { shape: vec![4], strides: vec![-1], base: 3 };
        assert_eq!(reversed.offsets().collect::<Vec<_>>(), [3, 2, 1, 0]);
        let empty = Walk { shape: vec![2, 0], strides: vec![1, 1], base: 0 };
        assert_eq!(empty.offsets().count(), 0);
    }

    #[test]
    fn nibbles_survive_unpacking_and_packing() {
        let packed = [0x21, 0x43, 0x05];
        assert_eq!(unpack(&packed, 4, 5), [1, 2, 3, 4, 5]);
        assert_eq!(pack(&[1, 2, 3, 4, 5], 4), packed);
        assert_eq!(pack(&unpack(&[0b11_10_01_00], 2, 4), 2), [0b11_10_01_00]);
        assert_eq!(unpack(&pack(&[63, 1, 32, 7, 9], 6), 6, 5), [63, 1, 32, 7, 9]);
    }
}
