//! What control edges order.

use gtt_ir::{Graph, GraphId, Id, Model, Node, NodeId, Site, traverse};
use gtt_ops::Effects;
use gtt_rewrite::Error;
use smallvec::SmallVec;

use crate::support::frames::Frames;
use crate::support::liveness::Liveness;

const STATE: &str = "the edge orders an op with state";
const FRAME: &str = "the edge ties a node to a frame or branch of v1 control flow";

/// A control input, with the reason why it has to stay.
type Edge = (Site, Option<&'static str>);

/// Which nodes have, or come after, an effect whose order results could show; and under which conditions all of them run.
pub(super) struct Order {
    ordered: Vec<bool>,
    any: bool,
    frames: Frames,
    liveness: Liveness,
}

impl Order {
    pub(super) fn of(model: &Model, id: GraphId, keep_checks: bool) -> Result<Self, Error> {
        let graph = model.graph(id);
        let order = traverse::topological(model, graph)
            .map_err(|cycle| Error::failed(model.place(id), format!("{} nodes lie in a cycle", cycle.len())))?;
        let (mut ordered, mut any) = (vec![false; graph.node_bound()], false);
        for id in order {
            let node = graph.node(id);
            let behind = |source: NodeId| ordered[source.index()];
            let inherits = node.operands().filter_map(|value| graph.def_node(value)).any(behind)
                || node.control.iter().any(|site| matches!(site, Site::Node(source) if behind(*source)));
            ordered[id.index()] = inherits || has_state(node, keep_checks);
            any |= ordered[id.index()] || gtt_ops::info(&node.op).effects == Effects::ControlFlow;
        }
        Ok(Self { ordered, any, frames: Frames::of(model, graph), liveness: Liveness::of(model, graph) })
    }

    /// No edge orders anything.
    pub(super) fn is_free(&self) -> bool {
        !self.any
    }

    /// The control inputs of a node.
    pub(super) fn edges(&mut self, graph: &Graph, reader: NodeId) -> SmallVec<[Edge; 4]> {
        let node = graph.node(reader);
        // A merge runs as soon as an operand comes, whether what it waits for is dead or not.
        let is_merge = node.op.is_tf("Merge") || node.op.is_tf("RefMerge");
        let mut when = Liveness::ALWAYS;
        let mut frames: SmallVec<[u32; 4]> = SmallVec::new();
        for value in node.operands() {
            let other = self.liveness.value(graph, value);
            when = self.liveness.join(when, other);
            frames.extend(graph.def_node(value).map(|source| self.frames.of_results(source)));
        }
        for &site in &node.control {
            if let Site::Node(source) = site
                && self.ordered[source.index()]
            {
                let other = self.liveness.site(site);
                when = self.liveness.join(when, other);
                frames.push(self.frames.of_results(source));
            }
        }
        let mut edges = SmallVec::new();
        for &site in &node.control {
            let Site::Node(source) = site else {
                // A constant runs at once, whatever waits for it.
                edges.push((site, None));
                continue;
            };
            if self.ordered[source.index()] {
                edges.push((site, Some(STATE)));
                continue;
            }
            let (frame, other) = (self.frames.of_results(source), self.liveness.site(site));
            let same_frame = frame == 0 || frames.contains(&frame);
            let implied = is_merge || self.liveness.implies(when, other);
            if same_frame && implied {
                edges.push((site, None));
            } else {
                when = self.liveness.join(when, other);
                frames.push(frame);
                edges.push((site, Some(FRAME)));
            }
        }
        edges
    }
}

/// Reads or writes state. Checks and prints count if they are to run as before: no result depends on them.
fn has_state(node: &Node, checks: bool) -> bool {
    const SINKS: &[&str] = &[
        "Assert",
        "CheckNumerics",
        "CheckNumericsV2",
        "Print",
        "PrintV2",
        "ScalarSummary",
        "HistogramSummary",
        "ImageSummary",
        "AudioSummary",
        "TensorSummary",
        "TensorSummaryV2",
        "MergeSummary",
    ];
    const IDLE: &[&str] = &["NoOp", "Placeholder", "PlaceholderWithDefault", "_Arg", "_Retval"];
    let name = node.op.name.as_str();
    if SINKS.contains(&name) {
        return checks && !name.ends_with("Summary");
    }
    let effects = gtt_ops::info(&node.op).effects;
    matches!(effects, Effects::Stateful | Effects::Random) && !IDLE.contains(&name)
}
