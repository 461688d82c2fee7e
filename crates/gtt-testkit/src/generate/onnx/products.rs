//! Products with biases of one number, einsums, recurrent layers, large weights.

use gtt_ir::{Attr, DType, Tensor, ValueId};

use super::movement::axis_of;
use super::{int, ints};
use crate::generate::{Builder, Item};

pub(super) fn motif(to: &mut Builder<'_>) {
    match to.random.below(9) {
        0 | 1 => bias_of_one_number(to),
        8 => bias_behind_view(to),
        2 => recurrent(to),
        3 | 4 => einsum(to),
        5 => large_weights(to),
        _ => reductions(to),
    }
}

/// Zeros, ones, or zeros but for one element.
fn uniform(to: &mut Builder<'_>, shape: &[usize]) -> ValueId {
    let number = to.random.pick(&[0f32, 0.0, -0.0, 1.0, 1.0, 0.5]);
    let mut elements = vec![number; shape.iter().product()];
    if to.random.one_in(5)
        && let Some(last) = elements.last_mut()
    {
        *last += 1.0;
    }
    if to.random.one_in(4) {
        let extents: Vec<i64> = shape.iter().map(|&extent| extent as i64).collect();
        let extents = to.ints(&extents);
        let value = ("value", Attr::Tensor(Tensor::vector(&[number])));
        return to.float_node("ConstantOfShape", &[extents.value], &[value], shape).value;
    }
    to.constant_as_given(Tensor::from_vec(shape, elements).expect("elements of the shape")).value
}

fn bias_of_one_number(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() >= 2) else { return };
    match x.shape[..] {
        [n, c, h, w] if to.random.one_in(2) => {
            let turned = to.random.one_in(2);
            let weights = to.floats(&if turned { [c, 2, 1, 1] } else { [2, c, 1, 1] }, -1.0, 1.0).value;
            let bias = uniform(to, &[2]);
            let op = if turned { "ConvTranspose" } else { "Conv" };
            to.float_node(op, &[x.value, weights, bias], &[("kernel_shape", ints(&[1, 1]))], &[n, 2, h, w]);
        }
        [rows, inner] => {
            let weights = to.floats(&[inner, 3], -1.0, 1.0).value;
            let shape = to.random.pick(&[vec![3], vec![rows, 3], vec![1], vec![]]);
            let addend = uniform(to, &shape);
            let beta = to.random.pick(&[0f32, 1.0, 0.5]);
            to.float_node("Gemm", &[x.value, weights, addend], &[("beta", Attr::Float(beta))], &[rows, 3]);
        }
        _ => {
            let last = [x.shape[x.rank() - 1]];
            let (scale, bias) = (to.floats(&last, 0.5, 1.5).value, uniform(to, &last));
            let attrs = [("epsilon", Attr::Float(0.0625))];
            to.float_node("LayerNormalization", &[x.value, scale, bias], &attrs, &x.shape);
        }
    }
}

/// A product of matrices, its rows taken apart, and a bias along what were the columns, almost always.
fn bias_behind_view(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() == 2) else { return };
    let [rows, inner] = x.shape[..] else { return };
    let columns = 1 + to.random.below(4);
    let weights = to.floats(&[inner, columns], -1.0, 1.0);
    let product = to.float_node("MatMul", &[x.value, weights.value], &[], &[rows, columns]);
    let shape = to.random.pick(&[[1, rows, columns], [rows, 1, columns], [1, columns, rows]]);
    let target = to.ints(&[shape[0] as i64, -1, shape[2] as i64]);
    let view = to.float_node("Reshape", &[product.value, target.value], &[], &shape);
    let bias = to.floats(&[shape[2]], -1.0, 1.0);
    let operands = if to.random.one_in(2) { [view.value, bias.value] } else { [bias.value, view.value] };
    to.float_node("Add", &operands, &[], &shape);
}

/// LSTM, GRU or RNN with biases and initial states of one number, or without.
fn recurrent(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() == 3) else { return };
    let [steps, batch, inner] = x.shape[..] else { return };
    let (op, gates) = to.random.pick(&[("LSTM", 4usize), ("GRU", 3), ("RNN", 1)]);
    let hidden = 2;
    let weights = to.floats(&[1, gates * hidden, inner], -1.0, 1.0).value;
    let recurrence = to.floats(&[1, gates * hidden, hidden], -1.0, 1.0).value;
    let mut operands = vec![Some(x.value), Some(weights), Some(recurrence)];
    let bias = (!to.random.one_in(4)).then(|| uniform(to, &[1, 2 * gates * hidden]));
    operands.extend([bias, None]);
    let states = if op == "LSTM" { 2 } else { 1 };
    for _ in 0..states {
        let state = (!to.random.one_in(4)).then(|| uniform(to, &[1, batch, hidden]));
        operands.push(state);
    }
    while operands.last() == Some(&None) {
        operands.pop();
    }
    let (all, last) = ([steps, 1, batch, hidden], [1, batch, hidden]);
    let results: [(DType, &[usize]); 2] = [(DType::F32, &all), (DType::F32, &last)];
    to.node(op, &operands, &[("hidden_size", int(hidden as i64))], &results);
}

/// An einsum that is a matrix product, with as many transposes as it takes, or that is none.
fn einsum(to: &mut Builder<'_>) {
    const EQUATIONS: &[(&str, &str, &str)] = &[
        ("ij", "jk", "ik"),
        ("ij", "kj", "ik"),
        ("ji", "jk", "ik"),
        ("ij", "jk", "ki"),
        ("bij", "bjk", "bik"),
        ("bij", "bkj", "bik"),
        ("bij", "bjk", "ikb"),
        ("bij", "jk", "bik"),
        ("bij", "bij", "bi"),
        ("ij", "ij", "ij"),
        ("ij", "ij", "i"),
        ("bhij", "bhkj", "bhik"),
        ("bihj", "bkhj", "bhik"),
        ("ij", "k", "ijk"),
    ];
    let (left, right, result) = to.random.pick(EQUATIONS);
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() == left.len()) else { return };
    let mut extents: Vec<(char, usize)> = left.chars().zip(x.shape.iter().copied()).collect();
    let columns = 1 + to.random.below(4);
    for label in right.chars() {
        if !extents.iter().any(|(other, _)| *other == label) {
            extents.push((label, columns));
        }
    }
    let shape_of = |labels: &str| -> Vec<usize> {
        let extent = |label| extents.iter().find(|(other, _)| *other == label).map_or(1, |(_, extent)| *extent);
        labels.chars().map(extent).collect()
    };
    let wanted = shape_of(right);
    let found = to.choose(|item| item.dtype == DType::F32 && item.shape == wanted);
    let y = match found {
        Some(y) if to.random.one_in(2) => y,
        _ => to.floats(&wanted, -1.0, 1.0),
    };
    let swapped = to.random.one_in(3);
    let (equation, operands) = match swapped {
        true => (format!("{right},{left}->{result}"), [y.value, x.value]),
        false => (format!("{left},{right}->{result}"), [x.value, y.value]),
    };
    to.float_node("Einsum", &operands, &[("equation", Attr::Str(equation.into()))], &shape_of(result));
}

/// Weights of more than a thousand elements, most of them different; wide results go no further.
fn large_weights(to: &mut Builder<'_>) {
    let large = |to: &mut Builder<'_>, shape: &[usize]| {
        let count = shape.iter().product();
        let elements: Vec<f32> = (0..count).map(|_| to.random.below(1 << 14) as f32 / 8192.0 - 1.0).collect();
        to.constant_as_given(Tensor::from_vec(shape, elements).expect("elements of the shape"))
    };
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() >= 1) else { return };
    if to.random.one_in(3) {
        let table = large(to, &[300, 4]);
        let indices: Vec<i64> = (0..3).map(|_| to.random.below(300) as i64).collect();
        let indices = to.ints(&indices);
        to.float_node("Gather", &[table.value, indices.value], &[("axis", int(0))], &[3, 4]);
        return;
    }
    let Some(x) = Some(x).filter(|x| x.rank() >= 2) else { return };
    let inner = x.shape[x.rank() - 1];
    let columns = 1024usize.div_ceil(inner);
    let mut wide = x.shape.clone();
    wide[x.rank() - 1] = columns;
    let pool = to.pool.len();
    let weights = large(to, &[inner, columns]);
    let up = to.float_node("MatMul", &[x.value, weights.value], &[], &wide);
    let up = to.float_node("Sigmoid", &[up.value], &[], &wide);
    // The same weights again, turned around: one constant, two readers.
    let shared = to.random.one_in(3);
    let mut narrow = x.shape.clone();
    let down = if shared {
        to.float_node("Transpose", &[weights.value], &[("perm", ints(&[1, 0]))], &[columns, inner])
    } else {
        narrow[x.rank() - 1] = 2;
        large(to, &[columns, 2])
    };
    to.pool.truncate(pool);
    to.float_node("MatMul", &[up.value, down.value], &[], &narrow);
}

/// Reductions in a row, and with their axes put back or dropped; other axes and other reductions now and then.
pub(super) fn reductions(to: &mut Builder<'_>) {
    const OPS: &[&str] = &["ReduceSum", "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL2"];
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() >= 2) else { return };
    let (op, axis) = (to.random.pick(OPS), to.random.below(x.rank()));
    let keeps = to.random.one_in(2);
    let y = reduced(to, op, &x, axis, keeps);
    match to.random.below(4) {
        0 | 1 if keeps => {
            let ones: Vec<usize> = (0..y.rank()).filter(|&axis| y.shape[axis] == 1).collect();
            let axis = if to.random.one_in(4) { to.random.pick(&ones) } else { axis };
            let at = axis_of(to, axis, y.rank());
            let axes = to.ints(&[at]);
            let mut shape = y.shape.clone();
            shape.remove(axis);
            to.float_node("Squeeze", &[y.value, axes.value], &[], &shape);
        }
        0 | 1 => {
            let axis = if to.random.one_in(4) { to.random.below(x.rank()) } else { axis };
            let at = axis_of(to, axis, x.rank());
            let axes = to.ints(&[at]);
            let mut shape = y.shape.clone();
            shape.insert(axis, 1);
            to.float_node("Unsqueeze", &[y.value, axes.value], &[], &shape);
        }
        _ => {
            let op = if to.random.one_in(4) { to.random.pick(OPS) } else { op };
            let keeps = if to.random.one_in(4) { !keeps } else { keeps };
            let axis = to.random.below(y.rank());
            reduced(to, op, &y, axis, keeps);
        }
    }
}

fn reduced(to: &mut Builder<'_>, op: &str, x: &Item, axis: usize, keeps: bool) -> Item {
    let at = axis_of(to, axis, x.rank());
    let mut shape = x.shape.clone();
    shape[axis] = 1;
    if !keeps {
        shape.remove(axis);
    }
    let (mut operands, mut attrs) = (vec![x.value], vec![("keepdims", int(i64::from(keeps)))]);
    if op == "ReduceSum" {
        operands.push(to.ints(&[at]).value);
    } else {
        attrs.push(("axes", ints(&[at])));
    }
    to.float_node(op, &operands, &attrs, &shape)
}
