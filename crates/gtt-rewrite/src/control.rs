//! Where TensorFlow control inputs go when the nodes that have them die.
//!
//! A control input of a node that dies was executed whenever what replaces the node is now fetched. It moves to the new node,
//! or, where an existing value takes over, to everything that read the old one. Control inputs without any effect behind them
//! are dropped: nobody can see that they no longer run.

use gtt_ir::{Dialect, Graph, GraphId, Id, Model, NodeId, Site, Use, ValueId, traverse};
use gtt_ops::info::{Effects, info};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::Decline;
use crate::rewrite::{Change, Item, Operand, Rewrite};
use crate::rule::is_fed;
use crate::splice::may_erase;

/// More new edges than this for one rewrite, and the driver declines.
const MAX_EDGES: usize = 256;

/// Which nodes of a graph have effects, or wait for one that has, and whether there are control edges at all. Made when first
/// needed; newer nodes count as having effects.
#[derive(Debug, Default)]
pub(crate) struct EffectsBehind {
    effects: FxHashMap<GraphId, Vec<bool>>,
    controlled: FxHashMap<GraphId, bool>,
}

impl EffectsBehind {
    fn any(&mut self, model: &Model, graph: GraphId, node: NodeId) -> bool {
        let table = self.effects.entry(graph).or_insert_with(|| Self::table(model, graph));
        table.get(node.index()).copied().unwrap_or(true)
    }

    /// A node of the graph has control inputs, or the rewrite makes one that has.
    fn controlled(&mut self, model: &Model, graph: GraphId, rewrite: &Rewrite) -> bool {
        let has = |item: &Item| matches!(item, Item::Node(node) if !node.control.is_empty());
        let any = || model.graph(graph).nodes().any(|(_, node)| !node.control.is_empty());
        let controlled = self.controlled.entry(graph).or_insert_with(any);
        *controlled |= rewrite.items.iter().any(has);
        *controlled
    }

    fn table(model: &Model, id: GraphId) -> Vec<bool> {
        let graph = model.graph(id);
        let mut behind = vec![true; graph.node_bound()];
        let Ok(order) = traverse::topological(model, graph) else { return behind };
        for id in order {
            let node = graph.node(id);
            let has = |source: NodeId| behind[source.index()];
            let mut control = node.control.iter().filter_map(|site| node_of(*site));
            behind[id.index()] = !matches!(info(&node.op).effects, Effects::Pure)
                || node.attrs.graphs().next().is_some()
                || node.operands().filter_map(|value| graph.def_node(value)).any(has)
                || control.any(has);
        }
        behind
    }
}

/// Nodes have the node that computes the value as control input.
fn is_waited_for(graph: &Graph, value: ValueId) -> bool {
    graph.def_node(value).is_some_and(|node| !graph.node(node).control_uses.is_empty())
}

/// The value comes only under a condition that the node which computes it decides.
fn is_split(graph: &Graph, value: ValueId) -> bool {
    let op = graph.def_node(value).map(|node| &graph.node(node).op);
    op.is_some_and(|op| op.is_tf("Switch") || op.is_tf("RefSwitch"))
}

fn reads(rewrite: &Rewrite, value: ValueId) -> bool {
    let reads = |item: &Item| matches!(item, Item::Node(node) if node.inputs.contains(&Operand::Old(value)));
    rewrite.items.iter().any(reads)
}

fn node_of(site: Site) -> Option<NodeId> {
    match site {
        Site::Node(node) => Some(node),
        Site::Const(_) => None,
    }
}

/// Control inputs to be added.
#[derive(Debug, Default)]
pub(crate) struct ControlPlan {
    /// What moves.
    pub(crate) sites: Vec<Site>,
    /// Newcomers that take it.
    pub(crate) newcomers: Vec<usize>,
    /// Existing nodes that take it.
    pub(crate) readers: Vec<NodeId>,
}

/// Looks ahead at what a rewrite lets die, and finds its control inputs a new place. Costs as much as what dies.
pub(crate) fn plan(
    model: &Model,
    graph_id: GraphId,
    rewrite: &Rewrite,
    effects: &mut EffectsBehind,
) -> Result<ControlPlan, Decline> {
    let graph = model.graph(graph_id);
    let mut replaced: FxHashMap<ValueId, Operand> = FxHashMap::default();
    let mut work: Vec<NodeId> = Vec::new();
    for change in &rewrite.changes {
        match change {
            Change::Replace { old, new } => {
                if is_fed(graph, *old) && !reads(rewrite, *old) {
                    return Err(Decline::because("the value is fed from outside"));
                }
                if let Operand::Old(new) = new
                    && is_waited_for(graph, *old)
                    && is_split(graph, *new)
                {
                    // A `Switch` has run whichever of its results comes.
                    return Err(Decline::because("who waits for it runs only where a branch is taken"));
                }
                replaced.insert(*old, *new);
                work.extend(graph.def_node(*old));
            }
            Change::Erase { node } => work.push(*node),
            _ => {}
        }
    }
    let mut plan = ControlPlan::default();
    if model.dialect != Dialect::Tf || work.is_empty() || !effects.controlled(model, graph_id, rewrite) {
        return Ok(plan);
    }
    let mut read_on: FxHashSet<ValueId> = FxHashSet::default();
    let mut mark = |operand: &Operand| {
        if let Operand::Old(value) = operand {
            read_on.insert(*value);
        }
    };
    for item in &rewrite.items {
        if let Item::Node(node) = item {
            node.inputs.iter().for_each(&mut mark);
        }
    }
    for change in &rewrite.changes {
        match change {
            Change::Replace { new, .. } => mark(new),
            Change::SetInputs { inputs, .. } => inputs.iter().for_each(&mut mark),
            Change::SetInput { operand, .. } => mark(operand),
            _ => {}
        }
    }
    let heads: FxHashSet<NodeId> = work.iter().copied().collect();
    let mut dying: FxHashSet<NodeId> = FxHashSet::default();
    while let Some(id) = work.pop() {
        let node = graph.node(id);
        if dying.contains(&id) || graph.is_kept(id) || !may_erase(model, node) {
            continue;
        }
        let head = heads.contains(&id);
        let goes = |used: &Use| matches!(used, Use::Operand { node, .. } if dying.contains(node));
        let unused = node.results().all(|value| {
            !read_on.contains(&value) && (replaced.contains_key(&value) || graph.value(value).uses().iter().all(goes))
        });
        if !unused || !(head || node.control_uses.iter().all(|reader| dying.contains(reader))) {
            continue;
        }
        dying.insert(id);
        work.extend(node.operands().filter_map(|value| graph.def_node(value)));
        work.extend(node.control.iter().filter_map(|site| node_of(*site)));
    }
    let mut sorted: Vec<NodeId> = dying.iter().copied().collect();
    sorted.sort_unstable();
    for id in sorted {
        if rewrite.forget_control.contains(&id) {
            continue;
        }
        for &site in &graph.node(id).control {
            let Site::Node(source) = site else { continue };
            if !dying.contains(&source) && !plan.sites.contains(&site) && effects.any(model, graph_id, source) {
                plan.sites.push(site);
            }
        }
    }
    if plan.sites.is_empty() {
        return Ok(plan);
    }
    let replaced_nodes: FxHashSet<NodeId> = replaced.keys().filter_map(|&old| graph.def_node(old)).collect();
    if replaced_nodes.len() > 1 {
        // One's control input may wait for another one: moving it could close a cycle.
        return Err(Decline::because("several nodes are replaced at once and control inputs hang on them"));
    }
    let mut news: Vec<(ValueId, Operand)> = replaced.into_iter().collect();
    news.sort_unstable_by_key(|(old, _)| *old);
    for (old, new) in news {
        match new {
            Operand::New(new) if matches!(rewrite.items[new.item], Item::Node(_)) => {
                if !plan.newcomers.contains(&new.item) {
                    plan.newcomers.push(new.item);
                }
            }
            _ => readers(graph, old, &mut plan)?,
        }
    }
    plan.readers.sort_unstable();
    plan.readers.dedup();
    plan.readers.retain(|reader| !dying.contains(reader));
    if plan.readers.len().saturating_mul(plan.sites.len()) > MAX_EDGES {
        return Err(Decline::because("its control inputs would have to move to too many readers"));
    }
    Ok(plan)
}

fn readers(graph: &Graph, old: ValueId, plan: &mut ControlPlan) -> Result<(), Decline> {
    for used in graph.value(old).uses() {
        match used {
            Use::Operand { node, .. } | Use::Control { node } => plan.readers.push(*node),
            _ => return Err(Decline::because("its control inputs would be lost: the value is an output")),
        }
    }
    if let Some(node) = graph.def_node(old) {
        plan.readers.extend(graph.node(node).control_uses.iter().copied());
    }
    Ok(())
}
