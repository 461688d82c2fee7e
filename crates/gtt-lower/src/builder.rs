//! The ONNX graph under construction: emits nodes, keeps each lowered value's forms, names things.

use gtt_ir::{
    Attr, Attrs, DType, Def, Dialect, Domain, Graph, GraphId, Model, Name, NodeId, NodeSpec, Op, Shape, Tensor, Type,
    ValueId,
};
use gtt_ops::eval::Evaluator;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::tensors::{element, integers, transposed};
use crate::value::{
    Array, Elem, Elems, Form, Held, Val, Why, declared, decline, from_channels_first, permuted, to_channels_first,
};

/// Integer tensors up to this length are followed element by element.
const MAX_ELEMS: usize = 64;

/// An operand, the order of its dimensions, and the shape after that.
type Reordered = (Val, Vec<usize>, Option<Vec<i64>>);

/// See the module.
pub(crate) struct Builder<'a> {
    model: Model,
    /// The graph that nodes are added to: the main graph, or a body under construction.
    current: GraphId,
    held: Vec<Held>,
    /// Names of values, each with how many were derived from it.
    taken: FxHashMap<Name, u32>,
    /// Operands that exist in another order, under another shape.
    reordered: FxHashMap<Reordered, ValueId>,
    node_names: FxHashSet<Name>,
    /// Small constants made by the lowering itself, shared.
    small: FxHashMap<(DType, Vec<usize>, bytes::Bytes), ValueId>,
    /// Values that two lowered values hold; they keep their first name.
    shared_values: FxHashSet<ValueId>,
    /// Name of the node being lowered.
    scope: Name,
    /// In a function: the name of the node that calls it, with a slash.
    prefix: String,
    loops: u32,
    rank: u32,
    pub(crate) opset: i64,
    transpose_limit: usize,
    /// Moves elements of constants, and keeps large new ones.
    evaluator: &'a dyn Evaluator,
}

impl<'a> Builder<'a> {
    /// `reserved` names are not given to anything but what asks for exactly that name.
    pub(crate) fn new(
        opset: i64,
        transpose_limit: usize,
        evaluator: &'a dyn Evaluator,
        reserved: impl IntoIterator<Item = Name>,
    ) -> Self {
        let mut model = Model::new(Dialect::Onnx);
        model.opsets.insert(Domain::ONNX, opset);
        Self {
            current: model.main_id(),
            model,
            held: Vec::new(),
            taken: reserved.into_iter().map(|name| (name, 0)).collect(),
            reordered: FxHashMap::default(),
            node_names: FxHashSet::default(),
            small: FxHashMap::default(),
            shared_values: FxHashSet::default(),
            scope: Name::default(),
            prefix: String::new(),
            loops: 0,
            rank: 0,
            opset,
            transpose_limit,
            evaluator,
        }
    }

    pub(crate) fn set_scope(&mut self, name: &Name) {
        self.scope = self.prefixed(name);
    }

    /// Name of the node in hand, with that of the callers.
    pub(crate) fn scope(&self) -> Name {
        self.scope.clone()
    }

    /// Goes back to a name that [`Builder::scope`] gave.
    pub(crate) fn set_scope_again(&mut self, scope: &Name) {
        self.scope = scope.clone();
    }

    fn prefixed(&self, name: &Name) -> Name {
        if self.prefix.is_empty() { name.clone() } else { Name::from(format!("{}{name}", self.prefix)) }
    }

    /// Names of what is lowered from now on begin with that of the node in hand; gives what they began with before.
    pub(crate) fn enter_function(&mut self) -> String {
        let prefix = format!("{}/", self.scope);
        std::mem::replace(&mut self.prefix, prefix)
    }

    pub(crate) fn leave_function(&mut self, prefix: String) {
        self.prefix = prefix;
    }

    /// The model, without what turned out not to be needed.
    pub(crate) fn finish(mut self) -> Model {
        let main = self.model.main_id();
        // What a body no longer reads may be all that keeps something alive outside: inner graphs first.
        for id in self.model.nested(main).into_iter().rev() {
            if self.model.get_graph(id).is_none() {
                continue;
            }
            let graph = self.model.graph(id);
            let nodes: Vec<NodeId> = graph.nodes().map(|(id, _)| id).rev().collect();
            self.model.edit(id).erase_dead(nodes, |_| true);
            let graph = self.model.graph(id);
            let idle =
                |value: &gtt_ir::Value| value.is_unused() && matches!(value.def, Def::Const(_) | Def::Capture { .. });
            let unused: Vec<ValueId> = graph.values().filter(|(_, value)| idle(value)).map(|(id, _)| id).collect();
            for value in unused {
                self.model.edit(id).erase_value(value);
            }
        }
        self.model
    }

    // Bodies of loops and branches

    fn graph(&self) -> &Graph {
        self.model.graph(self.current)
    }

    /// Begins a body inside of the graph in hand: what is emitted from now on goes there.
    pub(crate) fn begin_body(&mut self, suffix: &str) -> GraphId {
        let name = self.scoped(suffix);
        let body = self.edit().add_subgraph(name);
        std::mem::replace(&mut self.current, body)
    }

    /// Ends the body; gives it.
    pub(crate) fn end_body(&mut self, outer: GraphId) -> GraphId {
        std::mem::replace(&mut self.current, outer)
    }

    /// Drops a body that is not to be used.
    pub(crate) fn drop_body(&mut self, body: GraphId) {
        let spec = NodeSpec::new(Op::onnx("If"), "").attr("then_branch", Attr::Graph(body));
        let mut editor = self.edit();
        let node = editor.add_node(spec);
        editor.erase_node(node);
    }

    /// An input of the body in hand.
    pub(crate) fn body_input(&mut self, suffix: &str, dtype: DType, shape: Option<Shape>) -> Val {
        let name = self.scoped(suffix);
        let value = self.edit().add_input(name, declared(dtype, shape.as_ref()));
        self.hold_again(Form::Natural, value, dtype, shape)
    }

    /// An output of the body in hand.
    pub(crate) fn body_output(&mut self, suffix: &str, val: Val) {
        let scope = self.scope.clone();
        let port = self.scoped(suffix);
        self.output(&port, val);
        self.scope = scope;
    }

    /// A number for a loop.
    pub(crate) fn next_loop(&mut self) -> u32 {
        self.loops += 1;
        self.loops
    }

    /// A value of the graph `home`, which is the one in hand or around it, as the one in hand sees it.
    fn captured(&mut self, home: GraphId, value: ValueId) -> ValueId {
        self.captured_in(self.current, home, value)
    }

    fn captured_in(&mut self, graph: GraphId, home: GraphId, value: ValueId) -> ValueId {
        let mut path = Vec::new();
        let mut at = graph;
        while at != home {
            path.push(at);
            match self.model.graph(at).parent {
                Some(parent) => at = parent,
                // Not around it: such values are never handed in.
                None => return value,
            }
        }
        path.into_iter().rev().fold(value, |value, graph| self.model.edit(graph).capture(value))
    }

    /// Does something where a value lives; what comes of it, as the graph in hand sees it.
    fn at_home<E>(&mut self, home: GraphId, make: impl FnOnce(&mut Self) -> Result<ValueId, E>) -> Result<ValueId, E> {
        if home == self.current {
            return make(self);
        }
        let here = std::mem::replace(&mut self.current, home);
        let made = make(self);
        self.current = here;
        Ok(self.captured(home, made?))
    }

    pub(crate) fn held(&self, val: Val) -> &Held {
        &self.held[val.0 as usize]
    }

    fn held_mut(&mut self, val: Val) -> &mut Held {
        &mut self.held[val.0 as usize]
    }

    /// Number of lowered values so far.
    pub(crate) fn held_count(&self) -> usize {
        self.held.len()
    }

    fn edit(&mut self) -> gtt_ir::Editor<'_> {
        self.model.edit(self.current)
    }

    fn fresh(&mut self, base: &str) -> Name {
        let name = Name::new(base);
        let Some(&known) = self.taken.get(&name) else {
            self.taken.insert(name.clone(), 0);
            return name;
        };
        let mut count = known;
        loop {
            count += 1;
            let next = Name::from(format!("{base}_{count}"));
            if !self.taken.contains_key(&next) {
                self.taken.insert(name, count);
                self.taken.insert(next.clone(), 0);
                return next;
            }
        }
    }

    fn scoped(&mut self, suffix: &str) -> Name {
        let base = format!("{}/{suffix}", self.scope);
        self.fresh(&base)
    }

    fn next_rank(&mut self) -> u32 {
        self.rank += 1;
        self.rank
    }

    // Lowered values

    pub(crate) fn constant(&mut self, name: &Name, tensor: Tensor) -> Val {
        let elems =
            (tensor.rank() <= 1 && tensor.len() <= MAX_ELEMS && matches!(tensor.dtype(), DType::I32 | DType::I64))
                .then(|| tensor.to_i64s())
                .flatten()
                .map(|elements| elements.into_iter().map(Elem::Known).collect());
        self.push(Held {
            name: self.prefixed(name),
            home: self.model.main_id(),
            array: None,
            counts: None,
            iteration: None,
            kept: None,
            dtype: tensor.dtype(),
            shape: tensor.ty().shape().cloned(),
            tensor: Some(tensor),
            elems,
            natural: None,
            channels_first: None,
            wide: None,
        })
    }

    /// A value held in one form. `shape` is in TensorFlow's order.
    pub(crate) fn hold(&mut self, form: Form, value: ValueId, dtype: DType, shape: Option<Shape>) -> Val {
        let mut held = Held {
            name: self.scope.clone(),
            home: self.current,
            array: None,
            counts: None,
            iteration: None,
            kept: None,
            dtype,
            shape,
            tensor: None,
            elems: None,
            natural: None,
            channels_first: None,
            wide: None,
        };
        match form {
            Form::Natural => held.natural = Some(value),
            Form::ChannelsFirst => held.channels_first = Some(value),
            Form::Wide => held.wide = Some(value),
        }
        let ty = self.form_type(form, dtype, held.shape.as_ref());
        self.edit().set_type(value, ty);
        self.push(held)
    }

    /// The same for a value that exists already under its own name.
    pub(crate) fn hold_again(&mut self, form: Form, value: ValueId, dtype: DType, shape: Option<Shape>) -> Val {
        let val = self.hold(form, value, dtype, shape);
        self.shared_values.insert(value);
        val
    }

    /// The same, in the natural form.
    pub(crate) fn natural_result(&mut self, value: ValueId, dtype: DType, shape: Option<Shape>) -> Val {
        self.hold(Form::Natural, value, dtype, shape)
    }

    fn push(&mut self, held: Held) -> Val {
        self.held.push(held);
        Val((self.held.len() - 1) as u32)
    }

    /// An input of the graph.
    pub(crate) fn input(&mut self, port: &Name, name: &Name, dtype: DType, shape: Option<Shape>) -> Val {
        let value = self.edit().add_input(port.clone(), declared(dtype, shape.as_ref()));
        let held = Held {
            name: name.clone(),
            home: self.current,
            array: None,
            counts: None,
            iteration: None,
            kept: None,
            dtype,
            shape,
            tensor: None,
            elems: None,
            natural: Some(value),
            channels_first: None,
            wide: None,
        };
        self.push(held)
    }

    /// An output of the graph. Its value takes the port's name. Constants, inputs and what is an output already go through an
    /// `Identity`.
    pub(crate) fn output(&mut self, port: &Name, val: Val) {
        let mut value = self.natural(val);
        let graph = self.graph();
        let is_result = matches!(graph.value(value).def, Def::Node { .. });
        if !is_result && graph.value(value).name == *port {
            self.edit().add_output(port.clone(), value);
            return;
        }
        if !is_result || graph.value(value).is_public() {
            self.scope = port.clone();
            value = self.same("Identity", &[value], Attrs::new());
        }
        let mut editor = self.edit();
        editor.set_value_name(value, port.clone());
        editor.add_output(port.clone(), value);
    }

    /// Names the ONNX value of a new result after the TensorFlow value.
    pub(crate) fn rename(&mut self, val: Val, name: &Name) {
        let name = self.prefixed(name);
        let home = self.current;
        let held = self.held_mut(val);
        if held.home != home {
            return;
        }
        held.name = name.clone();
        let forms = [(held.natural, ""), (held.channels_first, "/channels_first"), (held.wide, "/i64")];
        for (value, suffix) in forms {
            let Some(value) = value else { continue };
            if self.shared_values.contains(&value) {
                continue;
            }
            if let Def::Node { node, .. } = self.graph().value(value).def {
                let node_name = self.scope.clone();
                if self.node_names.insert(node_name.clone()) {
                    self.edit().set_node_name(node, node_name);
                }
                let name = self.fresh(&format!("{name}{suffix}"));
                self.edit().set_value_name(value, name);
            }
        }
    }

    /// A value that stands for a list of tensors. It has no ONNX form.
    pub(crate) fn list(&mut self, array: Array) -> Val {
        let name = self.scope.clone();
        let val = self.constant(&name, Tensor::scalar(0.0f32));
        self.held_mut(val).array = Some(array);
        val
    }

    /// Records the same reduction with its dimensions kept.
    pub(crate) fn set_kept(&mut self, val: Val, kept: Val) {
        self.held_mut(val).kept = Some(kept);
    }

    /// Records that the value is the number of the iteration of a loop, counted from `start`.
    pub(crate) fn set_iteration(&mut self, val: Val, number: u32, start: i64) {
        self.held_mut(val).iteration = Some((number, start));
    }

    /// Records that the value is `0, 1, 2, …` below `limit`.
    pub(crate) fn set_counts(&mut self, val: Val, limit: Val) {
        self.held_mut(val).counts = Some(limit);
    }

    /// The same integer scalar for certain.
    pub(crate) fn same_scalar(&self, a: Val, b: Val) -> bool {
        let known = |val: Val| match self.held(val).elems.as_deref() {
            Some([elem]) if *elem != Elem::Unknown => Some(elem.clone()),
            _ => None,
        };
        a == b || known(a).is_some_and(|a| known(b) == Some(a))
    }

    /// Records what is known of the elements of a small integer value.
    pub(crate) fn set_elems(&mut self, val: Val, elems: Elems) {
        self.held_mut(val).elems = Some(elems);
    }

    // Forms

    fn form_type(&self, form: Form, dtype: DType, shape: Option<&Shape>) -> Type {
        match form {
            Form::Natural => declared(dtype, shape),
            Form::ChannelsFirst => {
                declared(dtype, shape.map(|shape| permuted(shape, &to_channels_first(shape.len()))).as_ref())
            }
            Form::Wide => declared(DType::I64, shape),
        }
    }

    /// The value as TensorFlow has it. Made of another form on first use.
    pub(crate) fn natural(&mut self, val: Val) -> ValueId {
        let home = self.held(val).home;
        let made: Result<ValueId, std::convert::Infallible> =
            self.at_home(home, |builder| Ok(builder.natural_at_home(val)));
        let Ok(made) = made;
        made
    }

    fn natural_at_home(&mut self, val: Val) -> ValueId {
        let held = self.held(val);
        if let Some(value) = held.natural {
            return value;
        }
        let name = held.name.clone();
        let made = if let Some(tensor) = held.tensor.clone() {
            let name = self.fresh(&name);
            self.initializer(name, tensor)
        } else if let (Some(value), Some(rank)) = (held.channels_first, held.rank()) {
            let made = self.transpose(value, &from_channels_first(rank));
            self.name_value(made, &name);
            made
        } else {
            let (value, dtype) = (held.wide.expect("a lowered value has a form"), held.dtype);
            let made = self.cast(value, dtype);
            self.name_value(made, &name);
            made
        };
        self.held_mut(val).natural = Some(made);
        made
    }

    /// The value with its last dimension behind the first. The rank must be known and 3 or more.
    pub(crate) fn channels_first(&mut self, val: Val) -> Result<ValueId, Why> {
        let home = self.held(val).home;
        self.at_home(home, |builder| {
            let held = builder.held(val);
            if let Some(value) = held.channels_first {
                return Ok(value);
            }
            let Some(rank) = held.rank().filter(|&rank| rank >= 3) else {
                return decline("an operand has no channels-first form");
            };
            let order = to_channels_first(rank);
            let made = builder.reordered(val, &order, None, "channels_first");
            builder.held_mut(val).channels_first = Some(made);
            Ok(made)
        })
    }

    /// An integer value as i64.
    pub(crate) fn wide(&mut self, val: Val) -> Result<ValueId, Why> {
        let home = self.held(val).home;
        self.at_home(home, |builder| builder.wide_at_home(val))
    }

    fn wide_at_home(&mut self, val: Val) -> Result<ValueId, Why> {
        let held = self.held(val);
        if let Some(value) = held.wide {
            return Ok(value);
        }
        if !held.dtype.is_int() {
            return decline("an operand should be of an integer type");
        }
        let made = match held.tensor.as_ref().map(|tensor| (tensor.shape().to_vec(), tensor.to_i64s())) {
            Some((shape, Some(elements))) if held.dtype != DType::I64 => {
                let Some(tensor) = integers(DType::I64, &shape, &elements) else {
                    return decline("a constant is too large");
                };
                self.shared(tensor)
            }
            _ if held.dtype == DType::I64 => self.natural(val),
            _ => {
                let value = self.natural(val);
                self.cast(value, DType::I64)
            }
        };
        self.held_mut(val).wide = Some(made);
        Ok(made)
    }

    /// A form by its name.
    pub(crate) fn form(&mut self, val: Val, form: Form) -> Result<ValueId, Why> {
        match form {
            Form::Natural => Ok(self.natural(val)),
            Form::ChannelsFirst => self.channels_first(val),
            Form::Wide => self.wide(val),
        }
    }

    /// The form that exists, for ops that work in any order of dimensions.
    pub(crate) fn any_order(&mut self, val: Val) -> (ValueId, Form) {
        let held = self.held(val);
        match held.channels_first {
            Some(value) if held.is_channels_first() => (self.captured(held.home, value), Form::ChannelsFirst),
            _ => (self.natural(val), Form::Natural),
        }
    }

    /// The rank of a value, from an op that takes no other.
    pub(crate) fn assume_shape(&mut self, val: Val, shape: Shape) {
        self.held_mut(val).shape = Some(shape);
    }

    /// An operand in another order of dimensions, and then perhaps under another shape. A constant is copied when small, else moved
    /// by a `Transpose` node; what was made once is shared.
    pub(crate) fn reordered(&mut self, val: Val, order: &[usize], shape: Option<&[i64]>, hint: &str) -> ValueId {
        let home = self.held(val).home;
        let made: Result<ValueId, std::convert::Infallible> = self.at_home(home, |builder| {
            let key = (val, order.to_vec(), shape.map(<[i64]>::to_vec));
            if let Some(&value) = builder.reordered.get(&key) {
                return Ok(value);
            }
            let made = builder.reordered_constant(val, order, shape, hint).unwrap_or_else(|| {
                let value = builder.natural(val);
                let value = builder.transpose(value, order);
                shape.map_or(value, |shape| builder.reshape(value, shape))
            });
            builder.reordered.insert(key, made);
            Ok(made)
        });
        let Ok(made) = made;
        made
    }

    fn reordered_constant(&mut self, val: Val, order: &[usize], shape: Option<&[i64]>, hint: &str) -> Option<ValueId> {
        let held = self.held(val);
        let tensor = held.tensor.as_ref().filter(|tensor| tensor.stored_len() <= self.transpose_limit)?;
        let mut moved = transposed(tensor, order, self.evaluator)?;
        if let Some(shape) = shape {
            let extents: Option<Vec<usize>> = shape.iter().map(|&extent| usize::try_from(extent).ok()).collect();
            moved = moved.reshaped(&extents?)?;
        }
        let base = format!("{}/{hint}", held.name);
        let name = self.fresh(&base);
        Some(self.initializer(name, moved))
    }

    // ONNX values

    pub(crate) fn ty(&self, value: ValueId) -> Type {
        self.graph().value(value).ty.clone()
    }

    pub(crate) fn set_type(&mut self, value: ValueId, ty: Type) {
        self.edit().set_type(value, ty);
    }

    /// Declares the dimensions of an ONNX value.
    pub(crate) fn set_shape(&mut self, value: ValueId, shape: Shape) {
        if let Some(dtype) = self.ty(value).dtype() {
            self.edit().set_type(value, declared(dtype, Some(&shape)));
        }
    }

    /// The elements of constant i64 vectors, one after the other; `None` if one is not constant.
    pub(crate) fn known_i64s(&self, values: &[ValueId]) -> Option<Vec<i64>> {
        let tensors = values.iter().map(|&value| self.tensor_of(value)?.to_vec::<i64>());
        Some(tensors.collect::<Option<Vec<_>>>()?.concat())
    }

    /// The tensor of a constant, which may lie in a graph around the one in hand.
    fn tensor_of(&self, value: ValueId) -> Option<&Tensor> {
        let (mut graph, mut value) = (self.graph(), value);
        while let Def::Capture { outer } = graph.value(value).def {
            graph = self.model.graph(graph.parent?);
            value = outer;
        }
        graph.tensor(value)
    }

    fn name_value(&mut self, value: ValueId, name: &Name) {
        let name = self.fresh(name);
        self.edit().set_value_name(value, name);
    }

    pub(crate) fn initializer(&mut self, name: Name, tensor: Tensor) -> ValueId {
        let rank = self.next_rank();
        self.edit().add_const(name, tensor, rank)
    }

    /// A constant that the lowering makes; equal small ones are shared. Those of bodies lie in the main graph, too.
    pub(crate) fn shared(&mut self, tensor: Tensor) -> ValueId {
        let main = self.model.main_id();
        let made: Result<ValueId, std::convert::Infallible> = self.at_home(main, |builder| {
            let key = (tensor.dtype(), tensor.shape().to_vec(), tensor.bytes().unwrap_or_default());
            if let Some(&value) = builder.small.get(&key) {
                return Ok(value);
            }
            let name = builder.scoped("const");
            let value = builder.initializer(name, tensor);
            if key.2.len() <= 256 {
                builder.small.insert(key, value);
            }
            Ok(value)
        });
        let Ok(made) = made;
        made
    }

    /// An i64 vector.
    pub(crate) fn i64s(&mut self, elements: &[i64]) -> ValueId {
        self.shared(Tensor::vector(elements))
    }

    /// A scalar of any number type.
    pub(crate) fn scalar(&mut self, dtype: DType, number: f64) -> Result<ValueId, Why> {
        let tensor = element(dtype, number).and_then(|bytes| Tensor::from_bytes(dtype, &[], bytes).ok());
        match tensor {
            Some(tensor) => Ok(self.shared(tensor)),
            None => decline(format!("no constant of type {dtype}")),
        }
    }

    /// A node with results of the given types.
    pub(crate) fn node(&mut self, op: &str, inputs: &[Option<ValueId>], attrs: Attrs, types: &[Type]) -> Vec<ValueId> {
        let mut spec = NodeSpec::new(Op::onnx(op), "").inputs(inputs.iter().copied()).rank(self.next_rank());
        let mut node_name = self.scoped(op);
        while !self.node_names.insert(node_name.clone()) {
            node_name = self.scoped(op);
        }
        for (slot, ty) in types.iter().enumerate() {
            let base = if slot == 0 { format!("{node_name}:v") } else { format!("{node_name}:v{slot}") };
            spec = spec.output(self.fresh(&base), ty.clone());
        }
        spec.name = node_name;
        spec.attrs = attrs;
        let mut editor = self.edit();
        let node = editor.add_node(spec);
        editor.graph().node(node).results().collect()
    }

    /// A node with one result.
    pub(crate) fn one(&mut self, op: &str, inputs: &[ValueId], attrs: Attrs, ty: Type) -> ValueId {
        let inputs: Vec<Option<ValueId>> = inputs.iter().copied().map(Some).collect();
        self.node(op, &inputs, attrs, &[ty])[0]
    }

    /// A node of one result that has the type of its first operand.
    pub(crate) fn same(&mut self, op: &str, inputs: &[ValueId], attrs: Attrs) -> ValueId {
        let ty = self.ty(inputs[0]);
        self.one(op, inputs, attrs, ty)
    }

    /// A node with one result of an element type; nothing is declared of its shape.
    pub(crate) fn typed(&mut self, op: &str, inputs: &[ValueId], attrs: Attrs, dtype: DType) -> ValueId {
        self.one(op, inputs, attrs, declared(dtype, None))
    }

    pub(crate) fn transpose(&mut self, value: ValueId, order: &[usize]) -> ValueId {
        if order.is_sorted() {
            return value;
        }
        let ty = self.ty(value);
        let shape = ty.shape().filter(|shape| shape.len() == order.len()).map(|shape| permuted(shape, order));
        let perm = order.iter().map(|&from| from as i64).collect();
        self.one(
            "Transpose",
            &[value],
            Attrs::new().with("perm", Attr::Ints(perm)),
            Type::Tensor { dtype: ty.dtype(), shape },
        )
    }

    /// To a fixed shape, in which one extent may be -1 and none 0.
    pub(crate) fn reshape(&mut self, value: ValueId, shape: &[i64]) -> ValueId {
        let dims = shape.iter().map(|&extent| Elem::Known(extent).to_dim()).collect();
        let ty = Type::Tensor { dtype: self.ty(value).dtype(), shape: Some(dims) };
        let shape = self.i64s(shape);
        self.one("Reshape", &[value, shape], Attrs::new(), ty)
    }

    pub(crate) fn cast(&mut self, value: ValueId, dtype: DType) -> ValueId {
        let ty = self.ty(value);
        if ty.dtype() == Some(dtype) {
            return value;
        }
        let code = onnx_code(dtype).unwrap_or(0);
        let ty = Type::Tensor { dtype: Some(dtype), shape: ty.shape().cloned() };
        self.one("Cast", &[value], Attrs::new().with("to", Attr::Int(code)), ty)
    }

    /// Without the dimensions `axes`, each of extent 1.
    pub(crate) fn squeeze(&mut self, value: ValueId, axes: &[usize]) -> ValueId {
        if axes.is_empty() {
            return value;
        }
        let ty = self.ty(value);
        let shape = ty.shape().map(|shape| {
            shape.iter().enumerate().filter(|(at, _)| !axes.contains(at)).map(|(_, dim)| dim.clone()).collect()
        });
        let axes: Vec<i64> = axes.iter().map(|&axis| axis as i64).collect();
        let axes = self.i64s(&axes);
        self.one("Squeeze", &[value, axes], Attrs::new(), Type::Tensor { dtype: ty.dtype(), shape })
    }

    /// With new dimensions of extent 1 at `axes` of the result, in ascending order.
    pub(crate) fn unsqueeze(&mut self, value: ValueId, axes: &[usize]) -> ValueId {
        if axes.is_empty() {
            return value;
        }
        let ty = self.ty(value);
        let shape = ty.shape().and_then(|shape| {
            let mut shape = shape.clone();
            for &axis in axes {
                if axis > shape.len() {
                    return None;
                }
                shape.insert(axis, gtt_ir::Dim::Known(1));
            }
            Some(shape)
        });
        let axes: Vec<i64> = axes.iter().map(|&axis| axis as i64).collect();
        let axes = self.i64s(&axes);
        self.one("Unsqueeze", &[value, axes], Attrs::new(), Type::Tensor { dtype: ty.dtype(), shape })
    }
}

/// The number of an element type in ONNX; `None` for types that ONNX does not have (or that its ops do not take).
pub(crate) fn onnx_code(dtype: DType) -> Option<i64> {
    gtt_ops::onnx_number(dtype).filter(|&number| number <= 13 || dtype == DType::BF16)
}
