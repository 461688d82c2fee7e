//! TensorFlow ops over spatial axes: convolutions, pools, resizing, space to batch and depth.

use gtt_ir::{Attr, Dim, Shape};

use super::super::context::Context;
use super::super::shapes::{self, Inferred, Padding, Window};
use super::{Shapes, one};

/// `None` when the op is not one of these.
pub(super) fn shapes_of(context: &mut Context<'_>, name: &str) -> Inferred<Option<Shapes>> {
    let shape = match name {
        "Conv2D" => conv(context, 2, false)?,
        "Conv3D" => conv(context, 3, false)?,
        "DepthwiseConv2dNative" => conv(context, 2, true)?,
        "Conv2DBackpropInput" | "Conv3DBackpropInputV2" | "DepthwiseConv2dNativeBackpropInput" | "AvgPoolGrad" => {
            context.shape_of_items(0)
        }
        "Conv2DBackpropFilter" | "Conv3DBackpropFilterV2" | "DepthwiseConv2dNativeBackpropFilter" => {
            context.shape_of_items(1)
        }
        "MaxPool" | "AvgPool" => {
            let (ksize, strides) = (context.ints_attr("ksize").map(<[i64]>::to_vec), strides(context, "strides"));
            pool(context, 2, ksize, strides)?
        }
        "MaxPoolV2" => {
            let (ksize, strides) = (context.ints(1), context.ints(2));
            pool(context, 2, ksize, strides)?
        }
        "MaxPool3D" | "AvgPool3D" => {
            let (ksize, strides) = (context.ints_attr("ksize").map(<[i64]>::to_vec), strides(context, "strides"));
            pool(context, 3, ksize, strides)?
        }
        "MaxPoolWithArgmax" => {
            let (ksize, strides) = (context.ints_attr("ksize").map(<[i64]>::to_vec), strides(context, "strides"));
            let shape = pool(context, 2, ksize, strides)?;
            return Ok(Some(vec![shape.clone(), shape]));
        }
        "ResizeBilinear" | "ResizeNearestNeighbor" | "ResizeBicubic" | "ResizeArea" => {
            let size = context.items(1).unwrap_or_default();
            let mut extent = |at: usize| context.symbols.dim(size.get(at).cloned().flatten());
            let (height, width) = (extent(0), extent(1));
            Some(Shape::from_iter([context.dim(0, 0), height, width, context.dim(0, 3)]))
        }
        "CropAndResize" => {
            let size = context.items(3).unwrap_or_default();
            let mut extent = |at: usize| context.symbols.dim(size.get(at).cloned().flatten());
            let (height, width) = (extent(0), extent(1));
            Some(Shape::from_iter([context.dim(2, 0), height, width, context.dim(0, 3)]))
        }
        "SpaceToDepth" | "DepthToSpace" => depth_space(context, name == "DepthToSpace")?,
        "SpaceToBatchND" | "BatchToSpaceND" => batch_space(context, name == "BatchToSpaceND")?,
        _ => return Ok(None),
    };
    one(shape).map(Some)
}

fn strides(context: &Context<'_>, name: &str) -> Option<Vec<i64>> {
    context.ints_attr(name).map(<[i64]>::to_vec)
}

/// Position of the channels, and of the first spatial axis; `None` for layouts that are not known.
fn axes(context: &Context<'_>, spatial: usize) -> Option<(usize, usize)> {
    match context.str_attr("data_format", "NHWC") {
        "NHWC" | "NDHWC" => Some((spatial + 1, 1)),
        "NCHW" | "NCDHW" => Some((1, 2)),
        _ => None,
    }
}

/// The padding of one spatial axis.
fn padding(context: &Context<'_>, axis: usize) -> Option<Padding> {
    match context.str_attr("padding", "") {
        "VALID" => Some(Padding::Fixed(0, 0)),
        "SAME" => Some(Padding::Same),
        "EXPLICIT" => {
            let amounts = context.ints_attr("explicit_paddings")?;
            Some(Padding::Fixed(*amounts.get(2 * axis)?, *amounts.get(2 * axis + 1)?))
        }
        _ => None,
    }
}

/// Filters are `[spatial…,in,out]`; of depthwise ones, `[spatial…,in,multiplier]`.
fn conv(context: &mut Context<'_>, spatial: usize, depthwise: bool) -> Inferred<Option<Shape>> {
    let rank = spatial + 2;
    for slot in 0..2 {
        if context.shape(slot).is_some_and(|shape| shape.len() != rank) {
            return Err(format!("operand {slot} is not of rank {rank}"));
        }
    }
    let (Some((channel, first)), Some(strides)) = (axes(context, spatial), strides(context, "strides")) else {
        return Ok(Some(shapes::unknown(rank)));
    };
    let dilations = strides_or_ones(context, "dilations", rank);
    if strides.len() != rank || dilations.len() != rank {
        return Err("strides or dilations do not fit".to_owned());
    }
    let mut shape = shapes::unknown(rank);
    shape.make_mut()[0] = context.dim(0, 0);
    shape.make_mut()[channel] = context.dim(1, spatial + 1);
    if depthwise {
        let channels =
            context.symbols.expr(&context.dim(1, spatial)).or_else(|| context.symbols.expr(&context.dim(0, channel)));
        let all = channels.and_then(|channels| channels.mul(&context.symbols.expr(&context.dim(1, spatial + 1))?));
        shape.make_mut()[channel] = context.symbols.dim(all);
    }
    for axis in 0..spatial {
        let at = first + axis;
        let Some(pad) = padding(context, at) else { continue };
        let window =
            Window { kernel: context.dim(1, axis), stride: strides[at], dilation: dilations[at], pad, ceil: false };
        let input = context.dim(0, at);
        shape.make_mut()[at] = shapes::windows(context.symbols, &input, &window)?;
    }
    Ok(Some(shape))
}

fn strides_or_ones(context: &Context<'_>, name: &str, rank: usize) -> Vec<i64> {
    strides(context, name).unwrap_or_else(|| vec![1; rank])
}

/// Windows over every axis of the input but batch and, as a rule, channels.
fn pool(
    context: &mut Context<'_>,
    spatial: usize,
    ksize: Option<Vec<i64>>,
    strides: Option<Vec<i64>>,
) -> Inferred<Option<Shape>> {
    let rank = spatial + 2;
    if context.shape(0).is_some_and(|shape| shape.len() != rank) {
        return Err(format!("the input is not of rank {rank}"));
    }
    let is_plain = matches!(context.attr("data_format"), None | Some(Attr::Str(_))) && axes(context, spatial).is_some();
    let (Some(ksize), Some(strides), true) = (ksize, strides, is_plain) else { return Ok(Some(shapes::unknown(rank))) };
    if ksize.len() != rank || strides.len() != rank {
        return Err("`ksize` or `strides` do not fit".to_owned());
    }
    let mut shape = Shape::new();
    for axis in 0..rank {
        let input = context.dim(0, axis);
        let is_whole = ksize[axis] == 1 && strides[axis] == 1;
        let extent = match (is_whole, padding(context, axis), u64::try_from(ksize[axis])) {
            (true, _, _) => input,
            (false, Some(pad), Ok(kernel)) => {
                let window =
                    Window { kernel: Dim::Known(kernel), stride: strides[axis], dilation: 1, pad, ceil: false };
                shapes::windows(context.symbols, &input, &window)?
            }
            _ => Dim::Unknown,
        };
        shape.push(extent);
    }
    Ok(Some(shape))
}

fn depth_space(context: &mut Context<'_>, to_space: bool) -> Inferred<Option<Shape>> {
    let Some((channel, first)) = axes(context, 2) else { return Ok(None) };
    let block = context.int_attr("block_size", 0);
    if !(1..=1 << 20).contains(&block) {
        return Err("the block size is not positive".to_owned());
    }
    let mut shape = shapes::unknown(4);
    shape.make_mut()[0] = context.dim(0, 0);
    for axis in [first, first + 1, channel] {
        let by = if axis == channel { block * block } else { block };
        let grows = (axis == channel) != to_space;
        let extent = context.symbols.expr(&context.dim(0, axis));
        let extent =
            extent.and_then(|extent| if grows { extent.times(by) } else { context.symbols.floor_div(&extent, by) });
        shape.make_mut()[axis] = context.symbols.dim(extent);
    }
    Ok(Some(shape))
}

/// `SpaceToBatchND` (block shape, paddings) and `BatchToSpaceND` (block shape, crops).
fn batch_space(context: &mut Context<'_>, to_space: bool) -> Inferred<Option<Shape>> {
    let Some(input) = context.shape(0) else { return Ok(None) };
    let (Some(blocks), Some(amounts)) = (context.ints(1), context.ints(2)) else {
        return Ok(Some(shapes::unknown(input.len())));
    };
    if blocks.len() >= input.len() || amounts.len() != 2 * blocks.len() || blocks.iter().any(|&block| block < 1) {
        return Err("block shape and amounts do not fit".to_owned());
    }
    let all = blocks.iter().try_fold(1i64, |all, &block| all.checked_mul(block)).ok_or("the blocks are too large")?;
    let mut shape = input.clone();
    let batch = context.symbols.expr(&input[0]);
    let batch =
        batch.and_then(|batch| if to_space { context.symbols.floor_div(&batch, all) } else { batch.times(all) });
    shape.make_mut()[0] = context.symbols.dim(batch);
    for (axis, &block) in blocks.iter().enumerate() {
        let amount = amounts[2 * axis].checked_add(amounts[2 * axis + 1]);
        let extent = context.symbols.expr(&input[axis + 1]);
        let extent = extent.and_then(|extent| {
            if to_space {
                extent.times(block)?.plus(amount?.checked_neg()?)
            } else {
                context.symbols.floor_div(&extent.plus(amount?)?, block)
            }
        });
        shape.make_mut()[axis + 1] = context.symbols.dim(extent);
    }
    Ok(Some(shape))
}
