//! What stands in the way of rewrites: readers, outputs and captures in the middle of a pattern. And small patterns of their own.

use gtt_ir::{Attr, DType, NodeSpec, Op, Tensor, Type};

use super::int;
use super::movement::{axis_of, computed, moved};
use crate::generate::{Builder, Item};

/// A motif; now and then one of its values is also an output, read by another node, or captured by a branch.
pub(super) fn disturbed(to: &mut Builder<'_>, motif: impl FnOnce(&mut Builder<'_>)) {
    let before = to.pool.len();
    motif(to);
    let made = to.pool.get(before..).unwrap_or_default().to_vec();
    if made.is_empty() || !to.random.one_in(5) {
        return;
    }
    let value = to.random.pick(&made);
    match to.random.below(3) {
        0 => {
            let name = to.fresh("middle");
            to.edit().add_output(name, value.value);
        }
        1 => drop(computed(to, &value)),
        _ => captured(to, &value),
    }
}

/// Strided slices of an image, joined along the channels, in some order.
fn focus(to: &mut Builder<'_>) {
    let even = |item: &Item| {
        item.dtype == DType::F32 && item.rank() == 4 && item.shape[2..].iter().all(|extent| extent.is_multiple_of(2))
    };
    let Some(x) = to.choose(even) else { return };
    let part = [x.shape[0], x.shape[1], x.shape[2] / 2, x.shape[3] / 2];
    let mut offsets = [[0i64, 0], [0, 1], [1, 0], [1, 1]];
    if to.random.one_in(2) {
        offsets.swap(1, 2);
    }
    if to.random.one_in(6) {
        offsets[3] = offsets[0];
    }
    let end = if to.random.one_in(2) { [i64::MAX; 2] } else { [x.shape[2] as i64, x.shape[3] as i64] };
    let parts = offsets.map(|offset| {
        let operands = [&offset, &end, &[2, 3], &[2, 2]].map(|numbers| to.ints(numbers).value);
        let operands = [[x.value].as_slice(), &operands].concat();
        to.float_node("Slice", &operands, &[], &part).value
    });
    let shape = [part[0], 4 * part[1], part[2], part[3]];
    to.float_node("Concat", &parts, &[("axis", int(1))], &shape);
}

/// Rows by number, each number an index of its own.
fn rows_of(to: &mut Builder<'_>, x: &Item) {
    if x.rank() == 0 || x.shape[0] == 0 {
        return;
    }
    let numbers = [0, -1, x.shape[0] as i64 / 2];
    let indices = Tensor::from_vec(&[3, 1], numbers.to_vec()).expect("three numbers");
    let indices = to.constant_as_given(indices);
    let mut shape = x.shape.clone();
    shape[0] = numbers.len();
    to.float_node("GatherND", &[x.value, indices.value], &[], &shape);
}

/// An `If` whose branches read a value from outside.
fn captured(to: &mut Builder<'_>, x: &Item) {
    let flag = to.random.one_in(2);
    let condition = to.constant_as_given(Tensor::from_bools(&[], &[flag]).expect("one element")).value;
    let op = if x.dtype == DType::Bool { "Not" } else { "Abs" };
    let branches = ["then_capture", "else_capture"].map(|stem| {
        let (graph, name) = (to.fresh(stem), to.fresh("captured"));
        let graph = to.model.add_graph(&graph, Some(to.graph));
        let mut edit = to.model.edit(graph);
        let outer = edit.capture(x.value);
        let ty = Type::fixed(x.dtype, &x.shape);
        let node =
            edit.add_node(NodeSpec::new(Op::onnx(op), name.clone()).inputs([Some(outer)]).output(name.clone(), ty));
        let result = edit.result(node, 0);
        edit.add_output(name, result);
        graph
    });
    let attrs = [("then_branch", Attr::Graph(branches[0])), ("else_branch", Attr::Graph(branches[1]))];
    to.node("If", &[Some(condition)], &attrs, &[(x.dtype, &x.shape)]);
}

pub(super) fn motif(to: &mut Builder<'_>) {
    let Some(x) = to.choose_float() else { return };
    match to.random.below(9) {
        7 => focus(to),
        8 => rows_of(to, &x),
        0 => booleans(to, &x),
        1 => lone_operand(to, &x),
        2 => indices(to, &x),
        3 => repeats(to, &x),
        4 => resize(to),
        5 => gate(to, &x),
        _ => behind_batch_norm(to),
    }
}

/// Where of booleans: of its constants, or of other flags.
fn booleans(to: &mut Builder<'_>, x: &Item) {
    let flags = |to: &mut Builder<'_>, op: &str| {
        let bound = to.floats(&[], -1.0, 1.0);
        to.node(op, &[Some(x.value), Some(bound.value)], &[], &[(DType::Bool, &x.shape)]).remove(0)
    };
    let condition = flags(to, "Greater");
    let [a, b] = [true, false].map(|flag| {
        if to.random.one_in(3) {
            return flags(to, "Less");
        }
        let flag = if to.random.one_in(5) { !flag } else { flag };
        let shape = if to.random.one_in(3) { x.shape.clone() } else { vec![] };
        let flags = vec![flag; shape.iter().product()];
        to.constant_as_given(Tensor::from_bools(&shape, &flags).expect("elements of the shape"))
    });
    let operands =
        if to.random.one_in(3) { [condition.value, b.value, a.value] } else { [condition.value, a.value, b.value] };
    let chosen = to.node("Where", &operands.map(Some), &[], &[(DType::Bool, &x.shape)]).remove(0);
    to.float_node("Cast", &[chosen.value], &[("to", int(1))], &x.shape);
}

/// Ops of any number of operands, with one.
fn lone_operand(to: &mut Builder<'_>, x: &Item) {
    let op = to.random.pick(&["Sum", "Max", "Min", "Mean"]);
    let one = to.float_node(op, &[x.value], &[], &x.shape);
    computed(to, &one);
}

/// Indices that are cast before they are used.
fn indices(to: &mut Builder<'_>, x: &Item) {
    if x.rank() == 0 {
        return;
    }
    let axis = to.random.below(x.rank());
    let kept: Vec<i32> = vec![0, x.shape[axis] as i32 - 1];
    let kept = to.constant_as_given(Tensor::vector(&kept));
    // Something computed, or it would be folded.
    let same = to.node("Abs", &[Some(kept.value)], &[], &[(DType::I32, &[2])]).remove(0);
    let wide = to.node("Cast", &[Some(same.value)], &[("to", int(7))], &[(DType::I64, &[2])]).remove(0);
    let mut shape = x.shape.clone();
    shape[axis] = 2;
    let at = axis_of(to, axis, x.rank());
    to.float_node("Gather", &[x.value, wide.value], &[("axis", int(at))], &shape);
}

/// Tile, mostly once.
fn repeats(to: &mut Builder<'_>, x: &Item) {
    if x.rank() == 0 {
        return;
    }
    let mut times = vec![1i64; x.rank()];
    let mut shape = x.shape.clone();
    if to.random.one_in(3) {
        let axis = to.random.below(x.rank());
        times[axis] = 2;
        shape[axis] *= 2;
    }
    let times = to.ints(&times);
    let tiled = moved(to, "Tile", x, &[times], &[], &shape);
    computed(to, &tiled);
}

/// Resize to extents that are computed from those of the image.
fn resize(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() == 4) else { return };
    let [n, c, h, w] = x.shape[..] else { return };
    let extents = to.node("Shape", &[Some(x.value)], &[], &[(DType::I64, &[4])]).remove(0);
    let (zero, two) = (to.ints(&[0]), to.ints(&[2]));
    let front =
        to.node("Slice", &[extents, zero, two].map(|item| Some(item.value)), &[], &[(DType::I64, &[2])]).remove(0);
    let larger = to.ints(&[2 * h as i64, 2 * w as i64]);
    let target =
        to.node("Concat", &[Some(front.value), Some(larger.value)], &[("axis", int(0))], &[(DType::I64, &[4])]);
    let attrs = [
        ("coordinate_transformation_mode", Attr::Str("asymmetric".into())),
        ("mode", Attr::Str("nearest".into())),
        ("nearest_mode", Attr::Str("floor".into())),
    ];
    let shape: [usize; 4] = [n, c, 2 * h, 2 * w];
    to.node("Resize", &[Some(x.value), None, None, Some(target[0].value)], &attrs, &[(DType::F32, &shape)]);
}

/// A gate that scales another tensor.
fn gate(to: &mut Builder<'_>, x: &Item) {
    let number = |to: &mut Builder<'_>, number: f32| {
        let number = if to.random.one_in(10) { number + 0.5 } else { number };
        to.constant_as_given(Tensor::scalar(number)).value
    };
    let three = number(to, 3.0);
    let sum = to.float_node("Add", &[x.value, three], &[], &x.shape);
    let (zero, six) = (number(to, 0.0), number(to, 6.0));
    let clipped = to.float_node("Clip", &[sum.value, zero, six], &[], &x.shape);
    let again = number(to, 6.0);
    let gate = to.float_node("Div", &[clipped.value, again], &[], &x.shape);
    if let Some(other) = to.choose(|item| item.dtype == DType::F32 && item.shape == x.shape) {
        to.float_node("Mul", &[other.value, gate.value], &[], &x.shape);
    }
}

/// Scale and offset behind a normalisation that is behind no product.
fn behind_batch_norm(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() >= 2) else { return };
    let x = computed(to, &x);
    let mut y = super::batch_norm_of(to, &x);
    let mut channels = vec![1; x.rank() - 1];
    channels[0] = x.shape[1];
    for op in ["Mul", "Add"] {
        if to.random.one_in(4) {
            continue;
        }
        let shape = to.random.pick(&[channels.clone(), channels.clone(), vec![]]);
        let constant = to.floats(&shape, 0.5, 1.5);
        y = to.float_node(op, &[y.value, constant.value], &[], &x.shape);
    }
}
