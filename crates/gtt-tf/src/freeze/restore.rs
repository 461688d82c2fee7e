//! Under which keys a graph's own restore ops read its variables.
//!
//! A saver is an op `RestoreV2(prefix, keys, slices)` whose results are assigned to the variables. TensorFlow 1 has it in the graph,
//! TensorFlow 2 in a function that gets the handles of the variables as arguments.

use gtt_ir::{Attr, GraphId, Model, Name, Node, Tensor, ValueId};
use rustc_hash::{FxHashMap, FxHashSet};

use super::variable::{self, Origin};

/// A tensor of a checkpoint, or a slice of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) key: String,
    /// As `RestoreV2` is asked for it; empty for all of the tensor.
    pub(super) slice: String,
}

/// How many calls are followed: a library whose calls multiply is not a saver's.
const MOST_CALLS: usize = 10_000;

/// How deep calls are followed.
const DEEPEST: usize = 64;

/// What the restore ops of a model read into each variable, in the order of the file.
pub(super) fn restored(model: &Model) -> FxHashMap<Name, Vec<Stored>> {
    let mut tracer = Tracer { model, restoring: restoring_functions(model), calls: 0, found: FxHashMap::default() };
    tracer.graph(model.main_id(), &FxHashMap::default(), &mut Vec::new());
    tracer.found
}

/// The function that a node calls.
pub(super) fn callee(node: &Node) -> Option<&Name> {
    match node.attr("f") {
        Some(Attr::Func(name)) if matches!(node.op.name.as_str(), "PartitionedCall" | "StatefulPartitionedCall") => {
            Some(name)
        }
        _ => None,
    }
}

/// The body of a function.
pub(super) fn body(model: &Model, name: &str) -> Option<GraphId> {
    model.functions.iter().find(|function| function.op.name == name).map(|function| function.graph)
}

/// Functions that restore something, themselves or through what they call.
fn restoring_functions(model: &Model) -> FxHashSet<Name> {
    let mut callers: FxHashMap<&Name, Vec<&Name>> = FxHashMap::default();
    let mut work: Vec<&Name> = Vec::new();
    for function in &model.functions {
        let Some(graph) = model.get_graph(function.graph) else { continue };
        for (_, node) in graph.nodes() {
            if let Some(called) = callee(node) {
                callers.entry(called).or_default().push(&function.op.name);
            } else if node.op.name.starts_with("Restore") {
                work.push(&function.op.name);
            }
        }
    }
    let mut restoring = FxHashSet::default();
    while let Some(name) = work.pop() {
        if restoring.insert(name.clone()) {
            work.extend(callers.get(name).into_iter().flatten());
        }
    }
    restoring
}

struct Tracer<'m> {
    model: &'m Model,
    restoring: FxHashSet<Name>,
    calls: usize,
    found: FxHashMap<Name, Vec<Stored>>,
}

impl Tracer<'_> {
    /// `arguments` are the variables that the parameters of a function stand for.
    fn graph(&mut self, id: GraphId, arguments: &FxHashMap<ValueId, Name>, within: &mut Vec<Name>) {
        let graph = self.model.graph(id);
        let variable = |value: ValueId| match variable::origin(graph, value) {
            Origin::Node(node, _) => {
                let node = graph.node(node);
                variable::is_variable(node).then(|| variable::name(node))
            }
            Origin::Parameter(value) => arguments.get(&value).cloned(),
        };
        for node in gtt_ir::traverse::by_rank(graph) {
            let node = graph.node(node);
            if variable::is_assignment(node) {
                let (Some(target), Some(value)) = (node.input(0), node.input(1)) else { continue };
                let Some(target) = variable(target) else { continue };
                let Some(stored) = stored(graph, value) else { continue };
                let known = self.found.entry(target).or_default();
                if !known.contains(&stored) {
                    known.push(stored);
                }
            } else if let Some(called) = callee(node)
                && self.restoring.contains(called)
                && !within.contains(called)
                && self.calls < MOST_CALLS
                && within.len() < DEEPEST
                && let Some(body) = body(self.model, called)
            {
                self.calls += 1;
                let parameters = self.model.graph(body).inputs().iter().map(|port| port.value);
                let bound = parameters.zip(node.inputs.iter().copied());
                let bound = bound.filter_map(|(parameter, operand)| Some((parameter, variable(operand?)?)));
                let bound: FxHashMap<ValueId, Name> = bound.collect();
                within.push(called.clone());
                self.graph(body, &bound, within);
                within.pop();
            }
        }
    }
}

/// The tensor of a checkpoint that a value is read from.
fn stored(graph: &gtt_ir::Graph, value: ValueId) -> Option<Stored> {
    let Origin::Node(node, slot) = variable::origin(graph, value) else { return None };
    let node = graph.node(node);
    let index = match node.op.name.as_str() {
        "RestoreV2" => slot as usize,
        "Restore" | "RestoreSlice" => 0,
        _ => return None,
    };
    let text = |operand: usize| {
        let tensor: &Tensor = graph.tensor(node.input(operand)?)?;
        std::str::from_utf8(tensor.strings()?.get(index)?).ok().map(str::to_owned)
    };
    let slice = if node.op.name == "Restore" { String::new() } else { text(2)? };
    Some(Stored { key: text(1)?, slice })
}
