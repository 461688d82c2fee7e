//! One call of a function.

use gtt_ir::{Attr, Attrs, Domain, Function, GraphId, Model, Name, Node, NodeId, Op, ValueId, traverse};
use gtt_ops::is_same_at;
use gtt_rewrite::{Decline, PassContext, require};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::support::inline::{Bindings, Copying, Mark, replace_node, returns};
use crate::support::names::FreeNames;

/// The functions of a model by what calls them.
pub(super) struct Calls(FxHashMap<(Op, Name), usize>);

impl Calls {
    pub(super) fn of(model: &Model) -> Self {
        let functions = model.functions.iter().enumerate();
        Self(functions.map(|(at, function)| ((function.op.clone(), function.overload.clone()), at)).collect())
    }

    fn get(&self, node: &Node) -> Option<usize> {
        let overload = node.meta.as_ref().map(|meta| meta.overload.clone()).unwrap_or_default();
        self.0.get(&(node.op.clone(), overload)).copied()
    }

    /// The functions that are called in a graph or in those inside of it.
    pub(super) fn called_in(&self, model: &Model, graph: GraphId) -> Vec<usize> {
        let nodes = model.nested(graph).into_iter().flat_map(|graph| model.graph(graph).nodes());
        nodes.filter_map(|(_, node)| self.get(node)).collect()
    }
}

/// A call that may be inlined.
pub(super) struct Call {
    body: GraphId,
    attrs: Attrs,
    imports: Vec<(Domain, i64)>,
}

/// What is known about all functions while their calls are inlined.
pub(super) struct Inlining {
    calls: Calls,
    /// Nodes in each body with everything that it calls, nested ones included; `None` where a call leads back.
    sizes: Vec<Option<u64>>,
    /// Attributes that each body takes from its caller.
    references: Vec<FxHashSet<Name>>,
    /// Nodes of the main graph and its subgraphs.
    nodes: usize,
    /// Functions that call each other twice double each time: there may be this many nodes.
    max_nodes: usize,
    /// Where constants of bodies were copied to.
    constants: FxHashMap<(GraphId, GraphId), Bindings>,
}

impl Inlining {
    pub(super) fn of(model: &Model, max_nodes: usize) -> Self {
        let calls = Calls::of(model);
        let callees: Vec<Vec<usize>> =
            model.functions.iter().map(|function| calls.called_in(model, function.graph)).collect();
        let size = |graph| model.nested(graph).into_iter().map(|graph| model.graph(graph).node_count()).sum();
        let sizes: Vec<u64> = model.functions.iter().map(|function| size(function.graph) as u64).collect();
        Self {
            sizes: traverse::expanded_sizes(&sizes, &callees),
            references: model.functions.iter().map(|function| references(model, function.graph)).collect(),
            calls,
            max_nodes,
            nodes: size(model.main_id()),
            constants: FxHashMap::default(),
        }
    }

    /// The call that a node is.
    pub(super) fn accept(&self, cx: &PassContext<'_>, graph: GraphId, id: NodeId) -> Result<Call, Decline> {
        let model = cx.model();
        let node = model.graph(graph).node(id);
        let at = self.calls.get(node).ok_or(Decline::NotMine)?;
        let function = &model.functions[at];
        let size = self.sizes[at].ok_or(Decline::because("the function calls itself"))?;
        require!(
            fits(self.nodes, size, self.max_nodes),
            "there would be too many nodes: {}",
            becomes(&function.op, size)
        );
        let body = model.graph(function.graph);
        let fits = node.inputs.len() <= body.inputs().len() && node.outputs.len() <= body.outputs().len();
        require!(fits, "the call has more operands or results than the function");
        for (slot, port) in body.inputs().iter().enumerate() {
            let lost = node.input(slot).is_none() && returns(cx, function.graph, port.value);
            require!(!lost, "the function returns an operand that the call leaves out");
        }
        let mut attrs = function.defaults.clone();
        for entry in node.attrs.iter() {
            attrs.set(&entry.name, entry.value.clone());
        }
        for name in &self.references[at] {
            let unreadable = matches!(attrs.get(name), Some(Attr::Graph(_) | Attr::Graphs(_) | Attr::Raw(_)));
            require!(!unreadable, "an attribute that is passed on is a graph or cannot be read");
        }
        let imports = self.imports(model, function)?;
        Ok(Call { body: function.graph, attrs, imports })
    }

    /// Operator sets that the model must import for the body.
    fn imports(&self, model: &Model, function: &Function) -> Result<Vec<(Domain, i64)>, Decline> {
        let mut imports = Vec::new();
        for graph in model.nested(function.graph) {
            for (_, node) in model.graph(graph).nodes() {
                let domain = &node.op.domain;
                let Some(&inside) = function.opsets.get(domain) else {
                    require!(self.calls.get(node).is_some(), "the function does not import the ops that it uses");
                    continue;
                };
                match model.opsets.get(domain) {
                    None if imports.iter().all(|(other, _)| other != domain) => imports.push((domain.clone(), inside)),
                    None => {}
                    Some(&outside) => {
                        let same = inside == outside
                            || is_same_at(&node.op, inside, outside) == Some(true)
                            || self.calls.get(node).is_some();
                        require!(same, "the function uses other versions of its ops than the model");
                    }
                }
            }
        }
        Ok(imports)
    }

    pub(super) fn inline(
        &mut self,
        cx: &mut PassContext<'_>,
        names: &mut FreeNames,
        graph: GraphId,
        id: NodeId,
        call: &Call,
    ) {
        for (domain, version) in &call.imports {
            cx.set_opset(domain.clone(), Some(*version));
        }
        let mark = Mark::of(cx.graph(graph));
        let node = cx.graph(graph).node(id);
        let (rank, operands) = (node.rank, node.inputs.clone());
        let body = cx.graph(call.body);
        let outputs: Vec<ValueId> = body.outputs().iter().map(|port| port.value).collect();
        let constants: Vec<ValueId> = body.constants().map(|(value, _, _)| value).collect();
        let shared = self.constants.entry((call.body, graph)).or_default();
        let is_there = |value: &Option<ValueId>| value.is_some_and(|value| cx.graph(graph).get_value(value).is_some());
        shared.retain(|_, copy| is_there(copy));
        let mut bindings = shared.clone();
        for (slot, port) in body.inputs().iter().enumerate() {
            bindings.insert(port.value, operands.get(slot).copied().flatten());
        }
        let mut copying = Copying { names, moves: false, rank, attrs: Some(&call.attrs) };
        // The call itself goes.
        self.nodes += copying.nodes(cx, call.body, graph, &mut bindings).len();
        self.nodes = self.nodes.saturating_sub(1);
        let results = cx.graph(graph).node(id).outputs.len();
        let values: Vec<Option<ValueId>> = outputs[..results]
            .iter()
            .map(|&output| copying.value(cx, call.body, graph, &mut bindings, output))
            .collect();
        shared.extend(constants.into_iter().filter_map(|value| Some((value, *bindings.get(&value)?))));
        replace_node(cx, graph, id, &values, mark);
    }
}

/// Putting so many nodes in the place of one leaves no more than the limit.
pub(super) fn fits(nodes: usize, size: u64, max_nodes: usize) -> bool {
    (nodes as u64).saturating_add(size) <= (max_nodes as u64).saturating_add(1)
}

/// Which function it is, and what it comes to.
pub(super) fn becomes(function: &impl std::fmt::Display, size: u64) -> String {
    const MANY: u64 = 1_000_000_000;
    match size {
        MANY.. => format!("`{function}` becomes more than {MANY} with what it calls"),
        size => format!("`{function}` becomes {size} with what it calls"),
    }
}

fn references(model: &Model, body: GraphId) -> FxHashSet<Name> {
    let nodes = model.nested(body).into_iter().flat_map(|graph| model.graph(graph).nodes());
    let entries = nodes.flat_map(|(_, node)| node.attrs.iter());
    entries.filter_map(|entry| if let Attr::Ref(name) = &entry.value { Some(name.clone()) } else { None }).collect()
}
