//! While loops of TensorFlow 1: what lies in a frame runs once for each iteration.

use gtt_ir::{Graph, Id, Model, Node, NodeId, Site, traverse};
use rustc_hash::FxHashMap;

/// Which frame each node of a graph lies in: 0 is none, what an `Enter` gives lies in one, what an `Exit` gives in the one around it.
#[derive(Debug)]
pub(crate) struct Frames {
    nodes: Vec<u32>,
    /// The frame around each frame.
    around: Vec<u32>,
    /// The frame that each node's results are in, where that is another one than its own.
    results: FxHashMap<NodeId, u32>,
}

impl Frames {
    /// Linear in the graph.
    pub(crate) fn of(model: &Model, graph: &Graph) -> Self {
        let mut found = Self { nodes: Vec::new(), around: vec![0], results: FxHashMap::default() };
        if !graph.nodes().any(|(_, node)| is(node, ["Enter", "RefEnter"])) {
            return found;
        }
        found.nodes = vec![0; graph.node_bound()];
        let order = traverse::topological(model, graph).unwrap_or_else(|_| traverse::by_rank(graph));
        let mut names: FxHashMap<(u32, Vec<u8>), u32> = FxHashMap::default();
        for id in order {
            let node = graph.node(id);
            let operands = node.operands().filter_map(|value| graph.def_node(value));
            let waits = node.control.iter().filter_map(|site| match site {
                Site::Node(node) => Some(*node),
                Site::Const(_) => None,
            });
            let frame = operands.chain(waits).map(|source| found.of_results(source)).max().unwrap_or(0);
            found.nodes[id.index()] = frame;
            if is(node, ["Enter", "RefEnter"]) {
                let name = node.attr("frame_name").and_then(gtt_ir::Attr::as_str).unwrap_or_default();
                let inner = *names.entry((frame, name.as_bytes().to_vec())).or_insert_with(|| {
                    found.around.push(frame);
                    found.around.len() as u32 - 1
                });
                found.results.insert(id, inner);
            } else if is(node, ["Exit", "RefExit"]) {
                found.results.insert(id, found.around[frame as usize]);
            }
        }
        found
    }

    /// There is a loop.
    pub(crate) fn any(&self) -> bool {
        !self.nodes.is_empty()
    }

    /// The node lies in a frame. If there are any, nodes that are newer than this table are taken to.
    pub(crate) fn contains(&self, node: NodeId) -> bool {
        self.any() && self.nodes.get(node.index()).is_none_or(|frame| *frame != 0)
    }

    /// The frame that a node lies in; 0 is none.
    pub(crate) fn frame(&self, node: NodeId) -> u32 {
        self.nodes.get(node.index()).copied().unwrap_or(0)
    }

    /// The frame around a frame.
    pub(crate) fn around(&self, frame: u32) -> u32 {
        self.around[frame as usize]
    }

    /// The node is in this table.
    pub(crate) fn is_known(&self, node: NodeId) -> bool {
        node.index() < self.nodes.len()
    }

    /// The frame that the results of a node are in, and those who wait for it.
    pub(crate) fn of_results(&self, node: NodeId) -> u32 {
        let own = || self.frame(node);
        self.results.get(&node).copied().unwrap_or_else(own)
    }
}

fn is(node: &Node, names: [&str; 2]) -> bool {
    names.iter().any(|name| node.op.is_tf(name))
}
