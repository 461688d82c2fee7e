#![doc = include_str!("README.md")]

use gtt_ir::{Dialect, Name, NodeId};
use gtt_rewrite::{ArgError, Args, Error, Pass, PassContext, PassInfo};
use rustc_hash::FxHashSet;

use crate::support::nodes_by_rank;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["set_unique_name_for_nodes", "name_fix"],
    dialects: &[Dialect::Onnx],
    ..PassInfo::new("rename_nodes", "give every node a name of its own", include_str!("README.md"), build)
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(RenameNodes))
}

struct RenameNodes;

impl Pass for RenameNodes {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        let mut seen: FxHashSet<Name> = FxHashSet::default();
        let mut left = Vec::new();
        for graph in cx.graphs() {
            for node in nodes_by_rank(cx, graph) {
                let name = &cx.graph(graph).node(node).name;
                if name.is_empty() || !seen.insert(name.clone()) {
                    left.push((graph, node));
                }
            }
        }
        let mut numbers = rustc_hash::FxHashMap::<Name, u32>::default();
        for (graph, node) in left {
            let wanted = wanted(cx, graph, node);
            let name = if seen.contains(&wanted) {
                let number = numbers.entry(wanted.clone()).or_default();
                loop {
                    *number += 1;
                    let name = Name::from(format!("{wanted}_{number}"));
                    if !seen.contains(&name) {
                        break name;
                    }
                }
            } else {
                wanted
            };
            if !cx.permit("node", graph, node) {
                return Ok(());
            }
            seen.insert(name.clone());
            cx.edit(graph).set_node_name(node, name);
        }
        Ok(())
    }
}

/// Its name, else that of its first result, else its op.
fn wanted(cx: &PassContext<'_>, graph: gtt_ir::GraphId, node: NodeId) -> Name {
    let within = cx.graph(graph);
    let node = within.node(node);
    let result = || node.results().next().map(|value| within.value(value).name.clone());
    if !node.name.is_empty() { node.name.clone() } else { result().unwrap_or_else(|| node.op.name.clone()) }
}
