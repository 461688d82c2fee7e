//! The norm as one scale and one shift: `x * m + (offset - mean(x) * m)`, `m = scale / sqrt(variance + epsilon)`.

use gtt_ir::{NodeId, ValueId};
use gtt_rewrite::{Decline, Operand, Rewrite, Rule, RuleContext, require};

use super::{checked, fused};
use crate::support::norms::{Normalized, deviation, fitting, follower, mean_of_last};

/// As `tf.nn.batch_normalization` writes it, and Keras 3.
pub(super) struct AffineLayerNorm;

impl Rule for AffineLayerNorm {
    fn name(&self) -> &'static str {
        "affine_layer_norm"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["Add", "Sub"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("Add") || node.op.is_onnx("Sub"));
        let (a, b) = (node.input(0).ok_or(Decline::NotMine)?, node.input(1).ok_or(Decline::NotMine)?);
        let found = match node.op.is_onnx("Sub") {
            true => Affine::of(cx, a, b, true),
            false => Affine::of(cx, a, b, false).or_else(|| Affine::of(cx, b, a, false)),
        };
        let Affine { norm, x, scale, offset } = found.ok_or(Decline::NotMine)?;
        checked(cx, id, x, &norm)?;
        let mut rewrite = Rewrite::new();
        let scale = fitting(cx, &mut rewrite, &norm, scale);
        let scale = scale.ok_or(Decline::because("the scale has another shape than the normalised axes"))?;
        let mut last = node.output(0).ok_or(Decline::NotMine)?;
        let offset: Option<Operand> = match offset {
            Some(offset) => {
                let offset = fitting(cx, &mut rewrite, &norm, offset);
                Some(offset.ok_or(Decline::because("the offset has another shape than the normalised axes"))?)
            }
            None => follower(cx, &mut rewrite, &norm, last, "Add").map(|(offset, sum)| {
                last = sum;
                offset
            }),
        };
        let fused = rewrite.node(fused(&norm, x, scale, offset));
        rewrite.replace(last, fused);
        Ok(rewrite)
    }
}

struct Affine {
    norm: Normalized,
    x: ValueId,
    scale: ValueId,
    offset: Option<ValueId>,
}

impl Affine {
    /// `product` is `x * m`, and `shift` is added to it or taken from it.
    fn of(cx: &RuleContext<'_>, product: ValueId, shift: ValueId, is_taken: bool) -> Option<Self> {
        let (first, second) = factors(cx, product)?;
        [(first, second), (second, first)].into_iter().find_map(|(x, m)| {
            let (id, _) = cx.def(m)?;
            let mut norm = Normalized::of(cx, id)?;
            let (scale, squared) = (norm.numerator, norm.squared);
            if deviation(cx, &mut norm, squared)? != x {
                return None;
            }
            norm.inner.push(cx, m);
            norm.inner.push(cx, product);
            let pattern = Shift { x, m };
            let offset = match is_taken {
                true => pattern.is_mean(cx, &mut norm, shift).then_some(None)?,
                false => pattern.offset(cx, &mut norm, shift)?,
            };
            Some(Self { norm, x, scale, offset })
        })
    }
}

/// `offset - mean(x) * m` in its spellings.
struct Shift {
    x: ValueId,
    m: ValueId,
}

impl Shift {
    /// The offset, if there is one.
    fn offset(&self, cx: &RuleContext<'_>, norm: &mut Normalized, shift: ValueId) -> Option<Option<ValueId>> {
        if self.is_negative_mean(cx, norm, shift) {
            return Some(None);
        }
        let (_, node) = cx.def(shift)?;
        let (a, b) = (node.input(0)?, node.input(1)?);
        norm.inner.push(cx, shift);
        if node.op.is_onnx("Sub") {
            return self.is_mean(cx, norm, b).then_some(Some(a));
        }
        let pairs = if node.op.is_onnx("Add") { [(a, b), (b, a)] } else { return None };
        pairs.into_iter().find_map(|(offset, mean)| self.is_negative_mean(cx, norm, mean).then_some(Some(offset)))
    }

    /// `mean(x) * m`
    fn is_mean(&self, cx: &RuleContext<'_>, norm: &mut Normalized, value: ValueId) -> bool {
        let found = factors(cx, value).and_then(|(a, b)| other(self.m, a, b));
        let is_mean = found.is_some_and(|mean| mean_of_last(cx, mean) == Some((self.x, norm.axis)));
        if let Some(mean) = found.filter(|_| is_mean) {
            norm.inner.push(cx, mean);
            norm.inner.push(cx, value);
        }
        is_mean
    }

    /// `-mean(x) * m` or `-(mean(x) * m)`
    fn is_negative_mean(&self, cx: &RuleContext<'_>, norm: &mut Normalized, value: ValueId) -> bool {
        if let Some(product) = negated(cx, value) {
            let is_mean = self.is_mean(cx, norm, product);
            if is_mean {
                norm.inner.push(cx, value);
            }
            return is_mean;
        }
        let negative = factors(cx, value).and_then(|(a, b)| other(self.m, a, b));
        let Some((negative, mean)) = negative.and_then(|negative| Some((negative, negated(cx, negative)?))) else {
            return false;
        };
        let is_mean = mean_of_last(cx, mean) == Some((self.x, norm.axis));
        if is_mean {
            [value, negative, mean].into_iter().for_each(|inside| norm.inner.push(cx, inside));
        }
        is_mean
    }
}

fn factors(cx: &RuleContext<'_>, value: ValueId) -> Option<(ValueId, ValueId)> {
    let (_, node) = cx.def(value)?;
    if node.op.is_onnx("Mul") { Some((node.input(0)?, node.input(1)?)) } else { None }
}

fn negated(cx: &RuleContext<'_>, value: ValueId) -> Option<ValueId> {
    let (_, node) = cx.def(value)?;
    if node.op.is_onnx("Neg") { node.input(0) } else { None }
}

/// Of two values the one that is not a third.
fn other(third: ValueId, a: ValueId, b: ValueId) -> Option<ValueId> {
    match (a == third, b == third) {
        (true, _) => Some(b),
        (_, true) => Some(a),
        _ => None,
    }
}
