//! The ops of ONNX Runtime's `com.microsoft` that passes make. Source: the documentation of its contrib operators.

use gtt_ir::{Dim, Shape};

use super::super::context::{Context, Facts};
use super::super::fact::Fact;
use super::super::shapes::{self, Inferred};
use super::same;

/// The types of a node's results; a function of the model of that name may be anything.
pub(in super::super) fn microsoft(context: &mut Context<'_>) -> Inferred<Facts> {
    let node = context.node;
    let dtype = context.dtype(0);
    if context.model.functions.iter().any(|function| function.op == node.op) {
        return Ok(Facts::new());
    }
    match node.op.name.as_str() {
        "BiasGelu" | "FastGelu" | "Gelu" | "QuickGelu" => same(context, dtype),
        "FusedMatMul" => {
            let batches = ["transBatchA", "transBatchB"].iter().any(|name| context.int_attr(name, 0) != 0);
            let factor = |slot: usize, name: &str| -> Option<Shape> {
                let mut shape = context.shape(slot)?.clone();
                if context.int_attr(name, 0) != 0 && shape.len() >= 2 {
                    let last = shape.len() - 1;
                    shape.make_mut().swap(last - 1, last);
                }
                Some(shape)
            };
            let shape = match (factor(0, "transA"), factor(1, "transB")) {
                (Some(a), Some(b)) if !batches => Some(shapes::matmul(&a, &b)?),
                _ => None,
            };
            Context::one(dtype, shape)
        }
        "MultiHeadAttention" => {
            // [batch, sequence, heads * features]; keys and values may have their heads apart.
            let features = match context.shape(2).map(|shape| shape.as_slice()) {
                Some([_, _, features]) => features.clone(),
                Some([_, heads, _, features]) => heads
                    .known()
                    .zip(features.known())
                    .map_or(Dim::Unknown, |(a, b)| a.checked_mul(b).map_or(Dim::Unknown, Dim::Known)),
                _ => Dim::Unknown,
            };
            let shape = match context.shape(0).map(|shape| shape.as_slice()) {
                Some([batch, sequence, _]) => Some([batch.clone(), sequence.clone(), features].into_iter().collect()),
                _ => None,
            };
            Context::one(dtype, shape)
        }
        "SkipLayerNormalization" => {
            let whole = || Fact::tensor(dtype, context.shape(0).cloned());
            Ok(vec![whole(), Fact::default(), Fact::default(), whole()])
        }
        _ => Ok(Facts::new()),
    }
}
