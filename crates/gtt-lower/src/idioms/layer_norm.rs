//! Layer normalisation along the channels.
//!
//! Images are lowered with their channels in front, where ONNX's `LayerNormalization` does not reach. Two more `Transpose` cost less
//! than the ten nodes of a norm that is spelled out.

use gtt_ir::{Attr, Graph, Node, NodeId, Use, ValueId};

/// Nodes between a mean and where it is taken away: `StopGradient`, `Identity`.
const DEEPEST: usize = 3;

/// The node is a mean over some axes of `x`, which it keeps, and is taken from `x`.
pub(super) fn is_mean(graph: &Graph, node: &Node) -> bool {
    let keeps = node.op.is_tf("Mean") && node.attr("keep_dims").and_then(Attr::as_bool) == Some(true);
    let (Some(x), Some(mean)) = (node.input(0), node.output(0)) else { return false };
    keeps && is_taken_from(graph, x, mean, DEEPEST)
}

fn is_taken_from(graph: &Graph, x: ValueId, mean: ValueId, depth: usize) -> bool {
    readers(graph, mean).any(|reader| {
        let node = graph.node(reader);
        match node.op.name.as_str() {
            "SquaredDifference" | "Sub" => node.operands().any(|operand| operand == x),
            "StopGradient" | "Identity" => match (node.output(0), depth.checked_sub(1)) {
                (Some(handed_on), Some(depth)) => is_taken_from(graph, x, handed_on, depth),
                _ => false,
            },
            _ => false,
        }
    })
}

/// The first readers of a value; one that has many is looked at no further.
fn readers(graph: &Graph, value: ValueId) -> impl Iterator<Item = NodeId> + '_ {
    const MOST: usize = 8;
    let uses = graph.value(value).uses().iter().take(MOST);
    uses.filter_map(|used| match used {
        Use::Operand { node, .. } => Some(*node),
        _ => None,
    })
}
