//! Constants that rules read and write.

use gtt_ir::{Attr, Def, Domain, Tensor, ValueId};
use gtt_rewrite::{Operand, Rewrite, RuleContext};

/// Elements of a small integer tensor that is known before running: a constant, or computed from constants and fixed extents
/// (up to 128 elements).
pub(crate) fn ints(cx: &RuleContext<'_>, value: ValueId) -> Option<Vec<i64>> {
    if let Some(tensor) = cx.tensor(value) {
        return if tensor.len() <= 4096 { tensor.to_i64s() } else { None };
    }
    cx.types().constant_value(cx.graph_id(), value)?.to_i64s()
}

/// The number that all elements of a constant are, bit for bit the same; `None` for tensors without elements and non-numbers
/// (strings, complex numbers, types under a byte).
pub(crate) fn uniform(cx: &RuleContext<'_>, value: ValueId) -> Option<f64> {
    uniform_element(cx.tensor(value)?)
}

/// The same, also of a value whose extents are not fixed: a `ConstantOfShape`, a constant that is expanded or reshaped, parts of them.
pub(crate) fn uniform_value(cx: &RuleContext<'_>, mut value: ValueId) -> Option<f64> {
    const STEPS: usize = 6;
    for _ in 0..STEPS {
        if cx.tensor(value).is_some() {
            return uniform(cx, value);
        }
        let node = match (cx.def(value), &cx.value(value).def) {
            (Some((_, node)), _) => node,
            // All parts of it alike.
            (None, &Def::Node { node, .. }) if cx.node(node).op.is_onnx("Split") && !cx.is_fed(value) => cx.node(node),
            _ => return None,
        };
        if node.op.domain != Domain::ONNX {
            return None;
        }
        match node.op.name.as_str() {
            "ConstantOfShape" => {
                return node.attr("value").map_or(Some(0.0), |attr| match attr {
                    Attr::Tensor(tensor) => uniform_element(tensor),
                    _ => None,
                });
            }
            "Expand" | "Reshape" | "Unsqueeze" | "Squeeze" | "Identity" | "Transpose" | "Slice" | "Split" => {
                value = node.input(0)?;
            }
            _ => return None,
        }
    }
    None
}

/// The same of a tensor. Integers beyond 2^53 have none.
pub(crate) fn uniform_element(tensor: &Tensor) -> Option<f64> {
    let size = tensor.dtype().bits() / 8;
    if size == 0 || tensor.is_empty() || !tensor.is_readable() {
        return None;
    }
    let element = match tensor.as_splat() {
        Some(element) => element.clone(),
        None => {
            let bytes = tensor.bytes()?;
            let first = bytes.slice(..size);
            if bytes.chunks_exact(size).any(|element| element != first) {
                return None;
            }
            first
        }
    };
    let scalar = Tensor::from_bytes(tensor.dtype(), &[], element).ok()?;
    if let Some(floats) = scalar.to_f64s() {
        return floats.first().copied();
    }
    let integer = *scalar.to_i64s()?.first()?;
    (integer.unsigned_abs() <= 1 << 53).then_some(integer as f64)
}

/// A new constant vector of i64.
pub(crate) fn vector(rewrite: &mut Rewrite, elements: &[i64]) -> Operand {
    rewrite.constant(Tensor::vector(elements))
}

/// The only element of a constant that leaves the shape of what it is combined with as it is: its rank is 0, or not above the
/// rank of the other operand.
pub(crate) fn scalar(cx: &RuleContext<'_>, value: ValueId, other_rank: Option<usize>) -> Option<f64> {
    let tensor = cx.tensor(value)?;
    let harmless = tensor.rank() == 0 || other_rank.is_some_and(|rank| tensor.rank() <= rank);
    if harmless && tensor.len() == 1 { uniform_element(tensor) } else { None }
}
