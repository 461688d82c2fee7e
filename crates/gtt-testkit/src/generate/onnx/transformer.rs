//! Normalisations, activations and attention written out as arithmetic, and what differs from them in one detail.

use gtt_ir::{Attr, DType, Tensor};

use super::{int, ints};
use crate::generate::{Builder, Item};

pub(super) fn motif(to: &mut Builder<'_>) {
    match to.random.below(11) {
        0 | 1 => normalisation(to),
        2 | 3 => gelu(to),
        4 => hard_swish(to),
        5 => swish(to),
        6 => attention(to),
        7 => rotation(to),
        8 | 9 => joined_attention(to),
        _ => products_of_one_tensor(to),
    }
}

/// A node of two operands whose result has the shape of the first item.
fn pair(to: &mut Builder<'_>, op: &str, a: &Item, b: &Item) -> Item {
    to.float_node(op, &[a.value, b.value], &[], &a.shape)
}

/// The same in either order.
fn either(to: &mut Builder<'_>, op: &str, a: &Item, b: &Item) -> Item {
    let operands = if to.random.one_in(2) { [a.value, b.value] } else { [b.value, a.value] };
    to.float_node(op, &operands, &[], &a.shape)
}

fn unary(to: &mut Builder<'_>, op: &str, x: &Item) -> Item {
    to.float_node(op, &[x.value], &[], &x.shape)
}

/// A constant of one element, almost always the number asked for.
fn number(to: &mut Builder<'_>, number: f32) -> Item {
    let number = if to.random.one_in(12) { number * 1.25 } else { number };
    let rank = if to.random.one_in(4) { 1 } else { 0 };
    to.constant_as_given(Tensor::from_vec(&vec![1; rank], vec![number]).expect("one element"))
}

/// The mean over the last axes, or now and then over another.
fn mean(to: &mut Builder<'_>, x: &Item, axes: &[i64]) -> Item {
    let mut shape = x.shape.clone();
    for axis in axes {
        let axis = if *axis < 0 { axis + x.rank() as i64 } else { *axis };
        shape[axis as usize] = 1;
    }
    to.float_node("ReduceMean", &[x.value], &[("axes", ints(axes)), ("keepdims", int(1))], &shape)
}

fn normalisation(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() >= 1) else { return };
    let axes = match (to.random.below(4), x.rank()) {
        (0, 2..) => vec![-1, -2],
        (1, 2..) if to.random.one_in(3) => vec![0],
        _ => vec![-1],
    };
    let centre = if to.random.one_in(4) { None } else { Some(mean(to, &x, &axes)) };
    let centred = centre.is_some();
    let d = match &centre {
        Some(mean) => pair(to, "Sub", &x, mean),
        None => x.clone(),
    };
    let other = if centred && to.random.one_in(5) {
        let mean = mean(to, &x, &axes);
        pair(to, "Sub", &x, &mean)
    } else {
        d.clone()
    };
    let square = if to.random.one_in(2) {
        pair(to, "Mul", &d, &d)
    } else {
        let two = number(to, 2.0);
        // A root of a mean of odd powers may be none.
        let base = unary(to, "Abs", &d);
        let base = if to.random.one_in(4) { base } else { d.clone() };
        let two = if base.value == d.value { to.constant_as_given(Tensor::scalar(2f32)) } else { two };
        pair(to, "Pow", &base, &two)
    };
    let variance = mean(to, &square, &axes);
    // Not tiny: a small variance makes rounding visible.
    let epsilon = number(to, 0.0625);
    let sum = either(to, "Add", &variance, &epsilon);
    let root = unary(to, "Sqrt", &sum);
    if let Some(mean) = centre.filter(|_| to.random.one_in(3)) {
        return affine(to, &x, &axes, &mean, &root);
    }
    let normal = if to.random.one_in(2) {
        pair(to, "Div", &other, &root)
    } else {
        let inverse = unary(to, "Reciprocal", &root);
        either(to, "Mul", &other, &inverse)
    };
    let mut last = normal;
    for op in ["Mul", "Add"] {
        if to.random.one_in(4) {
            continue;
        }
        let from = x.rank() - axes.len();
        let shape = match to.random.below(6) {
            0 => vec![],
            1 => x.shape.clone(),
            _ => x.shape[from..].to_vec(),
        };
        let constant = to.floats(&shape, -1.0, 1.0);
        last = either(to, op, &last, &constant);
    }
}

/// The norm as one scale and one shift.
fn affine(to: &mut Builder<'_>, x: &Item, axes: &[i64], mean: &Item, root: &Item) {
    let from = x.rank() - axes.len();
    let shape = if to.random.one_in(5) { vec![] } else { x.shape[from..].to_vec() };
    let scale = to.floats(&shape, -1.0, 1.0);
    let m = if to.random.one_in(2) {
        pair(to, "Div", &scale, root)
    } else {
        let inverse = unary(to, "Reciprocal", root);
        either(to, "Mul", &inverse, &scale)
    };
    let product = either(to, "Mul", x, &m);
    // One detail away: the mean of something else, or one that is added.
    let mean = if to.random.one_in(6) { self::mean(to, &product, axes) } else { mean.clone() };
    let negated = to.random.one_in(2);
    let mean = if negated { unary(to, "Neg", &mean) } else { mean };
    let shift = either(to, "Mul", &mean, &m);
    let offset = to.floats(&x.shape[from..], -1.0, 1.0);
    match (negated != to.random.one_in(8), to.random.one_in(2)) {
        (true, true) => drop(either(to, "Add", &product, &shift)),
        (false, true) => drop(pair(to, "Sub", &product, &shift)),
        (true, false) => {
            let shift = either(to, "Add", &shift, &offset);
            either(to, "Add", &product, &shift);
        }
        (false, false) => {
            let shift = pair(to, "Sub", &offset, &shift);
            either(to, "Add", &product, &shift);
        }
    }
}

fn gelu(to: &mut Builder<'_>) {
    let Some(x) = to.choose_float().filter(|x| x.rank() >= 1) else { return };
    let curve = if to.random.one_in(2) {
        let argument = if to.random.one_in(2) {
            let root = number(to, std::f32::consts::SQRT_2);
            pair(to, "Div", &x, &root)
        } else {
            let inverse = number(to, std::f32::consts::FRAC_1_SQRT_2);
            either(to, "Mul", &x, &inverse)
        };
        unary(to, "Erf", &argument)
    } else {
        let cube = if to.random.one_in(2) {
            let three = to.constant_as_given(Tensor::scalar(3f32));
            pair(to, "Pow", &x, &three)
        } else {
            let square = pair(to, "Mul", &x, &x);
            either(to, "Mul", &square, &x)
        };
        let small = number(to, 0.044_715);
        let third = either(to, "Mul", &cube, &small);
        let sum = either(to, "Add", &x, &third);
        let root = number(to, 0.797_884_6);
        let argument = either(to, "Mul", &sum, &root);
        unary(to, "Tanh", &argument)
    };
    let (one, half) = (number(to, 1.0), number(to, 0.5));
    let sum = either(to, "Add", &curve, &one);
    match to.random.below(3) {
        0 => {
            let product = either(to, "Mul", &x, &sum);
            either(to, "Mul", &product, &half);
        }
        1 => {
            let product = either(to, "Mul", &x, &half);
            either(to, "Mul", &product, &sum);
        }
        _ => {
            let product = either(to, "Mul", &sum, &half);
            either(to, "Mul", &product, &x);
        }
    }
}

fn hard_swish(to: &mut Builder<'_>) {
    let Some(x) = to.choose_float().filter(|x| x.rank() >= 1) else { return };
    let gate = if to.random.one_in(3) {
        let alpha = if to.random.one_in(4) { 0.2 } else { 1.0 / 6.0 };
        to.float_node("HardSigmoid", &[x.value], &[("alpha", Attr::Float(alpha)), ("beta", Attr::Float(0.5))], &x.shape)
    } else {
        let three = number(to, 3.0);
        let sum = either(to, "Add", &x, &three);
        let bounds = [0f32, 6.0].map(|bound| to.constant_as_given(Tensor::scalar(bound)).value);
        to.float_node("Clip", &[sum.value, bounds[0], bounds[1]], &[], &x.shape)
    };
    let six = number(to, 6.0);
    match to.random.below(3) {
        0 => {
            let product = either(to, "Mul", &x, &gate);
            pair(to, "Div", &product, &six);
        }
        1 => {
            let part = pair(to, "Div", &gate, &six);
            either(to, "Mul", &x, &part);
        }
        _ => {
            either(to, "Mul", &x, &gate);
        }
    }
}

fn swish(to: &mut Builder<'_>) {
    let Some(x) = to.choose_float().filter(|x| x.rank() >= 1) else { return };
    let argument = if to.random.one_in(2) {
        x.clone()
    } else {
        let alpha = number(to, 1.75);
        either(to, "Mul", &x, &alpha)
    };
    let sigmoid = unary(to, "Sigmoid", &argument);
    either(to, "Mul", &x, &sigmoid);
}

fn attention(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() == 4 && item.shape[3] >= 2) else { return };
    let other = to.choose(|item| item.dtype == DType::F32 && item.shape == x.shape).unwrap_or_else(|| x.clone());
    let [batch, heads, rows, columns] = x.shape[..] else { return };
    let transposed = [batch, heads, columns, rows];
    let keys = to.float_node("Transpose", &[other.value], &[("perm", ints(&[0, 1, 3, 2]))], &transposed);
    let scale = number(to, 0.5);
    let (query, keys) = match to.random.below(3) {
        0 => (either(to, "Mul", &x, &scale), keys),
        1 => (x.clone(), either(to, "Mul", &keys, &scale)),
        _ => (x.clone(), keys),
    };
    let square = [batch, heads, rows, rows];
    let mut scores = to.float_node("MatMul", &[query.value, keys.value], &[], &square);
    if to.random.one_in(2) {
        scores = pair(to, "Div", &scores, &scale);
    }
    if to.random.one_in(2) {
        let shape = to.random.pick(&[vec![rows, rows], vec![1, 1, rows, rows], vec![1, rows]]);
        let mask = to.floats(&shape, -1.0, 0.0);
        scores = either(to, "Add", &scores, &mask);
    }
    let axis = if to.random.one_in(8) { 2 } else { -1 };
    let weights = to.float_node("Softmax", &[scores.value], &[("axis", int(axis))], &square);
    to.float_node("MatMul", &[weights.value, other.value], &[], &x.shape);
}

/// Attention of heads that are taken apart before and joined after it: side by side in one tensor, or each repeated.
fn joined_attention(to: &mut Builder<'_>) {
    let even = |item: &Item| item.dtype == DType::F32 && item.rank() == 3 && item.shape[2].is_multiple_of(2);
    let Some(x) = to.choose(even) else { return };
    let [batch, rows, width] = x.shape[..] else { return };
    let (heads, [query, key, value]) = if width.is_multiple_of(6) && to.random.one_in(2) {
        (2, side_by_side(to, &x))
    } else if to.random.one_in(2) {
        let wide = [batch, rows, 2 * width];
        let twice = to.float_node("Concat", &[x.value, x.value], &[("axis", int(2))], &wide);
        let query = apart(to, &twice, 4);
        let key = apart(to, &x, 2);
        let value = if to.random.one_in(2) { key.clone() } else { apart(to, &x, 2) };
        (4, [query, repeated(to, &key), repeated(to, &value)])
    } else {
        (2, [0; 3].map(|_| apart(to, &x, 2)))
    };
    let [.., features] = query.shape[..] else { return };
    let transposed = [batch, heads, features, rows];
    let keys = to.float_node("Transpose", &[key.value], &[("perm", ints(&[0, 1, 3, 2]))], &transposed);
    let square = [batch, heads, rows, rows];
    let mut scores = to.float_node("MatMul", &[query.value, keys.value], &[], &square);
    if to.random.one_in(2) {
        let shape = to.random.pick(&[vec![rows, rows], vec![batch, 1, 1, rows], vec![1, rows], vec![heads, 1, rows]]);
        let mask = to.floats(&shape, -1.0, 0.0);
        scores = either(to, "Add", &scores, &mask);
    }
    let weights = to.float_node("Softmax", &[scores.value], &[("axis", int(-1))], &square);
    let y = to.float_node("MatMul", &[weights.value, value.value], &[], &[batch, heads, rows, features]);
    let (perm, shape) = match to.random.one_in(8) {
        true => ([0, 2, 3, 1], [batch, rows, features, heads]),
        false => ([0, 2, 1, 3], [batch, rows, heads, features]),
    };
    let turned = to.float_node("Transpose", &[y.value], &[("perm", ints(&perm))], &shape);
    reshaped(to, &turned, &[batch, rows, heads * features]);
}

fn reshaped(to: &mut Builder<'_>, x: &Item, shape: &[usize]) -> Item {
    let extents: Vec<i64> = shape.iter().map(|&extent| extent as i64).collect();
    let target = to.ints(&extents);
    to.float_node("Reshape", &[x.value, target.value], &[], shape)
}

/// `[batch, heads, rows, features]` of `[batch, rows, heads * features]`.
fn apart(to: &mut Builder<'_>, x: &Item, heads: usize) -> Item {
    let (batch, rows, features) = (x.shape[0], x.shape[1], x.shape[2] / heads);
    let apart = reshaped(to, x, &[batch, rows, heads, features]);
    to.float_node("Transpose", &[apart.value], &[("perm", ints(&[0, 2, 1, 3]))], &[batch, heads, rows, features])
}

/// Three parts of one tensor, now and then such that they alternate.
fn side_by_side(to: &mut Builder<'_>, x: &Item) -> [Item; 3] {
    let (batch, rows, features) = (x.shape[0], x.shape[1], x.shape[2] / 6);
    let (shape, perm) = match to.random.one_in(6) {
        true => ([batch, rows, 2, 3, features], [3, 0, 2, 1, 4]),
        false => ([batch, rows, 3, 2, features], [2, 0, 3, 1, 4]),
    };
    let cut = reshaped(to, x, &shape);
    let part = [batch, 2, rows, features];
    let turned = to.float_node("Transpose", &[cut.value], &[("perm", ints(&perm))], &[3, batch, 2, rows, features]);
    let mut order = [0i64, 1, -1];
    order.rotate_left(to.random.below(3));
    order.map(|index| {
        let index = to.constant_as_given(Tensor::scalar(index));
        to.float_node("Gather", &[turned.value, index.value], &[("axis", int(0))], &part)
    })
}

/// Two heads for each, in a row or, now and then, all of them once more.
fn repeated(to: &mut Builder<'_>, x: &Item) -> Item {
    let [batch, heads, rows, features] = x.shape[..] else { return x.clone() };
    let axis = if to.random.one_in(6) { 1 } else { 2 };
    let mut shape = [batch, heads, rows, features].to_vec();
    shape.insert(axis, 1);
    let axes = to.ints(&[axis as i64]);
    let new = to.float_node("Unsqueeze", &[x.value, axes.value], &[], &shape);
    let mut times = [1i64; 5];
    times[axis] = 2;
    let times = to.ints(&times);
    shape[axis] = 2;
    let all = to.float_node("Expand", &[new.value, times.value], &[], &shape);
    reshaped(to, &all, &[batch, 2 * heads, rows, features])
}

/// A rotary position embedding, by whole tensors or by halves.
fn rotation(to: &mut Builder<'_>) {
    let even = |item: &Item| item.dtype == DType::F32 && item.rank() == 4 && item.shape[3].is_multiple_of(2);
    let Some(x) = to.choose(even) else { return };
    let [batch, heads, rows, columns] = x.shape[..] else { return };
    let half = columns / 2;
    let part = [batch, heads, rows, half];
    let (axis, sizes) = (to.random.pick(&[3, -1]), to.ints(&[half as i64, half as i64]));
    let operands = [Some(x.value), Some(sizes.value)];
    let halves = to.node("Split", &operands, &[("axis", int(axis))], &[(DType::F32, &part), (DType::F32, &part)]);
    let (a, b) = (&halves[0], &halves[1]);
    let elements = to.random.floats(batch * rows * half, -1.0, 1.0);
    let angles = Tensor::from_vec(&[batch, rows, half], elements).expect("elements of the shape");
    let angles = to.constant_as_given(angles);
    let whole = to.random.one_in(2);
    let width = if whole { columns } else { half };
    let twice = if whole {
        to.float_node("Concat", &[angles.value, angles.value], &[("axis", int(-1))], &[batch, rows, columns])
    } else {
        angles
    };
    let [cos, sin] = ["Cos", "Sin"].map(|op| {
        let cache = to.float_node(op, &[twice.value], &[], &twice.shape);
        let axes = to.ints(&[1]);
        to.float_node("Unsqueeze", &[cache.value, axes.value], &[], &[batch, 1, rows, width])
    });
    if whole {
        let turned = if to.random.one_in(8) { a } else { b };
        let negated = unary(to, "Neg", turned);
        let rotated = to.float_node("Concat", &[negated.value, a.value], &[("axis", int(-1))], &x.shape);
        let (plain, turned) = (either(to, "Mul", &x, &cos), either(to, "Mul", &rotated, &sin));
        either(to, "Add", &plain, &turned);
        return;
    }
    let [ac, bs, again, bc] = [(a, &cos), (b, &sin), (a, &sin), (b, &cos)].map(|(x, y)| either(to, "Mul", x, y));
    let (real, imaginary) = (pair(to, "Sub", &ac, &bs), either(to, "Add", &again, &bc));
    let parts = if to.random.one_in(8) { [imaginary, real] } else { [real, imaginary] };
    to.float_node("Concat", &[parts[0].value, parts[1].value], &[("axis", int(3))], &x.shape);
}

fn products_of_one_tensor(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() >= 2) else { return };
    let (inner, biased) = (x.shape[x.rank() - 1], to.random.one_in(2));
    for _ in 0..3 {
        let columns = 1 + to.random.below(3);
        let elements = to.random.floats(inner * columns, -1.0, 1.0);
        let weights =
            to.constant_as_given(Tensor::from_vec(&[inner, columns], elements).expect("elements of the shape"));
        let mut shape = x.shape.clone();
        shape[x.rank() - 1] = columns;
        let product = to.float_node("MatMul", &[x.value, weights.value], &[], &shape);
        if biased {
            let elements = to.random.floats(columns, -1.0, 1.0);
            let bias = to.constant_as_given(Tensor::from_vec(&[columns], elements).expect("elements of the shape"));
            either(to, "Add", &product, &bias);
        }
    }
}
