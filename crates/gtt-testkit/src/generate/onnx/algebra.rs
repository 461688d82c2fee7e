//! Arithmetic that can be simplified, and arithmetic that only looks like it.

use gtt_ir::{Attr, DType, Tensor, ValueId};

use super::{int, ints};
use crate::generate::{Builder, Item};

pub(super) fn motif(to: &mut Builder<'_>) {
    let Some(mut x) = to.choose_float() else { return };
    for _ in 0..1 + to.random.below(3) {
        x = match to.random.below(12) {
            0 | 1 => neutral(to, &x),
            2 => repeated(to, &x),
            3 => signs(to, &x),
            4 | 5 => clamp(to, &x),
            6 => constant_operand(to, &x),
            7 => selection(to, &x),
            8 => casts(to, &x),
            9 => dropout(to, &x),
            10 => along_an_axis(to, &x),
            _ => padding_or_bias(to, &x),
        };
    }
}

/// What broadcasting makes of two shapes; `None` when they do not go together.
fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let extent = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |axis| shape[axis]);
    let pair = |axis| match (extent(a, axis), extent(b, axis)) {
        (x, y) if x == y || y == 1 => Some(x),
        (1, y) => Some(y),
        _ => None,
    };
    (0..rank).map(pair).collect()
}

/// A constant of equal elements, almost always; of a shape that fits, and now and then makes the result larger.
fn uniform(to: &mut Builder<'_>, x: &Item, number: f32) -> (ValueId, Vec<usize>) {
    let shape = match to.random.below(6) {
        0 | 1 => Vec::new(),
        2 => vec![1; x.rank()],
        3 => x.shape.clone(),
        4 => vec![1; x.rank() + 1],
        _ => x.shape.iter().map(|&extent| if extent == 1 { 2 } else { extent }).collect(),
    };
    let mut elements = vec![number; shape.iter().product()];
    if to.random.one_in(5)
        && let Some(last) = elements.last_mut()
    {
        *last += 0.5;
    }
    let constant = to.constant_as_given(Tensor::from_vec(&shape, elements).expect("elements of the shape"));
    let shape = broadcast(&x.shape, &shape).unwrap_or_else(|| x.shape.clone());
    (constant.value, shape)
}

fn neutral(to: &mut Builder<'_>, x: &Item) -> Item {
    let (op, number) =
        to.random.pick(&[("Add", 0.0), ("Add", -0.0), ("Sub", 0.0), ("Mul", 1.0), ("Div", 1.0), ("Pow", 1.0)]);
    let (unit, shape) = uniform(to, x, number);
    let operands = if matches!(op, "Add" | "Mul") && to.random.one_in(2) { [unit, x.value] } else { [x.value, unit] };
    to.float_node(op, &operands, &[], &shape)
}

fn unary(to: &mut Builder<'_>, op: &str, x: &Item) -> Item {
    to.float_node(op, &[x.value], &[], &x.shape)
}

fn repeated(to: &mut Builder<'_>, x: &Item) -> Item {
    const OPS: &[&str] = &["Relu", "Abs", "Sign", "Ceil", "Floor", "Round", "Sigmoid", "Softplus"];
    let first = to.random.pick(OPS);
    let second = if to.random.one_in(2) { first } else { to.random.pick(OPS) };
    let inner = unary(to, first, x);
    unary(to, second, &inner)
}

fn signs(to: &mut Builder<'_>, x: &Item) -> Item {
    let negated = unary(to, "Neg", x);
    match to.random.below(4) {
        0 => unary(to, "Neg", &negated),
        1 => unary(to, "Abs", &negated),
        2 => {
            let term = to.floats(&x.shape, -1.0, 1.0);
            let op = to.random.pick(&["Add", "Sub"]);
            let operands = if to.random.one_in(2) { [negated.value, term.value] } else { [term.value, negated.value] };
            to.float_node(op, &operands, &[], &x.shape)
        }
        _ => {
            let term = to.floats(&x.shape, -1.0, 1.0);
            let difference = to.float_node("Sub", &[x.value, term.value], &[], &x.shape);
            unary(to, "Neg", &difference)
        }
    }
}

/// Two or three of `Relu`, `Clip`, `Max`, `Min`, with bounds that may cross.
fn clamp(to: &mut Builder<'_>, x: &Item) -> Item {
    let mut x = x.clone();
    for _ in 0..2 + to.random.below(2) {
        let scalar = |to: &mut Builder<'_>| {
            let number = to.random.float(-1.0, 1.0);
            to.constant_as_given(Tensor::scalar(number)).value
        };
        x = match to.random.below(4) {
            0 => unary(to, "Relu", &x),
            1 => {
                let min = (!to.random.one_in(4)).then(|| scalar(to));
                let max = (!to.random.one_in(4)).then(|| scalar(to));
                let mut operands = vec![Some(x.value), min, max];
                while operands.last() == Some(&None) {
                    operands.pop();
                }
                to.node("Clip", &operands, &[], &[(DType::F32, &x.shape)]).remove(0)
            }
            _ => {
                let (op, bound) = (to.random.pick(&["Max", "Min"]), scalar(to));
                let operands = if to.random.one_in(2) { [bound, x.value] } else { [x.value, bound] };
                to.float_node(op, &operands, &[], &x.shape)
            }
        };
    }
    x
}

/// Two ops in a row with a constant each, or a division of one.
fn constant_operand(to: &mut Builder<'_>, x: &Item) -> Item {
    if to.random.one_in(4) {
        let positive = unary(to, "Sigmoid", x);
        let inverse = if to.random.one_in(2) {
            unary(to, "Reciprocal", &positive)
        } else {
            let one = to.constant_as_given(Tensor::scalar(1f32));
            to.float_node("Div", &[one.value, positive.value], &[], &x.shape)
        };
        let operands = if to.random.one_in(2) { [inverse.value, x.value] } else { [x.value, inverse.value] };
        return to.float_node("Mul", &operands, &[], &x.shape);
    }
    let mut x = x.clone();
    for _ in 0..2 {
        let op = to.random.pick(&["Add", "Mul", "Sub", "Div", "Neg"]);
        if op == "Neg" {
            x = unary(to, op, &x);
            continue;
        }
        let shape = super::broadcastable(to, &x.shape);
        let elements = to.random.floats(shape.iter().product(), 0.5, 2.0);
        let constant = to.constant_as_given(Tensor::from_vec(&shape, elements).expect("elements of the shape")).value;
        let swapped = op != "Div" && to.random.one_in(3);
        let operands = if swapped { [constant, x.value] } else { [x.value, constant] };
        x = to.float_node(op, &operands, &[], &x.shape);
    }
    x
}

fn selection(to: &mut Builder<'_>, x: &Item) -> Item {
    let other = if to.random.one_in(3) { x.clone() } else { unary(to, "Tanh", x) };
    let zero = to.constant_as_given(Tensor::scalar(0f32));
    let condition = if to.random.one_in(3) {
        let shape = super::broadcastable(to, &x.shape);
        let flag = to.random.one_in(2);
        let flags = vec![flag; shape.iter().product()];
        to.constant_as_given(Tensor::from_bools(&shape, &flags).expect("elements of the shape"))
    } else {
        to.node("Greater", &[Some(x.value), Some(zero.value)], &[], &[(DType::Bool, &x.shape)]).remove(0)
    };
    let condition = if to.random.one_in(2) {
        let shape = condition.shape.clone();
        to.node("Not", &[Some(condition.value)], &[], &[(DType::Bool, &shape)]).remove(0)
    } else {
        condition
    };
    to.float_node("Where", &[condition.value, x.value, other.value], &[], &x.shape)
}

fn casts(to: &mut Builder<'_>, x: &Item) -> Item {
    const TYPES: &[(DType, i64)] =
        &[(DType::F32, 1), (DType::F64, 11), (DType::F16, 10), (DType::I32, 6), (DType::I64, 7), (DType::Bool, 9)];
    let mut value = x.clone();
    for _ in 0..1 + to.random.below(3) {
        let (dtype, number) = to.random.pick(TYPES);
        value = to.node("Cast", &[Some(value.value)], &[("to", int(number))], &[(dtype, &x.shape)]).remove(0);
    }
    to.node("Cast", &[Some(value.value)], &[("to", int(1))], &[(DType::F32, &x.shape)]).remove(0)
}

fn dropout(to: &mut Builder<'_>, x: &Item) -> Item {
    let ratio = to.constant_as_given(Tensor::scalar(0.25f32)).value;
    let mut operands = vec![Some(x.value)];
    if to.random.one_in(2) {
        operands.push(Some(ratio));
        if to.random.one_in(2) {
            operands.push(Some(to.constant_as_given(Tensor::from_bools(&[], &[false]).expect("one element")).value));
        }
    }
    let results: &[(DType, &[usize])] = &[(DType::F32, &x.shape), (DType::Bool, &x.shape)];
    let count = 1 + to.random.below(2);
    let mut items = to.node("Dropout", &operands, &[], &results[..count]);
    if count == 2 && to.random.one_in(2) {
        let mask = items[1].value;
        return to.node("Cast", &[Some(mask)], &[("to", int(1))], &[(DType::F32, &x.shape)]).remove(0);
    }
    items.remove(0)
}

/// Softmax with what may follow it, and division by a norm.
fn along_an_axis(to: &mut Builder<'_>, x: &Item) -> Item {
    if x.rank() == 0 {
        return unary(to, "Exp", x);
    }
    let axis = to.random.below(x.rank());
    let given = if to.random.one_in(2) { axis as i64 } else { axis as i64 - x.rank() as i64 };
    let mut reduced = x.shape.clone();
    reduced[axis] = 1;
    match to.random.below(3) {
        0 => {
            let softmax = to.float_node("Softmax", &[x.value], &[("axis", int(given))], &x.shape);
            unary(to, "Log", &softmax)
        }
        1 => {
            let op = to.random.pick(&["Softmax", "LogSoftmax"]);
            let softmax = to.float_node(op, &[x.value], &[("axis", int(given))], &x.shape);
            let other = if to.random.one_in(4) { 0 } else { axis };
            let mut reduced = x.shape.clone();
            reduced[other] = 1;
            let attrs = [("axis", int(other as i64)), ("select_last_index", int(to.random.below(2) as i64))];
            let index = to.node("ArgMax", &[Some(softmax.value)], &attrs, &[(DType::I64, &reduced)]).remove(0);
            to.node("Cast", &[Some(index.value)], &[("to", int(1))], &[(DType::F32, &reduced)]).remove(0)
        }
        _ => {
            let positive = unary(to, "Softplus", x);
            let attrs = [("axes", ints(&[given])), ("keepdims", int(1))];
            let norm = to.float_node("ReduceL2", &[positive.value], &attrs, &reduced);
            to.float_node("Div", &[positive.value, norm.value], &[], &x.shape)
        }
    }
}

/// Nothing is padded; nothing is added.
fn padding_or_bias(to: &mut Builder<'_>, x: &Item) -> Item {
    if to.random.one_in(2) || x.rank() < 2 {
        let pads = vec![0; 2 * x.rank()];
        let pads = to.ints(&pads);
        return to.float_node("Pad", &[x.value, pads.value], &[], &x.shape);
    }
    let zeros = |to: &mut Builder<'_>, shape: &[usize]| {
        let mut elements = vec![0f32; shape.iter().product()];
        if to.random.one_in(4)
            && let Some(first) = elements.first_mut()
        {
            *first = 1.0;
        }
        to.constant_as_given(Tensor::from_vec(shape, elements).expect("elements of the shape")).value
    };
    match x.shape[..] {
        [n, c, h, w] => {
            let weights = to.floats(&[2, c, 1, 1], -1.0, 1.0).value;
            let bias = zeros(to, &[2]);
            to.float_node("Conv", &[x.value, weights, bias], &[("kernel_shape", ints(&[1, 1]))], &[n, 2, h, w])
        }
        [rows, inner] => {
            let weights = to.floats(&[inner, 3], -1.0, 1.0).value;
            let shape = to.random.pick(&[vec![3], vec![rows, 3], vec![1], vec![rows, 1]]);
            let bias = zeros(to, &shape);
            to.float_node("Gemm", &[x.value, weights, bias], &[("beta", Attr::Float(0.5))], &[rows, 3])
        }
        _ => unary(to, "Tanh", x),
    }
}
