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
        self.dtype.hash(&mut hasher);
        self.shape.hash(&mut hasher);
        match (&self.data, &self.encoded) {
            (Data::Strings(strings), _) => strings.hash(&mut hasher),
            (Data::Opaque, Some(encoded)) => encoded.bytes.hash(&mut hasher),
            (Data::Splat(element), _) => hasher.write(element),
            (Data::Packed(bytes), _) => hash_packed(self.dtype, bytes, &mut hasher),
            (Data::Made(_), _) => hash_packed(self.dtype, &self.bytes().unwrap_or_default(), &mut hasher),
            (Data::Opaque, None) => {}
        }
        hasher.finish()
    }
}

fn hash_packed(dtype: DType, bytes: &[u8], hasher: &mut FxHasher) {
    hasher.write(equal_element(dtype, bytes).unwrap_or(bytes));
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
        if self.dtype != other.dtype || self.shape != other.shape {
            return false;
        }
        match (&self.data, &other.data) {
            (Data::Strings(a), Data::Strings(b)) => a == b,
            (Data::Opaque, Data::Opaque) => match (&self.encoded, &other.encoded) {
                (Some(a), Some(b)) => a.encoding == b.encoding && a.bytes == b.bytes,
                _ => false,
            },
            (Data::Splat(a), Data::Splat(b)) => a == b || self.is_empty(),
            (Data::Packed(a), Data::Splat(b)) | (Data::Splat(b), Data::Packed(a)) => {
                a.chunks(b.len()).all(|chunk| chunk == b)
            }
            (Data::Packed(a), Data::Packed(b)) => (a.as_ptr() == b.as_ptr() && a.len() == b.len()) || a == b,
            (Data::Made(a), Data::Made(b)) if Arc::ptr_eq(a, b) => true,
            (Data::Made(_), _) | (_, Data::Made(_)) => self.bytes() == other.bytes(),
            _ => false,
        }
    }
}
