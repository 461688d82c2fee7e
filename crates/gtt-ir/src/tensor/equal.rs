//! Equality and hashes of tensors, by content and however it is held.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustc_hash::FxHasher;

use super::{Data, Tensor};
use crate::DType;

impl Tensor {
    /// A hash of type, shape and content, the same for equal tensors whatever their form. Reads every byte, but of a splat one
    /// element.
    pub fn content_hash(&self) -> u64 {
        let mut hasher = FxHasher::default();
        self.0.dtype.hash(&mut hasher);
        self.0.shape.hash(&mut hasher);
        match (&self.0.data, &self.0.encoded) {
            (Data::Strings(strings), _) => strings.hash(&mut hasher),
            (Data::Opaque, Some(encoded)) => encoded.bytes.hash(&mut hasher),
            (Data::Splat(element), _) => hasher.write(element),
            (Data::Packed(bytes), _) => hash_packed(self.0.dtype, bytes, &mut hasher),
            (Data::Made(_), _) => self.hash_made(&mut hasher),
            (Data::Opaque, None) => {}
        }
        hasher.finish()
    }

    /// As [`hash_packed`] would hash the bytes, without having them all at once.
    fn hash_made(&self, hasher: &mut FxHasher) {
        let mut buffer = vec![0; PIECE.min(self.byte_len())];
        if self.copy_to(0, &mut buffer).is_none() || equal_element(self.0.dtype, &buffer).is_some() {
            return hash_packed(self.0.dtype, &self.bytes().unwrap_or_default(), hasher);
        }
        hasher.write(&buffer);
        for (at, length) in pieces(self.byte_len()).skip(1) {
            self.copy_to(at, &mut buffer[..length]);
            hasher.write(&buffer[..length]);
        }
    }

    /// Equal bytes, of tensors of one type and shape, without having them all at once.
    fn has_bytes_of(&self, other: &Self) -> bool {
        let mut buffers = [0; 2].map(|_| vec![0; PIECE.min(self.byte_len())]);
        pieces(self.byte_len()).all(|(at, length)| {
            let [own, others] = &mut buffers;
            let (own, others) = (&mut own[..length], &mut others[..length]);
            self.copy_to(at, own).is_some() && other.copy_to(at, others).is_some() && own == others
        })
    }
}

/// Bytes that are looked at at a time; a multiple of every element's size.
const PIECE: usize = 1 << 20;

/// Where pieces start, and their lengths.
fn pieces(length: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..length).step_by(PIECE).map(move |at| (at, PIECE.min(length - at)))
}

fn hash_packed(dtype: DType, bytes: &[u8], hasher: &mut FxHasher) {
    match equal_element(dtype, bytes) {
        Some(element) => hasher.write(element),
        None => bytes.chunks(PIECE).for_each(|piece| hasher.write(piece)),
    }
}

/// The element that all elements equal; not looked for below 8 bit, where there is no splat form.
fn equal_element(dtype: DType, bytes: &[u8]) -> Option<&[u8]> {
    let size = dtype.bits() / 8;
    if size == 0 || bytes.len() < size {
        return None;
    }
    let first = &bytes[..size];
    bytes.chunks_exact(size).all(|element| element == first).then_some(first)
}

impl PartialEq for Tensor {
    fn eq(&self, other: &Self) -> bool {
        if Arc::ptr_eq(&self.0, &other.0) {
            return true;
        }
        if self.0.dtype != other.0.dtype || self.0.shape != other.0.shape {
            return false;
        }
        match (&self.0.data, &other.0.data) {
            (Data::Strings(a), Data::Strings(b)) => a == b,
            (Data::Opaque, Data::Opaque) => match (&self.0.encoded, &other.0.encoded) {
                (Some(a), Some(b)) => a.encoding == b.encoding && a.bytes == b.bytes,
                _ => false,
            },
            (Data::Splat(a), Data::Splat(b)) => a == b || self.is_empty(),
            (Data::Packed(a), Data::Splat(b)) | (Data::Splat(b), Data::Packed(a)) => {
                a.chunks(b.len()).all(|chunk| chunk == b)
            }
            (Data::Packed(a), Data::Packed(b)) => (a.as_ptr() == b.as_ptr() && a.len() == b.len()) || a == b,
            (Data::Made(a), Data::Made(b)) if Arc::ptr_eq(a, b) => true,
            (Data::Opaque, _) | (_, Data::Opaque) => false,
            (Data::Made(_), _) | (_, Data::Made(_)) => self.has_bytes_of(other),
            _ => false,
        }
    }
}
