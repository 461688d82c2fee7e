//! Sequences that become one tensor.

use gtt_ir::{Attr, NodeId, Op, ValueId};
use gtt_ops::views::onnx::{ConcatFromSequence, SplitToSequence};
use gtt_rewrite::{Decline, NewNode, Rewrite, Rule, RuleContext, require};

use super::element::{element, length};
use crate::support::axes;

/// Sequences that are not put together at once are followed up to so many elements.
const MAX_ELEMENTS: usize = 16;

/// What was split along an axis and is put together along it is what it was.
pub(super) struct PartsTogether;

impl Rule for PartsTogether {
    fn name(&self) -> &'static str {
        "parts_together"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["ConcatFromSequence"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let concat = ConcatFromSequence::of(cx.node(id), cx.opset()).ok_or(Decline::NotMine)?;
        let (_, source) = cx.def(concat.sequence).ok_or(Decline::NotMine)?;
        let split = SplitToSequence::of(source, cx.opset()).ok_or(Decline::NotMine)?;
        let y = concat.y.ok_or(Decline::NotMine)?;
        require!(
            split.keepdims != concat.new_axis,
            "parts are put together with another axis than they were split along"
        );
        let rank = cx.ty(split.x).rank();
        let same = match rank {
            Some(rank) => {
                let axis = axes::normal(split.axis, rank);
                axis.is_some() && axis == axes::normal(concat.axis, rank)
            }
            None => split.axis == concat.axis,
        };
        require!(same, "parts are put together with another axis than they were split along");
        Ok(Rewrite::replacing(y, split.x))
    }
}

/// A sequence of known elements: `Concat`.
pub(super) struct ElementsTogether;

impl Rule for ElementsTogether {
    fn name(&self) -> &'static str {
        "elements_together"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["ConcatFromSequence"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let concat = ConcatFromSequence::of(cx.node(id), cx.opset()).ok_or(Decline::NotMine)?;
        let y = concat.y.ok_or(Decline::NotMine)?;
        let elements = elements(cx, concat.sequence).ok_or(Decline::NotMine)?;
        let mut rewrite = Rewrite::new();
        match (&elements[..], concat.new_axis) {
            ([], _) => return Err(Decline::NotMine),
            ([only], false) => rewrite.replace(y, *only),
            ([only], true) => {
                let node = NewNode::new(Op::onnx("Unsqueeze")).input(*only);
                let node = axes::give(&mut rewrite, node, "axes", &[concat.axis], cx.opset() >= 13);
                let wide = rewrite.node(node);
                rewrite.replace(y, wide);
            }
            (_, true) => return Err(Decline::because("stacking the elements would take more nodes")),
            (elements, false) => {
                let node = NewNode::new(Op::onnx("Concat")).attr("axis", Attr::Int(concat.axis));
                let all = rewrite.node(node.inputs(elements.iter().map(|&element| element.into())));
                rewrite.replace(y, all);
            }
        }
        Ok(rewrite)
    }
}

fn elements(cx: &RuleContext<'_>, sequence: ValueId) -> Option<Vec<ValueId>> {
    let (_, node) = cx.def(sequence)?;
    if node.op.is_onnx("SequenceConstruct") {
        return node.inputs.iter().copied().collect();
    }
    let length = length(cx, sequence, MAX_ELEMENTS).filter(|&length| length <= MAX_ELEMENTS)?;
    (0..length).map(|at| element(cx, sequence, at, MAX_ELEMENTS)).collect()
}
