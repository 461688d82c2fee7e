//! Transposes and reshapes around ops that they can pass, packed projections, linear layers, and near-misses.

use gtt_ir::{Attr, DType, Tensor};

use super::int;
use super::movement::{axis_of, computed, moved, view};
use crate::generate::{Builder, Item};

pub(super) fn motif(to: &mut Builder<'_>) {
    match to.random.below(9) {
        0..=2 => around_ops(to),
        3 => linear_layer(to),
        4 => transposed_operands(to),
        5 => transposed_matrices(to),
        _ => packed_projection(to),
    }
}

fn float_of_rank(to: &mut Builder<'_>, least: usize) -> Option<Item> {
    to.choose(|item| item.dtype == DType::F32 && item.rank() >= least)
}

fn order(to: &mut Builder<'_>, rank: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rank).collect();
    for index in (1..rank).rev() {
        order.swap(index, to.random.below(index + 1));
    }
    order
}

fn transposed(to: &mut Builder<'_>, x: &Item, order: &[usize]) -> Item {
    let shape: Vec<usize> = order.iter().map(|&axis| x.shape[axis]).collect();
    let perm = Attr::Ints(order.iter().map(|&axis| axis as i64).collect());
    let reversed = order.iter().rev().copied().eq(0..order.len());
    let attrs = [("perm", perm)];
    let attrs = if reversed && to.random.one_in(2) { &[] } else { &attrs[..] };
    moved(to, "Transpose", x, &[], attrs, &shape)
}

fn reshaped(to: &mut Builder<'_>, x: &Item, target: &[i64], shape: &[usize]) -> Item {
    let target = to.ints(target);
    moved(to, "Reshape", x, &[target], &[], shape)
}

fn inverse(order: &[usize]) -> Vec<usize> {
    (0..order.len()).map(|axis| order.iter().position(|&of| of == axis).unwrap_or(0)).collect()
}

fn given(to: &mut Builder<'_>, shape: &[usize]) -> Item {
    let elements = to.random.floats(shape.iter().product(), -1.0, 1.0);
    to.constant_as_given(Tensor::from_vec(shape, elements).expect("elements of the shape"))
}

fn either(to: &mut Builder<'_>, op: &str, a: &Item, b: &Item, shape: &[usize]) -> Item {
    let operands = if to.random.one_in(2) { [a.value, b.value] } else { [b.value, a.value] };
    to.float_node(op, &operands, &[], shape)
}

/// An op that does not mind how the first axes lie, almost always.
fn passed(to: &mut Builder<'_>, x: &Item) -> Item {
    let Some((&last, _)) = x.shape.split_last() else { return computed(to, x) };
    match to.random.below(8) {
        0 => {
            let op = to.random.pick(&["Add", "Mul", "Sub", "Max"]);
            let shape = to.random.pick(&[vec![], vec![1], vec![1; x.rank()]]);
            let scalar = given(to, &shape);
            either(to, op, x, &scalar, &x.shape)
        }
        1 => {
            let op = to.random.pick(&["Add", "Mul"]);
            let shape = if to.random.one_in(6) { x.shape.clone() } else { vec![last] };
            let row = given(to, &shape);
            either(to, op, x, &row, &x.shape)
        }
        2 => {
            let axis = to.random.below(x.rank());
            let at = axis_of(to, axis, x.rank());
            let op = to.random.pick(&["Softmax", "LogSoftmax"]);
            to.float_node(op, &[x.value], &[("axis", int(at))], &x.shape)
        }
        3 if x.rank() >= 2 => {
            let columns = 1 + to.random.below(4);
            let weights = to.floats(&[last, columns], -1.0, 1.0);
            let mut shape = x.shape.clone();
            shape[x.rank() - 1] = columns;
            to.float_node("MatMul", &[x.value, weights.value], &[], &shape)
        }
        4 => {
            let gain = given(to, &[last]);
            let mut operands = vec![x.value, gain.value];
            if to.random.one_in(2) {
                operands.push(given(to, &[last]).value);
            }
            // A small variance makes rounding visible.
            let attrs = [("axis", int(-1)), ("epsilon", Attr::Float(0.0625))];
            to.float_node("LayerNormalization", &operands, &attrs, &x.shape)
        }
        _ => computed(to, x),
    }
}

/// Views, ops, views back.
fn around_ops(to: &mut Builder<'_>) {
    let Some(mut x) = float_of_rank(to, 2) else { return };
    let around = order(to, x.rank());
    let rows = to.random.one_in(3);
    let before = x.shape.clone();
    let last = before[before.len() - 1];
    let count: usize = before.iter().product();
    x = match rows {
        true => reshaped(to, &x, &[-1, last as i64], &[count / last, last]),
        false => transposed(to, &x, &around),
    };
    if to.random.one_in(5) {
        x = view(to, &x);
    }
    for _ in 0..1 + to.random.below(3) {
        x = passed(to, &x);
    }
    let count: usize = x.shape.iter().product();
    let leading: usize = before[..before.len() - 1].iter().product();
    x = match rows {
        true if count.is_multiple_of(leading) && x.rank() >= 1 => {
            let mut shape = before.clone();
            shape[before.len() - 1] = count / leading;
            let mut target: Vec<i64> = shape.iter().map(|&extent| extent as i64).collect();
            target[to.random.below(shape.len())] = -1;
            reshaped(to, &x, &target, &shape)
        }
        false if x.rank() == around.len() && !to.random.one_in(4) => transposed(to, &x, &inverse(&around)),
        _ => view(to, &x),
    };
    computed(to, &x);
}

/// Rows merged, Gemm, rows split again; perhaps two layers with the same weights.
fn linear_layer(to: &mut Builder<'_>) {
    let Some(x) = float_of_rank(to, 2) else { return };
    let inner = x.shape[x.rank() - 1];
    let rows = x.shape.iter().product::<usize>() / inner;
    let square = to.random.one_in(3);
    let columns = if square { inner } else { 1 + to.random.below(4) };
    let turned = to.random.one_in(2);
    let weights = given(to, &if turned { [columns, inner] } else { [inner, columns] });
    let shape = to.random.pick(&[vec![columns], vec![1, columns], vec![1], vec![rows, columns]]);
    let bias = given(to, &shape);
    let mut y = reshaped(to, &x, &[-1, inner as i64], &[rows, inner]);
    for _ in 0..1 + usize::from(square && to.random.one_in(2)) {
        let mut attrs = vec![("transB", int(i64::from(turned)))];
        if to.random.one_in(6) {
            attrs.push(("alpha", Attr::Float(0.5)));
        }
        let mut operands = vec![y.value, weights.value];
        if !to.random.one_in(4) {
            operands.push(bias.value);
        }
        y = to.float_node("Gemm", &operands, &attrs, &[rows, columns]);
        if to.random.one_in(3) {
            y = passed(to, &y);
        }
    }
    if y.shape != [rows, columns] {
        return;
    }
    let mut shape = x.shape.clone();
    shape[x.rank() - 1] = columns;
    let mut target: Vec<i64> = shape.iter().map(|&extent| extent as i64).collect();
    target[to.random.below(shape.len())] = -1;
    let y = reshaped(to, &y, &target, &shape);
    let y = if to.random.one_in(2) { view(to, &y) } else { y };
    computed(to, &y);
}

/// Operands that are transposed alike, almost always.
fn transposed_operands(to: &mut Builder<'_>) {
    let Some(x) = float_of_rank(to, 2) else { return };
    let y = to.choose(|item| item.dtype == DType::F32 && item.shape == x.shape).unwrap_or_else(|| x.clone());
    let first = order(to, x.rank());
    let mut second = first.clone();
    let (a, b) = (to.random.below(x.rank()), to.random.below(x.rank()));
    if x.shape[first[a]] == x.shape[first[b]] && to.random.one_in(2) {
        second.swap(a, b);
    }
    let (p, q) = (transposed(to, &x, &first), transposed(to, &y, &second));
    let result = match to.random.below(4) {
        0 => {
            let axis = to.random.below(p.rank());
            let mut shape = p.shape.clone();
            shape[axis] *= 2;
            let at = axis_of(to, axis, p.rank());
            to.float_node("Concat", &[p.value, q.value], &[("axis", int(at))], &shape)
        }
        1 => {
            let half = given(to, &[1, 1]);
            to.float_node("Sum", &[p.value, half.value, q.value], &[], &p.shape)
        }
        2 => {
            let flags = to.node("Less", &[Some(p.value), Some(q.value)], &[], &[(DType::Bool, &p.shape)]).remove(0);
            to.float_node("Where", &[flags.value, p.value, q.value], &[], &p.shape)
        }
        _ => {
            let op = to.random.pick(&["Add", "Mul", "Sub", "Max"]);
            to.float_node(op, &[p.value, q.value], &[], &p.shape)
        }
    };
    let result = if to.random.one_in(2) { transposed(to, &result, &inverse(&first)) } else { result };
    computed(to, &result);
}

/// Products of matrices, either of them transposed before, by a flag, or both.
fn transposed_matrices(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() == 2) else { return };
    let gemm = to.random.one_in(2);
    let [before, turned, flag_a, flag_b] = [2, 2, 3, 3].map(|of| to.random.one_in(of));
    let (flag_a, flag_b) = (gemm && flag_a, gemm && flag_b);
    let a = if before { transposed(to, &x, &[1, 0]) } else { x };
    let [rows, inner] = a.shape[..] else { return };
    let (rows, inner) = if flag_a { (inner, rows) } else { (rows, inner) };
    let columns = 1 + to.random.below(4);
    let stored = if turned != flag_b { [columns, inner] } else { [inner, columns] };
    let weights = if to.random.one_in(3) {
        let found = to.choose(|item| item.dtype == DType::F32 && item.shape == stored);
        found.unwrap_or_else(|| given(to, &stored))
    } else {
        given(to, &stored)
    };
    let b = if turned { transposed(to, &weights, &[1, 0]) } else { weights };
    if gemm {
        let mut operands = vec![a.value, b.value];
        if to.random.one_in(2) {
            operands.push(given(to, &[columns]).value);
        }
        let attrs = [("transA", int(i64::from(flag_a))), ("transB", int(i64::from(flag_b)))];
        to.float_node("Gemm", &operands, &attrs, &[rows, columns]);
    } else {
        to.float_node("MatMul", &[a.value, b.value], &[], &[rows, columns]);
    }
}

/// One product for query, key and value, taken apart by Gather, and attention behind; in each place it may differ a little.
fn packed_projection(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() == 3) else {
        let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() == 2) else { return };
        let axes = to.ints(&[0]);
        moved(to, "Unsqueeze", &x, &[axes], &[], &[1, x.shape[0], x.shape[1]]);
        return;
    };
    let [batch, rows, inner] = x.shape[..] else { return };
    let (heads, width) = (2, 2);
    let all = 3 * heads * width;
    let weights = given(to, &[inner, all]);
    let mut packed = to.float_node("MatMul", &[x.value, weights.value], &[], &[batch, rows, all]);
    if to.random.one_in(2) {
        let bias = given(to, &[all]);
        packed = either(to, "Add", &packed, &bias, &[batch, rows, all]);
    }
    let apart = [batch, rows, 3, heads, width];
    let apart = reshaped(to, &packed, &[0, 0, 3, heads as i64, -1], &apart);
    // Query, key and value first, or gathered from where they are.
    let (axis, data) = match to.random.below(4) {
        0 => (2, apart),
        1 => (0, transposed(to, &apart, &[2, 0, 3, 1, 4])),
        2 => (0, transposed(to, &apart, &[2, 0, 1, 3, 4])),
        _ => {
            let zero = to.ints(&[0]);
            let mut shape = vec![1];
            shape.extend(&apart.shape);
            let wide = moved(to, "Unsqueeze", &apart, &[zero], &[], &shape);
            let moved_first = transposed(to, &wide, &[3, 1, 2, 0, 4, 5]);
            let minus = to.ints(&[3]);
            let shape = [3, batch, rows, heads, width];
            (0, moved(to, "Squeeze", &moved_first, &[minus], &[], &shape))
        }
    };
    let mut indices = [0i64, 1, if to.random.one_in(3) { -1 } else { 2 }];
    match to.random.below(10) {
        0 => indices[2] = 1,
        1 => indices.swap(0, 2),
        _ => {}
    }
    let mut shape = data.shape.clone();
    shape.remove(axis);
    let lies_by_head = shape[1] == heads && data.shape[axis..] == [3, batch, heads, rows, width];
    let [q, k, v] = indices.map(|index| {
        let index = to.constant_as_given(Tensor::scalar(index));
        let part = moved(to, "Gather", &data, &[index], &[("axis", int(axis as i64))], &shape);
        if lies_by_head { part } else { transposed(to, &part, &[0, 2, 1, 3]) }
    });
    let by_head = [batch, heads, rows, width];
    let scale = given(to, &[]);
    let q = if to.random.one_in(2) { either(to, "Mul", &q, &scale, &by_head) } else { q };
    let keys = transposed(to, &k, &[0, 1, 3, 2]);
    let square = [batch, heads, rows, rows];
    let mut scores = to.float_node("MatMul", &[q.value, keys.value], &[], &square);
    if to.random.one_in(3) {
        let shape = to.random.pick(&[vec![rows, rows], vec![1, 1, rows, rows], vec![1, 1, 1, 1, rows]]);
        if shape.len() <= 4 {
            let mask = given(to, &shape);
            scores = either(to, "Add", &scores, &mask, &square);
        }
    }
    let attention = to.float_node("Softmax", &[scores.value], &[("axis", int(-1))], &square);
    let mixed = to.float_node("MatMul", &[attention.value, v.value], &[], &by_head);
    if to.random.one_in(6) {
        computed(to, &mixed);
    }
    let back = transposed(to, &mixed, &[0, 2, 1, 3]);
    let merged = reshaped(to, &back, &[0, 0, (heads * width) as i64], &[batch, rows, heads * width]);
    computed(to, &merged);
}
