//! What runs whatever branches and loops of TensorFlow 1 do.

use gtt_ir::{Dialect, GraphId, Id, Model, NodeId, Site, ValueId};
use gtt_ops::Effects;
use gtt_rewrite::{Decline, Rewrite, Rule, RuleContext, require};
use rustc_hash::FxHashMap;

use super::frames::Frames;
use super::liveness::Liveness;

/// More nodes that are newer than the table are not looked through for one answer.
const MOST_NEWER: usize = 32;

/// The nodes of each graph that lie in no frame and under no condition: an operand that such a node computes may go without a trace,
/// and a constant may stand in for it. Made before a pass; what is newer runs always if all that it reads and waits for does.
#[derive(Debug, Default)]
pub(crate) struct Unconditional(FxHashMap<GraphId, Vec<bool>>);

impl Unconditional {
    /// Linear in graphs with v1 control flow, else in the number of nodes.
    pub(crate) fn of(model: &Model, graphs: &[GraphId]) -> Self {
        let mut tables = FxHashMap::default();
        if model.dialect != Dialect::Tf {
            return Self(tables);
        }
        for &id in graphs {
            let graph = model.graph(id);
            if !graph.nodes().any(|(_, node)| gtt_ops::info(&node.op).effects == Effects::ControlFlow) {
                continue;
            }
            let (frames, liveness) = (Frames::of(model, graph), Liveness::of(model, graph));
            let mut table = vec![false; graph.node_bound()];
            for (node, found) in graph.nodes() {
                let plain = gtt_ops::info(&found.op).effects != Effects::ControlFlow;
                let free = !frames.contains(node) && liveness.site(Site::Node(node)) == Liveness::ALWAYS;
                table[node.index()] = plain && free;
            }
            tables.insert(id, table);
        }
        Self(tables)
    }

    /// The node always runs, once.
    pub(crate) fn node(&self, model: &Model, graph: GraphId, node: NodeId) -> bool {
        let Some(table) = self.0.get(&graph) else { return true };
        let graph = model.graph(graph);
        let (mut work, mut newer) = (vec![node], 0);
        while let Some(id) = work.pop() {
            match table.get(id.index()) {
                Some(true) => continue,
                Some(false) => return false,
                None => newer += 1,
            }
            let node = graph.node(id);
            if newer > MOST_NEWER || gtt_ops::info(&node.op).effects == Effects::ControlFlow {
                return false;
            }
            work.extend(node.operands().filter_map(|value| graph.def_node(value)));
            work.extend(node.control.iter().filter_map(|site| match site {
                Site::Node(source) => Some(*source),
                Site::Const(_) => None,
            }));
        }
        true
    }

    /// The value is always there.
    pub(crate) fn value(&self, cx: &RuleContext<'_>, value: ValueId) -> bool {
        cx.graph().def_node(value).is_none_or(|node| self.node(cx.model(), cx.graph_id(), node))
    }
}

/// A rule that makes constants: only where they may stand, outside of branches and loops of v1 control flow.
pub(crate) struct Outside<'r>(pub(crate) &'r dyn Rule, pub(crate) &'r Unconditional);

impl Rule for Outside<'_> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn ops(&self) -> &'static [&'static str] {
        self.0.ops()
    }

    fn apply(&self, cx: &RuleContext<'_>, node: NodeId) -> Result<Rewrite, Decline> {
        let rewrite = self.0.apply(cx, node)?;
        require!(self.1.node(cx.model(), cx.graph_id(), node), "the node lies in a branch or loop of v1 control flow");
        Ok(rewrite)
    }
}
