//! ONNX, operator set 17.

mod algebra;
mod flow;
mod motion;
mod movement;
mod products;
mod structure;
mod transformer;

use gtt_ir::{Attr, Constant, DType, Dialect, NodeSpec, Op, Tensor, Type, ValueId};

use super::{Builder, Item};
use structure::disturbed;

pub(super) fn fill(to: &mut Builder<'_>, steps: usize) {
    inputs(to);
    for _ in 0..steps {
        step(to);
    }
    to.outputs();
}

fn inputs(to: &mut Builder<'_>) {
    let shapes: [&[usize]; 7] = [&[1, 3, 6, 6], &[2, 4, 5, 5], &[2, 3], &[4, 4], &[3], &[2, 3, 4], &[2, 4, 6]];
    for index in 0..1 + to.random.below(3) {
        let shape = to.random.pick(&shapes).to_vec();
        let ty = Type::fixed(DType::F32, &shape);
        let value = to.edit().add_input(format!("input_{index}"), ty);
        if index > 0 && to.random.one_in(5) {
            let elements = to.random.floats(shape.iter().product(), -1.0, 1.0);
            let tensor = Tensor::from_vec(&shape, elements).expect("as many elements as the shape asks for");
            to.edit().set_default(value, Constant::new(Dialect::Onnx, tensor, 0));
        }
        to.pool.push(Item { value, dtype: DType::F32, shape });
    }
}

fn step(to: &mut Builder<'_>) {
    if to.random.one_in(120) {
        return to.unknown();
    }
    if to.random.one_in(30) {
        return flow::motif(to);
    }
    match to.random.below(44) {
        0..=3 => unary(to),
        4..=6 => binary(to),
        7 | 8 => drop(conv(to)),
        9 => batch_norm(to),
        10 => conv_then_affine(to),
        11 => matmul(to),
        12 => gemm(to),
        13 => reshape(to),
        14 => transpose(to),
        15 => concat(to),
        16 => slice(to),
        17 if to.random.one_in(2) => pad_then_conv(to),
        17 => super::spatial::step(to),
        18 => pool(to),
        19 if to.random.one_in(3) => shape_arithmetic(to),
        19 => super::shapes::step(to),
        20 => constants_only(to),
        21 => to.duplicate(),
        22 => branch(to),
        23 | 24 => disturbed(to, algebra::motif),
        25..=27 => disturbed(to, transformer::motif),
        28..=32 => disturbed(to, movement::motif),
        33..=36 => disturbed(to, motion::motif),
        37..=39 => disturbed(to, products::motif),
        40 => disturbed(to, structure::motif),
        41 => disturbed(to, super::spatial::step),
        42 => disturbed(to, products::reductions),
        _ => optional_operands(to),
    }
}

fn int(value: i64) -> Attr {
    Attr::Int(value)
}

fn ints(values: &[i64]) -> Attr {
    Attr::Ints(values.to_vec())
}

fn unary(to: &mut Builder<'_>) {
    let Some(x) = to.choose_float() else { return };
    let op = to.random.pick(&["Relu", "Tanh", "Sigmoid", "Neg", "Abs", "Identity", "Identity", "Softplus"]);
    to.float_node(op, &[x.value], &[], &x.shape);
}

/// The shape of something that broadcasts to a shape.
fn broadcastable(to: &mut Builder<'_>, shape: &[usize]) -> Vec<usize> {
    match to.random.below(4) {
        0 => Vec::new(),
        1 if shape.len() > 2 => {
            let mut narrow = vec![1; shape.len() - 1];
            narrow[0] = shape[1];
            narrow
        }
        2 => shape.last().copied().into_iter().collect(),
        _ => shape.to_vec(),
    }
}

fn binary(to: &mut Builder<'_>) {
    let Some(x) = to.choose_float() else { return };
    let op = to.random.pick(&["Add", "Mul", "Sub", "Div"]);
    let other = to.choose(|item| item.dtype == DType::F32 && item.shape == x.shape);
    let y = match other {
        Some(other) if op != "Div" && to.random.one_in(2) => other,
        _ => {
            let shape = broadcastable(to, &x.shape);
            let (low, high) = if op == "Div" { (0.5, 2.0) } else { (-1.0, 1.0) };
            if op == "Div" {
                let elements = to.random.floats(shape.iter().product(), low, high);
                to.constant_as_given(Tensor::from_vec(&shape, elements).expect("elements of the shape"))
            } else {
                to.floats(&shape, low, high)
            }
        }
    };
    let swapped = op != "Div" && to.random.one_in(3);
    let operands = if swapped { [y.value, x.value] } else { [x.value, y.value] };
    to.float_node(op, &operands, &[], &x.shape);
}

fn conv(to: &mut Builder<'_>) -> Option<Item> {
    let x =
        to.choose(|item| item.dtype == DType::F32 && item.rank() == 4 && item.shape[2] >= 3 && item.shape[3] >= 3)?;
    let bias = to.random.one_in(2);
    Some(conv_of(to, &x, bias))
}

pub(super) fn conv_of(to: &mut Builder<'_>, x: &Item, bias: bool) -> Item {
    let [n, c, h, w] = x.shape[..] else { return x.clone() };
    let kernel = to.random.pick(&[1usize, 3]);
    let stride = to.random.pick(&[1usize, 1, 2]);
    let pad = if kernel == 3 { to.random.below(2) } else { 0 };
    let depthwise = to.random.one_in(4);
    let filters = if depthwise { c } else { 1 + to.random.below(4) };
    let (group, per_group) = if depthwise { (c, 1) } else { (1, c) };
    let weights = to.floats(&[filters, per_group, kernel, kernel], -1.0, 1.0);
    let mut operands = vec![x.value, weights.value];
    if bias {
        operands.push(to.floats(&[filters], -1.0, 1.0).value);
    }
    let extent = |size: usize| (size + 2 * pad - kernel) / stride + 1;
    let (kernel, stride, pad) = (kernel as i64, stride as i64, pad as i64);
    let mut attrs = vec![("group", int(group as i64)), ("kernel_shape", ints(&[kernel, kernel]))];
    attrs.push(("strides", ints(&[stride, stride])));
    attrs.push(("pads", ints(&[pad, pad, pad, pad])));
    to.float_node("Conv", &operands, &attrs, &[n, filters, extent(h), extent(w)])
}

fn batch_norm(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() >= 2) else { return };
    batch_norm_of(to, &x);
}

pub(super) fn batch_norm_of(to: &mut Builder<'_>, x: &Item) -> Item {
    let channels = [x.shape[1]];
    let (scale, bias, mean) =
        (to.floats(&channels, 0.5, 1.5), to.floats(&channels, -1.0, 1.0), to.floats(&channels, -1.0, 1.0));
    let elements = to.random.floats(channels[0], 0.5, 2.0);
    let variance = to.constant_as_given(Tensor::vector(&elements));
    let operands = [x.value, scale.value, bias.value, mean.value, variance.value];
    to.float_node("BatchNormalization", &operands, &[("epsilon", Attr::Float(1e-3))], &x.shape)
}

fn conv_then_affine(to: &mut Builder<'_>) {
    let Some(conv) = conv(to) else { return };
    let channels = [conv.shape[1], 1, 1];
    match to.random.below(3) {
        0 => drop(batch_norm_of(to, &conv)),
        1 => {
            let factor = to.floats(&channels, 0.5, 1.5);
            let scaled = to.float_node("Mul", &[conv.value, factor.value], &[], &conv.shape);
            let term = to.floats(&channels, -1.0, 1.0);
            to.float_node("Add", &[scaled.value, term.value], &[], &conv.shape);
        }
        _ => {
            let normal = batch_norm_of(to, &conv);
            to.float_node("Relu", &[normal.value], &[], &conv.shape);
        }
    }
}

fn matmul(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() >= 2) else { return };
    let (inner, columns) = (x.shape[x.rank() - 1], 1 + to.random.below(4));
    let weights = to.floats(&[inner, columns], -1.0, 1.0);
    let mut shape = x.shape.clone();
    shape[x.rank() - 1] = columns;
    let product = to.float_node("MatMul", &[x.value, weights.value], &[], &shape);
    if to.random.one_in(2) {
        let bias = to.floats(&[columns], -1.0, 1.0);
        to.float_node("Add", &[product.value, bias.value], &[], &shape);
    }
}

fn gemm(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() == 2) else { return };
    let (transposed, flipped) = (to.random.one_in(2), to.random.one_in(4));
    let (rows, inner) = if transposed { (x.shape[1], x.shape[0]) } else { (x.shape[0], x.shape[1]) };
    let columns = 1 + to.random.below(4);
    let weights = to.floats(if flipped { [columns, inner] } else { [inner, columns] }.as_slice(), -1.0, 1.0);
    let mut operands = vec![x.value, weights.value];
    if to.random.one_in(2) {
        let shape = to.random.pick(&[vec![columns], vec![rows, columns], vec![1]]);
        operands.push(to.floats(&shape, -1.0, 1.0).value);
    }
    let attrs = [
        ("alpha", Attr::Float(0.5)),
        ("beta", Attr::Float(2.0)),
        ("transA", int(i64::from(transposed))),
        ("transB", int(i64::from(flipped))),
    ];
    let result = to.float_node("Gemm", &operands, &attrs, &[rows, columns]);
    if to.random.one_in(2) {
        batch_norm_of(to, &result);
    }
}

fn reshape(to: &mut Builder<'_>) {
    let Some(x) = to.choose_float() else { return };
    let count: usize = x.shape.iter().product();
    match to.random.below(4) {
        0 => {
            let shape = to.ints(&[-1]);
            to.float_node("Reshape", &[x.value, shape.value], &[], &[count]);
        }
        1 if x.rank() >= 2 => {
            let shape = to.ints(&[0, -1]);
            to.float_node("Reshape", &[x.value, shape.value], &[], &[x.shape[0], count / x.shape[0]]);
        }
        2 if x.rank() >= 1 => {
            to.float_node("Flatten", &[x.value], &[("axis", int(1))], &[x.shape[0], count / x.shape[0]]);
        }
        _ => {
            let axes = to.ints(&[0]);
            let mut shape = vec![1];
            shape.extend(&x.shape);
            let wide = to.float_node("Unsqueeze", &[x.value, axes.value], &[], &shape);
            if to.random.one_in(2) {
                to.float_node("Squeeze", &[wide.value, axes.value], &[], &x.shape);
            }
        }
    }
}

fn transpose(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() >= 2) else { return };
    let mut order: Vec<usize> = (0..x.rank()).collect();
    for index in (1..order.len()).rev() {
        order.swap(index, to.random.below(index + 1));
    }
    let shape: Vec<usize> = order.iter().map(|&axis| x.shape[axis]).collect();
    let perm = Attr::Ints(order.iter().map(|&axis| axis as i64).collect());
    to.float_node("Transpose", &[x.value], &[("perm", perm)], &shape);
}

fn concat(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() >= 1) else { return };
    let y = to.choose(|item| item.dtype == DType::F32 && item.shape == x.shape).unwrap_or(x.clone());
    let axis = to.random.below(x.rank());
    let mut shape = x.shape.clone();
    shape[axis] *= 2;
    to.float_node("Concat", &[x.value, y.value], &[("axis", int(axis as i64))], &shape);
}

fn slice(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() >= 1) else { return };
    let axis = to.random.below(x.rank());
    let end = 1 + to.random.below(x.shape[axis]);
    let (starts, ends, axes) = (to.ints(&[0]), to.ints(&[end as i64]), to.ints(&[axis as i64]));
    let mut shape = x.shape.clone();
    shape[axis] = end;
    to.float_node("Slice", &[x.value, starts.value, ends.value, axes.value], &[], &shape);
}

fn pad_then_conv(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() == 4 && item.shape[2] >= 2) else { return };
    let pads = to.ints(&[0, 0, 1, 1, 0, 0, 1, 1]);
    let shape = [x.shape[0], x.shape[1], x.shape[2] + 2, x.shape[3] + 2];
    let padded = to.float_node("Pad", &[x.value, pads.value], &[], &shape);
    if padded.shape[3] >= 3 {
        let bias = to.random.one_in(2);
        conv_of(to, &padded, bias);
    }
}

fn pool(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() == 4) else { return };
    let [n, c, h, w] = x.shape[..] else { return };
    if to.random.one_in(3) || h < 2 || w < 2 {
        to.float_node("GlobalAveragePool", &[x.value], &[], &[n, c, 1, 1]);
        return;
    }
    let op = to.random.pick(&["MaxPool", "AveragePool"]);
    let attrs = [("kernel_shape", ints(&[2, 2])), ("strides", ints(&[2, 2]))];
    to.float_node(op, &[x.value], &attrs, &[n, c, h / 2, w / 2]);
}

/// Shape, Gather, Unsqueeze, Concat, Reshape: what exporters write for `x.view(x.size(0), -1)`.
fn shape_arithmetic(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() >= 2) else { return };
    let count: usize = x.shape.iter().product();
    let one = |to: &mut Builder<'_>, op: &str, inputs: &[ValueId], attrs: &[(&str, Attr)], shape: &[usize]| {
        let inputs: Vec<Option<ValueId>> = inputs.iter().copied().map(Some).collect();
        to.node(op, &inputs, attrs, &[(DType::I64, shape)]).remove(0)
    };
    let shape = one(to, "Shape", &[x.value], &[], &[x.rank()]);
    let index = to.constant_as_given(Tensor::scalar(0i64));
    let first = one(to, "Gather", &[shape.value, index.value], &[("axis", int(0))], &[]);
    let axes = to.ints(&[0]);
    let first = one(to, "Unsqueeze", &[first.value, axes.value], &[], &[1]);
    let rest = to.ints(&[-1]);
    let target = one(to, "Concat", &[first.value, rest.value], &[("axis", int(0))], &[2]);
    to.float_node("Reshape", &[x.value, target.value], &[], &[x.shape[0], count / x.shape[0]]);
}

fn constants_only(to: &mut Builder<'_>) {
    let (a, b) = (to.floats(&[2, 3], -1.0, 1.0), to.floats(&[2, 3], -1.0, 1.0));
    let op = to.random.pick(&["Add", "Mul", "Sub"]);
    let sum = to.float_node(op, &[a.value, b.value], &[], &[2, 3]);
    if to.random.one_in(2) {
        to.float_node("Transpose", &[sum.value], &[("perm", ints(&[1, 0]))], &[3, 2]);
    }
}

/// An `If` over a constant or over a comparison, whose branches capture values.
fn branch(to: &mut Builder<'_>) {
    let Some(x) = to.choose_float() else { return };
    let condition = if to.random.one_in(2) {
        let flag = to.random.one_in(2);
        to.constant_as_given(Tensor::from_bools(&[], &[flag]).expect("one element")).value
    } else {
        let (axes, zero) = (Vec::<i64>::new(), to.constant_as_given(Tensor::scalar(0f32)));
        let mut attrs = vec![("keepdims", int(0))];
        if !axes.is_empty() {
            attrs.push(("axes", ints(&axes)));
        }
        let mean = to.float_node("ReduceMean", &[x.value], &attrs, &[]);
        let inputs = [Some(mean.value), Some(zero.value)];
        to.node("Greater", &inputs, &[], &[(DType::Bool, &[])]).remove(0).value
    };
    let mut branches = Vec::new();
    for name in ["then_body", "else_body"] {
        let graph = to.model.add_graph(name, Some(to.graph));
        let (result, node) = (to.fresh("branch"), to.fresh("inner"));
        let op = to.random.pick(&["Relu", "Neg", "Tanh"]);
        let mut edit = to.model.edit(graph);
        let outer = edit.capture(x.value);
        let constant = edit.add_const(format!("{result}_c"), Tensor::scalar(0.5f32), 0);
        let ty = Type::fixed(DType::F32, &x.shape);
        let first =
            edit.add_node(NodeSpec::new(Op::onnx(op), node.clone()).inputs([Some(outer)]).output(node, ty.clone()));
        let first = edit.result(first, 0);
        let spec = NodeSpec::new(Op::onnx("Add"), result.clone()).inputs([Some(first), Some(constant)]).rank(1);
        let last = edit.add_node(spec.output(result.clone(), ty));
        let last = edit.result(last, 0);
        edit.add_output(result, last);
        branches.push(graph);
    }
    let attrs = [("then_branch", Attr::Graph(branches[0])), ("else_branch", Attr::Graph(branches[1]))];
    to.float_node("If", &[condition], &attrs, &x.shape);
}

fn optional_operands(to: &mut Builder<'_>) {
    let Some(x) = to.choose_float() else { return };
    if to.random.one_in(2) {
        let max = to.constant_as_given(Tensor::scalar(0.75f32));
        to.node("Clip", &[Some(x.value), None, Some(max.value)], &[], &[(DType::F32, &x.shape)]);
        return;
    }
    let ratio = to.constant_as_given(Tensor::scalar(0.5f32));
    to.node("Dropout", &[Some(x.value), Some(ratio.value)], &[], &[(DType::F32, &x.shape)]);
}
