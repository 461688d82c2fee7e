//! What a running pass has in hand.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use gtt_ir::{Dialect, Domain, Editor, Graph, GraphId, Model, Name, NodeId, Tensor, ValueId, traverse, verify_ordered};
use gtt_ops::eval::Evaluator;
use gtt_ops::infer::Types;
use rustc_hash::FxHashMap;

use crate::names::Names;
use crate::{Change, Deviation, Scope};

/// The model under change, and where a pass writes down what it did and what it did not do.
///
/// A pass made of rules calls [`apply_rules`](crate::apply_rules) and is done. A pass written by hand asks
/// [`PassContext::permit`] before each rewrite (a node or constant changed, removed or merged), and changes graphs through
/// [`PassContext::edit`].
pub struct PassContext<'a> {
    pub(crate) model: &'a mut Model,
    pub(crate) scope: Scope,
    pub(crate) evaluator: &'a dyn Evaluator,
    pub(crate) session: &'a mut Session,
}

/// What lives longer than one step: the cache of types, the bisect budget, and the journal that the runner takes after each
/// step.
pub(crate) struct Session {
    pub(crate) types: Option<(u64, Arc<Types>)>,
    /// The table of types was kept through rewrites: true, but less than inference would find now.
    pub(crate) stale: bool,
    /// Within a `fixpoint`, where the next round sees what is left.
    pub(crate) repeats: bool,
    /// The step left work for the next round.
    pub(crate) unsettled: bool,
    pub(crate) survey: Option<Survey>,
    /// Names in use at a revision of the model.
    pub(crate) names: Option<(u64, Names)>,
    pub(crate) budget: Option<u64>,
    pub(crate) examples: usize,
    pub(crate) journal: Journal,
}

/// The nodes of a model in execution order, and which ops there are.
pub(crate) struct Survey {
    revision: u64,
    graphs: FxHashMap<GraphId, Arc<Order>>,
    ops: FxHashMap<Name, u32>,
}

/// The nodes of a graph in execution order.
#[derive(Default)]
pub(crate) struct Order {
    pub(crate) nodes: Arc<[NodeId]>,
    /// The op of each, by its number in [`Survey::ops`]: who looks for a few ops need not look at all nodes.
    pub(crate) ops: Vec<u32>,
}

impl Survey {
    fn of(model: &Model) -> Self {
        // A model with a cycle is still visited; the verifier has its say after the pass.
        let order = |graph| traverse::topological(model, graph).unwrap_or_else(|_| traverse::by_rank(graph));
        Self::along(model, model.graphs().map(|(id, graph)| (id, order(graph).into())))
    }

    fn along(model: &Model, orders: impl IntoIterator<Item = (GraphId, Arc<[NodeId]>)>) -> Self {
        let mut survey = Self { revision: model.revision(), graphs: FxHashMap::default(), ops: FxHashMap::default() };
        for (id, nodes) in orders {
            let graph = model.graph(id);
            let ops = nodes.iter().map(|&node| survey.number(&graph.node(node).op.name)).collect();
            survey.graphs.insert(id, Arc::new(Order { nodes, ops }));
        }
        survey
    }

    fn number(&mut self, op: &Name) -> u32 {
        if let Some(number) = self.ops.get(op) {
            return *number;
        }
        let number = self.ops.len() as u32;
        self.ops.insert(op.clone(), number);
        number
    }

    /// The nodes of a graph; none if the graph is newer.
    pub(crate) fn order(&self, graph: GraphId) -> Arc<Order> {
        self.graphs.get(&graph).cloned().unwrap_or_default()
    }

    /// The ops of the model by name, numbered from 0.
    pub(crate) fn ops(&self) -> &FxHashMap<Name, u32> {
        &self.ops
    }
}

impl Session {
    /// Of the model as it is now; linear in nodes when the model was changed since the last time.
    pub(crate) fn survey(&mut self, model: &Model) -> &Survey {
        if self.survey.as_ref().is_some_and(|survey| survey.revision != model.revision()) {
            self.survey = None;
        }
        self.survey.get_or_insert_with(|| Survey::of(model))
    }

    /// The survey of the model as it is now, if there is one.
    fn known_survey(&self, model: &Model) -> Option<&Survey> {
        self.survey.as_ref().filter(|survey| survey.revision == model.revision())
    }

    /// Verifies the model. What is found out about its order is kept.
    pub(crate) fn verify(&mut self, model: &Model) -> Result<(), gtt_ir::Error> {
        let known = self.known_survey(model);
        let orders = verify_ordered(model, |graph| Some(known?.graphs.get(&graph)?.nodes.clone()))?;
        if known.is_none() {
            self.survey = Some(Survey::along(model, orders));
        }
        Ok(())
    }

    /// The names of the model as it is now. Who changes it by rewrites alone hands them back.
    pub(crate) fn take_names(&mut self, model: &Model) -> Names {
        let known = self.names.take().filter(|(revision, _)| *revision == model.revision());
        let names = known.map_or_else(|| Names::of(model), |(_, names)| names);
        debug_assert!(names.describes(model), "names are kept up to date");
        names
    }

    /// Takes the names back, of the model as it is now.
    pub(crate) fn keep_names(&mut self, model: &Model, names: Names) {
        self.names = names.kept(model).map(|names| (model.revision(), names));
    }

    /// Infers the types of the model as it is now.
    pub(crate) fn infer(&self, model: &Model) -> Types {
        let known = self.known_survey(model);
        Types::ordered(model, |graph| Some(&*known?.graphs.get(&graph)?.nodes))
    }
}

/// How many places are written down for each rule and each reason, unless said otherwise.
pub(crate) const EXAMPLES: usize = 5;

impl Session {
    pub(crate) fn new(budget: Option<u64>, examples: usize) -> Self {
        Self {
            types: None,
            stale: false,
            repeats: false,
            unsettled: false,
            survey: None,
            names: None,
            budget,
            examples,
            journal: Journal::default(),
        }
    }
}

/// What happened in one step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal {
    pub(crate) applied: BTreeMap<&'static str, Tally>,
    pub(crate) declined: BTreeMap<(&'static str, Cow<'static, str>), Tally>,
    pub(crate) notes: Vec<String>,
    pub(crate) deviation: Option<Deviation>,
    pub(crate) bound: Vec<(Name, Tensor)>,
    /// The bisect limit kept a rewrite from being made.
    pub(crate) limited: bool,
}

/// A count with a few examples.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) count: u64,
    pub(crate) examples: Vec<String>,
}

impl Tally {
    fn add(&mut self, limit: usize, example: impl FnOnce() -> String) {
        self.count += 1;
        if self.examples.len() < limit {
            self.examples.push(example());
        }
    }
}

impl<'a> PassContext<'a> {
    /// The model as it is now.
    pub fn model(&self) -> &Model {
        self.model
    }

    /// The graphs to visit, by the pass's scope, outer before inner. A pass that erases nodes with subgraphs must expect
    /// graphs of this list to be gone: [`PassContext::get_graph`].
    pub fn graphs(&self) -> Vec<GraphId> {
        let main = self.model.main_id();
        match self.scope {
            Scope::Main => vec![main],
            // What ONNX nests are functions in TensorFlow.
            Scope::Nested if self.model.dialect != Dialect::Tf => self.model.nested(main),
            Scope::Nested | Scope::WithFunctions => {
                let mut graphs = self.model.nested(main);
                let closed = self.closed_functions();
                let open = self.model.functions.iter().filter(|function| !closed.contains(&function.graph));
                for function in open {
                    graphs.extend(self.model.nested(function.graph));
                }
                graphs
            }
        }
    }

    /// Bodies of functions that no pass enters: those that are not understood, and in ONNX those of which some call leaves out an
    /// operand: what reads it takes it for given. Linear in nodes if there are functions.
    pub fn closed_functions(&self) -> Vec<GraphId> {
        let functions = &self.model.functions;
        let mut closed: Vec<GraphId> =
            functions.iter().filter(|function| function.opaque.is_some()).map(|function| function.graph).collect();
        if functions.is_empty() || self.model.dialect == Dialect::Tf {
            return closed;
        }
        let bodies: FxHashMap<&gtt_ir::Op, GraphId> =
            functions.iter().map(|function| (&function.op, function.graph)).collect();
        for (_, graph) in self.model.graphs() {
            for (_, node) in graph.nodes() {
                let Some(&body) = bodies.get(&node.op) else { continue };
                let all = node.inputs.iter().flatten().count() == self.model.graph(body).inputs().len();
                if !all && !closed.contains(&body) {
                    closed.push(body);
                }
            }
        }
        closed
    }

    /// Writes down which functions stay closed.
    pub(crate) fn decline_closed_functions(&mut self) {
        for body in self.closed_functions() {
            let function = self.model.functions.iter().find(|function| function.graph == body);
            let reason = match function {
                Some(function) if function.opaque.is_none() => "a call leaves out an operand",
                _ => "the body is not understood",
            };
            self.decline_with("function_body", reason, |model| model.place(body));
        }
    }

    /// A graph; panics if it is gone.
    pub fn graph(&self, id: GraphId) -> &Graph {
        self.model.graph(id)
    }

    /// A graph, unless it is gone.
    pub fn get_graph(&self, id: GraphId) -> Option<&Graph> {
        self.model.get_graph(id)
    }

    /// The editor of a graph.
    pub fn edit(&mut self, graph: GraphId) -> Editor<'_> {
        self.model.edit(graph)
    }

    /// Drops functions of the model, bodies included.
    pub fn retain_functions(&mut self, wanted: impl FnMut(&gtt_ir::Function) -> bool) {
        self.model.retain_functions(wanted);
    }

    /// Imports a version of an operator set; `None` drops the import.
    pub fn set_opset(&mut self, domain: Domain, version: Option<i64>) {
        self.model.set_opset(domain, version);
    }

    /// The same for the function at an index.
    pub fn set_function_opset(&mut self, index: usize, domain: Domain, version: Option<i64>) {
        self.model.set_function_opset(index, domain, version);
    }

    /// Op family.
    pub fn dialect(&self) -> Dialect {
        self.model.dialect
    }

    /// The version of the default ONNX operator set of the main graph; 0 for TensorFlow.
    pub fn opset(&self) -> i64 {
        self.model.opset()
    }

    /// The same for a graph that may belong to a function, which has operator sets of its own.
    pub fn opset_of(&self, graph: GraphId) -> i64 {
        opset_of(self.model, graph)
    }

    /// Types of all values, inferred when first asked after a change: linear in the model. The table is a snapshot.
    pub fn types(&mut self) -> Arc<Types> {
        match &self.session.types {
            Some((revision, types)) if *revision == self.model.revision() => types.clone(),
            _ => {
                let types = Arc::new(self.session.infer(self.model));
                self.session.types = Some((self.model.revision(), types.clone()));
                self.session.stale = false;
                types
            }
        }
    }

    /// Computes nodes whose operands are constants.
    pub fn evaluator(&self) -> &'a dyn Evaluator {
        self.evaluator
    }

    /// Asks for one rewrite, and counts it if granted: call it when everything is checked, right before changing the graph.
    /// `false` once the bisect limit is used up: leave the place as it is. `rule` is a noun phrase for the report.
    #[must_use]
    pub fn permit(&mut self, rule: &'static str, graph: GraphId, node: NodeId) -> bool {
        self.permit_with(rule, |model| place(model, graph, node))
    }

    /// The same for something that is no node; `example` names the place, and is only called for the first few.
    #[must_use]
    pub fn permit_with(&mut self, rule: &'static str, example: impl FnOnce(&Model) -> String) -> bool {
        if let Some(budget) = &mut self.session.budget {
            if *budget == 0 {
                self.session.journal.limited = true;
                return false;
            }
            *budget -= 1;
        }
        let model = &*self.model;
        let limit = self.session.examples;
        self.session.journal.applied.entry(rule).or_default().add(limit, || example(model));
        true
    }

    /// No rewrite would be granted any more: stop looking.
    pub fn is_exhausted(&self) -> bool {
        self.session.budget == Some(0)
    }

    /// Writes down that a rule recognised its pattern and refused. The reason is lower case, without a final stop, and the
    /// same words for the same cause: the report counts them.
    pub fn decline(&mut self, rule: &'static str, graph: GraphId, node: NodeId, reason: impl Into<Cow<'static, str>>) {
        self.decline_with(rule, reason, |model| place(model, graph, node));
    }

    /// The same for something that is no node; `example` is only called for the first few.
    pub fn decline_with(
        &mut self,
        rule: &'static str,
        reason: impl Into<Cow<'static, str>>,
        example: impl FnOnce(&Model) -> String,
    ) {
        let model = &*self.model;
        let limit = self.session.examples;
        self.session.journal.declined.entry((rule, reason.into())).or_default().add(limit, || example(model));
    }

    /// A line for the report that is neither rewrite nor decline, e.g. "12 initializers can no longer be overridden".
    pub fn note(&mut self, line: impl Into<String>) {
        self.session.journal.notes.push(line.into());
    }

    /// An input is no longer fed: it has this value for good. Whoever compares the models feeds it to the original.
    pub fn bind_input(&mut self, port: Name, value: Tensor) {
        self.session.journal.bound.push((port, value));
    }

    /// Adds the error of one constant to the step's [`Deviation`].
    pub fn deviate(&mut self, graph: GraphId, value: ValueId, change: &Change) {
        let model = &*self.model;
        let name = || model.graph(graph).value(value).name.to_string();
        self.session.journal.deviation.get_or_insert_default().add(change, name);
    }
}

impl std::fmt::Debug for PassContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PassContext").field("scope", &self.scope).finish_non_exhaustive()
    }
}

/// A node in graph terms, e.g. `main/conv1`; a nameless node by its first result or its op.
pub fn place(model: &Model, graph: GraphId, node: NodeId) -> String {
    format!("{}/{}", model.place(graph), label(model.graph(graph), node))
}

pub(crate) fn label(graph: &Graph, node: NodeId) -> Name {
    let node = graph.node(node);
    if !node.name.is_empty() {
        return node.name.clone();
    }
    node.results().next().map_or(&node.op.name, |result| &graph.value(result).name).clone()
}

pub(crate) fn opset_of(model: &Model, graph: GraphId) -> i64 {
    let root = model.root(graph);
    match model.functions.iter().find(|function| function.graph == root) {
        Some(function) => function.opsets.get(&Domain::ONNX).copied().unwrap_or(0),
        None => model.opset(),
    }
}
