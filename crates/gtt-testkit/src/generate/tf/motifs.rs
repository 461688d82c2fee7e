//! What training and exporters leave in inference graphs: branches, checks, gradients' identities, rescaled images, calls.

use gtt_ir::{Attr, Attrs, DType, Function, Name, NodeSpec, Op, Site, Tensor, Type};

use super::{IN_LOOP, t, text};
use crate::generate::{Builder, Item};

pub(super) fn step(to: &mut Builder<'_>) {
    match to.random.below(11) {
        0 => branch(to),
        9 => counted(to),
        1 => identities(to),
        2 => check(to),
        3 => clips(to),
        4 => views(to),
        5 => squeeze_and_excite(to),
        6 => normalised_image(to),
        7 => casts(to),
        8 => padded(to),
        _ => call(to),
    }
}

fn axes(to: &mut Builder<'_>, count: usize) -> Item {
    to.ints(&(0..count as i64).collect::<Vec<_>>())
}

/// A predicate that is known, or not.
fn predicate(to: &mut Builder<'_>, x: &Item) -> Item {
    if to.random.one_in(2) {
        let truth = to.random.one_in(2);
        let constant = Tensor::from_bools(&[], &[truth]).expect("one element");
        return to.constant_as_given(constant);
    }
    let all = axes(to, x.rank());
    let attrs = [t(), ("Tidx", Attr::DType(DType::I32)), ("keep_dims", Attr::Bool(false))];
    let sum = to.float_node("Sum", &[x.value, all.value], &attrs, &[]);
    let limit = to.floats(&[], -1.0, 1.0);
    to.node("Less", &[Some(sum.value), Some(limit.value)], &[t()], &[(DType::Bool, &[])]).remove(0)
}

/// `Switch` and `Merge` of TensorFlow 1, with a constant that belongs to one of the branches.
fn branch(to: &mut Builder<'_>) {
    let Some(x) = to.choose_float() else { return };
    let predicate = predicate(to, &x);
    let before = to.pool.len();
    let both: [(DType, &[usize]); 2] = [(DType::F32, &x.shape), (DType::F32, &x.shape)];
    let sides = to.node("Switch", &[Some(x.value), Some(predicate.value)], &[t()], &both);
    let pivots: [(DType, &[usize]); 2] = [(DType::Bool, &[]), (DType::Bool, &[])];
    let bool_t = [("T", Attr::DType(DType::Bool))];
    let pivots = to.node("Switch", &[Some(predicate.value), Some(predicate.value)], &bool_t, &pivots);
    let pivot = to.node("Identity", &[Some(pivots[1].value)], &bool_t, &[(DType::Bool, &[])]).remove(0);
    let pivot = to.model.graph(to.graph).def_node(pivot.value).expect("a node's result");
    let factor = to.random.floats(1, 0.5, 1.5);
    let factor = Attr::Tensor(Tensor::scalar(factor[0]));
    let attrs = [("dtype", Attr::DType(DType::F32)), ("value", factor)];
    let factor = to.node("Const", &[], &attrs, &[(DType::F32, &[])]).remove(0);
    let node = to.model.graph(to.graph).def_node(factor.value).expect("a node's result");
    to.edit().set_control(node, [Site::Node(pivot)]);
    let mut right = to.float_node("Mul", &[sides[1].value, factor.value], &[t()], &x.shape);
    if to.random.one_in(4) {
        // What a function computes, or hands through, is there in this branch only.
        let name = scaling(to);
        let attrs = [
            ("Tin", Attr::DTypes(vec![DType::F32])),
            ("Tout", Attr::DTypes(vec![DType::F32; 2])),
            ("f", Attr::Func(name)),
        ];
        let results = to.node("PartitionedCall", &[Some(right.value)], &attrs, &both);
        right = to.random.pick(&results);
    }
    let left =
        if to.random.one_in(2) { to.float_node("Relu", &[sides[0].value], &[t()], &x.shape) } else { sides[0].clone() };
    let swapped = to.random.one_in(2);
    let operands = if swapped { [right.value, left.value] } else { [left.value, right.value] };
    let results: [(DType, &[usize]); 2] = [(DType::F32, &x.shape), (DType::I32, &[])];
    let count = if to.random.one_in(4) { 2 } else { 1 };
    let merged = to.node("Merge", &operands.map(Some), &[t(), ("N", Attr::Int(2))], &results[..count]);
    // What lies in a branch is only for what lies there, too.
    to.pool.truncate(before);
    to.pool.extend(merged);
}

fn identities(to: &mut Builder<'_>) {
    let (Some(x), Some(y)) = (to.choose_float(), to.choose_float()) else { return };
    let types = Attr::DTypes(vec![DType::F32; 2]);
    let results: [(DType, &[usize]); 2] = [(DType::F32, &x.shape), (DType::F32, &y.shape)];
    let count = if to.random.one_in(3) { 2 } else { 1 };
    to.node("IdentityN", &[Some(x.value), Some(y.value)], &[("T", types)], &results[..count]);
}

/// Something waits for a check, or for a node that waits for much.
fn check(to: &mut Builder<'_>) {
    let Some(x) = to.choose_float() else { return };
    let finite = to.node("IsFinite", &[Some(x.value)], &[t()], &[(DType::Bool, &x.shape)]).remove(0);
    let all = axes(to, x.rank());
    let attrs = [("Tidx", Attr::DType(DType::I32)), ("keep_dims", Attr::Bool(false))];
    let ok = to.node("All", &[Some(finite.value), Some(all.value)], &attrs, &[(DType::Bool, &[])]).remove(0);
    let name = to.fresh("assert");
    let mut assert = NodeSpec::new(Op::tf("Assert"), name).inputs([Some(ok.value), Some(x.value)]);
    assert = assert.attr("T", Attr::DTypes(vec![DType::F32])).attr("summarize", Attr::Int(3)).rank(to.made as u32);
    let assert = to.edit().add_node(assert);
    // Before what waits for it: more control edges only lead to nodes that came earlier.
    let waits = if to.random.one_in(2) {
        let name = to.fresh("noop");
        let mut idle = NodeSpec::new(Op::tf("NoOp"), name).rank(to.made as u32);
        let constants: Vec<Site> = to.constants.iter().map(|item| Site::Const(item.value)).take(2).collect();
        idle.control = std::iter::once(Site::Node(assert)).chain(constants).collect();
        to.edit().add_node(idle)
    } else {
        assert
    };
    let checked = to.float_node("Identity", &[x.value], &[t()], &x.shape);
    let node = to.model.graph(to.graph).def_node(checked.value).expect("a node's result");
    to.edit().set_control(node, [Site::Node(waits)]);
}

fn clips(to: &mut Builder<'_>) {
    let Some(mut x) = to.choose_float() else { return };
    for _ in 0..2 + to.random.below(2) {
        x = match to.random.below(4) {
            0 => to.float_node("Relu", &[x.value], &[t()], &x.shape),
            1 => to.float_node("Relu6", &[x.value], &[t()], &x.shape),
            kind => {
                let bound = to.random.pick(&[0.0f32, 0.25, 6.0]);
                let bound = to.constant_as_given(Tensor::scalar(bound));
                let op = if kind == 2 { "Minimum" } else { "Maximum" };
                let operands = if to.random.one_in(3) { [bound.value, x.value] } else { [x.value, bound.value] };
                to.float_node(op, &operands, &[t()], &x.shape)
            }
        };
    }
}

fn views(to: &mut Builder<'_>) {
    let Some(mut x) = to.choose_float() else { return };
    for _ in 0..2 + to.random.below(3) {
        let rank = x.rank();
        x = match to.random.below(4) {
            0 => {
                let place = to.random.below(rank + 1);
                let axis = to.constant_as_given(Tensor::scalar(place as i32));
                let mut shape = x.shape.clone();
                shape.insert(place, 1);
                let attrs = [t(), ("Tdim", Attr::DType(DType::I32))];
                to.float_node("ExpandDims", &[x.value, axis.value], &attrs, &shape)
            }
            1 => {
                let Some(place) = x.shape.iter().position(|&extent| extent == 1) else { continue };
                let mut shape = x.shape.clone();
                shape.remove(place);
                let attrs = [t(), ("squeeze_dims", Attr::Ints(vec![place as i64]))];
                to.float_node("Squeeze", &[x.value], &attrs, &shape)
            }
            2 if rank >= 2 => {
                let mut perm: Vec<usize> = (0..rank).collect();
                perm.swap(to.random.below(rank), to.random.below(rank));
                let shape: Vec<usize> = perm.iter().map(|&axis| x.shape[axis]).collect();
                let perm = to.ints(&perm.iter().map(|&axis| axis as i64).collect::<Vec<_>>());
                let attrs = [t(), ("Tperm", Attr::DType(DType::I32))];
                to.float_node("Transpose", &[x.value, perm.value], &attrs, &shape)
            }
            _ => {
                let count: usize = x.shape.iter().product();
                let (shape, target) = match to.random.below(3) {
                    0 => (vec![count], vec![-1]),
                    1 if rank > 0 => (vec![x.shape[0], count / x.shape[0].max(1)], vec![x.shape[0] as i64, -1]),
                    _ => (vec![1, count], vec![1, count as i64]),
                };
                let target = to.ints(&target);
                let attrs = [t(), ("Tshape", Attr::DType(DType::I32))];
                to.float_node("Reshape", &[x.value, target.value], &attrs, &shape)
            }
        };
    }
}

/// The mean over positions, reshaped to what it would be had it kept its axes.
fn squeeze_and_excite(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() == 4) else { return };
    let [n, _, _, c] = x.shape[..] else { return };
    let keeps = to.random.one_in(4);
    let axes = to.ints(&[1, 2]);
    let attrs = [t(), ("Tidx", Attr::DType(DType::I32)), ("keep_dims", Attr::Bool(keeps))];
    let op = to.random.pick(&["Mean", "Max", "Sum"]);
    let shape = if keeps { vec![n, 1, 1, c] } else { vec![n, c] };
    let mean = to.float_node(op, &[x.value, axes.value], &attrs, &shape);
    let target = if to.random.one_in(4) { [-1, 1, c as i64, 1] } else { [-1, 1, 1, c as i64] };
    let shape = target.map(|extent| if extent < 0 { n } else { extent as usize });
    let target = to.ints(&target);
    let attrs = [t(), ("Tshape", Attr::DType(DType::I32))];
    to.float_node("Reshape", &[mean.value, target.value], &attrs, &shape);
}

/// Scales and offsets one after the other, and a convolution.
fn normalised_image(to: &mut Builder<'_>) {
    let Some(mut x) = to.choose(|item| item.dtype == DType::F32 && item.rank() == 4) else { return };
    for _ in 0..1 + to.random.below(4) {
        let shape = if to.random.one_in(2) { Vec::new() } else { vec![x.shape[3]] };
        let elements = to.random.floats(shape.iter().product(), 0.5, 1.5);
        let constant = to.constant_as_given(Tensor::from_vec(&shape, elements).expect("elements of the shape"));
        let op = to.random.pick(&["Mul", "RealDiv", "AddV2", "Sub"]);
        x = to.float_node(op, &[x.value, constant.value], &[t()], &x.shape);
    }
    let [n, h, w, c] = x.shape[..] else { return };
    let filter = to.floats(&[1, 1, c, 2], -1.0, 1.0);
    let padding = to.random.pick(&["SAME", "VALID"]);
    let attrs = [
        t(),
        ("strides", Attr::Ints(vec![1, 1, 1, 1])),
        ("padding", text(padding)),
        ("data_format", text("NHWC")),
        ("dilations", Attr::Ints(vec![1, 1, 1, 1])),
    ];
    let conv = to.float_node("Conv2D", &[x.value, filter.value], &attrs, &[n, h, w, 2]);
    if to.random.one_in(2) {
        let bias = to.floats(&[2], -1.0, 1.0);
        to.float_node("BiasAdd", &[conv.value, bias.value], &[t(), ("data_format", text("NHWC"))], &[n, h, w, 2]);
    }
}

fn casts(to: &mut Builder<'_>) {
    let Some(x) = to.choose_float() else { return };
    let mut from = DType::F32;
    let mut value = x.value;
    for to_type in [to.random.pick(&[DType::F64, DType::F32, DType::I32]), DType::F32] {
        let attrs = [("SrcT", Attr::DType(from)), ("DstT", Attr::DType(to_type))];
        value = to.node("Cast", &[Some(value)], &attrs, &[(to_type, &x.shape)]).remove(0).value;
        from = to_type;
    }
}

/// What Keras pads before a strided convolution.
fn padded(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() == 4 && item.shape[1] >= 3) else { return };
    let [n, h, w, c] = x.shape[..] else { return };
    let amounts = to.random.pick(&[[0i32, 1, 0, 1], [1, 1, 1, 1], [0, 1, 1, 1]]);
    let [top, bottom, left, right] = amounts;
    let pairs = vec![0, 0, top, bottom, left, right, 0, 0];
    let pairs = to.constant_as_given(Tensor::from_vec(&[4, 2], pairs).expect("eight elements"));
    let (height, width) = (h + (top + bottom) as usize, w + (left + right) as usize);
    let attrs = [t(), ("Tpaddings", Attr::DType(DType::I32))];
    let pad = to.float_node("Pad", &[x.value, pairs.value], &attrs, &[n, height, width, c]);
    let filter = to.floats(&[3, 3, c, 2], -1.0, 1.0);
    let attrs = [
        t(),
        ("strides", Attr::Ints(vec![1, 2, 2, 1])),
        ("padding", text("VALID")),
        ("data_format", text("NHWC")),
        ("dilations", Attr::Ints(vec![1, 1, 1, 1])),
    ];
    let shape = [n, (height - 3) / 2 + 1, (width - 3) / 2 + 1, 2];
    to.float_node("Conv2D", &[pad.value, filter.value], &attrs, &shape);
}

/// A loop of TensorFlow 1 that runs a few times, with constants of its frame.
fn counted(to: &mut Builder<'_>) {
    let Some(x) = to.choose_float() else { return };
    let (limit, scale) = (to.random.below(4) as i32, to.random.floats(1, 0.5, 1.5));
    let zero = to.constant_as_given(Tensor::scalar(0i32));
    let (before, nodes) = (to.pool.len(), to.model.graph(to.graph).node_count());
    let frame = Attr::Str(to.fresh("frame").as_str().to_owned().into());
    let float = [t()];
    let integer = [("T", Attr::DType(DType::I32))];
    let of_frame = [("frame_name", frame), ("is_constant", Attr::Bool(false)), ("parallel_iterations", Attr::Int(10))];
    type Kind<'s> = (DType, &'s [usize]);
    let (f, i): (Kind<'_>, Kind<'_>) = ((DType::F32, &x.shape), (DType::I32, &[]));
    let number = to.node("Enter", &[Some(zero.value)], &[&integer[..], &of_frame].concat(), &[i]).remove(0);
    let entered = to.node("Enter", &[Some(x.value)], &[&float[..], &of_frame].concat(), &[f]).remove(0);
    let two = [("N", Attr::Int(2))];
    let of = |to: &Builder<'_>, item: &Item| to.model.graph(to.graph).def_node(item.value).expect("a node's result");
    let constant = |to: &mut Builder<'_>, tensor: Tensor, waits_for: &Item| {
        let attrs = [("dtype", Attr::DType(tensor.dtype())), ("value", Attr::Tensor(tensor.clone()))];
        let made = to.node("Const", &[], &attrs, &[(tensor.dtype(), &[])]).remove(0);
        let (node, source) = (of(to, &made), of(to, waits_for));
        to.edit().set_control(node, [Site::Node(source)]);
        made
    };
    let again = [Some(number.value), Some(number.value)];
    let counter = to.node("Merge", &again, &[&integer[..], &two].concat(), &[i]).remove(0);
    let again = [Some(entered.value), Some(entered.value)];
    let value = to.node("Merge", &again, &[&float[..], &two].concat(), &[f]).remove(0);
    let limit = constant(to, Tensor::scalar(limit), &counter);
    let bool_type: (DType, &[usize]) = (DType::Bool, &[]);
    let less = to.node("Less", &[Some(counter.value), Some(limit.value)], &integer, &[bool_type]).remove(0);
    let go = to.node("LoopCond", &[Some(less.value)], &[], &[bool_type]).remove(0);
    let counters = to.node("Switch", &[Some(counter.value), Some(go.value)], &integer, &[i, i]);
    let values = to.node("Switch", &[Some(value.value), Some(go.value)], &float, &[f, f]);
    let now = to.node("Identity", &[Some(counters[1].value)], &integer, &[i]).remove(0);
    let one = constant(to, Tensor::scalar(1i32), &now);
    let factor = constant(to, Tensor::scalar(scale[0]), &now);
    let more = to.node("AddV2", &[Some(now.value), Some(one.value)], &integer, &[i]).remove(0);
    let scaled = to.float_node("Mul", &[values[1].value, factor.value], &float, &x.shape);
    let next = to.float_node("Tanh", &[scaled.value], &float, &x.shape);
    let counter_next = to.node("NextIteration", &[Some(more.value)], &integer, &[i]).remove(0);
    let value_next = to.node("NextIteration", &[Some(next.value)], &float, &[f]).remove(0);
    for (merge, first, next) in [(&counter, number, counter_next), (&value, entered, value_next)] {
        let merge = of(to, merge);
        to.edit().set_inputs(merge, [Some(first.value), Some(next.value)]);
    }
    let inside: Vec<_> = to.model.graph(to.graph).nodes().map(|(id, _)| id).skip(nodes).collect();
    inside.into_iter().for_each(|node| to.edit().set_attr(node, IN_LOOP, Attr::Bool(true)));
    let left = to.float_node("Exit", &[values[0].value], &float, &x.shape);
    to.pool.truncate(before);
    to.pool.push(left);
}

/// Calls of a function that scales its operand and gives it back, too, and of the one of two whose number is given.
fn call(to: &mut Builder<'_>) {
    let Some(x) = to.choose_float() else { return };
    let name = scaling(to);
    let lists = [("Tin", Attr::DTypes(vec![DType::F32])), ("Tout", Attr::DTypes(vec![DType::F32; 2]))];
    let results: [(DType, &[usize]); 2] = [(DType::F32, &x.shape), (DType::F32, &x.shape)];
    for _ in 0..1 + to.random.below(2) {
        let count = 1 + to.random.below(2);
        let op = to.random.pick(&["PartitionedCall", "StatefulPartitionedCall"]);
        let attrs = [&lists[..], &[("f", Attr::Func(name.clone()))]].concat();
        to.node(op, &[Some(x.value)], &attrs, &results[..count]);
    }
    if to.random.below(2) == 0 {
        let branches = Attr::Funcs(vec![name, scaling(to)]);
        let number = to.random.pick(&[-1i32, 0, 1, 7]);
        let number = to.constant_as_given(Tensor::scalar(number));
        let op = to.random.pick(&["Case", "StatelessCase"]);
        let attrs = [&lists[..], &[("branches", branches)]].concat();
        to.node(op, &[Some(number.value), Some(x.value)], &attrs, &results);
    }
}

/// A new function that scales its operand, and gives that back, too.
fn scaling(to: &mut Builder<'_>) -> Name {
    let name = to.fresh("function");
    let graph = to.model.add_graph(&name, None);
    let factor = to.random.floats(1, 0.5, 1.5);
    let ty = Type::Tensor { dtype: Some(DType::F32), shape: None };
    let mut editor = to.model.edit(graph);
    let operand = editor.add_input("a", ty.clone());
    let factor = editor.add_const("factor", Tensor::scalar(factor[0]), 0);
    let spec = NodeSpec::new(Op::tf("Mul"), "scaled").inputs([Some(operand), Some(factor)]).output("scaled", ty);
    let node = editor.add_node(spec.attr("T", Attr::DType(DType::F32)).rank(1));
    let scaled = editor.result(node, 0);
    editor.add_output("b", scaled);
    editor.add_output("same", operand);
    to.model.functions.push(Function {
        op: Op::tf(&name),
        overload: Name::default(),
        graph,
        opsets: Default::default(),
        defaults: Attrs::new(),
        extra: Default::default(),
        opaque: None,
        kept: false,
    });
    name
}
