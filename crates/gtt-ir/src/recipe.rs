//! Constants whose bytes are made when somebody reads them.

/// How the packed bytes of a large constant are made: a pure function of what it holds, usually slices of a mapped file. Weights
/// that a pass transposes or scales so need neither time nor memory until they are written, piece by piece.
///
/// Whoever reads such a constant as a whole makes it anew each time. A recipe should therefore read stored bytes, not another
/// recipe.
pub trait Recipe: Send + Sync {
    /// Fills `out` with the bytes from `at` on. Both are multiples of the size of an element, and inside the tensor.
    fn make(&self, at: usize, out: &mut [u8]);
}

/// Constants from this many bytes are worth a recipe. In debug builds all are, so that every test goes that way.
pub const MADE_FROM: usize = if cfg!(debug_assertions) { 1 } else { 1 << 16 };

/// Bytes from `at` on, which need not be where an element of `size` bytes starts or ends.
pub(crate) fn make_any(recipe: &dyn Recipe, size: usize, at: usize, out: &mut [u8]) {
    let before = at % size;
    if before == 0 && out.len().is_multiple_of(size) {
        return recipe.make(at, out);
    }
    let mut whole = vec![0; (before + out.len()).next_multiple_of(size)];
    recipe.make(at - before, &mut whole);
    out.copy_from_slice(&whole[before..before + out.len()]);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{DType, Tensor};

    /// 0, 1, 2, …
    struct Count;

    impl Recipe for Count {
        fn make(&self, at: usize, out: &mut [u8]) {
            assert!(at.is_multiple_of(4) && out.len().is_multiple_of(4));
            let counts = (at / 4..).flat_map(|count| (count as u32).to_le_bytes());
            out.iter_mut().zip(counts).for_each(|(out, byte)| *out = byte);
        }
    }

    fn counted() -> Tensor {
        Tensor::from_recipe(DType::U32, &[2, 3], Arc::new(Count)).unwrap()
    }

    #[test]
    fn a_made_tensor_is_the_stored_one_to_every_reader() {
        let (made, stored) = (counted(), Tensor::from_vec(&[2, 3], vec![0u32, 1, 2, 3, 4, 5]).unwrap());
        assert_eq!(made, stored);
        assert_eq!(stored, made);
        assert_eq!(made, made.clone());
        assert_eq!(made, counted());
        assert_ne!(made, stored.reshaped(&[3, 2]).unwrap());
        assert_eq!(made.reshaped(&[3, 2]), stored.reshaped(&[3, 2]));
        assert_eq!((made.bytes(), made.byte_len(), made.stored_len()), (stored.bytes(), 24, 24));
        assert_eq!((made.to_vec::<u32>(), made.to_i64s()), (stored.to_vec::<u32>(), stored.to_i64s()));
        assert_eq!(made.content_hash(), stored.content_hash());
        assert!(made.stored().is_none() && made.recipe().is_some() && stored.recipe().is_none());
        let zeros = Tensor::splat(DType::U32, &[2, 3], vec![0; 4].into()).unwrap();
        assert_ne!(made, zeros);
        assert_ne!(zeros, made);
    }

    #[test]
    fn large_ones_are_compared_piece_by_piece() {
        let made = |count: usize| Tensor::from_recipe(DType::U32, &[count], Arc::new(Count)).unwrap();
        let stored = |count: u32| (0..count).collect::<Vec<u32>>();
        let count = 270_000;
        let same = Tensor::from_vec(&[count], stored(count as u32)).unwrap();
        assert!(made(count) == same && same == made(count) && made(count) == made(count));
        assert_eq!(made(count).content_hash(), same.content_hash());
        for changed in [0, count / 2, count - 1] {
            let mut other = stored(count as u32);
            other[changed] += 1;
            assert!(made(count) != Tensor::from_vec(&[count], other).unwrap());
        }
        struct Zeros;
        impl Recipe for Zeros {
            fn make(&self, _: usize, out: &mut [u8]) {
                out.fill(0);
            }
        }
        let zeros = Tensor::from_recipe(DType::U32, &[count], Arc::new(Zeros)).unwrap();
        let splat = Tensor::splat(DType::U32, &[count], vec![0; 4].into()).unwrap();
        assert!(zeros == splat && zeros.content_hash() == splat.content_hash());
    }

    #[test]
    fn any_bytes_can_be_copied_out_of_any_packed_tensor() {
        let splat = Tensor::splat(DType::U16, &[12], vec![7, 9].into()).unwrap();
        for tensor in [
            counted(),
            counted().bytes().map(|bytes| Tensor::from_bytes(DType::U8, &[24], bytes).unwrap()).unwrap(),
            splat,
        ] {
            let whole = tensor.bytes().unwrap();
            for (at, length) in [(0, 24), (0, 0), (3, 6), (4, 8), (23, 1), (24, 0)] {
                let mut out = vec![0; length];
                assert_eq!(tensor.copy_to(at, &mut out), Some(()));
                assert_eq!(out, whole[at..at + length]);
            }
            assert_eq!(tensor.copy_to(20, &mut [0; 5]), None);
            assert_eq!(tensor.copy_to(usize::MAX, &mut [0; 5]), None);
        }
        assert_eq!(Tensor::from_strings(&[0], Vec::new()).unwrap().copy_to(0, &mut []), None);
    }
}
