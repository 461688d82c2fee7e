//! Products of TensorFlow.

use gtt_ir::{Dim, NodeId, Tensor, ValueId};
use gtt_ops::views::tf;
use gtt_rewrite::{Decline, RuleContext};

use super::product::{Bias, ChannelAxis, NOT_UNDERSTOOD, Product, matrix_layout, weights};

/// The product at a node of one of TensorFlow's ops.
pub(super) fn product(cx: &RuleContext<'_>, id: NodeId, result: ValueId) -> Result<Product, Decline> {
    let node = cx.node(id);
    let product = |weights: ValueId, tensor: &Tensor, channels, layout| Product {
        bias: Bias::Separate,
        ..Product::new(id, result, weights, tensor, channels, layout)
    };
    if let Some(view) = tf::Conv2D::of(node) {
        let tensor = weights(cx, view.filter)?;
        let &[height, width, inputs, channels] = tensor.shape() else { return Err(NOT_UNDERSTOOD) };
        let axis = axis_of(view.data_format);
        let layout = vec![(height * width * inputs, false), (channels, true)];
        let by_input = vec![(height * width, false), (inputs, true), (channels, false)];
        // Fewer inputs than the operand has channels: groups.
        let inputs = Some((inputs, by_input)).filter(|_| extent(cx, view.input, axis) == Some(inputs as u64));
        return Ok(Product { axis, rank: Some(4), inputs, ..product(view.filter, tensor, channels, layout) });
    }
    if let Some(view) = tf::DepthwiseConv2dNative::of(node) {
        let tensor = weights(cx, view.filter)?;
        let &[height, width, inputs, multiplier] = tensor.shape() else { return Err(NOT_UNDERSTOOD) };
        let layout = vec![(height * width, false), (inputs * multiplier, true)];
        let by_input = vec![(height * width, false), (inputs, true), (multiplier, false)];
        let (axis, inputs, channels) = (axis_of(view.data_format), Some((inputs, by_input)), inputs * multiplier);
        return Ok(Product { axis, rank: Some(4), inputs, ..product(view.filter, tensor, channels, layout) });
    }
    if let Some(view) = tf::Conv2DBackpropInput::of(node) {
        let tensor = weights(cx, view.filter)?;
        let &[height, width, channels, inputs] = tensor.shape() else { return Err(NOT_UNDERSTOOD) };
        let layout = vec![(height * width, false), (channels, true), (inputs, false)];
        return Ok(Product {
            axis: axis_of(view.data_format),
            rank: Some(4),
            ..product(view.filter, tensor, channels, layout)
        });
    }
    if let Some(view) = tf::Conv3D::of(node) {
        let tensor = weights(cx, view.filter)?;
        let &[depth, height, width, inputs, channels] = tensor.shape() else { return Err(NOT_UNDERSTOOD) };
        let layout = vec![(depth * height * width * inputs, false), (channels, true)];
        return Ok(Product {
            axis: axis_of(view.data_format),
            rank: Some(5),
            ..product(view.filter, tensor, channels, layout)
        });
    }
    if let Some(view) = tf::BatchMatMul::of(node) {
        let tensor = weights(cx, view.y)?;
        let (channels, layout) = matrix_layout(tensor, view.adj_y)?;
        let rank = cx.ty(view.x).rank().filter(|rank| *rank >= 2);
        return Ok(Product { rank, ..product(view.y, tensor, channels, layout) });
    }
    let view = tf::MatMul::of(node).ok_or(NOT_UNDERSTOOD)?;
    let tensor = weights(cx, view.b)?;
    let (channels, layout) = matrix_layout(tensor, view.transpose_b)?;
    let inputs = Some(matrix_layout(tensor, !view.transpose_b)?).filter(|_| !view.transpose_a);
    Ok(Product { rank: Some(2), inputs, ..product(view.b, tensor, channels, layout) })
}

fn axis_of(format: tf::DataFormat) -> ChannelAxis {
    match format {
        tf::DataFormat::ChannelsLast => ChannelAxis::Last,
        tf::DataFormat::ChannelsFirst => ChannelAxis::Second,
    }
}

/// The number of channels of an operand.
fn extent(cx: &RuleContext<'_>, value: ValueId, axis: ChannelAxis) -> Option<u64> {
    let shape = cx.ty(value).shape()?;
    let dim = match axis {
        ChannelAxis::Second => shape.get(1),
        ChannelAxis::Last => shape.last(),
    };
    dim.and_then(Dim::known)
}
