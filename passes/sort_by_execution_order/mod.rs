#![doc = include_str!("README.md")]

use gtt_ir::{Def, Dialect, Graph, GraphId, Site, traverse};
use gtt_rewrite::{ArgError, Args, Error, Pass, PassContext, PassInfo};
use rustc_hash::FxHashMap;

use crate::support::sites_by_rank;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["topological_sort"],
    // Last in, first out: the order of a sorted file is another one.
    idempotent: false,
    ..PassInfo::new(
        "sort_by_execution_order",
        "put nodes into an order in which each comes after what it reads",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(SortByExecutionOrder))
}

struct SortByExecutionOrder;

impl Pass for SortByExecutionOrder {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        for id in cx.graphs() {
            let order = match cx.dialect() {
                Dialect::Tf => stack_order(cx, id),
                _ => traverse::topological(cx.model(), cx.graph(id))
                    .ok()
                    .map(|order| order.into_iter().map(Site::Node).collect()),
            };
            let Some(order) = order else {
                return Err(Error::failed(cx.model().place(id), "some nodes lie in a cycle"));
            };
            place_in_order(cx, id, &order);
        }
        Ok(())
    }
}

/// Nothing is touched where ranks already rise in this order.
fn place_in_order(cx: &mut PassContext<'_>, id: GraphId, order: &[Site]) {
    let graph = cx.graph(id);
    if order.is_sorted_by_key(|&site| (graph.rank(site), site)) || cx.is_exhausted() {
        return;
    }
    let label = cx.model().place(id);
    if !cx.permit_with("graph_order", |_| label) {
        return;
    }
    let mut editor = cx.edit(id);
    for (rank, &site) in (0u32..).zip(order) {
        match site {
            Site::Node(node) => editor.set_node_rank(node, rank),
            Site::Const(value) => {
                let Some(mut constant) = editor.graph().value(value).constant().cloned() else { continue };
                constant.rank = rank;
                editor.set_constant(value, constant);
            }
        }
    }
}

/// The order of the Graph Transform Tool: last in, first out, readers in file order. `None` when there is a cycle.
fn stack_order(cx: &PassContext<'_>, id: GraphId) -> Option<Vec<Site>> {
    let graph = cx.graph(id);
    let sites = sites_by_rank(cx, id);
    let position: FxHashMap<Site, usize> = sites.iter().enumerate().map(|(at, &site)| (site, at)).collect();
    let mut pending = vec![0usize; sites.len()];
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); sites.len()];
    for (reader, &site) in sites.iter().enumerate() {
        let sources = sources(graph, site);
        pending[reader] = if merges(graph, site) { control_count(graph, site) + 1 } else { sources.len() };
        for source in sources {
            readers[position[&source]].push(reader);
        }
    }
    let mut stack: Vec<usize> = (0..sites.len()).filter(|&at| pending[at] == 0).collect();
    let mut written = vec![false; sites.len()];
    let mut order = Vec::with_capacity(sites.len());
    while let Some(at) = stack.pop() {
        if std::mem::replace(&mut written[at], true) {
            continue;
        }
        order.push(sites[at]);
        for &reader in &readers[at] {
            if pending[reader] > 0 {
                pending[reader] -= 1;
                if pending[reader] == 0 {
                    stack.push(reader);
                }
            }
        }
    }
    (order.len() == sites.len()).then_some(order)
}

/// One entry for each operand and control input, repeats included.
fn sources(graph: &Graph, site: Site) -> Vec<Site> {
    let Site::Node(node) = site else { return Vec::new() };
    let node = graph.node(node);
    let source = |value| match graph.value(value).def {
        Def::Node { node, .. } => Some(Site::Node(node)),
        Def::Const(_) => Some(Site::Const(value)),
        // An argument of a function.
        _ => None,
    };
    let operands = node.operands().filter_map(source);
    operands.chain(node.control.iter().copied()).collect()
}

fn merges(graph: &Graph, site: Site) -> bool {
    matches!(site, Site::Node(node) if graph.node(node).op.is_tf("Merge") || graph.node(node).op.is_tf("RefMerge"))
}

fn control_count(graph: &Graph, site: Site) -> usize {
    if let Site::Node(node) = site { graph.node(node).control.len() } else { 0 }
}
