//! The file under decoding: slices that are kept share it, and what is written out longer than it was stays in bounds.

use std::cell::Cell;

use bytes::Bytes;

/// What a file may be expanded by, whatever its size.
const FREE: usize = 64 << 20;
/// Bytes that each byte of the file may be expanded to.
const FACTOR: usize = 16;

/// The file, with a budget for forms that are shorter in the file than in memory.
pub(crate) struct Source {
    file: Bytes,
    budget: Cell<usize>,
}

impl Source {
    pub(crate) fn new(file: Bytes) -> Self {
        let budget = FREE.saturating_add(file.len().saturating_mul(FACTOR));
        Self { file, budget: Cell::new(budget) }
    }

    /// A part of the file as shared bytes. `slice` lies in the file.
    pub(crate) fn share(&self, slice: &[u8]) -> Bytes {
        if slice.is_empty() { Bytes::new() } else { self.file.slice_ref(slice) }
    }

    pub(crate) fn file(&self) -> &Bytes {
        &self.file
    }

    /// Takes `bytes` from the budget; false when it does not have them.
    pub(crate) fn afford(&self, bytes: usize) -> bool {
        match self.budget.get().checked_sub(bytes) {
            Some(left) => {
                self.budget.set(left);
                true
            }
            None => false,
        }
    }
}
