//! The pattern, back from the attention weights.

use gtt_ir::{Attr, ValueId};
use gtt_ops::views::onnx::Transpose;
use gtt_rewrite::RuleContext;

use crate::support::constants;
use crate::support::inner::Inner;

/// What the attention weights are made of.
pub(super) struct Found {
    pub(super) q: ValueId,
    /// The keys, before they are transposed.
    pub(super) k: ValueId,
    /// The keys as the product has them: `[…, …, features, keys]`.
    pub(super) transposed: ValueId,
    /// How `k` is still to be transposed.
    pub(super) order: Option<Vec<i64>>,
    pub(super) mask: Option<ValueId>,
    pub(super) scale: f64,
    pub(super) inner: Inner,
}

impl Found {
    pub(super) fn of(cx: &RuleContext<'_>, weights: ValueId) -> Option<Self> {
        let (_, softmax) = cx.def(weights)?;
        let axis = softmax.attr("axis").map_or(Some(-1), Attr::as_int)?;
        let scores = if softmax.op.is_onnx("Softmax") { softmax.input(0)? } else { return None };
        if cx.opset() < 13 || (axis != -1 && axis != 3) || (axis == 3 && cx.ty(scores).rank() != Some(4)) {
            return None;
        }
        let (_, node) = cx.def(scores)?;
        if !node.op.is_onnx("Add") {
            return Self::product(cx, [weights, scores], scores, None);
        }
        let (a, b) = (node.input(0)?, node.input(1)?);
        let found = Self::product(cx, [weights, scores], a, Some(b));
        found.or_else(|| Self::product(cx, [weights, scores], b, Some(a)))
    }

    fn product(cx: &RuleContext<'_>, outer: [ValueId; 2], scores: ValueId, mask: Option<ValueId>) -> Option<Self> {
        let mut inner = Inner::default();
        outer.into_iter().for_each(|value| inner.push(cx, value));
        let mut scale = 1.0;
        let product = unscaled(cx, scores, &mut scale, &mut inner);
        inner.push(cx, product);
        let (_, node) = cx.def(product)?;
        let (a, b) = (node.input(0)?, node.input(1)?);
        if !node.op.is_onnx("MatMul") {
            return None;
        }
        let q = unscaled(cx, a, &mut scale, &mut inner);
        let transposed = unscaled(cx, b, &mut scale, &mut inner);
        inner.push(cx, transposed);
        let (_, node) = cx.def(transposed)?;
        let transpose = if node.op.is_onnx("Transpose") { Transpose::of(node, cx.opset())? } else { return None };
        let k = unscaled(cx, transpose.x, &mut scale, &mut inner);
        let mut order = transpose.perm.filter(|order| order.len() > 2)?;
        let last = order.len() - 1;
        order.swap(last - 1, last);
        let order = Some(order).filter(|order| order.iter().copied().ne(0..=last as i64));
        Some(Self { q, k, transposed, order, mask, scale, inner })
    }
}

/// Steps over products with a constant.
fn unscaled(cx: &RuleContext<'_>, mut value: ValueId, scale: &mut f64, inner: &mut Inner) -> ValueId {
    while let Some((_, node)) = cx.def(value) {
        let (Some(a), Some(b)) = (node.input(0), node.input(1)) else { break };
        let number = |value: ValueId, other: ValueId| constants::scalar(cx, value, cx.ty(other).rank());
        let (next, factor) = match (node.op.is_onnx("Mul"), node.op.is_onnx("Div")) {
            (true, _) => match (number(b, a), number(a, b)) {
                (Some(factor), _) => (a, factor),
                (None, Some(factor)) => (b, factor),
                _ => break,
            },
            (_, true) => match number(b, a) {
                Some(divisor) => (a, 1.0 / divisor),
                None => break,
            },
            _ => break,
        };
        inner.push(cx, value);
        *scale *= factor;
        value = next;
    }
    value
}
