//! ONNX ops over spatial axes: convolutions, pools, resizing.

use gtt_ir::{DType, Dim, Shape};

use super::super::context::{Context, Facts};
use super::super::fact::Fact;
use super::super::shapes::{self, Inferred, Padding, Window};

pub(super) fn infer(context: &mut Context<'_>, name: &str) -> Inferred<Facts> {
    let dtype = context.dtype(0);
    match name {
        "Conv" => conv(context, dtype, 1),
        "DeformConv" => conv(context, dtype, 1),
        "ConvInteger" => conv(context, Some(DType::I32), 1),
        "QLinearConv" => {
            let dtype = context.dtype(7);
            conv(context, dtype, 3)
        }
        "ConvTranspose" => conv_transpose(context),
        "MaxPool" | "AveragePool" | "LpPool" => pool(context, name),
        "GlobalAveragePool" | "GlobalMaxPool" | "GlobalLpPool" => context.mapped(0, dtype, |_, shape| {
            Ok(shape.iter().enumerate().map(|(axis, dim)| if axis < 2 { dim.clone() } else { Dim::Known(1) }).collect())
        }),
        "Resize" | "Upsample" => resize(context, name),
        "DepthToSpace" | "SpaceToDepth" => {
            let block = context.int_attr("blocksize", 0);
            let to_space = name == "DepthToSpace";
            context.mapped(0, dtype, |context, shape| depth_space(context, shape, block, to_space))
        }
        "RoiAlign" | "MaxRoiPool" => {
            let (height, width) = if name == "RoiAlign" {
                (context.int_attr("output_height", 1), context.int_attr("output_width", 1))
            } else {
                match context.ints_attr("pooled_shape") {
                    Some(&[height, width]) => (height, width),
                    _ => (-1, -1),
                }
            };
            let extent = |extent: i64| u64::try_from(extent).map_or(Dim::Unknown, Dim::Known);
            let shape = Shape::from_iter([context.dim(1, 0), context.dim(0, 1), extent(height), extent(width)]);
            Context::one(dtype, Some(shape))
        }
        _ => {
            // `AffineGrid`: from `[N,C,H,W]` to `[N,H,W,2]`, likewise in 3-D.
            let shape = context.shape_of_items(1).filter(|size| size.len() >= 3).map(|size| {
                let last = Dim::Known(size.len() as u64 - 2);
                size.iter().take(1).chain(&size[2..]).cloned().chain([last]).collect()
            });
            Context::one(dtype, shape)
        }
    }
}

/// Padding of each spatial axis. `None` for attributes that do not fit.
fn paddings(context: &Context<'_>, spatial: usize) -> Option<Vec<Padding>> {
    match context.str_attr("auto_pad", "NOTSET") {
        "SAME_UPPER" | "SAME_LOWER" => Some(vec![Padding::Same; spatial]),
        "VALID" => Some(vec![Padding::Fixed(0, 0); spatial]),
        "NOTSET" | "" => {
            let Some(pads) = context.ints_attr("pads") else { return Some(vec![Padding::Fixed(0, 0); spatial]) };
            (pads.len() == 2 * spatial)
                .then(|| (0..spatial).map(|axis| Padding::Fixed(pads[axis], pads[axis + spatial])).collect())
        }
        _ => None,
    }
}

/// An attribute with a number for each spatial axis; all `default` when it is not there.
fn per_axis(context: &Context<'_>, name: &str, spatial: usize, default: i64) -> Inferred<Vec<i64>> {
    match context.ints_attr(name) {
        None => Ok(vec![default; spatial]),
        Some(numbers) if numbers.len() == spatial => Ok(numbers.to_vec()),
        Some(numbers) => Err(format!("`{name}` has {} numbers for {spatial} spatial axes", numbers.len())),
    }
}

/// Kernel extents: the attribute, or those of the weights.
fn kernels(context: &Context<'_>, weights: Option<&Shape>, spatial: usize) -> Vec<Dim> {
    let of = |axis: usize| match context.ints_attr("kernel_shape") {
        Some(kernel) => {
            kernel.get(axis).and_then(|&extent| u64::try_from(extent).ok()).map_or(Dim::Unknown, Dim::Known)
        }
        None => weights.and_then(|weights| weights.get(axis + 2)).cloned().unwrap_or_default(),
    };
    (0..spatial).map(of).collect()
}

fn conv(context: &mut Context<'_>, dtype: Option<DType>, weights: usize) -> Inferred<Facts> {
    let w = context.shape(weights);
    let rank = context.shape(0).or(w).map(|shape| shape.len());
    let Some(rank) = rank else { return Context::one(dtype, None) };
    let spatial = rank.checked_sub(2).ok_or("the input has no spatial axes")?;
    let Some(paddings) = paddings(context, spatial) else { return Err("the padding does not fit".to_owned()) };
    let (strides, dilations) = (per_axis(context, "strides", spatial, 1)?, per_axis(context, "dilations", spatial, 1)?);
    let kernels = kernels(context, w, spatial);
    let mut shape = Shape::from_iter([context.dim(0, 0), context.dim(weights, 0)]);
    for (axis, (pad, kernel)) in paddings.into_iter().zip(kernels).enumerate() {
        let window = Window { kernel, stride: strides[axis], dilation: dilations[axis], pad, ceil: false };
        let input = context.dim(0, axis + 2);
        shape.push(shapes::windows(context.symbols, &input, &window)?);
    }
    Context::one(dtype, Some(shape))
}

fn conv_transpose(context: &mut Context<'_>) -> Inferred<Facts> {
    let dtype = context.dtype(0);
    let w = context.shape(1);
    let Some(rank) = context.shape(0).or(w).map(|shape| shape.len()) else { return Context::one(dtype, None) };
    let spatial = rank.checked_sub(2).ok_or("the input has no spatial axes")?;
    let Some(paddings) = paddings(context, spatial) else { return Err("the padding does not fit".to_owned()) };
    let (strides, dilations) = (per_axis(context, "strides", spatial, 1)?, per_axis(context, "dilations", spatial, 1)?);
    let extra = per_axis(context, "output_padding", spatial, 0)?;
    let kernels = kernels(context, w, spatial);
    let channels =
        context.symbols.expr(&context.dim(1, 1)).and_then(|channels| channels.times(context.int_attr("group", 1)));
    let mut shape = Shape::from_iter([context.dim(0, 0), context.symbols.dim(channels)]);
    // Some exporters give all axes, not the spatial ones only.
    let fixed = context.ints_attr("output_shape").filter(|fixed| !fixed.is_empty());
    for axis in 0..spatial {
        if let Some(fixed) = fixed {
            let at = (axis + fixed.len()).checked_sub(spatial).ok_or("`output_shape` is too short")?;
            shape.push(fixed.get(at).and_then(|&extent| u64::try_from(extent).ok()).map_or(Dim::Unknown, Dim::Known));
            continue;
        }
        let input = context.symbols.expr(&context.dim(0, axis + 2));
        let extent = match paddings[axis] {
            Padding::Same if extra[axis] != 0 => None,
            Padding::Same => input.and_then(|input| input.times(strides[axis])),
            Padding::Fixed(begin, end) => input.and_then(|input| {
                let kernel = context.symbols.expr(&kernels[axis])?;
                let reach = kernel.plus(-1)?.times(dilations[axis])?.plus(1)?;
                let cut = begin.checked_add(end)?.checked_neg()?;
                input.plus(-1)?.times(strides[axis])?.add(&reach)?.plus(extra[axis])?.plus(cut)
            }),
        };
        shape.push(context.symbols.dim(extent));
    }
    Context::one(dtype, Some(shape))
}

fn pool(context: &mut Context<'_>, name: &str) -> Inferred<Facts> {
    let dtype = context.dtype(0);
    let shape = match context.shape(0) {
        Some(input) => {
            let spatial = input.len().checked_sub(2).ok_or("the input has no spatial axes")?;
            let Some(paddings) = paddings(context, spatial) else { return Err("the padding does not fit".to_owned()) };
            let (strides, dilations) =
                (per_axis(context, "strides", spatial, 1)?, per_axis(context, "dilations", spatial, 1)?);
            let ceil = context.int_attr("ceil_mode", 0) != 0;
            let kernels = kernels(context, None, spatial);
            let mut shape = Shape::from_iter([input[0].clone(), input[1].clone()]);
            for (axis, (pad, kernel)) in paddings.into_iter().zip(kernels).enumerate() {
                let window = Window { kernel, stride: strides[axis], dilation: dilations[axis], pad, ceil };
                shape.push(shapes::windows(context.symbols, &input[axis + 2], &window)?);
            }
            Some(shape)
        }
        None => None,
    };
    let mut facts = vec![Fact::tensor(dtype, shape.clone())];
    if name == "MaxPool" {
        facts.push(Fact::tensor(Some(DType::I64), shape));
    }
    Ok(facts)
}

/// `floor(extent * scale)`, where f32 and f64 agree about it.
fn scaled(context: &mut Context<'_>, dim: &Dim, scale: f32) -> Dim {
    if scale == 1.0 {
        return dim.clone();
    }
    if let Dim::Known(extent) = dim {
        let (narrow, wide) = ((*extent as f32 * scale).floor(), (*extent as f64 * f64::from(scale)).floor());
        let agree = f64::from(narrow) == wide && (0.0..1e9).contains(&wide);
        return if agree { Dim::Known(wide as u64) } else { Dim::Unknown };
    }
    let is_whole = scale.fract() == 0.0 && (1.0..65536.0).contains(&scale);
    let extent = if is_whole { context.symbols.expr(dim).and_then(|extent| extent.times(scale as i64)) } else { None };
    context.symbols.dim(extent)
}

fn resize(context: &mut Context<'_>, name: &str) -> Inferred<Facts> {
    let dtype = context.dtype(0);
    let Some(input) = context.shape(0) else { return Context::one(dtype, None) };
    let rank = input.len();
    let all: Vec<i64> = (0..rank as i64).collect();
    let axes = shapes::axes(&all, rank).and(
        context
            .ints_attr("axes")
            .unwrap_or(&all)
            .iter()
            .map(|&axis| shapes::axis(axis, rank))
            .collect::<Inferred<Vec<usize>>>(),
    )?;
    let (scales_slot, sizes_slot) = if name == "Upsample" || context.opset < 11 { (1, usize::MAX) } else { (2, 3) };
    let is_given =
        |slot: usize| context.has(slot) && context.shape(slot).is_none_or(|shape| shape.as_slice() != [Dim::Known(0)]);
    let mut shape = input.clone();
    for &axis in &axes {
        shape.make_mut()[axis] = Dim::Unknown;
    }
    if sizes_slot != usize::MAX && is_given(sizes_slot) {
        let stretches = context.str_attr("keep_aspect_ratio_policy", "stretch") == "stretch";
        if let (Some(sizes), true) = (context.items(sizes_slot), stretches) {
            for (&axis, size) in axes.iter().zip(sizes) {
                shape.make_mut()[axis] = context.symbols.dim(size);
            }
        }
        return Context::one(dtype, Some(shape));
    }
    let scales: Option<Vec<f32>> = if name == "Upsample" && context.opset < 9 {
        context.attr("scales").and_then(gtt_ir::Attr::as_floats).map(<[f32]>::to_vec)
    } else {
        context.known(scales_slot).and_then(|scales| scales.to_vec())
    };
    // A crop is scaled, not the whole.
    let crops = context.str_attr("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize";
    if let (Some(scales), false) = (scales, crops)
        && scales.len() == axes.len()
    {
        for (&axis, scale) in axes.iter().zip(scales) {
            shape.make_mut()[axis] = scaled(context, &input[axis], scale);
        }
    }
    Context::one(dtype, Some(shape))
}

fn depth_space(context: &mut Context<'_>, shape: &Shape, block: i64, to_space: bool) -> Inferred<Shape> {
    let [n, c, h, w] = shape.as_slice() else { return Err("the input is not of rank 4".to_owned()) };
    if !(1..=1 << 20).contains(&block) {
        return Err("the block size is not positive".to_owned());
    }
    let square = block * block;
    let symbols = &mut *context.symbols;
    let mut grow = |dim: &Dim, by: i64| {
        let extent = symbols.expr(dim).and_then(|extent| extent.times(by));
        symbols.dim(extent)
    };
    let grown = if to_space { [grow(h, block), grow(w, block)] } else { [grow(c, square), Dim::Unknown] };
    let mut shrink = |dim: &Dim, by: i64| {
        let extent = symbols.expr(dim).and_then(|extent| symbols.floor_div(&extent, by));
        symbols.dim(extent)
    };
    Ok(if to_space {
        let [h, w] = grown;
        Shape::from_iter([n.clone(), shrink(c, square), h, w])
    } else {
        let [c, _] = grown;
        Shape::from_iter([n.clone(), c, shrink(h, block), shrink(w, block)])
    })
}
