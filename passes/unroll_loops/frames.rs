//! TensorFlow 1: loops of `Enter`, `Merge`, `Switch`, `NextIteration` and `Exit`, told by their frames.

use gtt_ir::{Attr, Graph, GraphId, Node, NodeId, Site, Use, ValueId, traverse};
use gtt_rewrite::{Decline, PassContext, require};
use rustc_hash::{FxHashMap, FxHashSet};

use super::UnrollLoops;
use super::trips::{Progress, Variables, count};
use crate::support::frames::Frames;
use crate::support::inline_tf::has_effect;
use crate::support::liveness::Liveness;

/// A variable of a loop.
pub(super) struct Variable {
    merge: NodeId,
    /// What it is at first: the operand of its `Enter`.
    pub(super) init: ValueId,
    /// What it is in the next iteration: the operand of its `NextIteration`.
    pub(super) next: ValueId,
    switch: Option<NodeId>,
}

/// A loop taken apart.
#[derive(Default)]
pub(super) struct Loop {
    pub(super) variables: Vec<Variable>,
    /// Each `Exit` with the variable that leaves by it.
    pub(super) exits: Vec<(NodeId, usize)>,
    /// What its `Enter` nodes give, with what they got.
    pub(super) entered: FxHashMap<ValueId, ValueId>,
    /// What runs in each iteration, loops inside included, in execution order.
    pub(super) inside: Vec<NodeId>,
    /// Everything that goes.
    pub(super) members: Vec<NodeId>,
    /// There are branches or loops in it: what waits there may say where it lies.
    pub(super) has_branches: bool,
}

/// Unrolls the loops of a graph: outer ones first, as those inside may depend on the iteration.
pub(super) fn unroll(pass: &UnrollLoops, cx: &mut PassContext<'_>, graph: GraphId) {
    loop {
        let within = cx.graph(graph);
        let frames = Frames::of(cx.model(), within);
        if !frames.any() {
            return;
        }
        let liveness = Liveness::of(cx.model(), within);
        let mut members: FxHashMap<u32, Vec<NodeId>> = FxHashMap::default();
        for id in traverse::topological(cx.model(), within).unwrap_or_else(|_| traverse::by_rank(within)) {
            // An `Enter` belongs to the loop that it leads into.
            let is_enter = within.node(id).op.name.ends_with("Enter");
            let mut frame = if is_enter { frames.of_results(id) } else { frames.frame(id) };
            while frame != 0 && frames.around(frame) != 0 {
                frame = frames.around(frame);
            }
            members.entry(frame).or_default().push(id);
        }
        let mut outer: Vec<u32> = members.keys().copied().filter(|&frame| frame != 0).collect();
        outer.sort_unstable();
        let (mut changed, mut refused) = (false, Vec::new());
        for frame in outer {
            let nodes = &members[&frame];
            let within = cx.graph(graph);
            let Some(&first) = nodes.iter().find(|&&id| frames.of_results(id) == frame) else { continue };
            let found = Loop::of(within, nodes, frame, &frames, &liveness);
            let found = found.and_then(|(found, condition)| Ok((found.iterations(pass, within, condition)?, found)));
            match found {
                Ok((iterations, found)) if cx.permit(super::RULE, graph, first) => {
                    found.unroll(cx, graph, iterations);
                    changed = true;
                }
                Ok(_) => return,
                Err(Decline::NotMine) => {}
                Err(Decline::Because(reason)) => refused.push((first, reason)),
            }
        }
        if !changed {
            refused.into_iter().for_each(|(id, reason)| cx.decline(super::RULE, graph, id, reason));
            return;
        }
    }
}

/// It changes a tensor array, which is a value in all but name: its flow says what comes first.
pub(super) fn fills_array(node: &Node) -> bool {
    node.op.name.starts_with("TensorArray")
}

fn unusual() -> Decline {
    Decline::because("the loop is not of the usual form")
}

impl Loop {
    /// The loop of these nodes, and its condition.
    fn of(
        graph: &Graph,
        nodes: &[NodeId],
        frame: u32,
        frames: &Frames,
        liveness: &Liveness,
    ) -> Result<(Self, ValueId), Decline> {
        let own: FxHashSet<NodeId> = nodes.iter().copied().collect();
        let mut found = Self { members: nodes.to_vec(), ..Self::default() };
        let mut by_merge: FxHashMap<ValueId, usize> = FxHashMap::default();
        let mut by_exit: FxHashMap<ValueId, usize> = FxHashMap::default();
        let (mut conditions, mut exits) = (Vec::new(), Vec::new());
        for &id in nodes {
            let node = graph.node(id);
            check(graph, id, node, &own, frames.frame(id) == frame)?;
            let op = node.op.name.as_str();
            let is_own = frames.frame(id) == frame;
            match op {
                "Enter" if frames.of_results(id) == frame => {
                    require!(liveness.site(Site::Node(id)) == Liveness::ALWAYS, "the loop lies in a branch");
                    let operand = node.input(0).ok_or_else(unusual)?;
                    found.entered.extend(node.output(0).map(|value| (value, operand)));
                }
                "LoopCond" if is_own => conditions.push(id),
                "NextIteration" if is_own => {}
                "Exit" if is_own => exits.push(id),
                "Merge" if is_own && comes_back(graph, node) => {
                    by_merge.extend(node.output(0).map(|value| (value, found.variables.len())));
                    found.variables.push(Variable::of(graph, id, node).ok_or_else(unusual)?);
                }
                _ => {
                    found.inside.push(id);
                    continue;
                }
            }
            require!(node.control.is_empty(), "something between the iterations waits");
        }
        let [condition] = conditions[..] else { return Err(unusual()) };
        let (decides, condition) = (graph.node(condition).output(0), graph.node(condition).input(0));
        let mut switches: FxHashSet<NodeId> = FxHashSet::default();
        for &id in &found.inside {
            let node = graph.node(id);
            if node.op.is_tf("Switch") && node.input(1) == decides {
                let number = node.input(0).and_then(|value| by_merge.get(&value)).copied().ok_or_else(unusual)?;
                require!(node.control.is_empty(), "something between the iterations waits");
                let twice = found.variables[number].switch.replace(id).is_some();
                let leaves = node.output(0).is_none_or(|value| is_read_by(graph, value, "Exit"));
                require!(!twice && leaves, "the loop is not of the usual form");
                by_exit.extend(node.output(0).map(|value| (value, number)));
                switches.insert(id);
            }
        }
        found.inside.retain(|id| !switches.contains(id));
        found.has_branches = found.inside.iter().any(|&id| graph.node(id).op.is_tf("Switch"));
        let plain = decides.is_none_or(|value| is_read_by(graph, value, "Switch"));
        require!(plain, "the loop is not of the usual form");
        for id in exits {
            let number = graph.node(id).input(0).and_then(|value| by_exit.get(&value)).copied().ok_or_else(unusual)?;
            found.exits.push((id, number));
        }
        Ok((found, condition.ok_or_else(unusual)?))
    }

    /// Which variable a value of the loop is, before or behind its switch.
    pub(super) fn values(&self, graph: &Graph) -> FxHashMap<ValueId, usize> {
        let mut values = FxHashMap::default();
        for (number, variable) in self.variables.iter().enumerate() {
            values.extend(graph.node(variable.merge).output(0).map(|value| (value, number)));
            values.extend(variable.switch.and_then(|switch| graph.node(switch).output(1)).map(|value| (value, number)));
        }
        values
    }

    fn iterations(&self, pass: &UnrollLoops, graph: &Graph, condition: ValueId) -> Result<u64, Decline> {
        let values = self.values(graph);
        let number = |_: &Graph, value: ValueId| values.get(&value).copied();
        let variables = Variables { number: &number, passes_on: &["Identity", "Enter"] };
        let outside = Variables { number: &|_, _| None, passes_on: &["Identity"] };
        let progress: Vec<Option<Progress>> = (0..self.variables.len())
            .map(|at| {
                let start = outside.integer(graph, self.variables[at].init)?;
                let step = variables.step(graph, at, self.variables[at].next)?;
                Some(Progress { start, step })
            })
            .collect();
        let comparisons = variables.comparisons(graph, condition);
        let iterations = comparisons.and_then(|comparisons| count(&comparisons, &progress, pass.max_trip_count));
        pass.permits(iterations, self.inside.len())
    }
}

impl Variable {
    /// The variable of a `Merge` of what enters and what comes back.
    fn of(graph: &Graph, id: NodeId, node: &Node) -> Option<Self> {
        let [Some(a), Some(b)] = node.inputs[..] else { return None };
        let from = |value: ValueId| graph.def_node(value).map(|id| graph.node(id));
        let (a, b) = (from(a)?, from(b)?);
        let (enter, next) = if a.op.is_tf("NextIteration") { (b, a) } else { (a, b) };
        let index = node.output(1).is_none_or(|value| graph.value(value).is_unused());
        let usual = enter.op.is_tf("Enter") && next.op.is_tf("NextIteration") && index;
        Some(Self { merge: id, init: enter.input(0)?, next: next.input(0)?, switch: None }).filter(|_| usual)
    }
}

/// What the loop asks of each of its nodes.
fn check(graph: &Graph, id: NodeId, node: &Node, own: &FxHashSet<NodeId>, is_own: bool) -> Result<(), Decline> {
    require!(!graph.is_kept(id), "a node of the loop is a target");
    require!(!node.op.name.starts_with("Ref"), "the loop is about references");
    require!(!has_effect(node) || fills_array(node), "a node of the loop has an effect");
    let is_constant = !node.op.is_tf("Const") || matches!(node.attr("value"), Some(Attr::Tensor(_)));
    require!(is_constant, "the loop is not of the usual form");
    if is_own && node.op.is_tf("Exit") {
        return Ok(());
    }
    let inside = |used: &Use| matches!(used, Use::Operand { node, .. } if own.contains(node));
    let is_inside = node.results().all(|value| graph.value(value).uses().iter().all(inside));
    let is_awaited_inside = node.control_uses.iter().all(|user| own.contains(user));
    require!(is_inside && is_awaited_inside, "a value inside of the loop is public");
    Ok(())
}

fn comes_back(graph: &Graph, node: &Node) -> bool {
    let from = |value: ValueId| graph.def_node(value).map(|id| graph.node(id));
    node.operands().any(|value| from(value).is_some_and(|source| source.op.is_tf("NextIteration")))
}

/// Nothing but nodes of one op reads the value.
fn is_read_by(graph: &Graph, value: ValueId, op: &str) -> bool {
    let reads = |used: &Use| matches!(used, Use::Operand { node, .. } if graph.node(*node).op.is_tf(op));
    graph.value(value).uses().iter().all(reads)
}
