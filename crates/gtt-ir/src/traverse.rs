//! Orders and reachability. Everything here is iterative and linear (orders: times the logarithm of the width).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::{Def, Graph, Id, Model, Node, NodeId, Site, ValueId};

/// Back edges of TensorFlow's v1 loops start here: readers do not wait for them.
pub(crate) fn closes_loop(node: &Node) -> bool {
    node.op.is_tf("NextIteration") || node.op.is_tf("RefNextIteration")
}

/// Nodes a node waits for: definitions of its operands and captures, control inputs. Back edges of loops are left out.
fn predecessors<'a>(model: &'a Model, graph: &'a Graph, id: NodeId) -> impl Iterator<Item = NodeId> + 'a {
    let node = graph.node(id);
    let defining = |value: ValueId| graph.def_node(value);
    let captured = node.attrs.graphs().flat_map(move |inner| model.graph(inner).captures.keys().copied());
    let control = node.control.iter().filter_map(|site| if let Site::Node(node) = site { Some(*node) } else { None });
    let sources = node.operands().chain(captured).filter_map(defining).chain(control);
    sources.filter(move |&source| !closes_loop(graph.node(source)))
}

/// The nodes so that each comes after what it reads; among those that are ready, the lowest rank first. A graph whose file is
/// in order keeps its order. `Err` names the nodes left in cycles.
pub fn topological(model: &Model, graph: &Graph) -> Result<Vec<NodeId>, Vec<NodeId>> {
    let mut coming = vec![false; graph.value_bound()];
    let mark = |node: &Node| node.results().for_each(|value| coming[value.index()] = true);
    let order = ranked(graph, mark);
    if is_in_order(model, graph, &order, coming) { Ok(order) } else { sorted(model, graph) }
}

/// Nothing reads what comes later: the order of ranks is then what a sort would find. `coming` are the results of all nodes. Looks
/// at nodes only, one after the other, as values are scattered in memory.
fn is_in_order(model: &Model, graph: &Graph, order: &[NodeId], mut coming: Vec<bool>) -> bool {
    let mut seen = vec![false; graph.node_bound()];
    let is_late = |value: ValueId, coming: &[bool]| {
        coming[value.index()] && !graph.def_node(value).is_some_and(|source| closes_loop(graph.node(source)))
    };
    order.iter().all(|&id| {
        let node = graph.node(id);
        let waits = |source: &Site| match *source {
            Site::Node(source) => !seen[source.index()] && !closes_loop(graph.node(source)),
            Site::Const(_) => false,
        };
        let mut captured = node.attrs.graphs().flat_map(|inner| model.graph(inner).captures.keys().copied());
        if node.operands().any(|value| is_late(value, &coming))
            || captured.any(|value| is_late(value, &coming))
            || node.control.iter().any(waits)
        {
            return false;
        }
        node.results().for_each(|value| coming[value.index()] = false);
        seen[id.index()] = true;
        true
    })
}

fn sorted(model: &Model, graph: &Graph) -> Result<Vec<NodeId>, Vec<NodeId>> {
    let mut waiting = vec![0u32; graph.node_bound()];
    // The readers of node `i` are `readers[ends[i]..]`, up to where the next one's begin.
    let mut ends = vec![0u32; graph.node_bound() + 1];
    for (id, _) in graph.nodes() {
        for source in predecessors(model, graph, id) {
            waiting[id.index()] += 1;
            ends[source.index()] += 1;
        }
    }
    let mut total = 0;
    for end in &mut ends {
        total += *end;
        *end = total;
    }
    let mut readers = vec![None; total as usize];
    let mut ready = BinaryHeap::new();
    for (id, node) in graph.nodes() {
        for source in predecessors(model, graph, id) {
            ends[source.index()] -= 1;
            readers[ends[source.index()] as usize] = Some(id);
        }
        if waiting[id.index()] == 0 {
            ready.push(Reverse((node.rank, id)));
        }
    }
    let mut order = Vec::with_capacity(graph.node_count());
    while let Some(Reverse((_, id))) = ready.pop() {
        order.push(id);
        let (start, end) = (ends[id.index()] as usize, ends[id.index() + 1] as usize);
        for &reader in readers[start..end].iter().flatten() {
            waiting[reader.index()] -= 1;
            if waiting[reader.index()] == 0 {
                ready.push(Reverse((graph.node(reader).rank, reader)));
            }
        }
    }
    if order.len() == graph.node_count() {
        return Ok(order);
    }
    Err(graph.nodes().map(|(id, _)| id).filter(|id| waiting[id.index()] > 0).collect())
}

/// Nodes in the order of the file.
pub fn by_rank(graph: &Graph) -> Vec<NodeId> {
    ranked(graph, |_| ())
}

fn ranked(graph: &Graph, mut meet: impl FnMut(&Node)) -> Vec<NodeId> {
    let mut order: Vec<(u32, NodeId)> = Vec::with_capacity(graph.node_count());
    for (id, node) in graph.nodes() {
        meet(node);
        order.push((node.rank, id));
    }
    // Stable sorting finds runs: a pass leaves the nodes that were there in order, and what it made in the same order behind them.
    order.sort();
    order.into_iter().map(|(_, id)| id).collect()
}

/// What lies backwards of some roots.
#[derive(Clone, Debug)]
pub struct Reachable {
    nodes: Vec<bool>,
    values: Vec<bool>,
}

impl Reachable {
    /// The node is needed.
    pub fn node(&self, id: NodeId) -> bool {
        self.nodes[id.index()]
    }

    /// The value is read by a needed node, or a root.
    pub fn value(&self, id: ValueId) -> bool {
        self.values[id.index()]
    }
}

/// Everything reachable backwards over operands, captures and control edges, from the given values and nodes. Values for
/// which `stop` holds are reached but not passed.
pub fn reachable(
    model: &Model,
    graph: &Graph,
    values: impl IntoIterator<Item = ValueId>,
    nodes: impl IntoIterator<Item = NodeId>,
    stop: impl Fn(ValueId) -> bool,
) -> Reachable {
    let mut seen = Reachable { nodes: vec![false; graph.node_bound()], values: vec![false; graph.value_bound()] };
    let mut work: Vec<NodeId> = Vec::new();
    let mut pending: Vec<ValueId> = values.into_iter().collect();
    work.extend(nodes);
    loop {
        while let Some(value) = pending.pop() {
            if std::mem::replace(&mut seen.values[value.index()], true) || stop(value) {
                continue;
            }
            if let Def::Node { node, .. } = graph.value(value).def {
                work.push(node);
            }
        }
        let Some(id) = work.pop() else { return seen };
        if std::mem::replace(&mut seen.nodes[id.index()], true) {
            continue;
        }
        let node = graph.node(id);
        pending.extend(node.operands());
        for inner in node.attrs.graphs() {
            pending.extend(model.graph(inner).captures.keys().copied());
        }
        for site in &node.control {
            match site {
                Site::Node(source) => work.push(*source),
                Site::Const(value) => pending.push(*value),
            }
        }
    }
}
/// How large each of several things is with everything in it that it calls put in its place, saturating: `sizes[i]` is its own size,
/// `callees[i]` what it calls, once for each call. `None` for what lies on a cycle of calls or leads to one. Linear in the calls.
pub fn expanded_sizes(sizes: &[u64], callees: &[Vec<usize>]) -> Vec<Option<u64>> {
    let mut callers: Vec<Vec<usize>> = vec![Vec::new(); callees.len()];
    let mut open: Vec<usize> = callees.iter().map(Vec::len).collect();
    for (caller, callees) in callees.iter().enumerate() {
        callees.iter().for_each(|&callee| callers[callee].push(caller));
    }
    let mut expanded: Vec<u64> = sizes.to_vec();
    let mut leaves: Vec<usize> = (0..callees.len()).filter(|&index| open[index] == 0).collect();
    while let Some(leaf) = leaves.pop() {
        for &caller in &callers[leaf] {
            expanded[caller] = expanded[caller].saturating_add(expanded[leaf]);
            open[caller] -= 1;
            if open[caller] == 0 {
                leaves.push(caller);
            }
        }
    }
    expanded.into_iter().zip(open).map(|(size, open)| (open == 0).then_some(size)).collect()
}
