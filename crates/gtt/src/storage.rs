//! Where large constants that passes make are kept.

use std::sync::atomic::{AtomicUsize, Ordering};

use gtt_ir::Tensor;
use gtt_ops::eval::{Call, Evaluator, NotEvaluated};
use gtt_wire::Scratch;

/// Constants from this size may go to a temporary file: folded transpositions of weights would else fill the memory until the
/// model is written.
const LARGE: usize = 1 << 20;

/// So many bytes of them stay in memory, where they need not be written twice.
const IN_MEMORY: usize = 144 << 20;

/// An evaluator whose large results, and large constants of passes, wait in a temporary file without a name.
pub(crate) struct Stored<E> {
    evaluator: E,
    scratch: Scratch,
    in_memory: AtomicUsize,
}

impl<E: Evaluator> Stored<E> {
    pub(crate) fn new(evaluator: E) -> Self {
        Self { evaluator, scratch: Scratch::new(), in_memory: AtomicUsize::new(0) }
    }
}

impl<E: Evaluator> Evaluator for Stored<E> {
    fn name(&self) -> &str {
        self.evaluator.name()
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Tensor>, NotEvaluated> {
        let results = self.evaluator.evaluate(call)?;
        Ok(results.into_iter().map(|tensor| self.keep(tensor)).collect())
    }

    fn note_read(&self, bytes: usize) {
        gtt_wire::note_read(bytes);
    }

    fn keep(&self, tensor: Tensor) -> Tensor {
        let length = tensor.stored_len();
        // It was made from as many bytes, which nobody reads soon.
        self.note_read(length);
        if tensor.encoded().is_some() || length < LARGE {
            return tensor;
        }
        // What is made when it is written waits nowhere.
        let Some(bytes) = tensor.stored().filter(|bytes| !gtt_wire::is_of_file(bytes)) else { return tensor };
        if self.in_memory.fetch_add(length, Ordering::Relaxed) + length <= IN_MEMORY {
            return tensor;
        }
        let stored = self.scratch.keep(bytes).inspect_err(|error| tracing::warn!(%error, "no temporary file"));
        let kept = stored.ok().and_then(|bytes| Tensor::from_bytes(tensor.dtype(), tensor.shape(), bytes).ok());
        kept.unwrap_or(tensor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_constants_go_to_a_file_when_memory_holds_enough_of_them() {
        let stored = Stored::new(gtt_ops::eval::Exact);
        let tensor = |length: usize| Tensor::from_vec(&[length], vec![7u8; length]).expect("it fits");
        let in_file = |tensor: &Tensor| gtt_wire::is_of_file(&tensor.bytes().expect("packed"));
        assert!(!in_file(&stored.keep(tensor(IN_MEMORY - LARGE))));
        let large = stored.keep(tensor(LARGE + 1));
        assert!(in_file(&large) && large == tensor(LARGE + 1));
        assert!(!in_file(&stored.keep(tensor(LARGE - 1))));
        assert_eq!(
            stored.keep(large.clone()).bytes().map(|bytes| bytes.as_ptr()),
            large.bytes().map(|bytes| bytes.as_ptr())
        );
    }
}
