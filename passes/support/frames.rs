//! While loops of TensorFlow 1: what lies in a frame runs once for each iteration.

use gtt_ir::{Graph, Id, Node, NodeId, Use};

/// The nodes of a graph that lie in some frame: what is computed from an `Enter`, or waits for something that is, up to `Exit`.
#[derive(Debug)]
pub(crate) struct Frames {
    inside: Vec<bool>,
    any: bool,
}

impl Frames {
    /// Linear in the graph.
    pub(crate) fn of(graph: &Graph) -> Self {
        let mut inside = vec![false; graph.node_bound()];
        let named = |node: &Node, names: [&str; 2]| names.iter().any(|name| node.op.is_tf(name));
        let mut work: Vec<NodeId> =
            graph.nodes().filter(|(_, node)| named(node, ["Enter", "RefEnter"])).map(|(id, _)| id).collect();
        let any = !work.is_empty();
        while let Some(id) = work.pop() {
            if std::mem::replace(&mut inside[id.index()], true) {
                continue;
            }
            let node = graph.node(id);
            if named(node, ["Exit", "RefExit"]) {
                continue;
            }
            work.extend(node.control_uses.iter().copied());
            for used in node.results().flat_map(|value| graph.value(value).uses()) {
                if let Use::Operand { node, .. } = used {
                    work.push(*node);
                }
            }
        }
        Self { inside, any }
    }

    /// The node lies in a frame, or at its border. Nodes that are newer than this table count as inside if there is any frame.
    pub(crate) fn contains(&self, node: NodeId) -> bool {
        self.inside.get(node.index()).copied().unwrap_or(self.any)
    }
}
