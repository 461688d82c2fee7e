//! Motifs of ONNX around convolutions, pools and matrix products: what folds into them, and near-misses.

use gtt_ir::{Attr, DType, Tensor};

use super::{Builder, Item};

pub(super) fn step(to: &mut Builder<'_>) {
    pad_then_pool(to);
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
