//! The ONNX graph under construction: emits nodes, keeps each lowered value's forms, names things.

mod bodies;
mod forms;

use gtt_ir::{
    Attr, Attrs, DType, Def, Dialect, Domain, GraphId, Model, Name, NodeId, NodeSpec, Op, Shape, Tensor, Type, ValueId,
};
use gtt_ops::eval::Evaluator;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::tensors::element;
use crate::value::{Array, Elem, Elems, Form, Held, Val, Why, declared, decline, permuted};

/// Integer tensors up to this length are followed element by element.
const MAX_ELEMS: usize = 64;

/// Lowered values in one piece of memory.
const PIECE: usize = 256;

/// An operand, the order of its dimensions, and the shape after that.
type Reordered = (Val, Vec<usize>, Option<Vec<i64>>);

/// See the module.
pub(crate) struct Builder<'a> {
    model: Model,
    /// The graph that nodes are added to: the main graph, or a body under construction.
    current: GraphId,
    /// In pieces of [`PIECE`]: they are large, and as many as nodes, so that one list would hold much room while it grows.
    held: Vec<Vec<Held>>,
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
    /// Nodes of bodies lowered so far.
    spent: usize,
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
            spent: 0,
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

    pub(crate) fn held(&self, val: Val) -> &Held {
        &self.held[val.0 as usize / PIECE][val.0 as usize % PIECE]
    }

    fn held_mut(&mut self, val: Val) -> &mut Held {
        &mut self.held[val.0 as usize / PIECE][val.0 as usize % PIECE]
    }

    /// Number of lowered values so far.
    pub(crate) fn held_count(&self) -> usize {
        self.held.last().map_or(0, |piece| (self.held.len() - 1) * PIECE + piece.len())
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
        let (dtype, shape) = (tensor.dtype(), tensor.ty().shape().cloned());
        let held = Held::new(self.prefixed(name), self.model.main_id(), dtype, shape);
        self.push(Held { tensor: Some(tensor), elems, ..held })
    }

    /// A value held in one form. `shape` is in TensorFlow's order.
    pub(crate) fn hold(&mut self, form: Form, value: ValueId, dtype: DType, shape: Option<Shape>) -> Val {
        let mut held = Held::new(self.scope.clone(), self.current, dtype, shape);
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
        let count = self.held_count();
        if count.is_multiple_of(PIECE) {
            self.held.push(Vec::with_capacity(PIECE));
        }
        if let Some(piece) = self.held.last_mut() {
            piece.push(held);
        }
        Val(count as u32)
    }

    /// An input of the graph.
    pub(crate) fn input(&mut self, port: &Name, name: &Name, dtype: DType, shape: Option<Shape>) -> Val {
        let value = self.edit().add_input(port.clone(), declared(dtype, shape.as_ref()));
        let held = Held::new(name.clone(), self.current, dtype, shape);
        self.push(Held { natural: Some(value), ..held })
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
    dtype.onnx_number().filter(|&number| number <= 13 || dtype == DType::BF16)
}
