//! Putting the iterations of a TensorFlow 1 loop in a row.
//!
//! A variable is in each iteration what the one before made of it, what enters the loop is there already, and a constant, which waits
//! for something in the loop so that it lies in its frame, waits no more. Loops inside get frames of their own in each iteration.

use bytes::Bytes;
use gtt_ir::{Attr, Constant, Dialect, GraphId, Id, Name, NodeId, NodeSpec, Site, Type, ValueId};
use gtt_rewrite::PassContext;
use rustc_hash::{FxHashMap, FxHashSet};

use super::frames::{Loop, fills_array};
use crate::support::inline_tf::has_effect;
use crate::support::names::FreeNames;

/// One iteration in the making.
#[derive(Default)]
struct Iteration {
    number: u64,
    nodes: FxHashMap<NodeId, NodeId>,
    /// What each value of the loop is now.
    values: FxHashMap<ValueId, ValueId>,
}

impl Loop {
    /// Replaces the loop by so many iterations.
    pub(super) fn unroll(&self, cx: &mut PassContext<'_>, graph: GraphId, iterations: u64) {
        let mut names = FreeNames::within(cx.model(), &[graph]);
        let bound = cx.graph(graph).node_bound();
        let variables = self.values(cx.graph(graph));
        let mut current: Vec<ValueId> = self.variables.iter().map(|variable| variable.init).collect();
        let mut constants: FxHashMap<ValueId, ValueId> = FxHashMap::default();
        for number in 0..iterations {
            let mut iteration = Iteration { number, ..Iteration::default() };
            iteration.values.extend(&self.entered);
            iteration.values.extend(&constants);
            iteration.values.extend(variables.iter().map(|(value, number)| (*value, current[*number])));
            for &id in &self.inside {
                if self.waits_for_nothing(cx, graph, id, &iteration) {
                    let Some(value) = cx.graph(graph).node(id).output(0) else { continue };
                    let copy = *constants.entry(value).or_insert_with(|| constant(cx, graph, id, &mut names));
                    iteration.values.insert(value, copy);
                } else {
                    iteration.copy(cx, graph, id, &mut names);
                }
            }
            iteration.close_loops(cx, graph, &self.inside);
            current = self.variables.iter().map(|variable| iteration.now(variable.next)).collect();
        }
        self.leave(cx, graph, &current, bound);
    }

    /// A constant that is one wherever it stands.
    fn waits_for_nothing(&self, cx: &PassContext<'_>, graph: GraphId, id: NodeId, iteration: &Iteration) -> bool {
        let node = cx.graph(graph).node(id);
        let waits = |site: &Site| matches!(site, Site::Node(source) if iteration.nodes.contains_key(source));
        node.op.is_tf("Const") && !(self.has_branches && node.control.iter().any(waits))
    }

    /// Lets readers of the exits have the last values, and takes the loop out.
    fn leave(&self, cx: &mut PassContext<'_>, graph: GraphId, last: &[ValueId], bound: usize) {
        let mut editor = cx.edit(graph);
        for &(exit, number) in &self.exits {
            let value = last[number];
            if let Some(result) = editor.graph().node(exit).output(0) {
                editor.replace_uses(result, value);
            }
            let site = editor.graph().def_node(value).map(Site::Node);
            editor.replace_control_uses(Site::Node(exit), site);
        }
        let gone: FxHashSet<Name> = self.members.iter().map(|&id| editor.graph().node(id).name.clone()).collect();
        // First all edges: nodes of a loop read each other.
        for &id in &self.members {
            editor.set_inputs(id, []);
            editor.set_control(id, []);
        }
        self.members.iter().for_each(|&id| editor.erase_node(id));
        let new = editor.graph().nodes().map(|(id, _)| id).rev().take_while(|id| id.index() >= bound);
        let new: Vec<NodeId> = new.collect();
        editor.erase_dead(new, |node| !has_effect(node) || fills_array(node));
        forget_colocation(cx, graph, &gone);
    }
}

impl Iteration {
    fn now(&self, value: ValueId) -> ValueId {
        self.values.get(&value).copied().unwrap_or(value)
    }

    fn operands(&self, cx: &PassContext<'_>, graph: GraphId, id: NodeId) -> Vec<Option<ValueId>> {
        cx.graph(graph).node(id).inputs.iter().map(|value| value.map(|value| self.now(value))).collect()
    }

    fn copy(&mut self, cx: &mut PassContext<'_>, graph: GraphId, id: NodeId, names: &mut FreeNames) {
        let inputs = self.operands(cx, graph, id);
        let node = cx.graph(graph).node(id);
        let name = names.tensorflow(&format!("{}/iteration_{}", node.name, self.number));
        let mut spec = NodeSpec::new(node.op.clone(), name).inputs(inputs).rank(node.rank);
        spec.attrs = node.attrs.clone();
        // What it was to be placed with is gone.
        spec.attrs.remove("_class");
        if let Some(frame) = node.attr("frame_name").and_then(Attr::as_str) {
            let frame = format!("{frame}/iteration_{}", self.number);
            spec.attrs.set("frame_name", Attr::Str(Bytes::from(frame)));
        }
        spec.meta = node.meta.clone();
        let waits = node.control.iter().filter_map(|site| match site {
            Site::Node(source) => self.nodes.get(source).map(|copy| Site::Node(*copy)),
            Site::Const(_) => None,
        });
        spec.control = waits.collect();
        let results = (0..).zip(&node.outputs).filter_map(|(slot, value)| Some((slot, (*value)?)));
        let results: Vec<(usize, ValueId, Type)> =
            results.map(|(slot, value)| (slot, value, cx.graph(graph).value(value).ty.clone())).collect();
        let mut editor = cx.edit(graph);
        let copy = editor.add_node(spec);
        for (slot, value, ty) in results {
            let result = editor.result(copy, slot);
            editor.set_type(result, ty);
            self.values.insert(value, result);
        }
        self.nodes.insert(id, copy);
    }

    /// What comes back in loops inside is there by now.
    fn close_loops(&self, cx: &mut PassContext<'_>, graph: GraphId, inside: &[NodeId]) {
        for &id in inside {
            let Some(&copy) = self.nodes.get(&id) else { continue };
            if cx.graph(graph).node(id).op.is_tf("Merge") {
                let operands = self.operands(cx, graph, id);
                cx.edit(graph).set_inputs(copy, operands);
            }
        }
    }
}

/// A `Const` of a loop as a constant that waits for nothing.
fn constant(cx: &mut PassContext<'_>, graph: GraphId, id: NodeId, names: &mut FreeNames) -> ValueId {
    let node = cx.graph(graph).node(id);
    let (name, rank) = (names.tensorflow(&format!("{}/unrolled", node.name)), node.rank);
    let tensor = node.attr("value").and_then(Attr::as_tensor).cloned();
    let tensor = tensor.unwrap_or_else(|| gtt_ir::Tensor::scalar(0i32));
    cx.edit(graph).add_constant(name, Constant::new(Dialect::Tf, tensor, rank))
}

/// Nodes that were to be placed with nodes that are gone are placed anywhere.
fn forget_colocation(cx: &mut PassContext<'_>, graph: GraphId, gone: &FxHashSet<Name>) {
    let is_gone = |class: &Bytes| {
        let name = class.strip_prefix(b"loc:@").and_then(|name| std::str::from_utf8(name).ok());
        name.is_some_and(|name| gone.contains(name))
    };
    let placed = cx.graph(graph).nodes().filter_map(|(id, node)| {
        let Attr::Strs(classes) = node.attr("_class")? else { return None };
        let stay: Vec<Bytes> = classes.iter().filter(|class| !is_gone(class)).cloned().collect();
        (stay.len() < classes.len()).then_some((id, stay))
    });
    let placed: Vec<(NodeId, Vec<Bytes>)> = placed.collect();
    let mut editor = cx.edit(graph);
    for (id, stay) in placed {
        match stay.is_empty() {
            true => {
                editor.remove_attr(id, "_class");
            }
            false => editor.set_attr(id, "_class", Attr::Strs(stay)),
        }
    }
}
