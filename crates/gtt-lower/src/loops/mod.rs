//! Loops: v1 frames and v2 `While` as ONNX `Loop`.
//!
//! A variable that stays as it is becomes a value of the graph around the loop; one that counts iterations becomes ONNX's own
//! counter; a tensor array (or list of tensors) that gets one element in every iteration, at the place of its number, becomes a scan
//! output; all others are carried. Where the condition is nothing but such counters below limits, the number of iterations is known
//! before the loop and no condition is computed in it.

mod emit;
mod plan;

use gtt_ir::{Attrs, DType, GraphId, NodeId, Shape, Tensor, ValueId};
use rustc_hash::{FxHashMap, FxHashSet};

pub(crate) use self::plan::function_plan;
use self::plan::{Plan, comparisons, constant, increment, start};
use crate::calls::joined;
use crate::driver::{SAID, State, Walk};
use crate::frames::{Variable, origin};
use crate::ops::Results;
use crate::value::{Array, ArrayState, Elem, Form, Val, Why, declared, decline};

/// Shapes of variables are given up this often before the loop is.
const ROUNDS: usize = 6;

/// Where condition and body come from.
pub(crate) enum Source<'f> {
    /// A v1 loop and those of its variables that are needed.
    Frame { frame: usize, variables: Vec<Variable> },
    /// v2: names of functions.
    Functions { condition: &'f str, body: &'f str },
}

/// What becomes of a variable.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unused,
    Same,
    /// The counter of the loop.
    Counter,
    /// A list that is filled.
    Scanned,
    Carried,
}

/// The places of the variables of a kind.
fn of_kind(kinds: &[Kind], wanted: Kind) -> impl Iterator<Item = usize> + '_ {
    kinds.iter().enumerate().filter(move |(_, kind)| **kind == wanted).map(|(at, _)| at)
}

/// A body that was lowered.
struct Body<'a> {
    graph: GraphId,
    /// By variable: its shape, which the body keeps.
    shapes: &'a [Option<Shape>],
    /// By variable: what the body gives for it.
    ends: &'a [End],
}

/// What a body gives for a variable; of a list, its element.
#[derive(Clone)]
struct End {
    dtype: DType,
    shape: Option<Shape>,
    /// Every iteration writes the same, the only element of the list.
    is_overwritten: bool,
}

impl Walk<'_, '_> {
    /// A v1 loop with all its results.
    pub(crate) fn frame(&mut self, index: usize) {
        let frames = self.frames.clone();
        let frame = &frames.list[index];
        let results = |walk: &Self| -> Vec<ValueId> {
            frame
                .exits
                .iter()
                .flat_map(|&exit| walk.graph.node(exit).results())
                .filter(|&value| walk.is_needed(value) && !walk.is_fed(value))
                .collect()
        };
        let wanted = results(self);
        if wanted.is_empty() {
            return;
        }
        let made = self.frame_results(index, &wanted);
        if let Err(why) = &made
            && *why != SAID
        {
            let node = frame.enters.first().map(|&enter| self.graph.node(enter).name.clone()).unwrap_or_default();
            self.reasons.push(crate::Reason { node, op: "Enter".into(), why: why.to_string() });
        }
        let made = made.unwrap_or_default();
        for value in wanted {
            let state = made.get(&value).map_or(State::Failed, |&val| State::Lowered(val));
            self.set_state(value, state);
        }
    }

    fn frame_results(&mut self, index: usize, wanted: &[ValueId]) -> Result<FxHashMap<ValueId, Val>, Why> {
        let frames = self.frames.clone();
        let frame = &frames.list[index];
        let Some(condition) = frame.condition else { return decline("a loop without a condition") };
        if wanted.iter().any(|&value| self.is_conditional(value)) {
            return decline("a run-time condition decides whether the loop runs at all");
        }
        let graph = self.graph;
        let exits: FxHashSet<NodeId> = frame.exits.iter().copied().collect();
        let inside = frame.members.iter().filter(|member| !exits.contains(member));
        if inside.flat_map(|&member| graph.node(member).results()).any(|value| self.is_fed(value)) {
            return decline("a value within the loop is fed from outside");
        }
        let merged = |variable: &Variable| graph.node(variable.merge).output(0);
        let variables: Vec<Variable> = frame
            .variables
            .iter()
            .copied()
            .filter(|variable| merged(variable).is_some_and(|value| self.is_needed(value)))
            .collect();
        let by_merge: FxHashMap<ValueId, usize> =
            variables.iter().enumerate().filter_map(|(at, variable)| Some((merged(variable)?, at))).collect();
        let mut inits = Vec::with_capacity(variables.len());
        for variable in &variables {
            match self.state_of(variable.init) {
                State::Lowered(val) => inits.push(val),
                _ => return Err(SAID),
            }
        }
        let at = |value: ValueId| by_merge.get(&value).copied();
        let same: Vec<bool> =
            variables.iter().enumerate().map(|(own, variable)| at(origin(graph, variable.next)) == Some(own)).collect();
        let counts: Vec<Option<i64>> = variables
            .iter()
            .enumerate()
            .map(|(own, variable)| {
                start(self.builder, inits[own]).filter(|_| increment(graph, variable.next, at) == Some(own))
            })
            .collect();
        let limits = comparisons(graph, condition).and_then(|compared| {
            let mut limits = Vec::new();
            for (counter, limit) in compared {
                let from = at(origin(graph, counter)).and_then(|at| counts[at])?;
                let inits = |value| at(value).filter(|&at| same[at]).map(|at| inits[at]);
                limits.push((self.limit(origin(graph, limit), inits)?, from));
            }
            Some(limits)
        });
        let results: Vec<(ValueId, Option<usize>)> = wanted
            .iter()
            .map(|&value| {
                let left = graph.def_node(value).and_then(|exit| graph.node(exit).input(0));
                (value, left.and_then(|left| at(origin(graph, left))))
            })
            .collect();
        let name = frame.enters.first().map(|&enter| graph.node(enter).name.clone()).unwrap_or_default();
        self.builder.set_scope(&name);
        let needed = vec![true; variables.len()];
        let plan = Plan { inits, same, counts, limits, needed };
        let made = self.repeat(&Source::Frame { frame: index, variables }, plan)?;
        let mut map = FxHashMap::default();
        for (value, variable) in results {
            match variable.and_then(|at| made.get(at).copied().flatten()) {
                Some(val) => map.insert(value, val),
                None => return decline("what leaves the loop is none of its variables"),
            };
        }
        Ok(map)
    }

    /// A limit that does not change within a v1 loop.
    fn limit(&mut self, value: ValueId, variable: impl Fn(ValueId) -> Option<Val>) -> Option<Val> {
        if let Some(val) = variable(value) {
            return Some(val);
        }
        if let Some(tensor) = constant(self.graph, value) {
            return Some(self.builder.constant(&self.graph.value(value).name, tensor));
        }
        let node = self.graph.node(self.graph.def_node(value)?);
        if node.op.name != "Enter" {
            return None;
        }
        match self.state_of(node.input(0)?) {
            State::Lowered(val) => Some(val),
            _ => None,
        }
    }

    /// Lowers the loop; the variables as they are after it.
    pub(crate) fn repeat(&mut self, source: &Source<'_>, plan: Plan) -> Results {
        let number = self.builder.next_loop();
        let trips = match &plan.limits {
            Some(limits) => self.trips(limits)?,
            None => None,
        };
        let kinds: Vec<Kind> = (0..plan.inits.len())
            .map(|at| match self.builder.held(plan.inits[at]).array {
                _ if !plan.needed[at] => Kind::Unused,
                _ if plan.same[at] => Kind::Same,
                _ if plan.counts[at].is_some() && trips.is_some() => Kind::Counter,
                Some(_) => Kind::Scanned,
                None => Kind::Carried,
            })
            .collect();
        for (at, kind) in kinds.iter().enumerate() {
            let array = self.builder.held(plan.inits[at]).array;
            let begun = |array: Array| matches!(array.state, ArrayState::Empty | ArrayState::Begun { .. });
            if *kind == Kind::Scanned && !array.is_some_and(begun) {
                return decline("a list that is full is written in a loop");
            }
        }
        if !kinds.iter().any(|kind| matches!(kind, Kind::Carried | Kind::Scanned)) {
            return self.unchanged(&plan, &kinds, trips);
        }
        let start = match trips {
            Some(_) => None,
            None => Some(self.condition(source, &plan.inits)?),
        };
        let mut shapes: Vec<Option<Shape>> =
            plan.inits.iter().map(|&val| self.builder.held(val).shape.clone()).collect();
        for _ in 0..ROUNDS {
            let outer = self.builder.begin_body("body");
            let round = self.round(source, &plan, &kinds, number, trips.is_some(), &shapes);
            let body = self.builder.end_body(outer);
            let ends = match round {
                Ok(ends) => ends,
                Err(why) => {
                    self.builder.drop_body(body);
                    return Err(why);
                }
            };
            let mut settled = true;
            for (at, kind) in kinds.iter().enumerate() {
                if *kind != Kind::Carried {
                    continue;
                }
                let End { dtype, shape, .. } = &ends[at];
                if *dtype != self.builder.held(plan.inits[at]).dtype {
                    self.builder.drop_body(body);
                    return decline("a variable changes its element type");
                }
                let both = joined(shapes[at].as_ref(), shape.as_ref());
                if both != shapes[at] {
                    shapes[at] = both;
                    settled = false;
                }
            }
            if settled {
                let body = Body { graph: body, shapes: &shapes, ends: &ends };
                return self.emit_loop(&plan, &kinds, trips, start, &body);
            }
            self.builder.drop_body(body);
        }
        decline("the shapes of its variables do not settle")
    }

    /// The number of iterations: the least of the limits less what is counted from, and not below 0.
    fn trips(&mut self, limits: &[(Val, i64)]) -> Result<Option<Val>, Why> {
        let mut distinct: Vec<(Val, i64)> = Vec::new();
        for &(limit, from) in limits {
            let held = self.builder.held(limit);
            if !matches!(held.dtype, DType::I32 | DType::I64) || held.rank() != Some(0) {
                return Ok(None);
            }
            if !distinct.iter().any(|&(other, start)| start == from && self.builder.same_scalar(other, limit)) {
                distinct.push((limit, from));
            }
        }
        let Some(&(first, from)) = distinct.first() else { return Ok(None) };
        // Extents are not negative.
        if let ([_], Some([elem])) = (distinct.as_slice(), self.builder.held(first).elems.as_deref()) {
            match elem {
                Elem::Known(limit) if from == 0 && *limit >= 0 => return Ok(Some(first)),
                Elem::Symbol(_) if from == 0 => return Ok(Some(first)),
                Elem::Known(limit) => {
                    let count = limit.saturating_sub(from).max(0);
                    let name = self.builder.scope();
                    return Ok(Some(self.builder.constant(&name, Tensor::scalar(count))));
                }
                _ => {}
            }
        }
        let scalar = declared(DType::I64, Some(&Shape::new()));
        let mut least = None;
        for (limit, from) in distinct {
            let mut value = self.builder.wide(limit)?;
            if from != 0 {
                let from = self.builder.scalar(DType::I64, from as f64)?;
                value = self.builder.one("Sub", &[value, from], Attrs::new(), scalar.clone());
            }
            least = Some(match least {
                Some(other) => self.builder.one("Min", &[other, value], Attrs::new(), scalar.clone()),
                None => value,
            });
        }
        let (zero, Some(least)) = (self.builder.scalar(DType::I64, 0.0)?, least) else { return Ok(None) };
        let value = self.builder.one("Max", &[least, zero], Attrs::new(), scalar);
        Ok(Some(self.builder.natural_result(value, DType::I64, Some(Shape::new()))))
    }

    /// A loop that changes nothing but its counter.
    fn unchanged(&mut self, plan: &Plan, kinds: &[Kind], trips: Option<Val>) -> Results {
        let each = |(at, kind): (usize, &Kind)| match kind {
            Kind::Unused => Ok(None),
            Kind::Same => Ok(Some(plan.inits[at])),
            _ => match trips {
                Some(trips) => Ok(Some(self.as_counter(trips, plan.inits[at], plan.counts[at])?)),
                None => decline("a loop without variables"),
            },
        };
        kinds.iter().enumerate().map(each).collect()
    }

    /// A counter after so many iterations.
    fn as_counter(&mut self, trips: Val, init: Val, from: Option<i64>) -> Result<Val, Why> {
        let (dtype, from) = (self.builder.held(init).dtype, from.unwrap_or(0));
        if from == 0 && self.builder.held(trips).dtype == dtype {
            return Ok(trips);
        }
        let value = self.builder.wide(trips)?;
        self.counted(value, dtype, from)
    }

    /// `count + from` as an integer of a type.
    fn counted(&mut self, count: ValueId, dtype: DType, from: i64) -> Result<Val, Why> {
        let mut value = count;
        if from != 0 {
            let from = self.builder.scalar(DType::I64, from as f64)?;
            let scalar = declared(DType::I64, Some(&Shape::new()));
            value = self.builder.one("Add", &[value, from], Attrs::new(), scalar);
        }
        let form = if dtype == DType::I64 { Form::Natural } else { Form::Wide };
        Ok(self.builder.hold_again(form, value, dtype, Some(Shape::new())))
    }

    /// One lowering of the body into the graph in hand; types of what each variable becomes.
    fn round(
        &mut self,
        source: &Source<'_>,
        plan: &Plan,
        kinds: &[Kind],
        number: u32,
        counted: bool,
        shapes: &[Option<Shape>],
    ) -> Result<Vec<End>, Why> {
        let iteration = self.builder.body_input("iteration", DType::I64, Some(Shape::new()));
        let goes_on = self.builder.body_input("condition", DType::Bool, Some(Shape::new()));
        let mut variables = Vec::with_capacity(kinds.len());
        for (at, kind) in kinds.iter().enumerate() {
            let init = self.builder.held(plan.inits[at]).clone();
            let val = match kind {
                Kind::Same => plan.inits[at],
                Kind::Counter => {
                    let value = self.builder.natural(iteration);
                    self.counted(value, init.dtype, plan.counts[at].unwrap_or(0))?
                }
                Kind::Scanned => {
                    let first = match init.array.map(|array| array.state) {
                        Some(ArrayState::Begun { count, .. }) => count,
                        _ => 0,
                    };
                    let size = init.array.and_then(|array| array.size);
                    self.builder.list(Array { size, state: ArrayState::Open { number, var: at, first } })
                }
                Kind::Carried => self.builder.body_input("variable", init.dtype, shapes[at].clone()),
                // Nothing that is lowered reads it.
                Kind::Unused => plan.inits[at],
            };
            if let Some(from) = plan.counts[at].filter(|_| matches!(kind, Kind::Counter | Kind::Carried)) {
                self.builder.set_iteration(val, number, from);
            }
            variables.push(val);
        }
        let ends = self.next(source, &variables)?;
        let condition = if counted { goes_on } else { self.condition(source, &ends)? };
        self.builder.body_output("continue", condition);
        let mut types = vec![End { dtype: DType::Bool, shape: None, is_overwritten: false }; kinds.len()];
        for at in of_kind(kinds, Kind::Carried) {
            let held = self.builder.held(ends[at]).clone();
            if held.array.is_some() {
                return decline("a variable becomes a list of tensors");
            }
            self.builder.body_output("next", ends[at]);
            types[at] = End { dtype: held.dtype, shape: held.shape, is_overwritten: false };
        }
        for at in of_kind(kinds, Kind::Scanned) {
            let state = self.builder.held(ends[at]).array.map(|array| array.state);
            let (item, is_overwritten) = match state {
                Some(ArrayState::Written { number: own, var, item, over }) if own == number && var == at => {
                    (item, over)
                }
                _ => return decline("a list does not get one element in every iteration"),
            };
            let held = self.builder.held(item).clone();
            self.builder.body_output("element", item);
            types[at] = End { dtype: held.dtype, shape: held.shape, is_overwritten };
        }
        Ok(types)
    }

    /// Lowers the condition for the variables as given.
    fn condition(&mut self, source: &Source<'_>, variables: &[Val]) -> Result<Val, Why> {
        let val = match source {
            Source::Functions { condition, .. } => match self.function(condition, variables)?.as_slice() {
                [only] => *only,
                _ => return decline("the condition has several results"),
            },
            Source::Frame { frame, variables: own } => {
                let frames = self.frames.clone();
                let Some(condition) = frames.list[*frame].condition else {
                    return decline("a loop without a condition");
                };
                self.inside(*frame, own, variables, &[condition])?[0]
            }
        };
        let held = self.builder.held(val);
        if held.dtype != DType::Bool || held.rank() != Some(0) {
            return decline("the condition of a loop is not a Boolean scalar");
        }
        Ok(val)
    }

    /// Lowers the body for the variables as given.
    fn next(&mut self, source: &Source<'_>, variables: &[Val]) -> Result<Vec<Val>, Why> {
        match source {
            Source::Functions { body, .. } => self.function(body, variables),
            Source::Frame { frame, variables: own } => {
                let ends: Vec<ValueId> = own.iter().map(|variable| variable.next).collect();
                self.inside(*frame, own, variables, &ends)
            }
        }
    }

    /// Lowers what some values in a v1 loop need, anew.
    fn inside(&mut self, frame: usize, own: &[Variable], vals: &[Val], wanted: &[ValueId]) -> Result<Vec<Val>, Why> {
        let frames = self.frames.clone();
        let graph = self.graph;
        self.builder.afford(frames.list[frame].members.len())?;
        for &id in &frames.list[frame].members {
            self.set_results(graph.node(id), State::Absent);
        }
        let merges: FxHashMap<NodeId, Val> =
            own.iter().zip(vals).map(|(variable, &val)| (variable.merge, val)).collect();
        for (&merge, &val) in &merges {
            if let Some(value) = graph.node(merge).output(0) {
                self.set_state(value, State::Lowered(val));
            }
        }
        let stop = |id: NodeId| {
            merges.contains_key(&id) || frames.frame_of(id) == frame && graph.node(id).op.name.ends_with("Enter")
        };
        let needed = self.needed_for(wanted.iter().copied(), stop);
        let outside = self.swap_needed(needed);
        let (before, scope) = (self.reasons.len(), self.builder.scope());
        self.units(&frames.list[frame].order);
        self.builder.set_scope_again(&scope);
        self.swap_needed(outside);
        let mut results = Vec::with_capacity(wanted.len());
        for &value in wanted {
            match self.state_of(value) {
                State::Lowered(val) => results.push(val),
                _ if self.reasons.len() == before => return decline("a value in the loop could not be lowered"),
                _ => return Err(SAID),
            }
        }
        Ok(results)
    }
}
