//! `SequenceAt(SequenceConstruct(a, b), 1)` is `b`, `SequenceLength` of it is 2; insertions and erasures in between count.

use gtt_ir::{NodeId, Tensor, ValueId};
use gtt_ops::views::onnx::SplitToSequence;
use gtt_rewrite::{Decline, Rewrite, Rule, RuleContext, require};

use super::split::part_count;
use crate::support::constants;

/// Insertions and erasures that are looked through.
const MAX_STEPS: usize = 32;

pub(super) struct SequenceElement;

impl Rule for SequenceElement {
    fn name(&self) -> &'static str {
        "sequence_element"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["SequenceAt"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("SequenceAt") && node.inputs.len() == 2);
        let (Some(sequence), Some(position), Some(y)) = (node.input(0), node.input(1), node.output(0)) else {
            return Err(Decline::NotMine);
        };
        let length = length(cx, sequence, MAX_STEPS).ok_or(Decline::NotMine)?;
        let position = only(cx, position).ok_or(Decline::because("the position is not known"))?;
        let position = within(position, length).ok_or(Decline::because("the position is outside of the sequence"))?;
        let element = element(cx, sequence, position, MAX_STEPS).ok_or(Decline::NotMine)?;
        Ok(Rewrite::replacing(y, element))
    }
}

pub(super) struct SequenceLength;

impl Rule for SequenceLength {
    fn name(&self) -> &'static str {
        "sequence_length"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["SequenceLength"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.is_onnx("SequenceLength") && node.inputs.len() == 1);
        let (Some(sequence), Some(y)) = (node.input(0), node.output(0)) else { return Err(Decline::NotMine) };
        let parts = || {
            let (_, split) = cx.def(sequence)?;
            part_count(cx, &SplitToSequence::of(split, cx.opset())?)
        };
        let length = length(cx, sequence, MAX_STEPS).or_else(parts).ok_or(Decline::NotMine)?;
        let mut rewrite = Rewrite::new();
        let length = rewrite.constant(Tensor::scalar(length as i64));
        rewrite.replace(y, length);
        Ok(rewrite)
    }
}

/// The only element of an integer tensor that is known before running.
pub(super) fn only(cx: &RuleContext<'_>, value: ValueId) -> Option<i64> {
    match constants::ints(cx, value)?[..] {
        [only] => Some(only),
        _ => None,
    }
}

/// A position counted from the front.
pub(super) fn within(position: i64, length: usize) -> Option<usize> {
    let from_front = if position < 0 { position.checked_add(i64::try_from(length).ok()?)? } else { position };
    usize::try_from(from_front).ok().filter(|&position| position < length)
}

/// How many elements a sequence has that is put together in this graph.
pub(super) fn length(cx: &RuleContext<'_>, sequence: ValueId, steps: usize) -> Option<usize> {
    let (_, node) = cx.def(sequence)?;
    let inner = || length(cx, node.input(0)?, steps.checked_sub(1)?);
    match node.op.name.as_str() {
        _ if node.op.domain != gtt_ir::Domain::ONNX => None,
        "SequenceConstruct" => Some(node.inputs.len()),
        "SequenceEmpty" => Some(0),
        "SequenceInsert" => Some(inner()? + 1),
        "SequenceErase" => inner()?.checked_sub(1),
        "Identity" => inner(),
        _ => None,
    }
}

/// The element at a position of such a sequence.
pub(super) fn element(cx: &RuleContext<'_>, sequence: ValueId, at: usize, steps: usize) -> Option<ValueId> {
    let (_, node) = cx.def(sequence)?;
    let next = steps.checked_sub(1)?;
    let inner = |at: usize| element(cx, node.input(0)?, at, next);
    match node.op.name.as_str() {
        _ if node.op.domain != gtt_ir::Domain::ONNX => None,
        "SequenceConstruct" => node.input(at),
        "Identity" => inner(at),
        "SequenceInsert" => {
            let before = length(cx, node.input(0)?, next)?;
            let inserted = match node.input(2) {
                None => before,
                // One more than the last is allowed.
                Some(position) => {
                    within(only(cx, position)?, before).or((only(cx, position)? == before as i64).then_some(before))?
                }
            };
            match at.cmp(&inserted) {
                std::cmp::Ordering::Less => inner(at),
                std::cmp::Ordering::Equal => node.input(1),
                std::cmp::Ordering::Greater => inner(at - 1),
            }
        }
        "SequenceErase" => {
            let before = length(cx, node.input(0)?, next)?;
            let erased = match node.input(1) {
                None => before.checked_sub(1)?,
                Some(position) => within(only(cx, position)?, before)?,
            };
            inner(if at < erased { at } else { at + 1 })
        }
        _ => None,
    }
}
