//! Motifs of ONNX that compute with extents, as exporters write them, and near-misses.

use gtt_ir::{Attr, DType, Tensor, ValueId};

use super::{Builder, Item};

pub(super) fn step(to: &mut Builder<'_>) {
    match to.random.below(8) {
        0..=2 => reshape(to),
        3 => expand(to),
        4 => expand_by_choice(to),
        5 => slice(to),
        6 => fill(to),
        _ => scatter(to),
    }
}

fn int_node(to: &mut Builder<'_>, op: &str, inputs: &[ValueId], attrs: &[(&str, Attr)], shape: &[usize]) -> Item {
    let inputs: Vec<Option<ValueId>> = inputs.iter().copied().map(Some).collect();
    to.node(op, &inputs, attrs, &[(DType::I64, shape)]).remove(0)
}

/// The shape of a value, perhaps by way of another value of that shape, perhaps in the words of operator set 15.
fn shape_of(to: &mut Builder<'_>, x: &Item) -> Item {
    let mut of = x.clone();
    if to.random.one_in(3) {
        let op = to.random.pick(&["Relu", "Neg", "Identity"]);
        of = to.float_node(op, &[x.value], &[], &x.shape);
    }
    let attrs = [("start", Attr::Int(0))];
    let attrs = if to.random.one_in(4) { &attrs[..] } else { &[] };
    int_node(to, "Shape", &[of.value], attrs, &[x.rank()])
}

/// An extent of a value as a vector of one element.
fn extent(to: &mut Builder<'_>, x: &Item, axis: usize) -> Item {
    if to.random.one_in(4) {
        let attrs = [("start", Attr::Int(axis as i64)), ("end", Attr::Int(axis as i64 + 1))];
        return int_node(to, "Shape", &[x.value], &attrs, &[1]);
    }
    let shape = shape_of(to, x);
    let at = if to.random.one_in(4) { axis as i64 - x.rank() as i64 } else { axis as i64 };
    match to.random.below(3) {
        0 => {
            let index = to.ints(&[at]);
            int_node(to, "Gather", &[shape.value, index.value], &[("axis", Attr::Int(0))], &[1])
        }
        1 => {
            let (start, end) = (to.ints(&[axis as i64]), to.ints(&[axis as i64 + 1]));
            int_node(to, "Slice", &[shape.value, start.value, end.value], &[], &[1])
        }
        _ => {
            let index = to.constant_as_given(Tensor::scalar(at));
            let scalar = int_node(to, "Gather", &[shape.value, index.value], &[], &[]);
            let scalar = arithmetic(to, scalar);
            let axes = to.ints(&[0]);
            int_node(to, "Unsqueeze", &[scalar.value, axes.value], &[], &[1])
        }
    }
}

/// Arithmetic that changes nothing.
fn arithmetic(to: &mut Builder<'_>, x: Item) -> Item {
    let number = |to: &mut Builder<'_>, number: i64| to.constant_as_given(Tensor::scalar(number));
    match to.random.below(8) {
        0 => int_node(to, "Abs", &[x.value], &[], &x.shape),
        1 => {
            let one = number(to, 1);
            int_node(to, "Mul", &[x.value, one.value], &[], &x.shape)
        }
        2 => {
            let zero = number(to, 0);
            int_node(to, "Max", &[zero.value, x.value], &[], &x.shape)
        }
        3 => {
            let two = number(to, 2);
            let double = int_node(to, "Mul", &[x.value, two.value], &[], &x.shape);
            int_node(to, "Div", &[double.value, two.value], &[], &x.shape)
        }
        _ => x,
    }
}

fn concat(to: &mut Builder<'_>, parts: &[Item]) -> Item {
    let length = parts.iter().map(|part| part.shape[0]).sum();
    let parts: Vec<ValueId> = parts.iter().map(|part| part.value).collect();
    int_node(to, "Concat", &parts, &[("axis", Attr::Int(0))], &[length])
}

/// Axes kept, swapped, merged or split, with the new extents computed.
fn reshape(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() >= 2) else { return };
    // Each new axis: the old axes whose product it is, and a number.
    let mut axes: Vec<(Vec<usize>, usize)> = (0..x.rank()).map(|axis| (vec![axis], 1)).collect();
    match to.random.below(4) {
        0 => {
            let (merged, _) = axes.remove(1);
            axes[0].0.extend(merged);
        }
        1 => axes.swap(0, 1),
        2 => {
            let at = to.random.below(x.rank());
            if x.shape[at].is_multiple_of(2) {
                axes[at] = (Vec::new(), x.shape[at] / 2);
                axes.insert(at + to.random.below(2), (Vec::new(), 2));
            }
        }
        _ => {}
    }
    let shape: Vec<usize> =
        axes.iter().map(|(of, number)| of.iter().map(|&axis| x.shape[axis]).product::<usize>() * number).collect();
    let open = to.random.below(3 * axes.len());
    let mut parts = Vec::new();
    for (at, (of, _)) in axes.iter().enumerate() {
        let fixed = to.random.one_in(3);
        parts.push(match of.as_slice() {
            _ if at == open => to.ints(&[-1]),
            [] => to.ints(&[shape[at] as i64]),
            [_, ..] if fixed => to.ints(&[shape[at] as i64]),
            [axis] => extent(to, &x, *axis),
            [first, rest @ ..] => {
                let mut product = extent(to, &x, *first);
                for &axis in rest {
                    let factor = extent(to, &x, axis);
                    product = int_node(to, "Mul", &[product.value, factor.value], &[], &[1]);
                }
                product
            }
        });
    }
    let target = concat(to, &parts);
    let attrs = [("allowzero", Attr::Int(1))];
    let attrs = if to.random.one_in(4) { &attrs[..] } else { &[] };
    to.float_node("Reshape", &[x.value, target.value], attrs, &shape);
}

/// To the own shape, or to that of another value, of something that has some of its extents.
fn expand(to: &mut Builder<'_>) {
    let Some(like) = to.choose(|item| item.dtype == DType::F32 && item.rank() >= 1) else { return };
    let x = match to.random.below(3) {
        0 => like.clone(),
        1 => to.floats(&[1], -1.0, 1.0),
        _ => {
            let axes = [to.random.below(like.rank()) as i64];
            let mut shape = like.shape.clone();
            shape[axes[0] as usize] = 1;
            let attrs = [("axes", Attr::Ints(axes.to_vec())), ("keepdims", Attr::Int(1))];
            to.float_node("ReduceMax", &[like.value], &attrs, &shape)
        }
    };
    let target = if to.random.one_in(2) {
        shape_of(to, &like)
    } else {
        let parts: Vec<Item> = (0..like.rank()).map(|axis| extent(to, &like, axis)).collect();
        concat(to, &parts)
    };
    to.float_node("Expand", &[x.value, target.value], &[], &like.shape);
}

/// `x.expand(n, -1)`: what is -1 is taken from a vector of ones.
fn expand_by_choice(to: &mut Builder<'_>) {
    let Some(like) = to.choose(|item| item.dtype == DType::F32 && item.rank() >= 1) else { return };
    let rank = like.rank();
    let mut wide = vec![1];
    wide.extend(&like.shape[1..]);
    let token = to.floats(&wide, -1.0, 1.0);
    let mut parts = vec![extent(to, &like, 0)];
    if rank > 1 {
        parts.push(to.ints(&vec![-1; rank - 1]));
    }
    let asked = concat(to, &parts);
    let minus = to.ints(&vec![-1; rank]);
    let inputs = [Some(asked.value), Some(minus.value)];
    let is_open = to.node("Equal", &inputs, &[], &[(DType::Bool, &[rank])]).remove(0);
    let length = to.ints(&[rank as i64]);
    let one = Tensor::vector(&[1i64]);
    let ones = int_node(to, "ConstantOfShape", &[length.value], &[("value", Attr::Tensor(one))], &[rank]);
    let target = int_node(to, "Where", &[is_open.value, ones.value, asked.value], &[], &[rank]);
    to.float_node("Expand", &[token.value, target.value], &[], &like.shape);
}

/// From some index to an extent: of the axis, or of another one that is no smaller.
fn slice(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() >= 1) else { return };
    let (axis, other) = (to.random.below(x.rank()), to.random.below(x.rank()));
    let end = extent(to, &x, other);
    let start = to.random.below(2).min(x.shape[axis] - 1).min(x.shape[other] - 1);
    let mut shape = x.shape.clone();
    shape[axis] = x.shape[other].min(x.shape[axis]) - start;
    let (starts, axes) = (to.ints(&[start as i64]), to.ints(&[axis as i64]));
    to.float_node("Slice", &[x.value, starts.value, end.value, axes.value], &[], &shape);
}

/// A tensor of one number, cast, and added to what it has the shape of.
fn fill(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() >= 1) else { return };
    let shape = shape_of(to, &x);
    let value = ("value", Attr::Tensor(Tensor::vector(&[3i32])));
    let inputs = [Some(shape.value)];
    let filled = to.node("ConstantOfShape", &inputs, &[value], &[(DType::I32, &x.shape)]).remove(0);
    let cast = to.float_node("Cast", &[filled.value], &[("to", Attr::Int(1))], &x.shape);
    if to.random.one_in(2) {
        let like = to.float_node("CastLike", &[filled.value, x.value], &[], &x.shape);
        to.float_node("Add", &[cast.value, like.value], &[], &x.shape);
    }
}

/// All rows are overwritten, or are in another order.
fn scatter(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() >= 1) else { return };
    let updates = to.float_node("Neg", &[x.value], &[], &x.shape);
    let rows = x.shape[0];
    let indices = if to.random.one_in(2) {
        let mut rows: Vec<i64> = (0..rows as i64).collect();
        if to.random.one_in(3) {
            rows.reverse();
        }
        let indices = Tensor::from_vec(&[rows.len(), 1], rows).expect("as many elements as the shape asks for");
        to.constant_as_given(indices)
    } else {
        let number = |to: &mut Builder<'_>, number: i64| to.constant_as_given(Tensor::scalar(number));
        let (zero, one) = (number(to, 0), number(to, 1));
        let shape = shape_of(to, &x);
        let count = int_node(to, "Gather", &[shape.value, zero.value], &[], &[]);
        let range = int_node(to, "Range", &[zero.value, count.value, one.value], &[], &[rows]);
        let axes = to.ints(&[-1]);
        int_node(to, "Unsqueeze", &[range.value, axes.value], &[], &[rows, 1])
    };
    to.float_node("ScatterND", &[x.value, indices.value, updates.value], &[], &x.shape);
}
