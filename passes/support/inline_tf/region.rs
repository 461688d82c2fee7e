//! Calls in branches and loops of TensorFlow 1's control flow.
//!
//! Such a call runs when all that it reads and waits for is there, once in each iteration of its loop; else it is dead, and so are its
//! results. A node of the body that reads nothing of the body, or only some operands of the call, would run in other cases, and a
//! constant would belong to no loop. So everything that starts in the copy waits for one node, the gate, which runs when the call would:
//! what follows from it runs then, too, and in the gate's frame. The result of a `Switch` is told apart by an `Identity` of it, as
//! waiting for the `Switch` is waiting for neither branch.

use gtt_ir::{Attr, Graph, GraphId, Name, Node, NodeId, NodeSpec, Op, Site, ValueId};
use gtt_ops::Effects;
use gtt_rewrite::{Decline, PassContext, is_fed, require};
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use super::free_name;
use crate::support::frames::Frames;
use crate::support::liveness::Liveness;

/// What everything that starts in a copy waits for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate {
    pub(super) site: Site,
    /// It lies in a loop.
    pub(super) in_frame: bool,
}

/// Which nodes of graphs lie in branches or loops.
#[derive(Default)]
pub(super) struct Regions {
    tables: FxHashMap<GraphId, Option<(Frames, Liveness)>>,
    /// Nodes that came with calls that do, and whether these lie in a loop.
    newcomers: FxHashMap<(GraphId, NodeId), bool>,
}

impl Regions {
    /// Whether a call lies in a loop, if it lies in a branch or loop.
    pub(super) fn of(&mut self, cx: &PassContext<'_>, graph_id: GraphId, id: NodeId) -> Option<bool> {
        if let Some(&in_frame) = self.newcomers.get(&(graph_id, id)) {
            return Some(in_frame);
        }
        let graph = cx.graph(graph_id);
        let entry = self.tables.entry(graph_id).or_insert_with(|| {
            has_control_flow(graph).then(|| (Frames::of(cx.model(), graph), Liveness::of(cx.model(), graph)))
        });
        let (frames, liveness) = entry.as_ref()?;
        // Other newcomers came with calls that always run.
        let in_frame = frames.contains(id) && frames.is_known(id);
        (in_frame || liveness.site(Site::Node(id)) != Liveness::ALWAYS).then_some(in_frame)
    }

    /// Notes nodes that came with a call in a branch or loop.
    pub(super) fn add(&mut self, graph: GraphId, nodes: Vec<NodeId>, in_frame: bool) {
        self.newcomers.extend(nodes.into_iter().map(|node| ((graph, node), in_frame)));
    }

    /// A graph has new branches or loops.
    pub(super) fn forget(&mut self, graph: GraphId) {
        self.tables.remove(&graph);
    }
}

/// There are branches or loops of v1 control flow.
pub(super) fn has_control_flow(graph: &Graph) -> bool {
    graph.nodes().any(|(_, node)| gtt_ops::info(&node.op).effects == Effects::ControlFlow)
}

/// A call in a branch or loop may be replaced by this body.
pub(super) fn check(graph: &Graph, call: &Node, body: &Graph) -> Result<(), Decline> {
    // A merge takes no notice of what it waits for.
    require!(
        !has_control_flow(body),
        "the call lies in a branch or loop of v1 control flow, as its body has them, too"
    );
    let known = |value: ValueId| match switch(graph, value) {
        Some(node) => node.op.is_tf("Switch") && node.attr("T").and_then(Attr::as_dtype).is_some(),
        None => true,
    };
    require!(call.operands().all(known), "an operand comes from a switch of references, or one of unknown type");
    Ok(())
}

/// The switch that a value is a result of.
fn switch(graph: &Graph, value: ValueId) -> Option<&Node> {
    let node = graph.node(graph.def_node(value).filter(|_| !is_fed(graph, value))?);
    (node.op.is_tf("Switch") || node.op.is_tf("RefSwitch")).then_some(node)
}

impl Gate {
    /// Makes the gate of a call.
    pub(super) fn make(
        cx: &mut PassContext<'_>,
        graph_id: GraphId,
        id: NodeId,
        names: &mut FxHashSet<Name>,
        in_frame: bool,
    ) -> Self {
        let graph = cx.graph(graph_id);
        let call = graph.node(id);
        let (name, rank) = (call.name.clone(), call.rank);
        // A constant orders nothing.
        let waits = call.control.iter().copied().filter(|site| matches!(site, Site::Node(_)));
        let mut sites: SmallVec<[Site; 4]> = waits.collect();
        let mut operands: SmallVec<[ValueId; 4]> = call.operands().collect();
        operands.sort_unstable();
        operands.dedup();
        for value in operands {
            let graph = cx.graph(graph_id);
            let Some(source) = graph.def_node(value).filter(|_| !is_fed(graph, value)) else { continue };
            let Some(switch) = switch(graph, value) else {
                sites.push(Site::Node(source));
                continue;
            };
            let (dtype, ty) = (switch.attr("T").cloned(), graph.value(value).ty.clone());
            let own = free_name(names, &name, "operand");
            let mut spec =
                NodeSpec::new(Op::tf("Identity"), own.clone()).inputs([Some(value)]).output(own, ty).rank(rank);
            dtype.into_iter().for_each(|dtype| spec.attrs.set("T", dtype));
            sites.push(Site::Node(cx.edit(graph_id).add_node(spec)));
        }
        sites.sort_unstable();
        sites.dedup();
        let site = match sites[..] {
            [only @ Site::Node(_)] => only,
            _ => {
                let mut spec = NodeSpec::new(Op::tf("NoOp"), free_name(names, &name, "control_inputs")).rank(rank);
                spec.control = sites.into_iter().collect();
                Site::Node(cx.edit(graph_id).add_node(spec))
            }
        };
        Self { site, in_frame }
    }
}
