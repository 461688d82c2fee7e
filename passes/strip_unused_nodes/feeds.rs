//! What is still read once fed tensors are placeholders.

use gtt_ir::{Def, GraphId, Model, NodeId, Site, ValueId};
use rustc_hash::FxHashSet;

/// Values that outputs, targets and feeds need if the tensors in `cut` became placeholders: the nodes that make these are
/// gone, with what only they read, unless another of their results is needed. Readers that are not needed themselves do not
/// count, so that a second run finds nothing new.
pub(super) fn read_values(model: &Model, id: GraphId, cut: FxHashSet<ValueId>) -> FxHashSet<ValueId> {
    let graph = model.graph(id);
    let replaced: FxHashSet<NodeId> = cut.iter().filter_map(|&value| graph.def_node(value)).collect();
    let mut read = FxHashSet::default();
    let mut seen = FxHashSet::default();
    let mut values: Vec<ValueId> = graph.outputs().iter().chain(graph.inputs()).map(|port| port.value).collect();
    let mut nodes: Vec<NodeId> = graph.kept().to_vec();
    loop {
        while let Some(value) = values.pop() {
            if !read.insert(value) || cut.contains(&value) {
                continue;
            }
            if let Def::Node { node, .. } = graph.value(value).def {
                nodes.push(node);
            }
        }
        let Some(next) = nodes.pop() else { return read };
        if !seen.insert(next) {
            continue;
        }
        let node = graph.node(next);
        values.extend(node.operands());
        values.extend(node.attrs.graphs().flat_map(|inner| model.graph(inner).captures().map(|(outer, _)| outer)));
        for site in &node.control {
            match site {
                // The placeholder is waited for instead.
                Site::Node(source) if replaced.contains(source) => {}
                Site::Node(source) => nodes.push(*source),
                Site::Const(value) => values.push(*value),
            }
        }
    }
}
