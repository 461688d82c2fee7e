#![doc = include_str!("README.md")]

use gtt_ir::{Dialect, Graph, GraphId, Id, Node, NodeId, Site, traverse};
use gtt_ops::Effects;
use gtt_rewrite::{ArgError, Args, Error, Pass, PassContext, PassInfo, Scope};
use smallvec::SmallVec;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    dialects: &[Dialect::Tf],
    scope: Scope::Main,
    ..PassInfo::new(
        "remove_control_dependencies",
        "drop control edges that order nothing a result could show",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(RemoveControlDependencies))
}

struct RemoveControlDependencies;

impl Pass for RemoveControlDependencies {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        for id in cx.graphs() {
            let ordered = Ordered::of(cx, id)?;
            if !ordered.any && cx.graph(id).nodes().any(|(_, node)| !node.control.is_empty()) {
                drop_all(cx, id);
                continue;
            }
            let waiting: Vec<NodeId> =
                cx.graph(id).nodes().filter(|(_, node)| !node.control.is_empty()).map(|(node, _)| node).collect();
            for reader in waiting {
                let mut kept: SmallVec<[Site; 4]> = SmallVec::new();
                let control = cx.graph(id).node(reader).control.clone();
                for &site in &control {
                    match ordered.reason(cx.graph(id), site, reader) {
                        Some(reason) => {
                            cx.decline("control_edge", id, reader, reason);
                            kept.push(site);
                        }
                        None if !cx.permit("control_edge", id, reader) => kept.push(site),
                        None => {}
                    }
                }
                if kept.len() != control.len() {
                    cx.edit(id).set_control(reader, kept);
                }
            }
        }
        Ok(())
    }
}

/// Nothing has state: one linear sweep instead of one for each edge.
fn drop_all(cx: &mut PassContext<'_>, id: GraphId) {
    let edges: Vec<(NodeId, usize)> = cx.graph(id).nodes().map(|(node, found)| (node, found.control.len())).collect();
    for (node, count) in edges {
        for _ in 0..count {
            if !cx.permit("control_edge", id, node) {
                return;
            }
        }
    }
    cx.edit(id).clear_control();
}

/// Which nodes have, or come after, an effect whose order results could show.
struct Ordered {
    nodes: Vec<bool>,
    any: bool,
}

impl Ordered {
    fn of(cx: &PassContext<'_>, id: GraphId) -> Result<Self, Error> {
        let graph = cx.graph(id);
        let order = traverse::topological(cx.model(), graph)
            .map_err(|cycle| Error::failed(cx.model().place(id), format!("{} nodes lie in a cycle", cycle.len())))?;
        let mut ordered = Self { nodes: vec![false; graph.node_bound()], any: false };
        for node_id in order {
            let node = graph.node(node_id);
            let behind = |source: NodeId| ordered.nodes[source.index()];
            let inherits = node.operands().filter_map(|value| graph.def_node(value)).any(behind)
                || node.control.iter().any(|site| matches!(site, Site::Node(source) if behind(*source)));
            ordered.nodes[node_id.index()] = has_state(node) || in_frame(node) || inherits;
            ordered.any |= ordered.nodes[node_id.index()];
        }
        Ok(ordered)
    }

    fn reason(&self, graph: &Graph, site: Site, reader: NodeId) -> Option<&'static str> {
        const STATE: &str = "the edge orders an op with state";
        const FRAME: &str = "the edge ties a node to a frame or branch of v1 control flow";
        let node = graph.node(reader);
        match site {
            // A constant runs at once, whatever waits for it.
            Site::Const(_) => None,
            Site::Node(source) if self.nodes[source.index()] => {
                Some(if has_frame_source(graph, source) { FRAME } else { STATE })
            }
            Site::Node(_) if has_state(node) => Some(STATE),
            Site::Node(_) => None,
        }
    }
}

/// Reads or writes state. Checks and prints do not count: no result depends on them.
fn has_state(node: &Node) -> bool {
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
        "NoOp",
        "Placeholder",
        "PlaceholderWithDefault",
    ];
    let info = gtt_ops::info(&node.op);
    matches!(info.effects, Effects::Stateful | Effects::Random) && !SINKS.contains(&node.op.name.as_str())
}

fn in_frame(node: &Node) -> bool {
    gtt_ops::info(&node.op).effects == Effects::ControlFlow
}

fn has_frame_source(graph: &Graph, source: NodeId) -> bool {
    let node = graph.node(source);
    in_frame(node)
        || node.operands().filter_map(|value| graph.def_node(value)).any(|source| in_frame(graph.node(source)))
}
