//! Evaluation of single nodes whose operands are constants.
//!
//! [`Exact`] is built in: integer arithmetic and data movement of any element type, element-wise arithmetic of floats in their
//! own precision. Kernels that sum floats (matrix products, convolutions, reductions) are left to engines, which join through
//! [`Evaluator`] and [`Chain`]. An evaluator that cannot be sure of a result does not give one: [`NotEvaluated`] has words.

mod args;
mod cast;
mod exact;
mod float;
mod gather;
mod generate;
mod integer;
mod layout;
mod movement;
mod reduce;
#[cfg(test)]
mod tests;
mod walked;

use gtt_ir::{Attrs, Node, Op, Tensor};

pub use exact::Exact;

/// One node to be evaluated.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// What to compute.
    pub op: &'a Op,
    /// Its attributes.
    pub attrs: &'a Attrs,
    /// Version of the op's operator set; 0 for TensorFlow.
    pub opset: i64,
    /// Operands by slot; `None` is an omitted ONNX operand.
    pub inputs: &'a [Option<&'a Tensor>],
    /// How many results are wanted: slots `0..output_count`.
    pub output_count: usize,
    /// Results may take this many bytes in all; checked before anything is computed.
    pub max_bytes: usize,
}

impl<'a> Call<'a> {
    /// Results of up to 64 MiB unless said otherwise.
    pub const DEFAULT_MAX_BYTES: usize = 64 << 20;

    /// The call that a node makes. `inputs` stand for the node's operands, slot by slot.
    pub fn of(node: &'a Node, opset: i64, inputs: &'a [Option<&'a Tensor>]) -> Self {
        let output_count = node.outputs.len();
        Self { op: &node.op, attrs: &node.attrs, opset, inputs, output_count, max_bytes: Self::DEFAULT_MAX_BYTES }
    }

    /// The same with another limit.
    pub fn max_bytes(self, max_bytes: usize) -> Self {
        Self { max_bytes, ..self }
    }
}

/// Why a node was not evaluated. Never an error of the run: the node just stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct NotEvaluated {
    kind: Why,
    reason: String,
}

/// The kind of a [`NotEvaluated`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Why {
    /// The evaluator does not know the op, or not with these element types or attributes.
    Unsupported,
    /// The operands have no defined result (division by zero, index out of range …).
    Undefined,
    /// The result is larger than [`Call::max_bytes`].
    TooLarge,
}

impl NotEvaluated {
    /// The evaluator does not know the op, or not with these element types or attributes.
    pub fn unsupported(reason: impl Into<String>) -> Self {
        Self { kind: Why::Unsupported, reason: reason.into() }
    }

    /// The operands have no defined result.
    pub fn undefined(reason: impl Into<String>) -> Self {
        Self { kind: Why::Undefined, reason: reason.into() }
    }

    /// The result is larger than the limit.
    pub fn too_large(bytes: usize, limit: usize) -> Self {
        Self { kind: Why::TooLarge, reason: format!("the result takes {bytes} bytes, more than the limit of {limit}") }
    }

    /// The kind.
    pub fn kind(&self) -> Why {
        self.kind
    }

    /// The reason in words.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// Something that evaluates nodes.
pub trait Evaluator: Send + Sync {
    /// A short name for reports, e.g. `exact`.
    fn name(&self) -> &str;

    /// The results, one for each slot `0..call.output_count`.
    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Tensor>, NotEvaluated>;

    /// The same tensor, where a new constant of the model is to be kept until it is written: in memory, unless there is a better
    /// place for large ones.
    fn keep(&self, tensor: Tensor) -> Tensor {
        tensor
    }

    /// Is told by passes that look through all constants that they looked at one of so many bytes: the memory of files it may have
    /// brought in is free to go.
    fn note_read(&self, bytes: usize) {
        let _ = bytes;
    }
}

impl<E: Evaluator + ?Sized> Evaluator for Box<E> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Tensor>, NotEvaluated> {
        (**self).evaluate(call)
    }

    fn keep(&self, tensor: Tensor) -> Tensor {
        (**self).keep(tensor)
    }

    fn note_read(&self, bytes: usize) {
        (**self).note_read(bytes);
    }
}

/// Evaluators in order: the next is asked when one does not support a call. An undefined or too large result is final.
#[derive(Default)]
pub struct Chain(pub Vec<Box<dyn Evaluator>>);

impl Chain {
    /// [`Exact`] first, then `engine`.
    pub fn exact_then(engine: impl Evaluator + 'static) -> Self {
        Self(vec![Box::new(Exact), Box::new(engine)])
    }
}

impl Evaluator for Chain {
    fn name(&self) -> &str {
        "chain"
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Tensor>, NotEvaluated> {
        let mut last = NotEvaluated::unsupported("there is no evaluator");
        for evaluator in &self.0 {
            match evaluator.evaluate(call) {
                Err(reason) if reason.kind() == Why::Unsupported => last = reason,
                decided => return decided,
            }
        }
        Err(last)
    }
}
