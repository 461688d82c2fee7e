//! Motifs of ONNX around convolutions, pools and matrix products: what folds into them, and near-misses.

use gtt_ir::{Attr, DType, Tensor};

use super::onnx::{batch_norm_of, conv_of};
use super::{Builder, Item};

pub(super) fn step(to: &mut Builder<'_>) {
    match to.random.below(5) {
        0 => pad_then_pool(to),
        4 => automatic_padding(to),
        1 => affine_around_conv(to),
        2 => affine_around_conv_transpose(to),
        _ => affine_around_matrix_product(to),
    }
}

/// `x * c`, `x + c` … with a constant on either side that is a scalar, runs along some axis, or is as large as `x`.
fn affine(to: &mut Builder<'_>, x: &Item, channels: usize) -> Item {
    if channels == 1 && x.rank() >= 2 && to.random.one_in(3) {
        return batch_norm_of(to, x);
    }
    let mut shape = vec![1; x.rank()];
    match to.random.below(8) {
        0 => shape.clear(),
        1 if x.rank() > 0 => {
            let axis = to.random.below(x.rank());
            shape[axis] = x.shape[axis];
        }
        2 => shape = x.shape.clone(),
        _ => {
            if let Some(extent) = x.shape.get(channels) {
                shape[channels] = *extent;
            }
            if to.random.one_in(2) {
                shape.drain(..channels.min(shape.len()));
            }
        }
    }
    let op = to.random.pick(&["Add", "Mul", "Sub", "Div"]);
    let elements = to.random.floats(shape.iter().product(), 0.5, 1.5);
    let constant = to.constant_as_given(Tensor::from_vec(&shape, elements).expect("elements of the shape"));
    let swapped = op != "Div" && to.random.one_in(3);
    let operands = if swapped { [constant.value, x.value] } else { [x.value, constant.value] };
    to.float_node(op, &operands, &[], &x.shape.clone())
}

fn affine_around_conv(to: &mut Builder<'_>) {
    let Some(mut x) =
        to.choose(|item| item.dtype == DType::F32 && item.rank() == 4 && item.shape[2] >= 3 && item.shape[3] >= 3)
    else {
        return;
    };
    for _ in 0..to.random.below(3) {
        x = affine(to, &x, 1);
    }
    let bias = to.random.one_in(2);
    let mut y = conv_of(to, &x, bias);
    for _ in 0..to.random.below(3) {
        y = affine(to, &y, 1);
    }
}

fn affine_around_conv_transpose(to: &mut Builder<'_>) {
    let Some(mut x) = image(to) else { return };
    if to.random.one_in(2) {
        x = affine(to, &x, 1);
    }
    let [n, c, h, w] = x.shape[..] else { return };
    let group = if c % 2 == 0 { 1 + to.random.below(2) } else { 1 };
    let columns = 1 + to.random.below(3);
    let weights = to.floats(&[c, columns, 2, 2], -1.0, 1.0);
    let attrs = [("group", Attr::Int(group as i64)), ("strides", ints(&[2, 2]))];
    let shape = [n, group * columns, 2 * h, 2 * w];
    let y = to.float_node("ConvTranspose", &[x.value, weights.value], &attrs, &shape);
    affine(to, &y, 1);
}

fn affine_around_matrix_product(to: &mut Builder<'_>) {
    let Some(mut x) = to.choose(|item| item.dtype == DType::F32 && item.rank() >= 2) else { return };
    let last = x.rank() - 1;
    if to.random.one_in(2) {
        x = affine(to, &x, last);
    }
    let (inner, columns) = (x.shape[last], to.random.pick(&[2usize, 3, 4]));
    let weights = to.floats(&[inner, columns], -1.0, 1.0);
    let mut shape = x.shape.clone();
    shape[last] = columns;
    let gemm = x.rank() == 2 && to.random.one_in(2);
    let mut y = if gemm {
        let attrs = [("alpha", Attr::Float(0.5))];
        to.float_node("Gemm", &[x.value, weights.value], &attrs, &shape)
    } else {
        to.float_node("MatMul", &[x.value, weights.value], &[], &shape)
    };
    if to.random.one_in(2) {
        y = affine(to, &y, last);
    }
    let mut channels = last;
    match to.random.below(3) {
        0 => {
            let perm = [&[0], &(1..=last).rev().collect::<Vec<_>>()[..]].concat();
            let shape: Vec<usize> = perm.iter().map(|&axis| y.shape[axis]).collect();
            y = to.float_node("Transpose", &[y.value], &[("perm", ints(&perm))], &shape);
            channels = 1;
        }
        1 => {
            let count: usize = y.shape.iter().product();
            let shape = [1, count / columns, columns];
            let target = to.ints(&[1, -1, columns as i64]);
            y = to.float_node("Reshape", &[y.value, target.value], &[], &shape);
            channels = 2;
        }
        _ => {}
    }
    affine(to, &y, channels);
}

fn ints(values: &[usize]) -> Attr {
    Attr::Ints(values.iter().map(|&value| value as i64).collect())
}

/// A batch of images of at least two rows and columns.
fn image(to: &mut Builder<'_>) -> Option<Item> {
    to.choose(|item| item.dtype == DType::F32 && item.rank() == 4 && item.shape[2] >= 2 && item.shape[3] >= 2)
}

fn pad_then_pool(to: &mut Builder<'_>) {
    let Some(mut x) = image(to) else { return };
    if to.random.one_in(2) {
        x = to.float_node("Relu", &[x.value], &[], &x.shape.clone());
    }
    let amounts: Vec<usize> = (0..4).map(|_| to.random.below(3).min(1)).collect();
    let pads = [0, 0, amounts[0] as i64, amounts[1] as i64, 0, 0, amounts[2] as i64, amounts[3] as i64];
    let mut operands = vec![x.value, to.ints(&pads).value];
    if to.random.one_in(2) {
        let value = to.random.pick(&[0.0, 0.0, f32::NEG_INFINITY, -1.0, 0.5]);
        operands.push(to.constant_as_given(Tensor::scalar(value)).value);
    }
    let shape = [x.shape[0], x.shape[1], x.shape[2] + amounts[0] + amounts[2], x.shape[3] + amounts[1] + amounts[3]];
    let padded = to.float_node("Pad", &operands, &[], &shape);
    let maximum = to.random.one_in(2);
    let (kernel, stride) = (to.random.pick(&[2usize, 2, 3]), 1 + to.random.below(2));
    let dilation = if maximum && to.random.one_in(4) { 2 } else { 1 };
    let own = to.random.pick(&[0usize, 0, 1]);
    let ceil = to.random.one_in(6);
    let reach = dilation * (kernel - 1) + 1;
    let windows = |extent: usize| {
        let room = (extent + 2 * own).checked_sub(reach)?;
        (!ceil || room % stride == 0).then_some(room / stride + 1)
    };
    let (Some(height), Some(width)) = (windows(shape[2]), windows(shape[3])) else { return };
    let mut attrs = vec![("kernel_shape", ints(&[kernel; 2])), ("strides", ints(&[stride; 2]))];
    attrs.push(("pads", ints(&[own; 4])));
    if ceil {
        attrs.push(("ceil_mode", Attr::Int(1)));
    }
    if dilation > 1 {
        attrs.push(("dilations", ints(&[dilation; 2])));
    }
    if !maximum {
        attrs.push(("count_include_pad", Attr::Int(to.random.below(2) as i64)));
    }
    let op = if maximum { "MaxPool" } else { "AveragePool" };
    to.float_node(op, &[padded.value], &attrs, &[shape[0], shape[1], height, width]);
}

fn automatic_padding(to: &mut Builder<'_>) {
    let Some(x) = image(to) else { return };
    let (kernel, stride) = (to.random.pick(&[1usize, 2, 2]), 1 + to.random.below(2));
    let auto_pad = to.random.pick(&["SAME_UPPER", "SAME_LOWER", "VALID"]);
    let positions = |extent: usize| match auto_pad {
        "VALID" => (extent - kernel) / stride + 1,
        _ => extent.div_ceil(stride),
    };
    let (height, width) = (positions(x.shape[2]), positions(x.shape[3]));
    let attrs = [
        ("auto_pad", Attr::Str(auto_pad.into())),
        ("kernel_shape", ints(&[kernel; 2])),
        ("strides", ints(&[stride; 2])),
    ];
    let (n, c) = (x.shape[0], x.shape[1]);
    match to.random.below(3) {
        0 => {
            let weights = to.floats(&[2, c, kernel, kernel], -1.0, 1.0);
            to.float_node("Conv", &[x.value, weights.value], &attrs, &[n, 2, height, width]);
        }
        1 => drop(to.float_node("MaxPool", &[x.value], &attrs, &[n, c, height, width])),
        _ => drop(to.float_node("AveragePool", &[x.value], &attrs, &[n, c, height, width])),
    }
}
