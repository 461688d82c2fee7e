//! The driver: shows nodes to rules and applies what they return.
//!
//! Every node is visited in execution order; after a rewrite the new and changed nodes and those around them are visited
//! again, and when nothing is left to visit, all nodes once more, until a whole sweep rewrites nothing. A rewrite costs as
//! much as it touches; a sweep is linear. A rule set that goes on and on is stopped by a hard bound and named.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::VecDeque;
use std::sync::Arc;

use gtt_ir::{Dialect, Graph, GraphId, Id, Name, NodeId, Type, ValueId};
use gtt_ops::infer::Types;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::context::{Order, opset_of};
use crate::control::{self, EffectsBehind};
use crate::names::Names;
use crate::rewrite::{Operand, Rewrite};
use crate::splice::{Splice, replacements, validate};
use crate::{Decline, Error, PassContext, Rule, RuleContext};

/// Whole sweeps for one call, the last of which rewrites nothing unless rewrites are hard to find.
const MAX_SWEEPS: usize = 8;

/// Rewrites for one call: this many for each node there was, and some more.
const REWRITES_PER_NODE: u64 = 32;
const REWRITES_AT_LEAST: u64 = 4096;

/// Readers of a changed node are visited again this far off, past nodes with few readers only.
const NEAR_STEPS: usize = 3;
const FEW_READERS: usize = 4;

/// Shows every node of the pass's graphs to every rule, and applies the rewrites, until nothing applies any more. At each node
/// the first rule that does not decline wins; order the rules from the largest pattern to the smallest.
///
/// An error is a bug in a rule (it speaks of erased things, contradicts a type, never stops) and names it.
pub fn apply_rules(cx: &mut PassContext<'_>, rules: &[&dyn Rule]) -> Result<(), Error> {
    Driver::new(cx, rules).run(true)
}

/// The same, but every node that is there at the start is visited once, and no node that a rewrite makes.
pub fn apply_rules_once(cx: &mut PassContext<'_>, rules: &[&dyn Rule]) -> Result<(), Error> {
    Driver::new(cx, rules).run(false)
}

struct Driver<'c, 'a, 'r> {
    cx: &'c mut PassContext<'a>,
    rules: &'r [&'r dyn Rule],
    types: OnceCell<Arc<Types>>,
    newer: FxHashMap<(GraphId, ValueId), Type>,
    names: Option<Names>,
    effects: EffectsBehind,
    refusals: FxHashMap<(GraphId, NodeId, usize), Cow<'static, str>>,
    selection: Selection,
    rewrites: u64,
    limit: u64,
    /// Small constants were changed in place: what was inferred from their content may be wrong.
    forget_types: bool,
}

/// Which rules are asked about which ops, by position in the list of rules.
struct Selection {
    by_op: FxHashMap<&'static str, SmallVec<[usize; 8]>>,
    always: SmallVec<[usize; 8]>,
}

impl Selection {
    fn of(rules: &[&dyn Rule]) -> Self {
        let always: SmallVec<[usize; 8]> = (0..rules.len()).filter(|&index| rules[index].ops().is_empty()).collect();
        let mut by_op: FxHashMap<&'static str, SmallVec<[usize; 8]>> = FxHashMap::default();
        for (index, rule) in rules.iter().enumerate() {
            for op in rule.ops() {
                by_op.entry(op).or_insert_with(|| always.clone()).push(index);
            }
        }
        for asked in by_op.values_mut() {
            asked.sort_unstable();
            asked.dedup();
        }
        Self { by_op, always }
    }

    fn rules(&self, op: &str) -> &[usize] {
        self.by_op.get(op).unwrap_or(&self.always)
    }

    /// By number of an op: some rule is asked about it. Debug builds show rules the others, too.
    fn asked(&self, ops: &FxHashMap<Name, u32>) -> Vec<bool> {
        let mut asked = vec![cfg!(debug_assertions); ops.len()];
        ops.iter().for_each(|(op, &number)| asked[number as usize] |= !self.rules(op).is_empty());
        asked
    }
}

/// Nodes to visit, each at most once at a time: first in execution order, then those that rewrites touched.
struct Queue {
    order: Arc<Order>,
    next: usize,
    later: VecDeque<NodeId>,
    places: Vec<Place>,
}

/// Where a node is in the queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Not in it.
    Out,
    /// It will be visited.
    Waiting,
    /// It will be come to in execution order, but no rule is about its op.
    Passed,
}

impl Queue {
    fn of(graph: &Graph, order: Arc<Order>, is_asked: &[bool]) -> Self {
        let mut places = vec![Place::Out; graph.node_bound()];
        for (node, &op) in order.nodes.iter().zip(&order.ops) {
            places[node.index()] = if is_asked[op as usize] { Place::Waiting } else { Place::Passed };
        }
        Self { order, next: 0, later: VecDeque::new(), places }
    }

    fn pop(&mut self) -> Option<NodeId> {
        while let Some(&node) = self.order.nodes.get(self.next) {
            self.next += 1;
            if std::mem::replace(&mut self.places[node.index()], Place::Out) == Place::Waiting {
                return Some(node);
            }
        }
        let node = self.later.pop_front()?;
        self.places[node.index()] = Place::Out;
        Some(node)
    }

    fn push(&mut self, node: NodeId) {
        if self.places.len() <= node.index() {
            self.places.resize(node.index() + 1, Place::Out);
        }
        if std::mem::replace(&mut self.places[node.index()], Place::Waiting) == Place::Out {
            self.later.push_back(node);
        }
    }

    /// The node, and readers near by: their patterns may reach it.
    fn push_around(&mut self, graph: &Graph, node: NodeId, steps: usize) {
        let Some(found) = graph.get_node(node) else { return };
        self.push(node);
        if steps == 0 {
            return;
        }
        for result in found.results() {
            let uses = graph.value(result).uses();
            if uses.len() > FEW_READERS {
                continue;
            }
            for used in uses {
                if let gtt_ir::Use::Operand { node, .. } = used {
                    self.push_around(graph, *node, steps - 1);
                }
            }
        }
    }
}

/// What became of a visit.
enum Visit {
    Nothing,
    Rewritten,
    Exhausted,
}

impl<'c, 'a, 'r> Driver<'c, 'a, 'r> {
    fn new(cx: &'c mut PassContext<'a>, rules: &'r [&'r dyn Rule]) -> Self {
        let graphs = cx.graphs();
        let nodes: u64 = graphs.iter().map(|&graph| cx.graph(graph).node_count() as u64).sum();
        Self {
            cx,
            rules,
            types: OnceCell::new(),
            newer: FxHashMap::default(),
            names: None,
            effects: EffectsBehind::default(),
            refusals: FxHashMap::default(),
            selection: Selection::of(rules),
            rewrites: 0,
            limit: REWRITES_AT_LEAST + REWRITES_PER_NODE * nodes,
            forget_types: false,
        }
    }

    fn run(mut self, revisit: bool) -> Result<(), Error> {
        if self.has_nothing_to_look_at() {
            return Ok(());
        }
        let mut stale = false;
        if let Some((revision, types)) = self.cx.session.types.take()
            && revision == self.cx.model.revision()
        {
            self.types = OnceCell::from(types);
            stale = self.cx.session.stale;
        }
        // What a whole sweep leaves is for the next round, if there is one.
        for _ in 0..if revisit && !self.cx.session.repeats { MAX_SWEEPS } else { 1 } {
            let before = self.rewrites;
            for graph in self.cx.graphs() {
                if self.cx.get_graph(graph).is_some() && !self.sweep(graph, revisit)? {
                    self.write_down_refusals();
                    return Ok(());
                }
            }
            if self.rewrites == before {
                break;
            }
            self.effects = EffectsBehind::default();
            self.cx.session.unsettled |= self.cx.session.repeats;
            if self.cx.session.repeats && !self.forget_types {
                stale = true;
            } else {
                self.types = OnceCell::new();
                self.newer.clear();
                stale = false;
            }
        }
        if let Some(mut types) = self.types.take() {
            let newer = std::mem::take(&mut self.newer);
            if !newer.is_empty() {
                let types = Arc::make_mut(&mut types);
                newer.iter().for_each(|((graph, value), ty)| types.learn(*graph, *value, ty));
            }
            self.cx.session.types = Some((self.cx.model.revision(), types));
            self.cx.session.stale = stale;
        }
        if let Some(names) = self.names.take() {
            self.cx.session.keep_names(self.cx.model, names);
        }
        self.write_down_refusals();
        Ok(())
    }

    /// Callers may not expect that a function returns what it was given, a constant, or one thing twice.
    fn ties_ports_of_function(&self, graph: GraphId, rewrite: &Rewrite) -> bool {
        let model = &*self.cx.model;
        let within = model.graph(graph);
        let is_computed = |value: ValueId| matches!(within.value(value).def, gtt_ir::Def::Node { .. });
        model.dialect == Dialect::Onnx
            && model.is_body(graph)
            && replacements(rewrite).into_iter().any(|(old, new)| match new {
                Operand::Old(new) => {
                    within.value(old).is_output() && (!is_computed(new) || within.value(new).is_output())
                }
                _ => false,
            })
    }

    /// No op of the model is one that the rules are about.
    fn has_nothing_to_look_at(&mut self) -> bool {
        let survey = self.cx.session.survey(self.cx.model);
        let occurs =
            |rule: &&dyn Rule| rule.ops().is_empty() || rule.ops().iter().any(|op| survey.ops().contains_key(*op));
        !self.rules.iter().any(occurs)
    }

    /// Visits a graph; `false` when no rewrite is allowed any more.
    fn sweep(&mut self, graph: GraphId, revisit: bool) -> Result<bool, Error> {
        let survey = self.cx.session.survey(self.cx.model);
        let asked = self.selection.asked(survey.ops());
        let order = survey.order(graph);
        let mut queue = Queue::of(self.cx.graph(graph), order, &asked);
        let opset = opset_of(self.cx.model, graph);
        let within_function = self.is_within_function(graph);
        while let Some(node) = queue.pop() {
            let Some(found) = self.cx.graph(graph).get_node(node) else { continue };
            if within_function && found.attrs.has_refs() {
                continue;
            }
            let asked: SmallVec<[usize; 8]> = self.selection.rules(&found.op.name).into();
            #[cfg(debug_assertions)]
            self.check_selection(graph, opset, node, &asked);
            for index in asked {
                match self.visit(graph, opset, node, index, revisit.then_some(&mut queue))? {
                    Visit::Nothing => {}
                    Visit::Rewritten => break,
                    Visit::Exhausted => return Ok(false),
                }
            }
        }
        Ok(true)
    }

    fn visit(
        &mut self,
        graph: GraphId,
        opset: i64,
        node: NodeId,
        index: usize,
        queue: Option<&mut Queue>,
    ) -> Result<Visit, Error> {
        let rule = self.rules[index];
        let found = rule.apply(&self.rule_context(graph, opset), node);
        // What replaces nothing that is used was done before, at a node that cannot be erased.
        let idle = |rewrite: &Rewrite| rewrite.is_empty() || replaces_only_unused(self.cx.graph(graph), rewrite);
        let found = found.and_then(|rewrite| if idle(&rewrite) { Err(Decline::NotMine) } else { Ok(rewrite) });
        let planned = match found {
            Ok(rewrite) if self.ties_ports_of_function(graph, &rewrite) => {
                Err(Decline::because("the output of a function needs a node of its own"))
            }
            Ok(rewrite) => {
                validate(self.cx.model, graph, &rewrite).map_err(|bug| self.bug(rule, graph, node, &bug))?;
                control::plan(self.cx.model, graph, &rewrite, &mut self.effects).map(|plan| (rewrite, plan))
            }
            Err(decline) => Err(decline),
        };
        let (rewrite, plan) = match planned {
            Ok(planned) => planned,
            Err(Decline::Because(reason)) => {
                self.refusals.insert((graph, node, index), reason);
                return Ok(Visit::Nothing);
            }
            Err(Decline::NotMine) => {
                if !self.refusals.is_empty() {
                    self.refusals.remove(&(graph, node, index));
                }
                return Ok(Visit::Nothing);
            }
        };
        if !self.refusals.is_empty() {
            self.refusals.remove(&(graph, node, index));
        }
        if self.rewrites >= self.limit {
            let bug = format!("it was still rewriting after {} rewrites: rules undo each other", self.rewrites);
            return Err(self.bug(rule, graph, node, &bug));
        }
        if !self.cx.permit(rule.name(), graph, node) {
            return Ok(Visit::Exhausted);
        }
        self.rewrites += 1;
        self.splice(rule, graph, node, rewrite, plan, queue)?;
        Ok(Visit::Rewritten)
    }

    fn splice(
        &mut self,
        rule: &dyn Rule,
        graph: GraphId,
        node: NodeId,
        mut rewrite: Rewrite,
        plan: control::ControlPlan,
        queue: Option<&mut Queue>,
    ) -> Result<(), Error> {
        rewrite.keep_tensors(|tensor| self.cx.evaluator.keep(tensor));
        self.forget_types |= rewrite.sets_tensors();
        let types: FxHashMap<ValueId, Type> =
            replacements(&rewrite).into_iter().map(|(old, _)| (old, self.known_type(graph, old))).collect();
        let label = crate::context::label(self.cx.graph(graph), node);
        tracing::debug!(rule = rule.name(), node = %label, "rewrite");
        let names = self.names.get_or_insert_with(|| self.cx.session.take_names(self.cx.model));
        let spliced = Splice::apply(self.cx.model.edit(graph), names, node, plan, &types, &rewrite);
        let touched = spliced.map_err(|bug| self.bug_at(rule, graph, &label, &bug))?;
        if self.types.get().is_some() {
            self.newer.extend(touched.typed.into_iter().map(|(value, ty)| ((graph, value), ty)));
            self.infer(rule, graph, &label, &touched.changed)?;
        }
        if let Some(queue) = queue {
            let graph = self.cx.graph(graph);
            for node in touched.changed {
                queue.push_around(graph, node, NEAR_STEPS);
            }
            for node in touched.near {
                queue.push_around(graph, node, NEAR_STEPS - 1);
            }
        }
        Ok(())
    }

    /// A rule that is shown other ops than it names must have nothing to say about them.
    #[cfg(debug_assertions)]
    fn check_selection(&self, graph: GraphId, opset: i64, node: NodeId, asked: &[usize]) {
        let cx = self.rule_context(graph, opset);
        let others = (0..self.rules.len()).filter(|index| !asked.contains(index));
        for rule in others.map(|index| self.rules[index]) {
            let op = &self.cx.graph(graph).node(node).op;
            let silent = matches!(rule.apply(&cx, node), Err(Decline::NotMine));
            assert!(silent, "rule `{}` has something to say about `{op}`, which is not among its ops", rule.name());
        }
    }

    fn is_within_function(&self, graph: GraphId) -> bool {
        let model = &*self.cx.model;
        model.dialect == Dialect::Onnx && !model.functions.is_empty() && model.root(graph) != model.main_id()
    }

    fn rule_context(&self, graph: GraphId, opset: i64) -> RuleContext<'_> {
        RuleContext {
            model: self.cx.model,
            graph,
            opset,
            within_function: self.is_within_function(graph),
            evaluator: self.cx.evaluator,
            session: self.cx.session,
            types: &self.types,
            newer: &self.newer,
        }
    }

    /// Infers the results of new and changed nodes, and compares with what they replace.
    fn infer(&mut self, rule: &dyn Rule, graph: GraphId, label: &str, changed: &[NodeId]) -> Result<(), Error> {
        let Some(types) = self.types.get_mut() else { return Ok(()) };
        let alive = changed.iter().copied().filter(|&node| self.cx.model.graph(graph).get_node(node).is_some());
        let alive: Vec<NodeId> = alive.collect();
        Arc::make_mut(types).refresh(self.cx.model, graph, alive.iter().copied());
        let within = self.cx.model.graph(graph);
        for result in alive.iter().flat_map(|&node| within.node(node).results()) {
            let inferred = types.get(graph, result);
            let expected = self.newer.get(&(graph, result)).unwrap_or(&Type::Unknown);
            if crate::contract::contradict(inferred, expected) {
                let name = &within.value(result).name;
                let bug = format!("new value `{name}` is {inferred}, what it replaces was {expected}");
                return Err(self.bug_at(rule, graph, label, &bug));
            }
            if !matches!(inferred, Type::Unknown) {
                self.newer.insert((graph, result), inferred.merged(expected));
            }
        }
        Ok(())
    }

    fn known_type(&self, graph: GraphId, value: ValueId) -> Type {
        let declared = &self.cx.graph(graph).value(value).ty;
        let known = self.newer.get(&(graph, value)).or_else(|| Some(self.types.get()?.get(graph, value)));
        known.map_or_else(|| declared.clone(), |known| known.merged(declared))
    }

    fn bug(&self, rule: &dyn Rule, graph: GraphId, node: NodeId, bug: &str) -> Error {
        self.bug_at(rule, graph, &crate::context::label(self.cx.graph(graph), node), bug)
    }

    fn bug_at(&self, rule: &dyn Rule, graph: GraphId, label: &str, bug: &str) -> Error {
        Error::internal(format!("{}/{label}", self.cx.model.place(graph)), format!("rule `{}`: {bug}", rule.name()))
    }

    /// Counts the refusals that still stand.
    fn write_down_refusals(&mut self) {
        let mut refusals: Vec<_> = std::mem::take(&mut self.refusals).into_iter().collect();
        refusals.sort_by_key(|(place, _)| *place);
        for ((graph, node, index), reason) in refusals {
            if self.cx.get_graph(graph).is_some_and(|graph| graph.get_node(node).is_some()) {
                self.cx.decline(self.rules[index].name(), graph, node, reason);
            }
        }
    }
}

fn replaces_only_unused(graph: &Graph, rewrite: &Rewrite) -> bool {
    let unused = |old: ValueId| graph.get_value(old).is_some_and(gtt_ir::Value::is_unused);
    rewrite.only_replaces() && replacements(rewrite).into_iter().all(|(old, _)| unused(old))
}

#[cfg(test)]
mod random_tests;
#[cfg(test)]
mod tests;
