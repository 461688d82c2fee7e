//! Copying the body of a TensorFlow function into the graph that calls it.
//!
//! A call runs when all its operands and control inputs are there; everything in the body that has an effect runs, and who waits for
//! the call waits for all of that. So what the body starts with waits for the control inputs of the call, who waited for the call
//! waits for its effects and results, and a result is only handed on together with effects that it does not need itself.

mod copy;
mod region;

use gtt_ir::{Attr, Attrs, DType, Graph, GraphId, Model, Name, Node, NodeId, ValueId};
use gtt_ops::Effects;
use gtt_rewrite::{Decline, PassContext, is_fed, require};
use rustc_hash::{FxHashMap, FxHashSet};

use copy::Copy;
use region::{Gate, Regions};

/// A call: the body, and what its operands and attributes are.
#[derive(Clone, Debug)]
pub(crate) struct TfCall {
    pub(crate) body: GraphId,
    pub(crate) operands: Vec<ValueId>,
    /// What attributes of the body may refer to.
    pub(crate) attrs: Attrs,
    /// Nodes of the body are on the device of the call.
    pub(crate) one_device: bool,
}

/// What is known of a graph while calls in it are replaced.
#[derive(Default)]
pub(crate) struct TfInlining {
    names: FxHashMap<GraphId, FxHashSet<Name>>,
    /// Constants of a body that were copied to a graph: calls share them.
    constants: FxHashMap<(GraphId, GraphId), FxHashMap<ValueId, ValueId>>,
    regions: Regions,
}

/// Ops that only read state, or only say where it is: nobody can see whether they ran.
const READS: &[&str] =
    &["ReadVariableOp", "VarHandleOp", "VarIsInitializedOp", "Variable", "VariableV2", "_Arg", "_Retval"];

/// It does something that can be seen from outside of its results.
pub(crate) fn has_effect(node: &Node) -> bool {
    let info = gtt_ops::info(&node.op);
    (info.effects == Effects::Stateful || !info.known) && !READS.contains(&node.op.name.as_str())
}

impl TfInlining {
    /// The call may be replaced by the body.
    pub(crate) fn check(
        &mut self,
        cx: &PassContext<'_>,
        graph_id: GraphId,
        id: NodeId,
        call: &TfCall,
    ) -> Result<(), Decline> {
        let (graph, body) = (cx.graph(graph_id), cx.graph(call.body));
        let node = graph.node(id);
        let fits = call.operands.len() == body.inputs().len() && node.outputs.len() <= body.outputs().len();
        require!(fits, "the call has other operands or results than the function");
        let fed = |value: ValueId| is_fed(graph, value);
        require!(!node.results().any(fed), "a result of the call is fed from outside");
        let refers = |(_, node): (NodeId, &Node)| {
            node.attrs.iter().any(|entry| matches!(&entry.value, Attr::Ref(name) if call.attrs.get(name).is_none()))
        };
        require!(!body.nodes().any(refers), "the body needs an attribute that the call does not give");
        let loose = body.nodes().any(|(_, node)| has_effect(node));
        let typed = |slot: usize| {
            let unread = node.output(slot).is_none_or(|value| graph.value(value).is_unused());
            unread || result_dtype(node, body, slot).is_some()
        };
        require!(!loose || (0..node.outputs.len()).all(typed), "the types of the results are unknown");
        if self.regions.of(cx, graph_id, id).is_some() {
            region::check(graph, node, body)?;
            require!((0..node.outputs.len()).all(typed), "the types of the results are unknown");
        }
        Ok(())
    }

    /// A name of a node that nothing in the graph has.
    pub(crate) fn free_name(&mut self, cx: &PassContext<'_>, graph: GraphId, wanted: &str) -> Name {
        let names = self.names.entry(graph).or_insert_with(|| names_of(cx.graph(graph)));
        let (prefix, name) = wanted.rsplit_once('/').unwrap_or(("", wanted));
        free_name(names, prefix, name)
    }

    /// A node lies in a branch or loop of v1 control flow.
    pub(crate) fn lies_in_region(&mut self, cx: &PassContext<'_>, graph: GraphId, id: NodeId) -> bool {
        self.regions.of(cx, graph, id).is_some()
    }

    /// A new node runs when an old one would.
    pub(crate) fn takes_the_place_of(&mut self, cx: &PassContext<'_>, graph: GraphId, new: NodeId, old: NodeId) {
        if let Some(in_frame) = self.regions.of(cx, graph, old) {
            self.regions.add(graph, vec![new], in_frame);
        }
    }

    /// Replaces a call by the body; says how many nodes came.
    pub(crate) fn inline(&mut self, cx: &mut PassContext<'_>, graph: GraphId, id: NodeId, call: &TfCall) -> usize {
        let names = self.names.entry(graph).or_insert_with(|| names_of(cx.graph(graph)));
        let gate = self.regions.of(cx, graph, id).map(|in_frame| Gate::make(cx, graph, id, names, in_frame));
        let shared = self.constants.entry((call.body, graph)).or_default();
        shared.retain(|_, copy| cx.graph(graph).get_value(*copy).is_some());
        let mut copy = Copy::new(cx, graph, id, call, names, gate);
        copy.constants(shared);
        copy.nodes();
        copy.connect();
        copy.hand_on();
        let (count, copies) = (copy.order.len(), copy.copies());
        match gate {
            Some(gate) => self.regions.add(graph, copies, gate.in_frame),
            None if region::has_control_flow(cx.graph(call.body)) => self.regions.forget(graph),
            None => {}
        }
        count
    }
}

/// The element type of a result of a call.
fn result_dtype(call: &Node, body: &Graph, slot: usize) -> Option<DType> {
    match call.attr("Tout") {
        Some(Attr::DTypes(list)) => list.get(slot).copied(),
        _ => body.value(body.outputs().get(slot)?.value).ty.dtype(),
    }
}

fn names_of(graph: &Graph) -> FxHashSet<Name> {
    let nodes = graph.nodes().map(|(_, node)| node.name.clone());
    nodes.chain(graph.values().map(|(_, value)| value.name.clone())).collect()
}

/// `prefix/name`, with a number if that is taken.
fn free_name(names: &mut FxHashSet<Name>, prefix: &str, name: &str) -> Name {
    let wanted = format!("{prefix}/{name}");
    let mut free = Name::from(wanted.clone());
    let mut number = 0;
    while !names.insert(free.clone()) {
        number += 1;
        free = Name::from(format!("{wanted}_{number}"));
    }
    free
}

/// A function is named within a graph, or in functions that are.
pub(crate) fn leads_to(model: &Model, from: GraphId, wanted: &str) -> bool {
    let (mut seen, mut work) = (vec![from], vec![from]);
    while let Some(graph) = work.pop() {
        for (_, node) in model.graph(graph).nodes() {
            let functions = node.attrs.iter().flat_map(|entry| entry.value.funcs());
            for name in functions.chain(std::iter::once(&node.op.name)) {
                if name == wanted {
                    return true;
                }
                let function = model.functions.iter().find(|function| function.op.name == *name);
                if let Some(function) = function
                    && !seen.contains(&function.graph)
                {
                    seen.push(function.graph);
                    work.push(function.graph);
                }
            }
        }
    }
    false
}
