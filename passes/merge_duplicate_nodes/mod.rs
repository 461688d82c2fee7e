#![doc = include_str!("README.md")]

use std::collections::VecDeque;

use gtt_ir::{Graph, GraphId, Id as _, Node, NodeId, Site, Use, ValueId, traverse};
use gtt_ops::Effects;
use gtt_rewrite::{ArgError, Args, Error, Kind, Param, Pass, PassContext, PassInfo, Scope, is_fed};
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

mod group;
mod key;

use group::Group;
use key::{ConstantKey, node_hash, same_node};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["merge_duplicates", "eliminate_common_subexpression", "eliminate_duplicate_initializer"],
    params: &[Param::new("max_constant_size_in_bytes", Kind::Int, "larger constants stay apart")],
    scope: Scope::WithFunctions,
    ..PassInfo::new(
        "merge_duplicate_nodes",
        "merge nodes that compute the same, and constants of equal content",
        include_str!("README.md"),
        build,
    )
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    let limit = args.opt_int("max_constant_size_in_bytes")?;
    Ok(Box::new(MergeDuplicateNodes { limit: limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(0)) }))
}

struct MergeDuplicateNodes {
    limit: usize,
}

impl Pass for MergeDuplicateNodes {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        for graph in cx.graphs() {
            merge_constants(cx, graph, self.limit);
            merge_nodes(cx, graph)?;
        }
        Ok(())
    }
}

/// Constants in the order of the file are compared with earlier ones of the same key, content last: bytes are only read where
/// type, shape, device and a sample of the content agree.
fn merge_constants(cx: &mut PassContext<'_>, id: GraphId, limit: usize) {
    let graph = cx.graph(id);
    let mut constants: Vec<(u32, ValueId)> =
        graph.constants().map(|(value, _, constant)| (constant.rank, value)).collect();
    constants.sort_unstable();
    let mut groups: FxHashMap<ConstantKey, Group> = FxHashMap::default();
    let mut pairs: Vec<(ValueId, ValueId)> = Vec::new();
    for &(_, value) in &constants {
        let Some(constant) = graph.value(value).constant() else { continue };
        if !constant.tensor.is_readable() || constant.tensor.byte_len() > limit || is_fed(graph, value) {
            continue;
        }
        if let Some(first) = groups.entry(ConstantKey::of(constant)).or_default().equal_or_add(graph, value) {
            pairs.push((first, value));
        }
        cx.evaluator().note_read(constant.tensor.byte_len());
    }
    let public = public_values(cx.graph(id));
    for (first, second) in pairs {
        if public.contains(&second) {
            cx.decline_with("equal_constant", "a public constant stays", |model| {
                model.graph(id).value(second).name.to_string()
            });
            continue;
        }
        if !cx.permit_with("equal_constant", |model| model.graph(id).value(second).name.to_string()) {
            return;
        }
        let mut editor = cx.edit(id);
        editor.replace_control_uses(Site::Const(second), Some(Site::Const(first)));
        editor.replace_uses(second, first);
        editor.erase_value(second);
    }
}

/// Values that are outputs or fed. A table, as the uses of a merged value can be many; merging moves no port.
fn public_values(graph: &Graph) -> FxHashSet<ValueId> {
    graph.inputs().iter().chain(graph.outputs()).map(|port| port.value).collect()
}

/// In execution order, so that operands are merged before their readers are compared. Where the earlier node goes (the later one
/// is public), readers that were compared before are compared again.
fn merge_nodes(cx: &mut PassContext<'_>, id: GraphId) -> Result<(), Error> {
    let order = traverse::topological(cx.model(), cx.graph(id))
        .map_err(|cycle| Error::failed(cx.model().place(id), format!("{} nodes lie in a cycle", cycle.len())))?;
    let mut groups: FxHashMap<u64, SmallVec<[NodeId; 4]>> = FxHashMap::default();
    let mut compared = vec![false; cx.graph(id).node_bound()];
    let mut work: VecDeque<NodeId> = order.into();
    let public = public_values(cx.graph(id));
    let has_port = |node: &Node| node.results().any(|value| public.contains(&value));
    while let Some(second) = work.pop_front() {
        let graph = cx.graph(id);
        let Some(node) = graph.get_node(second) else { continue };
        let again = std::mem::replace(&mut compared[second.index()], true);
        let info = gtt_ops::info(&node.op);
        if !info.is_mergeable() && !is_invariant(node) {
            if info.effects == Effects::Random {
                cx.decline("equal_node", id, second, "the op draws random numbers");
            }
            continue;
        }
        if node.attrs.graphs().next().is_some() || (node.results().next().is_none() && node.control_uses.is_empty()) {
            continue;
        }
        // What is fed from outside is not what the node computes.
        if node.results().any(|value| is_fed(graph, value)) {
            cx.decline("equal_node", id, second, "a result is fed from outside");
            continue;
        }
        let group = groups.entry(node_hash(node)).or_default();
        let Some(position) = group.iter().position(|&first| same_node(graph.node(first), node)) else {
            group.push(second);
            continue;
        };
        let first = group[position];
        // A node that reads a merged value twice waits twice.
        if first == second {
            continue;
        }
        let (stays, goes) = match (has_port(graph.node(first)), has_port(node)) {
            (true, true) if again => continue,
            (true, true) => {
                cx.decline("equal_node", id, second, "both results are public");
                continue;
            }
            (false, true) => (second, first),
            _ => (first, second),
        };
        if graph.is_kept(goes) {
            cx.decline("equal_node", id, goes, "the node is a target");
            continue;
        }
        if !cx.permit("equal_node", id, goes) {
            return Ok(());
        }
        let graph = cx.graph(id);
        group[position] = stays;
        for reader in readers(graph, goes).filter(|reader| compared[reader.index()]) {
            if let Some(group) = groups.get_mut(&node_hash(graph.node(reader))) {
                group.retain(|other| *other != reader);
            }
            work.push_back(reader);
        }
        merge(cx, id, stays, goes);
    }
    Ok(())
}

/// Nodes that read a node's results or wait for it.
fn readers(graph: &Graph, node: NodeId) -> impl Iterator<Item = NodeId> {
    let node = graph.node(node);
    let uses = node.results().flat_map(|value| graph.value(value).uses());
    let operands = uses.filter_map(|used| if let Use::Operand { node, .. } = used { Some(*node) } else { None });
    operands.chain(node.control_uses.iter().copied())
}

fn merge(cx: &mut PassContext<'_>, id: GraphId, stays: NodeId, goes: NodeId) {
    let (from, to) = (cx.graph(id).node(goes), cx.graph(id).node(stays));
    let rank = from.rank.min(to.rank);
    let earlier = rank < to.rank;
    let slots = from.outputs.len();
    let mut editor = cx.edit(id);
    for slot in 0..slots {
        let Some(old) = editor.graph().node(goes).output(slot) else { continue };
        if editor.graph().value(old).is_unused() {
            continue;
        }
        let new = editor.result(stays, slot);
        editor.replace_uses(old, new);
    }
    editor.replace_control_uses(Site::Node(goes), Some(Site::Node(stays)));
    if earlier {
        editor.set_node_rank(stays, rank);
    }
    editor.erase_node(goes);
}

/// What a while loop of TensorFlow 1 reads unchanged in every iteration: its frame is an attribute.
fn is_invariant(node: &Node) -> bool {
    node.op.is_tf("Enter") && node.attr("is_constant").and_then(gtt_ir::Attr::as_bool) == Some(true)
}
