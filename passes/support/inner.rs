//! What lies inside a pattern.

use gtt_ir::{Def, NodeId, Use, ValueId};
use gtt_rewrite::RuleContext;
use smallvec::SmallVec;

/// The nodes of a pattern and their results, but the last: nothing else may read them, or their nodes would stay.
#[derive(Default)]
pub(crate) struct Inner {
    nodes: SmallVec<[NodeId; 12]>,
    values: SmallVec<[ValueId; 12]>,
}

impl Inner {
    /// Takes in a value and the node that computes it.
    pub(crate) fn push(&mut self, cx: &RuleContext<'_>, value: ValueId) {
        self.values.push(value);
        if let Def::Node { node, .. } = cx.value(value).def {
            self.nodes.push(node);
        }
    }

    /// Takes in all of another.
    pub(crate) fn append(&mut self, other: Self) {
        self.values.extend(other.values);
        self.nodes.extend(other.nodes);
    }

    /// Leaves out a value: what the pattern results in.
    pub(crate) fn remove(&mut self, value: ValueId) {
        self.values.retain(|other| *other != value);
    }

    /// Nothing but these nodes and `last` reads these values.
    pub(crate) fn is_private(&self, cx: &RuleContext<'_>, last: NodeId) -> bool {
        let inside = |at: &Use| matches!(at, Use::Operand { node, .. } if *node == last || self.nodes.contains(node));
        self.values.iter().all(|&value| cx.value(value).uses().iter().all(inside))
    }
}
