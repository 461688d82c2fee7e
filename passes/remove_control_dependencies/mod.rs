#![doc = include_str!("README.md")]

use gtt_ir::{Dialect, GraphId, NodeId, Site};
use gtt_rewrite::{ArgError, Args, Error, Kind, Param, Pass, PassContext, PassInfo};
use smallvec::SmallVec;

mod order;

use order::Order;

use crate::support::constant_node::settle_const;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    params: &[Param {
        default: Some("false"),
        ..Param::new("keep_checks", Kind::Bool, "checks and prints run as before: edges from them stay")
    }],
    dialects: &[Dialect::Tf],
    ..PassInfo::new(
        "remove_control_dependencies",
        "drop control edges that order nothing a result could show",
        include_str!("README.md"),
        build,
    )
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(RemoveControlDependencies { keep_checks: args.bool("keep_checks")? }))
}

struct RemoveControlDependencies {
    keep_checks: bool,
}

impl Pass for RemoveControlDependencies {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        for id in cx.graphs() {
            if cx.graph(id).nodes().all(|(_, node)| node.control.is_empty()) {
                continue;
            }
            let mut order = Order::of(cx.model(), id, self.keep_checks)?;
            if order.is_free() {
                drop_all(cx, id);
                continue;
            }
            let waiting: Vec<NodeId> =
                cx.graph(id).nodes().filter(|(_, node)| !node.control.is_empty()).map(|(node, _)| node).collect();
            for reader in waiting {
                let edges = order.edges(cx.graph(id), reader);
                let mut kept: SmallVec<[Site; 4]> = SmallVec::new();
                for &(site, reason) in &edges {
                    match reason {
                        Some(reason) => {
                            cx.decline("control_edge", id, reader, reason);
                            kept.push(site);
                        }
                        None if !cx.permit("control_edge", id, reader) => kept.push(site),
                        None => {}
                    }
                }
                if kept.len() != edges.len() {
                    cx.edit(id).set_control(reader, kept);
                    settle_const(cx, id, reader);
                }
            }
        }
        Ok(())
    }
}

/// Nothing has state, branches or loops: one linear sweep instead of one for each edge.
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
    let constants: Vec<NodeId> =
        cx.graph(id).nodes().filter(|(_, node)| node.op.is_tf("Const")).map(|(node, _)| node).collect();
    constants.into_iter().for_each(|node| settle_const(cx, id, node));
}
