//! Walks the graph from its inputs to its outputs and lowers node by node.

use std::rc::Rc;

use gtt_ir::traverse::topological;
use gtt_ir::{
    Attr, DType, Def, Dialect, Dim, Graph, Id, Model, Name, Node, NodeId, Port, Shape, Tensor, Type, ValueId,
};
use gtt_ops::eval::Evaluator;
use rustc_hash::FxHashMap;
use smallvec::{SmallVec, smallvec};

use crate::attrs::Call;
use crate::builder::{Builder, onnx_code};
use crate::calls;
use crate::frames::{Frames, Unit, is_plumbing};
use crate::idioms::{self, Idiom};
use crate::ints;
use crate::liveness::Liveness;
use crate::ops::{control, create, functions};
use crate::table;
use crate::tensors::{plain, plain_type};
use crate::value::{HIDDEN, Val, Why, decline};
use crate::{LowerOptions, MAX_OPSET, MIN_OPSET, NotLowered, Reason};

/// What became of a TensorFlow value.
#[derive(Clone, Copy)]
pub(crate) enum State {
    /// Nothing asked for it, or it was not reached yet.
    Absent,
    Lowered(Val),
    /// It, or something before it, could not be lowered.
    Failed,
}

pub(crate) fn lower(model: &Model, options: &LowerOptions, evaluator: &dyn Evaluator) -> Result<Model, NotLowered> {
    let whole = |why: String| NotLowered { reasons: vec![Reason { node: Name::default(), op: Name::default(), why }] };
    if model.dialect != Dialect::Tf {
        return Err(whole("the model is not a TensorFlow model".to_owned()));
    }
    if !(MIN_OPSET..=MAX_OPSET).contains(&options.opset) {
        return Err(whole(format!("opset {} is not between {MIN_OPSET} and {MAX_OPSET}", options.opset)));
    }
    let graph = model.main();
    if graph.outputs().is_empty() {
        return Err(whole("the model declares no outputs".to_owned()));
    }
    if let Some(function) = calls::too_large(model) {
        return Err(whole(format!("function `{function}` is too large with everything that it calls")));
    }
    let mut builder = Builder::new(
        options.opset,
        options.transpose_limit,
        evaluator,
        graph.inputs().iter().chain(graph.outputs()).map(|port| port.name.clone()),
    );
    let mut walk = Walk::new(model, graph, options, &mut builder, 0);
    for port in graph.inputs() {
        walk.feed(port.value, &port.name);
    }
    walk.run().map_err(|why| whole(why.into_owned()))?;
    for port in graph.outputs() {
        walk.output(port);
    }
    let reasons = walk.reasons;
    if reasons.is_empty() { Ok(builder.finish()) } else { Err(NotLowered { reasons }) }
}

/// Stands for reasons that were recorded already.
pub(crate) const SAID: Why = Why::Borrowed("");

/// The walk through one graph: the main graph, or the body of a function.
pub(crate) struct Walk<'a, 'b> {
    pub(crate) model: &'a Model,
    pub(crate) graph: &'a Graph,
    pub(crate) options: &'a LowerOptions,
    fed: FxHashMap<ValueId, &'a Name>,
    liveness: Liveness,
    pub(crate) frames: Rc<Frames>,
    needed: Needed,
    pub(crate) builder: &'b mut Builder<'a>,
    states: Vec<State>,
    pub(crate) reasons: Vec<Reason>,
    /// Functions around it.
    pub(crate) depth: usize,
}

impl<'a, 'b> Walk<'a, 'b> {
    pub(crate) fn new(
        model: &'a Model,
        graph: &'a Graph,
        options: &'a LowerOptions,
        builder: &'b mut Builder<'a>,
        depth: usize,
    ) -> Self {
        Self {
            model,
            graph,
            options,
            fed: graph.inputs().iter().map(|port| (port.value, &port.name)).collect(),
            liveness: Liveness::default(),
            frames: Rc::default(),
            needed: Needed::default(),
            builder,
            states: vec![State::Absent; graph.value_bound()],
            reasons: Vec::new(),
            depth,
        }
    }

    /// Lowers what the outputs need; inputs must have their states.
    pub(crate) fn run(&mut self) -> Result<(), Why> {
        let graph = self.graph;
        let order = match topological(self.model, graph) {
            Ok(order) => order,
            Err(cycle) => return decline(format!("{} nodes in or behind a cycle", cycle.len())),
        };
        self.liveness = Liveness::of(graph, &order, &self.fed, |value| self.fixed_bool(value));
        let frames = Rc::new(Frames::of(graph, &order)?);
        self.frames = frames.clone();
        self.needed = self.needed_for(graph.outputs().iter().map(|port| port.value), |_| false);
        self.units(&frames.list[0].order);
        Ok(())
    }

    /// Lowers units as far as they are needed.
    pub(crate) fn units(&mut self, units: &[Unit]) {
        for &unit in units {
            match unit {
                Unit::Node(id) if self.needed.nodes[id.index()] => {
                    let node = self.graph.node(id);
                    match node.op.name.as_str() {
                        "Enter" | "RefEnter" => {
                            let state = node.input(0).map_or(State::Failed, |value| self.state_of(value));
                            self.set_results(node, state);
                        }
                        _ if is_plumbing(node) || self.is_loop_merge(node) => {}
                        _ => self.node(id),
                    }
                }
                Unit::Frame(frame) => self.frame(frame),
                Unit::Node(_) => {}
            }
        }
    }

    /// It joins what enters a loop with what comes back.
    pub(crate) fn is_loop_merge(&self, node: &Node) -> bool {
        let comes_back = |value: ValueId| {
            self.graph.def_node(value).is_some_and(|source| self.graph.node(source).op.name.ends_with("NextIteration"))
        };
        node.op.name.ends_with("Merge") && node.operands().any(comes_back)
    }

    pub(crate) fn set_results(&mut self, node: &Node, state: State) {
        for value in node.results() {
            self.states[value.index()] = state;
        }
    }

    pub(crate) fn set_state(&mut self, value: ValueId, state: State) {
        self.states[value.index()] = state;
    }

    pub(crate) fn is_fed(&self, value: ValueId) -> bool {
        self.fed.contains_key(&value)
    }

    pub(crate) fn is_needed(&self, value: ValueId) -> bool {
        self.needed.values[value.index()]
    }

    pub(crate) fn is_conditional(&self, value: ValueId) -> bool {
        self.liveness.is_conditional(value)
    }

    /// Lets other nodes be the needed ones; gives those that were.
    pub(crate) fn swap_needed(&mut self, needed: Needed) -> Needed {
        std::mem::replace(&mut self.needed, needed)
    }

    fn output(&mut self, port: &Port) {
        match self.state_of(port.value) {
            State::Lowered(val) if self.builder.held(val).array.is_some() => {
                self.refuse(port.value, "the output is a list of tensors".into());
            }
            State::Lowered(val) => self.builder.output(&port.name, val),
            _ if self.liveness.is_dead(port.value) => {
                self.refuse(port.value, "the output lies in a branch that is never taken".into());
            }
            _ if self.reasons.is_empty() => self.refuse(port.value, "the output has no value".into()),
            _ => {}
        }
    }

    /// Makes the ONNX input (or constant) of a fed value.
    fn feed(&mut self, value: ValueId, port: &Name) {
        if let State::Lowered(_) = self.states[value.index()] {
            return self.refuse(value, format!("it is fed twice, the second time as `{port}`"));
        }
        let made = self.input(value, port);
        self.states[value.index()] = match made {
            Ok(val) => State::Lowered(val),
            Err(why) => {
                self.refuse(value, why.into_owned());
                State::Failed
            }
        };
    }

    fn input(&mut self, value: ValueId, port: &Name) -> Result<Val, Why> {
        let name = self.graph.value(value).name.clone();
        if let Some((_, tensor)) = self.options.fixed.iter().find(|(fixed, _)| fixed == port) {
            return Ok(self.builder.constant(&name, tensor.clone()));
        }
        let (dtype, shape) = self.input_type(value, port)?;
        Ok(self.builder.input(port, &name, dtype, shape))
    }

    /// What the options, the producing node and the file say, in this order.
    fn input_type(&self, value: ValueId, port: &Name) -> Result<(DType, Option<Shape>), Why> {
        let given = self.options.input_types.iter().find(|(name, _)| name == port).map(|(_, ty)| ty.clone());
        let stated = match self.graph.value(value).def {
            Def::Node { node, slot: 0 } => {
                let node = self.graph.node(node);
                let dtype = ["dtype", "T", "DstT"].iter().find_map(|name| node.attr(name)?.as_dtype());
                let placeholder = node.op.is_tf("Placeholder") || node.op.is_tf("PlaceholderWithDefault");
                let shape = match node.attr("shape") {
                    Some(Attr::Shape(shape)) if placeholder => shape.clone(),
                    _ => None,
                };
                Type::Tensor { dtype, shape }
            }
            _ => Type::Unknown,
        };
        let ty = given.unwrap_or_default().merged(&stated).merged(&self.graph.value(value).ty);
        let Some(dtype) = ty.dtype().map(plain_type) else {
            return decline("the element type of the input is unknown");
        };
        if onnx_code(dtype).is_none() {
            return decline(format!("element type {dtype}"));
        }
        let name_unknown = |(at, dim): (usize, &Dim)| match dim {
            Dim::Unknown => Dim::Symbol(Name::from(format!("{HIDDEN}{port}.{at}"))),
            dim => dim.clone(),
        };
        Ok((dtype, ty.shape().map(|shape| shape.iter().enumerate().map(name_unknown).collect())))
    }

    fn fixed_bool(&self, value: ValueId) -> Option<bool> {
        let tensor = match self.states[value.index()] {
            State::Lowered(val) => self.builder.held(val).tensor.clone()?,
            State::Failed => return None,
            State::Absent => self.graph.tensor(value)?.clone(),
        };
        match tensor.to_i64s()?.as_slice() {
            [only] if tensor.dtype() == DType::Bool => Some(*only != 0),
            _ => None,
        }
    }

    pub(crate) fn state_of(&mut self, value: ValueId) -> State {
        if let (State::Absent, Def::Const(constant)) = (self.states[value.index()], &self.graph.value(value).def) {
            let (name, dtype) = (&self.graph.value(value).name, constant.tensor.dtype());
            self.states[value.index()] =
                if let Some(tensor) = plain(&constant.tensor).filter(|tensor| onnx_code(tensor.dtype()).is_some()) {
                    State::Lowered(self.builder.constant(name, tensor))
                } else {
                    self.reasons.push(Reason {
                        node: name.clone(),
                        op: "Const".into(),
                        why: format!("element type {dtype}"),
                    });
                    State::Failed
                };
        }
        self.states[value.index()]
    }

    /// Backwards over operands; dead operands of `Merge` and what is fed are not passed, nor nodes for which `stop` holds.
    pub(crate) fn needed_for(&self, roots: impl IntoIterator<Item = ValueId>, stop: impl Fn(NodeId) -> bool) -> Needed {
        let mut needed =
            Needed { nodes: vec![false; self.graph.node_bound()], values: vec![false; self.graph.value_bound()] };
        let mut work: Vec<ValueId> = roots.into_iter().collect();
        while let Some(value) = work.pop() {
            if std::mem::replace(&mut needed.values[value.index()], true) || self.fed.contains_key(&value) {
                continue;
            }
            let Def::Node { node: id, .. } = self.graph.value(value).def else { continue };
            if self.liveness.is_dead(value) || std::mem::replace(&mut needed.nodes[id.index()], true) {
                continue;
            }
            let node = self.graph.node(id);
            if stop(id) {
                continue;
            }
            if node.op.is_tf("Merge") {
                work.extend(node.operands().filter(|&operand| !self.liveness.is_dead(operand)));
                work.extend(self.liveness.choice(node).map(|choice| choice.predicate));
            } else if node.op.is_tf("Switch") {
                work.extend(node.input(0));
                let of_loop = |value: &ValueId| {
                    let source = self.graph.def_node(*value);
                    source.is_some_and(|source| self.graph.node(source).op.is_tf("LoopCond"))
                };
                work.extend(node.input(1).filter(of_loop));
            } else if let Some((_, Some(operand))) = idioms::of(self.graph, &self.fed, node) {
                work.push(operand);
            } else {
                work.extend(node.operands());
            }
        }
        needed
    }

    fn node(&mut self, id: NodeId) {
        let graph = self.graph;
        let node = graph.node(id);
        self.builder.set_scope(&node.name);
        let before = self.builder.held_count();
        let results = match self.operands(node) {
            Some(call) => self.call(&call).map(Some),
            None if table::find(&node.op.name).is_none() && !self.is_structural(node) => {
                Err(table::unknown(&node.op.name))
            }
            None => Ok(None),
        };
        let results = results.unwrap_or_else(|why| {
            if why == SAID {
                return None;
            }
            self.reasons.push(Reason { node: node.name.clone(), op: node.op.name.clone(), why: why.into_owned() });
            None
        });
        for (slot, value) in node.outputs.iter().enumerate() {
            let Some(value) = *value else { continue };
            if self.fed.contains_key(&value) {
                continue;
            }
            let val = results.as_ref().and_then(|results| results.get(slot).copied().flatten());
            self.states[value.index()] = val.map_or(State::Failed, State::Lowered);
            if let Some(val) = val.filter(|val| val.0 as usize >= before) {
                self.builder.rename(val, &self.graph.value(value).name);
            }
        }
    }

    /// The node with its operands lowered; `None` when one failed. Operands of `Merge` that are dead are left out, and so is the
    /// predicate of `Switch`. An idiom may have another operand.
    fn operands(&mut self, node: &'a Node) -> Option<Call<'a>> {
        let is_merge = node.op.is_tf("Merge");
        let idiom = idioms::of(self.graph, &self.fed, node);
        let operands: SmallVec<[Option<ValueId>; 4]> = match idiom {
            Some((_, Some(operand))) => smallvec![Some(operand)],
            _ if node.op.is_tf("Switch") => smallvec![node.input(0)],
            _ => node.inputs.clone(),
        };
        let mut inputs = Vec::with_capacity(operands.len());
        for value in operands {
            let value = value?;
            if is_merge && self.liveness.is_dead(value) {
                continue;
            }
            match self.state_of(value) {
                State::Lowered(val) => inputs.push(val),
                State::Absent | State::Failed => return None,
            }
        }
        let needed = node.outputs.iter().map(|value| value.is_some_and(|value| self.is_needed(value))).collect();
        Some(Call { node, inputs, needed, idiom: idiom.map(|(idiom, _)| idiom) })
    }

    fn call(&mut self, call: &Call<'_>) -> Result<Vec<Option<Val>>, Why> {
        let node = call.node;
        if node.op.is_tf("Merge") {
            return self.merge(call);
        }
        match call.idiom {
            Some(Idiom::Mask) => return create::mask(self.builder, call),
            Some(Idiom::Gelu) => return functions::gelu_factor(self.builder, call),
            Some(Idiom::LayerNorm) | None => {}
        }
        if let Some(results) = self.structure(call).or_else(|| self.variable(call)) {
            return results;
        }
        let Some(entry) = table::find(&node.op.name) else { return decline(table::unknown(&node.op.name)) };
        let stray =
            node.attrs.iter().find(|attr| !attr.name.starts_with('_') && !entry.attrs.contains(&attr.name.as_str()));
        if let Some(attr) = stray {
            return decline(format!("attribute `{}` is not known", attr.name));
        }
        const TAKE_LISTS: [&str; 5] = ["EmptyTensorList", "Identity", "IdentityN", "StopGradient", "Switch"];
        let name = node.op.name.as_str();
        let takes_lists =
            name.starts_with("TensorArray") || name.starts_with("TensorList") || TAKE_LISTS.contains(&name);
        if !takes_lists && call.inputs.iter().any(|&val| self.builder.held(val).array.is_some()) {
            return decline("an operand is a list of tensors");
        }
        let partial = ints::partial(self.builder, call);
        if let Some(tensor) = partial.as_ref().and_then(ints::Partial::tensor) {
            return Ok(vec![Some(self.builder.constant(&node.name, tensor))]);
        }
        let results = (entry.lower)(self.builder, call)?;
        if let (Some(partial), Some(Some(val))) = (partial, results.first()) {
            self.builder.set_elems(*val, partial.elems);
        }
        Ok(results)
    }

    /// The live operand; with a run-time predicate both sides, one chosen.
    fn merge(&mut self, call: &Call<'_>) -> Result<Vec<Option<Val>>, Why> {
        let live: Vec<usize> = (0..call.node.inputs.len())
            .filter(|&slot| call.node.input(slot).is_some_and(|value| !self.liveness.is_dead(value)))
            .collect();
        if let ([only], [slot]) = (call.inputs.as_slice(), live.as_slice()) {
            let index = self.builder.constant(&call.node.name, Tensor::scalar(*slot as i32));
            return Ok(vec![Some(*only), Some(index)]);
        }
        let Some(choice) = self.liveness.choice(call.node) else {
            return decline("its operands are not the two sides of one condition");
        };
        let State::Lowered(predicate) = self.state_of(choice.predicate) else {
            return decline("the predicate could not be lowered");
        };
        control::choose(self.builder, call, predicate, choice.on_true)
    }

    fn refuse(&mut self, value: ValueId, why: String) {
        let value = self.graph.value(value);
        let (node, op) = match value.def {
            Def::Node { node, .. } => (self.graph.node(node).name.clone(), self.graph.node(node).op.name.clone()),
            _ => (value.name.clone(), Name::new_static("Const")),
        };
        self.reasons.push(Reason { node, op, why });
    }
}

/// Which nodes are to be lowered, and which of their results are read.
#[derive(Default)]
pub(crate) struct Needed {
    pub(crate) nodes: Vec<bool>,
    values: Vec<bool>,
}
