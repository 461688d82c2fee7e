//! The order of nodes in the file.

use gtt_ir::traverse::topological;
use gtt_ir::{ConstOrigin, Graph, Id as _, Model, Node, Site, ValueId};

use crate::error::{Error, Result};

/// Is a constant written as a `Constant` node? Functions have no initializers.
pub(crate) fn is_constant_node(origin: ConstOrigin, in_function: bool) -> bool {
    in_function || origin == ConstOrigin::ConstantNode
}

/// Nodes and `Constant` nodes so that each comes after what it reads; a file that was in order keeps its order. `constants` are
/// those to be written as nodes.
pub(crate) fn order(model: &Model, graph: &Graph, mut constants: Vec<ValueId>) -> Result<Vec<Site>> {
    let nodes = topological(model, graph).map_err(|cycle| {
        let names: Vec<&str> = cycle.iter().take(3).map(|&id| name(graph.node(id))).collect();
        Error::invalid(format!("{} nodes in or behind a cycle: {}", cycle.len(), names.join(", ")))
    })?;
    if constants.is_empty() {
        return Ok(nodes.into_iter().map(Site::Node).collect());
    }
    constants.sort_by_key(|&value| (graph.rank(Site::Const(value)), value));
    let mut waiting = vec![false; graph.value_bound()];
    constants.iter().for_each(|value| waiting[value.index()] = true);
    let mut order = Vec::with_capacity(nodes.len() + constants.len());
    let mut rest = constants.into_iter().peekable();
    for id in nodes {
        let node = graph.node(id);
        let mut emit = |value: ValueId, order: &mut Vec<Site>| {
            if std::mem::take(&mut waiting[value.index()]) {
                order.push(Site::Const(value));
            }
        };
        while let Some(value) = rest.next_if(|&value| graph.rank(Site::Const(value)) < node.rank) {
            emit(value, &mut order);
        }
        // A newcomer may have a later place than its reader.
        node.operands().for_each(|value| emit(value, &mut order));
        for inner in node.attrs.graphs() {
            model.graph(inner).captures().for_each(|(outer, _)| emit(outer, &mut order));
        }
        order.push(Site::Node(id));
    }
    order.extend(rest.filter(|value| waiting[value.index()]).map(Site::Const));
    Ok(order)
}

/// How a node is called in an error.
pub(crate) fn name(node: &Node) -> &str {
    if node.name.is_empty() { &node.op.name } else { &node.name }
}
