//! Nodes of TensorFlow that give back what they read.

use gtt_ir::{Attr, NodeId};
use gtt_rewrite::{Decline, Rewrite, Rule, RuleContext, require};

use crate::support::{constants, shapes};

/// A slice, a repetition, a padding, a broadcast or a Reshape that has the shape of its operand.
pub(super) struct WholeTensor;

impl Rule for WholeTensor {
    fn name(&self) -> &'static str {
        "no_op"
    }

    fn ops(&self) -> &'static [&'static str] {
        &["BroadcastTo", "MirrorPad", "Pad", "PadV2", "Reshape", "Slice", "Split", "SplitV", "StridedSlice", "Tile"]
    }

    fn apply(&self, cx: &RuleContext<'_>, id: NodeId) -> Result<Rewrite, Decline> {
        let node = cx.node(id);
        require!(node.op.domain == gtt_ir::Domain::TF && self.ops().contains(&node.op.name.as_str()));
        let slot = usize::from(node.op.name == "Split");
        let (Some(x), Some(y)) = (node.input(slot), node.output(0)) else { return Err(Decline::NotMine) };
        require!(node.results().count() == 1);
        let same = shapes::same_type(cx, x, y);
        match node.op.name.as_str() {
            "Pad" | "PadV2" | "MirrorPad" => {
                let zero = node.input(1).and_then(|paddings| constants::ints(cx, paddings));
                require!(same || zero.is_some_and(|paddings| paddings.iter().all(|&amount| amount == 0)));
            }
            "Split" => require!(node.attr("num_split").and_then(Attr::as_int) == Some(1)),
            "SplitV" => require!(same && node.attr("num_split").and_then(Attr::as_int) == Some(1)),
            "StridedSlice" => {
                let strides = node.input(3).and_then(|strides| constants::ints(cx, strides));
                require!(same && strides.is_some_and(|strides| strides.iter().all(|&stride| stride == 1)));
                let plain = |name: &str| node.attr(name).is_none_or(|mask| mask.as_int() == Some(0));
                require!(plain("new_axis_mask") && plain("shrink_axis_mask"));
            }
            _ => require!(same),
        }
        Ok(Rewrite::replacing(y, x))
    }
}
