//! Where large constants that passes make are kept.

use gtt_ir::Tensor;
use gtt_ops::eval::{Call, Evaluator, NotEvaluated};
use gtt_wire::Scratch;

/// Constants from this size go to a temporary file: a folded transposition of weights would else fill the memory until the model
/// is written.
const LARGE: usize = 1 << 20;

/// An evaluator whose large results, and large constants of passes, wait in a temporary file without a name.
pub(crate) struct Stored<E> {
    evaluator: E,
    scratch: Scratch,
}

impl<E: Evaluator> Stored<E> {
    pub(crate) fn new(evaluator: E) -> Self {
        Self { evaluator, scratch: Scratch::new() }
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

    fn keep(&self, tensor: Tensor) -> Tensor {
        if tensor.encoded().is_some() || tensor.stored_len() < LARGE {
            return tensor;
        }
        let stored =
            |bytes| self.scratch.keep(&bytes).inspect_err(|error| tracing::warn!(%error, "no temporary file")).ok();
        let bytes = tensor.bytes().and_then(stored);
        let kept = bytes.and_then(|bytes| Tensor::from_bytes(tensor.dtype(), tensor.shape(), bytes).ok());
        kept.unwrap_or(tensor)
    }
}
