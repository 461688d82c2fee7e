//! Loops, branches that return anything, sequences, functions, `Constant` nodes.

use gtt_ir::{
    Attr, Attrs, ConstOrigin, Constant, DType, Domain, Function, GraphId, Name, NodeId, NodeSpec, Op, Tensor, Type,
    ValueId,
};

use super::super::{Builder, Item};
use super::{int, ints};

/// Engines that know few of these check nothing of a model that holds one, so they are rare.
pub(super) fn motif(to: &mut Builder<'_>) {
    match to.random.below(6) {
        0 => counted_loop(to),
        1 => any_branch(to),
        2 => elements(to),
        3 => parts(to),
        4 => call(to),
        _ => constant_node(to),
    }
}

fn add(to: &mut Builder<'_>, graph: GraphId, op: Op, inputs: &[ValueId], attrs: &[(&str, Attr)], ty: Type) -> ValueId {
    let name = to.fresh(&op.name);
    let mut spec = NodeSpec::new(op, name.clone()).inputs(inputs.iter().copied().map(Some)).rank(to.made as u32);
    for (attr, value) in attrs {
        spec = spec.attr(attr, value.clone());
    }
    let mut editor = to.model.edit(graph);
    let node = editor.add_node(spec.output(name, ty));
    editor.result(node, 0)
}

fn subgraph(to: &mut Builder<'_>, stem: &str) -> GraphId {
    let (name, parent) = (to.fresh(stem), to.graph);
    to.model.add_graph(&name, Some(parent))
}

fn output(to: &mut Builder<'_>, graph: GraphId, value: ValueId) {
    let name = to.model.graph(graph).value(value).name.clone();
    let taken = to.model.graph(graph).outputs().iter().any(|port| port.name == name);
    let defined_here =
        matches!(to.model.graph(graph).value(value).def, gtt_ir::Def::Node { .. } | gtt_ir::Def::Const(_));
    let name = if taken || !defined_here { to.fresh("port") } else { name };
    to.model.edit(graph).add_output(name, value);
}

/// A `Loop` that runs never, once or a few times, by its trip count or its conditions; carried and scanned results.
fn counted_loop(to: &mut Builder<'_>) {
    let Some(x) = to.choose_float() else { return };
    let ty = Type::fixed(DType::F32, &x.shape);
    let body = subgraph(to, "body");
    let names = [to.fresh("i"), to.fresh("c"), to.fresh("v")];
    let shape: &[usize] = &[];
    let mut editor = to.model.edit(body);
    let [i, c, v] = names;
    let iteration = editor.add_input(i, Type::fixed(DType::I64, shape));
    let goes_on = editor.add_input(c, Type::fixed(DType::Bool, shape));
    let carried = editor.add_input(v, ty.clone());
    let op = to.random.pick(&["Relu", "Neg", "Tanh"]);
    let mut next = add(to, body, Op::onnx(op), &[carried], &[], ty.clone());
    if to.random.one_in(2) {
        let outer = to.model.edit(body).capture(x.value);
        next = add(to, body, Op::onnx("Add"), &[next, outer], &[], ty.clone());
    }
    if to.random.one_in(2) {
        let number = add(to, body, Op::onnx("Cast"), &[iteration], &[("to", int(1))], Type::fixed(DType::F32, shape));
        next = add(to, body, Op::onnx("Mul"), &[next, number], &[], ty.clone());
    }
    let stops = to.random.one_in(4);
    let condition = match to.random.below(3) {
        _ if stops => constant(to, body, Tensor::from_bools(shape, &[false]).expect("one element")),
        0 => goes_on,
        1 => add(to, body, Op::onnx("Identity"), &[goes_on], &[], Type::fixed(DType::Bool, shape)),
        _ => constant(to, body, Tensor::from_bools(shape, &[true]).expect("one element")),
    };
    output(to, body, condition);
    output(to, body, next);
    let scans = to.random.below(3);
    if scans > 0 {
        let scanned = if to.random.one_in(2) { next } else { carried };
        let scanned = add(to, body, Op::onnx("Abs"), &[scanned], &[], ty);
        (0..scans).for_each(|_| output(to, body, scanned));
    }
    let (count, enters) = (to.random.below(4), !to.random.one_in(5));
    let trip = to.constant_as_given(Tensor::scalar(count as i64)).value;
    let first = match to.random.one_in(2) && enters {
        true => None,
        false => Some(to.constant_as_given(Tensor::from_bools(&[], &[enters]).expect("one element")).value),
    };
    let runs = if !enters { 0 } else { count.min(if stops { 1 } else { count }) };
    let mut stacked = vec![runs];
    stacked.extend(&x.shape);
    let mut results: Vec<(DType, &[usize])> = vec![(DType::F32, &x.shape)];
    results.extend((0..scans).map(|_| (DType::F32, &stacked[..])));
    to.node("Loop", &[Some(trip), first, Some(x.value)], &[("body", Attr::Graph(body))], &results);
    if runs == 0 && scans > 0 {
        // Tensors without elements are of little use to other ops.
        to.pool.truncate(to.pool.len() - scans);
    }
}

fn constant(to: &mut Builder<'_>, graph: GraphId, tensor: Tensor) -> ValueId {
    let name = to.fresh("inner");
    to.model.edit(graph).add_const(name, tensor, 0)
}

/// An `If`, mostly over a constant, whose branches return captures, constants of their own, results, or all of these.
fn any_branch(to: &mut Builder<'_>) {
    let Some(x) = to.choose_float() else { return };
    let ty = Type::fixed(DType::F32, &x.shape);
    let flag = to.random.one_in(2);
    let condition = to.constant_as_given(Tensor::from_bools(&[], &[flag]).expect("one element")).value;
    let count = 1 + to.random.below(3);
    let mut branches = Vec::new();
    for stem in ["then", "else"] {
        let graph = subgraph(to, stem);
        for _ in 0..count {
            let captured = to.model.edit(graph).capture(x.value);
            let value = match to.random.below(4) {
                0 => captured,
                1 => {
                    let elements = to.random.floats(x.shape.iter().product(), -1.0, 1.0);
                    constant(to, graph, Tensor::from_vec(&x.shape, elements).expect("elements of the shape"))
                }
                2 => add(to, graph, Op::onnx("Neg"), &[captured], &[], ty.clone()),
                _ => {
                    let captured_flag = to.model.edit(graph).capture(condition);
                    let outside = std::mem::replace(&mut to.graph, graph);
                    let mut inner = Vec::new();
                    for op in ["Abs", "Relu"] {
                        let nested = subgraph(to, op);
                        let again = to.model.edit(nested).capture(captured);
                        let result = add(to, nested, Op::onnx(op), &[again], &[], ty.clone());
                        output(to, nested, result);
                        inner.push(nested);
                    }
                    to.graph = outside;
                    let attrs = [("then_branch", Attr::Graph(inner[0])), ("else_branch", Attr::Graph(inner[1]))];
                    add(to, graph, Op::onnx("If"), &[captured_flag], &attrs, ty.clone())
                }
            };
            output(to, graph, value);
        }
        branches.push(graph);
    }
    let attrs = [("then_branch", Attr::Graph(branches[0])), ("else_branch", Attr::Graph(branches[1]))];
    let results: Vec<(DType, &[usize])> = vec![(DType::F32, &x.shape); count];
    to.node("If", &[Some(condition)], &attrs, &results);
}

fn sequence(to: &mut Builder<'_>, op: &str, inputs: &[ValueId], attrs: &[(&str, Attr)]) -> ValueId {
    let graph = to.graph;
    let ty = Type::Sequence(Box::new(Type::Tensor { dtype: Some(DType::F32), shape: None }));
    add(to, graph, Op::onnx(op), inputs, attrs, ty)
}

/// A sequence is put together and read.
fn elements(to: &mut Builder<'_>) {
    let Some(x) = to.choose_float() else { return };
    let Some(y) = to.choose(|item| item.dtype == DType::F32 && item.shape == x.shape) else { return };
    let mut sequence_of = sequence(to, "SequenceConstruct", &[x.value, y.value], &[]);
    let mut length = 2i64;
    for _ in 0..to.random.below(3) {
        let at = to.random.below(length as usize) as i64 - to.random.below(2) as i64 * length;
        let at = to.constant_as_given(Tensor::scalar(at)).value;
        if to.random.one_in(3) && length > 1 {
            sequence_of = sequence(to, "SequenceErase", &[sequence_of, at], &[]);
            length -= 1;
        } else {
            sequence_of = sequence(to, "SequenceInsert", &[sequence_of, x.value, at], &[]);
            length += 1;
        }
    }
    match to.random.below(4) {
        0 => drop(to.node("SequenceLength", &[Some(sequence_of)], &[], &[(DType::I64, &[])])),
        1 if x.rank() > 0 => {
            let mut shape = x.shape.clone();
            shape[0] *= length as usize;
            to.float_node("ConcatFromSequence", &[sequence_of], &[("axis", int(0))], &shape);
        }
        _ => {
            let at = to.random.below(length as usize) as i64 - to.random.below(2) as i64 * length;
            let at = to.constant_as_given(Tensor::scalar(at)).value;
            to.float_node("SequenceAt", &[sequence_of, at], &[], &x.shape);
        }
    }
}

/// A tensor is split into a sequence, and parts are read or put together again.
fn parts(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() >= 1) else { return };
    let axis = to.random.below(x.rank());
    let extent = x.shape[axis];
    let mut part = x.shape.clone();
    let by_one = to.random.one_in(2);
    let keeps = !by_one || to.random.one_in(2);
    let mut attrs = vec![("axis", int(axis as i64 - if to.random.one_in(2) { x.rank() as i64 } else { 0 }))];
    let sequence_of = if by_one {
        part[axis] = 1;
        if !keeps {
            part.remove(axis);
            attrs.push(("keepdims", int(0)));
        }
        sequence(to, "SplitToSequence", &[x.value], &attrs)
    } else {
        part[axis] = extent.div_ceil(2).max(1);
        let split = to.constant_as_given(Tensor::scalar(part[axis] as i64)).value;
        sequence(to, "SplitToSequence", &[x.value, split], &attrs)
    };
    if to.random.one_in(4) {
        let attrs = [("axis", int(axis as i64)), ("new_axis", int(i64::from(!keeps)))];
        to.float_node("ConcatFromSequence", &[sequence_of], &attrs, &x.shape);
        return;
    }
    let count = if by_one { extent } else { extent.div_ceil(part[axis]) };
    for at in 0..count.min(3) {
        if to.random.one_in(4) {
            continue;
        }
        let mut shape = part.clone();
        if keeps {
            shape[axis] = shape[axis].min(extent - at * shape[axis]);
        }
        let at = at as i64 - if to.random.one_in(3) { count as i64 } else { 0 };
        let at = to.constant_as_given(Tensor::scalar(at)).value;
        to.float_node("SequenceAt", &[sequence_of, at], &[], &shape);
    }
}

/// A function with attributes, a constant and perhaps a branch, called once or twice.
fn call(to: &mut Builder<'_>) {
    let Some(x) = to.choose_float() else { return };
    let name = to.fresh("Function");
    let domain = Domain::onnx("com.example.functions");
    let body = to.model.add_graph(&name, None);
    let parameters = [to.fresh("a"), to.fresh("b")];
    let mut editor = to.model.edit(body);
    let [a, b] = parameters;
    let (a, b) = (editor.add_input(a, Type::Unknown), editor.add_input(b, Type::Unknown));
    let first = add(to, body, Op::onnx("Elu"), &[a], &[("alpha", Attr::Ref(Name::new("alpha")))], Type::Unknown);
    let half = to.fresh("half");
    let constant = Constant {
        tensor: Tensor::scalar(0.5f32),
        origin: ConstOrigin::ConstantNode,
        rank: to.made as u32,
        meta: None,
    };
    let half = to.model.edit(body).add_constant(half, constant);
    let second = add(to, body, Op::onnx("Mul"), &[first, half], &[], Type::Unknown);
    let third = add(to, body, Op::onnx("Add"), &[second, b], &[], Type::Unknown);
    let third = if to.random.one_in(2) { within_function(to, body, third, half) } else { third };
    output(to, body, third);
    let other = if to.random.one_in(3) { a } else { first };
    output(to, body, other);
    let op = Op::new(domain.clone(), name.as_str());
    to.model.opsets.insert(domain, 1);
    let defaults = Attrs::new().with("alpha", Attr::Float(0.5));
    let opsets = to.model.opsets.clone();
    let function = Function {
        op: op.clone(),
        overload: Name::default(),
        graph: body,
        opsets,
        defaults,
        extra: Default::default(),
        opaque: None,
        kept: false,
    };
    to.model.functions.push(function);
    for _ in 0..1 + to.random.below(2) {
        let attrs = if to.random.one_in(2) { vec![("alpha", Attr::Float(0.25))] } else { Vec::new() };
        let shape = x.shape.clone();
        let results: [(DType, &[usize]); 2] = [(DType::F32, &shape), (DType::F32, &shape)];
        to.node(&op.name, &[Some(x.value), Some(x.value)], &attrs, &results);
        let last: Option<NodeId> = to.model.graph(to.graph).nodes().next_back().map(|(node, _)| node);
        if let Some(node) = last {
            to.edit().set_op(node, op.clone());
        }
    }
}

/// What passes find in the body of a function: twice the same, twice in vain, of constants, of an attribute of the caller.
fn within_function(to: &mut Builder<'_>, body: GraphId, x: ValueId, half: ValueId) -> ValueId {
    let mut last = x;
    for _ in 0..1 + to.random.below(4) {
        let alpha = [("alpha", Attr::Ref(Name::new("alpha")))];
        let unary = |to: &mut Builder<'_>, op: &str, x: ValueId| add(to, body, Op::onnx(op), &[x], &[], Type::Unknown);
        last = match to.random.below(7) {
            0 => {
                let once = unary(to, "Relu", last);
                unary(to, "Relu", once)
            }
            1 => {
                let once = unary(to, "Neg", last);
                unary(to, "Neg", once)
            }
            2 => unary(to, "Identity", last),
            3 => add(to, body, Op::onnx("LeakyRelu"), &[last], &alpha, Type::Unknown),
            4 => {
                let one = add(to, body, Op::onnx("Add"), &[half, half], &[], Type::Unknown);
                add(to, body, Op::onnx("Mul"), &[last, one], &[], Type::Unknown)
            }
            5 => {
                let [one, other] = [0; 2].map(|_| add(to, body, Op::onnx("Elu"), &[last], &alpha, Type::Unknown));
                add(to, body, Op::onnx("Sub"), &[one, other], &[], Type::Unknown)
            }
            _ => {
                let once = add(to, body, Op::onnx("Max"), &[last, half], &[], Type::Unknown);
                unary(to, "Relu", once)
            }
        };
    }
    last
}

/// A `Constant` node.
fn constant_node(to: &mut Builder<'_>) {
    let Some(x) = to.choose_float() else { return };
    let name = to.fresh("constant");
    let constant = Constant {
        tensor: Tensor::scalar(0.5f32),
        origin: ConstOrigin::ConstantNode,
        rank: to.made as u32,
        meta: None,
    };
    let value = to.edit().add_constant(name, constant);
    to.constants.push(Item { value, dtype: DType::F32, shape: Vec::new() });
    to.float_node("Mul", &[x.value, value], &[], &x.shape);
    if x.rank() > 0 && to.random.one_in(2) {
        let perm: Vec<i64> = (0..x.rank() as i64).collect();
        to.float_node("Transpose", &[x.value], &[("perm", ints(&perm))], &x.shape);
    }
}
