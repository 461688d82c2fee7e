//! TensorFlow 1: `Switch` and `Merge`. What is computed from the result of a `Switch` that never gets a value never runs, up to a
//! `Merge` that gets another value.

use gtt_ir::{Attr, Attrs, Graph, GraphId, Node, NodeId, NodeSpec, Op, Site, Tensor, Type, Use, ValueId, traverse};
use gtt_rewrite::{Decline, PassContext, constant_tensor, is_fed, require};
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use crate::support::frames::Frames;
use crate::support::loops::single_bool;

const RULE: &str = "constant_switch";

/// Resolves the switches of a graph whose predicate is a constant. Linear, as each node dies once.
pub(super) fn resolve(cx: &mut PassContext<'_>, graph: GraphId) {
    let is_switch = |node: &Node| node.op.is_tf("Switch") || node.op.is_tf("RefSwitch");
    if !cx.graph(graph).nodes().any(|(_, node)| is_switch(node)) {
        return;
    }
    let frames = Frames::of(cx.model(), cx.graph(graph));
    loop {
        let within = cx.graph(graph);
        let order = traverse::topological(cx.model(), within).unwrap_or_else(|_| traverse::by_rank(within));
        let switches: Vec<NodeId> = order.into_iter().filter(|&id| is_switch(within.node(id))).collect();
        let (mut changed, mut refused) = (false, Vec::new());
        for id in switches {
            if cx.graph(graph).get_node(id).is_none() {
                continue;
            }
            match Resolved::of(cx, graph, id, &frames) {
                Ok(resolved) if cx.permit(RULE, graph, id) => {
                    resolved.apply(cx, graph, id);
                    changed = true;
                }
                Ok(_) => return,
                Err(Decline::NotMine) => {}
                Err(Decline::Because(reason)) => refused.push((id, reason)),
            }
        }
        if !changed {
            refused.into_iter().for_each(|(id, reason)| cx.decline(RULE, graph, id, reason));
            return;
        }
    }
}

/// What follows from a predicate that is always the same.
struct Resolved {
    /// The result that always gets the value.
    taken: usize,
    /// Nodes that never run, in the order they were found.
    dead: Vec<NodeId>,
    /// Merges that still get a value, with the operands that never come.
    merges: Vec<(NodeId, SmallVec<[usize; 2]>)>,
}

impl Resolved {
    fn of(cx: &PassContext<'_>, graph_id: GraphId, id: NodeId, frames: &Frames) -> Result<Self, Decline> {
        let graph = cx.graph(graph_id);
        let node = graph.node(id);
        let predicate = predicate(cx, graph_id, node.input(1).ok_or(Decline::NotMine)?).ok_or(Decline::NotMine)?;
        require!(!frames.contains(id), "the switch lies in a while loop");
        let taken = usize::from(predicate);
        let public = |value: ValueId| graph.value(value).is_public();
        require!(taken == 0 || !node.output(1).is_some_and(public), "a result of the switch is public");
        require!(!node.output(1 - taken).is_some_and(|value| is_fed(graph, value)), "a result of the switch is public");
        let mut found = Self { taken, dead: Vec::new(), merges: Vec::new() };
        found.spread(graph, node.output(1 - taken))?;
        found.check(graph)?;
        Ok(found)
    }

    /// Follows the value that never comes.
    fn spread(&mut self, graph: &Graph, never: Option<ValueId>) -> Result<(), Decline> {
        let mut dead: FxHashSet<NodeId> = FxHashSet::default();
        let mut merges: FxHashMap<NodeId, SmallVec<[usize; 2]>> = FxHashMap::default();
        let mut values: Vec<ValueId> = never.into_iter().collect();
        let mut nodes: Vec<NodeId> = Vec::new();
        loop {
            while let Some(value) = values.pop() {
                if is_fed(graph, value) {
                    continue;
                }
                for used in graph.value(value).uses() {
                    match *used {
                        Use::Operand { node, slot } if is_merge(graph.node(node)) => {
                            let slots = merges.entry(node).or_default();
                            slots.push(slot as usize);
                            if never_comes(graph, graph.node(node), slots) {
                                nodes.push(node);
                            }
                        }
                        Use::Operand { node, .. } => nodes.push(node),
                        Use::Output { .. } => {
                            return Err(Decline::because("a result that is never computed is an output"));
                        }
                        _ => {}
                    }
                }
            }
            let Some(node) = nodes.pop() else { break };
            if dead.insert(node) {
                self.dead.push(node);
                values.extend(graph.node(node).results());
                let waiting = graph.node(node).control_uses.iter().copied();
                nodes.extend(waiting.filter(|&reader| !is_merge(graph.node(reader))));
            }
        }
        merges.retain(|node, _| !dead.contains(node));
        self.merges = merges.into_iter().collect();
        self.merges.sort_unstable_by_key(|(node, _)| *node);
        Ok(())
    }

    fn check(&self, graph: &Graph) -> Result<(), Decline> {
        let dead: FxHashSet<NodeId> = self.dead.iter().copied().collect();
        let kept = self.dead.iter().any(|&node| graph.is_kept(node));
        require!(!kept, "a node that never runs is a target");
        let fed = |node: &NodeId| graph.node(*node).results().any(|value| is_fed(graph, value));
        require!(!self.dead.iter().any(fed), "a node that never runs is fed from outside");
        // Loops that never start go as a whole.
        let frame = |node: &Node| node.attr("frame_name").cloned();
        let entered: Vec<Attr> =
            self.dead.iter().map(|&node| graph.node(node)).filter(|node| is_enter(node)).filter_map(frame).collect();
        if !entered.is_empty() {
            let stays = |(id, node): (NodeId, &Node)| {
                is_enter(node) && !dead.contains(&id) && frame(node).is_some_and(|frame| entered.contains(&frame))
            };
            require!(!graph.nodes().any(stays), "a while loop never starts, but only in part");
        }
        for (merge, slots) in &self.merges {
            let node = graph.node(*merge);
            let left = node.inputs.len() - slots.len();
            let index_read = node.output(1).is_some_and(|index| !graph.value(index).is_unused());
            require!(left == 1 || !index_read, "which operand of a merge comes is read, and several still may");
            let index_public = node.output(1).is_some_and(|index| graph.value(index).is_public());
            require!(!index_public, "which operand of a merge comes is public");
        }
        Ok(())
    }

    fn apply(self, cx: &mut PassContext<'_>, graph: GraphId, switch: NodeId) {
        let mut editor = cx.edit(graph);
        for (merge, slots) in &self.merges {
            let node = editor.graph().node(*merge);
            let left = (0..node.inputs.len()).filter(|slot| !slots.contains(slot));
            let left: SmallVec<[usize; 2]> = left.collect();
            let inputs: SmallVec<[Option<ValueId>; 4]> = left.iter().map(|&slot| node.inputs[slot]).collect();
            let (attrs, index, rank) = (node.attrs.clone(), node.output(1), node.rank);
            editor.set_inputs(*merge, inputs.iter().copied());
            let &[only] = &left[..] else {
                editor.set_attr(*merge, "N", Attr::Int(left.len() as i64));
                continue;
            };
            let index = index.filter(|&index| !editor.graph().value(index).is_unused());
            if let Some(index) = index {
                let name = format!("{}/value_index", editor.graph().node(*merge).name);
                let number = constant_after(&mut editor, *merge, name, Tensor::scalar(only as i32), rank);
                editor.replace_uses(index, number);
            }
            pass_through(&mut editor, *merge, &attrs);
        }
        for &node in &self.dead {
            editor.replace_control_uses(Site::Node(node), None);
        }
        let mut sources: Vec<NodeId> = Vec::new();
        for &node in &self.dead {
            let found = editor.graph().node(node);
            sources.extend(found.operands().filter_map(|value| editor.graph().def_node(value)));
            editor.set_inputs(node, []);
            editor.set_control(node, []);
        }
        for &node in &self.dead {
            editor.erase_node(node);
        }
        let node = editor.graph().node(switch);
        let (data, attrs, taken) = (node.input(0), node.attrs.clone(), node.output(self.taken));
        editor.set_inputs(switch, [data]);
        if let (Some(taken), 1) = (taken, self.taken) {
            let result = editor.result(switch, 0);
            editor.replace_uses(taken, result);
        }
        pass_through(&mut editor, switch, &attrs);
        sources.retain(|&source| source != switch);
        editor.erase_dead(sources, |node| gtt_ops::info(&node.op).is_erasable());
    }
}

/// Makes a `Switch` or `Merge` of one operand an `Identity`.
fn pass_through(editor: &mut gtt_ir::Editor<'_>, node: NodeId, attrs: &Attrs) {
    let name = editor.graph().node(node).op.name.clone();
    editor.set_op(node, Op::tf(if name.starts_with("Ref") { "RefIdentity" } else { "Identity" }));
    editor.truncate_results(node, 1);
    if attrs.get("N").is_some() {
        editor.remove_attr(node, "N");
    }
}

/// A constant that is there once the node has run.
fn constant_after(editor: &mut gtt_ir::Editor<'_>, node: NodeId, name: String, tensor: Tensor, rank: u32) -> ValueId {
    let taken = |name: &str| {
        let graph = editor.graph();
        graph.nodes().any(|(_, node)| node.name == name) || graph.constants().any(|(_, value, _)| value.name == name)
    };
    let name = std::iter::once(name.clone())
        .chain((1..).map(|number| format!("{name}_{number}")))
        .find(|name| !taken(name))
        .unwrap_or_default();
    let mut spec = NodeSpec::new(Op::tf("Const"), name.clone())
        .output(name, Type::Unknown)
        .attr("dtype", Attr::DType(tensor.dtype()))
        .attr("value", Attr::Tensor(tensor))
        .rank(rank);
    spec.control = [Site::Node(node)].into();
    let constant = editor.add_node(spec);
    editor.result(constant, 0)
}

/// The predicate, if it is one constant truth value.
fn predicate(cx: &PassContext<'_>, graph: GraphId, mut value: ValueId) -> Option<bool> {
    const STEPS: usize = 16;
    for _ in 0..STEPS {
        if let Some(tensor) = constant_tensor(cx.model(), graph, value) {
            return single_bool(tensor);
        }
        let within = cx.graph(graph);
        let node = within.node(within.def_node(value)?);
        if is_fed(within, value) || !["Identity", "RefIdentity"].iter().any(|op| node.op.is_tf(op)) {
            return None;
        }
        value = node.input(0)?;
    }
    None
}

fn is_merge(node: &Node) -> bool {
    node.op.is_tf("Merge") || node.op.is_tf("RefMerge")
}

fn is_enter(node: &Node) -> bool {
    node.op.is_tf("Enter") || node.op.is_tf("RefEnter")
}

/// No operand of a merge comes, if those at `slots` do not: what the next iteration would give needs a first one.
fn never_comes(graph: &Graph, merge: &Node, slots: &[usize]) -> bool {
    let iterates = |value: ValueId| {
        let node = graph.def_node(value).map(|node| graph.node(node));
        node.is_some_and(|node| node.op.is_tf("NextIteration") || node.op.is_tf("RefNextIteration"))
    };
    (0..merge.inputs.len()).all(|slot| slots.contains(&slot) || merge.input(slot).is_some_and(iterates))
}
