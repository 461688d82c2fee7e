//! The pass over the graphs.

use std::borrow::Cow;
use std::collections::BTreeMap;

use gtt_ir::{Def, Dialect, Dim, Domain, Graph, GraphId, Model, NodeId, Shape, Tensor, Type, Value, traverse};

use super::context::{Context, Facts};
use super::fact::{self, Content, Fact, MAX_ITEMS};
use super::shapes::Inferred;
use super::sym::Symbols;
use super::table::Table;
use super::{Note, Types, items, onnx, tf};
use crate::eval::{Call, Evaluator, Exact};

/// Subgraphs nested deeper than this keep their declared types.
const MAX_DEPTH: usize = 24;

/// More notes than this are not collected.
const MAX_NOTES: usize = 1000;

pub(super) struct Driver<'a, 'm> {
    pub(super) model: &'m Model,
    pub(super) types: &'a mut Types,
    /// Those of the model, or of the function that is looked at.
    opsets: &'m BTreeMap<Domain, i64>,
}

/// Execution orders that are known.
type Orders<'o, 'a> = dyn Fn(GraphId) -> Option<&'a [NodeId]> + 'o;

impl<'a, 'm> Driver<'a, 'm> {
    /// For a graph of the model: the operator sets are those of the function that it belongs to, if any.
    pub(super) fn new(model: &'m Model, types: &'a mut Types, graph: GraphId) -> Self {
        let root = model.root(graph);
        let function = model.functions.iter().find(|function| function.graph == root);
        let opsets = match (model.dialect, function) {
            (Dialect::Onnx, Some(function)) => &function.opsets,
            _ => &model.opsets,
        };
        Self { model, types, opsets }
    }

    /// Infers the main graph and what is nested in it, and functions: TensorFlow's from what they declare of their arguments, ONNX's from
    /// the operator sets of their own and from nothing that a caller gives. Whatever else there is keeps its declared types.
    pub(super) fn run(&mut self, orders: &Orders<'_, '_>) {
        for (id, graph) in self.model.graphs() {
            let mut table = Table::new(graph.value_bound());
            // What no node computes gets its type when the graph is gone through, which the main graph always is.
            let is_main = id == self.model.main_id();
            let is_wanted =
                |value: &Value| value.ty != Type::Unknown && (!is_main || matches!(value.def, Def::Node { .. }));
            for (value, definition) in graph.values().filter(|(_, definition)| is_wanted(definition)) {
                table.set(value, Fact::of(without_names(&definition.ty)));
            }
            self.types.graphs.insert(id, table);
        }
        self.graph(self.model.main_id(), 0, orders);
        for function in &self.model.functions {
            if self.model.dialect != Dialect::Tf {
                self.opsets = &function.opsets;
            }
            self.graph(function.graph, 1, orders);
        }
    }

    fn graph(&mut self, id: GraphId, depth: usize, orders: &Orders<'_, '_>) {
        let model = self.model;
        let graph = model.graph(id);
        for (value, definition) in graph.values() {
            let fact = self.source(graph, definition, depth == 0);
            if let Some(fact) = fact
                && let Some(table) = self.types.graphs.get_mut(&id)
            {
                table.set(value, fact);
            }
        }
        if model.dialect == Dialect::Tf {
            self.feeds(id, graph);
        }
        let sorted = || traverse::topological(model, graph).unwrap_or_else(|_| traverse::by_rank(graph));
        let order = orders(id).map_or_else(|| Cow::Owned(sorted()), Cow::Borrowed);
        for &node in order.iter() {
            if depth < MAX_DEPTH {
                for inner in graph.node(node).attrs.graphs() {
                    self.graph(inner, depth + 1, orders);
                }
            }
            self.node(id, node);
        }
    }

    /// What is known of a value that no node computes.
    fn source(&self, graph: &Graph, value: &Value, is_main: bool) -> Option<Fact> {
        match &value.def {
            Def::Const(constant) => {
                let tensor = &constant.tensor;
                Some(Fact::of(tensor.ty()).with(Content::small(tensor)))
            }
            Def::Input { .. } if is_main => Some(Fact::of(self.named(&value.ty, &value.name))),
            Def::Input { .. } => Some(Fact::of(without_names(&value.ty))),
            Def::Capture { outer } => {
                let table = self.types.graphs.get(&graph.parent?)?;
                Some(Fact::of(table.ty(*outer).clone()).with(table.content(*outer).cloned()))
            }
            Def::Node { .. } => None,
        }
    }

    /// TensorFlow: a fed tensor that is not a placeholder's may get any value, of its declared type.
    fn feeds(&mut self, id: GraphId, graph: &Graph) {
        if let Some(table) = self.types.graphs.get_mut(&id) {
            for port in graph.inputs() {
                if matches!(graph.value(port.value).def, Def::Const(_)) {
                    let ty = Type::Tensor { dtype: graph.value(port.value).ty.dtype(), shape: None };
                    table.set(port.value, Fact::of(ty));
                }
            }
        }
    }

    /// The declared type of a graph input, its unnamed dims named after it.
    fn named(&self, ty: &Type, input: &str) -> Type {
        let name = |shape: &Shape| {
            let dims = shape.iter().enumerate();
            dims.map(|(axis, dim)| match self.types.symbols.declared(dim) {
                Dim::Unknown => Symbols::of_input(input, axis),
                dim => dim,
            })
            .collect()
        };
        match ty {
            Type::Tensor { dtype, shape } => Type::Tensor { dtype: *dtype, shape: shape.as_ref().map(name) },
            other => without_names(other),
        }
    }

    fn opset(&self, domain: &Domain) -> i64 {
        self.opsets.get(domain).copied().unwrap_or(0)
    }

    fn node(&mut self, graph_id: GraphId, id: NodeId) {
        let model = self.model;
        let graph = model.graph(graph_id);
        let node = graph.node(id);
        let opset = self.opset(&node.op.domain);
        let Types { graphs, symbols, .. } = &mut *self.types;
        let Some(table) = graphs.get(&graph_id) else { return };
        let mut context = Context { model, graph, node, table, tables: graphs, symbols, opset };
        // What a caller gives is not known: the default does not stand in for it.
        let is_open = model.dialect == Dialect::Onnx && node.attrs.has_refs();
        let (mut facts, words) = match evaluated(&context) {
            _ if is_open => (Facts::new(), None),
            Some(facts) => (facts, None),
            None => infer(&mut context),
        };
        if words.is_none() {
            items::follow(&mut context, &mut facts);
        }
        if let Some(words) = words {
            self.note(graph_id, id, format!("`{}` ({}): {words}", node.name, node.op));
        }
        facts.resize(node.outputs.len().max(facts.len()), Fact::default());
        for (slot, mut fact) in facts.into_iter().enumerate() {
            let Some(value) = node.output(slot) else { continue };
            let declared = &graph.value(value).ty;
            if *declared != Type::Unknown {
                let clean = if graph.parent.is_some() { without_names(declared) } else { self.declared(declared) };
                let (ty, contradict) = fact::merged(&clean, &fact.ty);
                if contradict {
                    let name = &graph.value(value).name;
                    self.note(graph_id, id, format!("`{name}` is declared {declared}, but inferred {}", fact.ty));
                    fact.content = None;
                }
                fact.ty = ty;
            }
            if model.dialect == Dialect::Tf && graph.value(value).is_fed() && !is_feed(&node.op) {
                // A fed tensor may have any value, whatever its node computes.
                fact = Fact::tensor(fact.ty.dtype(), None);
            }
            if let Some(table) = self.types.graphs.get_mut(&graph_id) {
                table.set(value, fact);
            }
        }
    }

    /// A declared type with the names that are fit for use.
    fn declared(&self, ty: &Type) -> Type {
        match ty {
            Type::Tensor { dtype, shape } => {
                let clean = |shape: &Shape| shape.iter().map(|dim| self.types.symbols.declared(dim)).collect();
                Type::Tensor { dtype: *dtype, shape: shape.as_ref().map(clean) }
            }
            other => without_names(other),
        }
    }

    fn note(&mut self, graph: GraphId, node: NodeId, text: String) {
        if self.types.notes.len() < MAX_NOTES {
            self.types.notes.push(Note { graph, node: Some(node), text });
        }
    }

    /// See [`Types::refresh`].
    pub(super) fn refresh(&mut self, graph_id: GraphId, id: NodeId) {
        let Some(graph) = self.model.graphs().find(|(other, _)| *other == graph_id).map(|(_, graph)| graph) else {
            return;
        };
        let Some(node) = graph.get_node(id) else { return };
        self.types.graphs.entry(graph_id).or_insert_with(|| Table::new(graph.value_bound()));
        for value in node.operands() {
            let definition = graph.value(value);
            if matches!(definition.def, Def::Const(_))
                && let Some(fact) = self.source(graph, definition, false)
                && let Some(table) = self.types.graphs.get_mut(&graph_id)
            {
                table.set(value, fact);
            }
        }
        self.node(graph_id, id);
    }
}

fn is_feed(op: &gtt_ir::Op) -> bool {
    crate::info(op).is_feed
}

/// A type without the names of its dims.
fn without_names(ty: &Type) -> Type {
    let clean = |shape: &Shape| {
        shape.iter().map(|dim| if matches!(dim, Dim::Symbol(_)) { Dim::Unknown } else { dim.clone() }).collect()
    };
    match ty {
        Type::Tensor { dtype, shape } => Type::Tensor { dtype: *dtype, shape: shape.as_ref().map(clean) },
        Type::Sparse { dtype, shape } => Type::Sparse { dtype: *dtype, shape: shape.as_ref().map(clean) },
        Type::Sequence(element) => Type::Sequence(Box::new(without_names(element))),
        Type::Optional(element) => Type::Optional(Box::new(without_names(element))),
        other => other.clone(),
    }
}

/// The results of a node whose operands are all small and known.
fn evaluated(context: &Context<'_>) -> Option<Facts> {
    let node = context.node;
    // Most nodes have an operand that is not known.
    let is_known = |slot| !context.has(slot) || context.known(slot).is_some();
    if node.inputs.is_empty() || !(0..node.inputs.len()).all(is_known) || !crate::info(&node.op).is_foldable() {
        return None;
    }
    let mut inputs: Vec<Option<&Tensor>> = Vec::with_capacity(node.inputs.len());
    for (slot, value) in node.inputs.iter().enumerate() {
        inputs.push(match value {
            None => None,
            Some(_) => Some(context.known(slot)?),
        });
    }
    let call = Call::of(node, context.opset, &inputs).max_bytes(64 * MAX_ITEMS);
    let results = Exact.evaluate(&call).ok()?;
    Some(results.iter().map(|tensor| Fact::of(tensor.ty()).with(Content::small(tensor))).collect())
}

/// The facts, and words where operands cannot go together.
fn infer(context: &mut Context<'_>) -> (Facts, Option<String>) {
    let said =
        |inferred: Inferred<Facts>| inferred.map_or_else(|words| (Facts::new(), Some(words)), |facts| (facts, None));
    match context.node.op.domain.as_str() {
        "" => said(onnx::infer(context)),
        "tf" => tf::infer(context),
        "com.microsoft" => said(onnx::microsoft(context)),
        _ => (Facts::new(), None),
    }
}
