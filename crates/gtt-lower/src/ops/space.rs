//! Moving blocks between batch, channels and space.

use gtt_ir::{Attr, Attrs, Dim, Shape};

use super::conv::{data, result};
use super::norm::positive;
use super::{Results, only};
use crate::attrs::Call;
use crate::builder::Builder;
use crate::value::{declared, decline};

/// Channels ordered as (row in block, column in block, depth), in both.
pub(crate) fn depth_to_space(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (x, format) = (call.input(0)?, call.data_format()?);
    let block = call.int("block_size", None)?;
    if block < 2 {
        return decline("`block_size` below 2");
    }
    let (data, mut dims) = data(builder, x, format, 4)?;
    let block_extent = block as u64;
    let square = block_extent.checked_mul(block_extent);
    dims.make_mut()[1] = dims[1].known().zip(square).map_or(Dim::Unknown, |(depth, square)| Dim::Known(depth / square));
    for dim in &mut dims.make_mut()[2..] {
        *dim = dim.known().and_then(|extent| extent.checked_mul(block_extent)).map_or(Dim::Unknown, Dim::Known);
    }
    let attrs = Attrs::new().with("blocksize", Attr::Int(block)).with("mode", Attr::Str("DCR".into()));
    let value = builder.same("DepthToSpace", &[data], attrs);
    only(result(builder, value, dims, format, x))
}

/// The inverse.
pub(crate) fn space_to_depth(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (x, format) = (call.input(0)?, call.data_format()?);
    let block = call.int("block_size", None)?;
    if block < 2 {
        return decline("`block_size` below 2");
    }
    let (data, mut dims) = data(builder, x, format, 4)?;
    let block_extent = block as u64;
    let depth = block_extent.checked_mul(block_extent).and_then(|square| dims[1].known()?.checked_mul(square));
    dims.make_mut()[1] = depth.map_or(Dim::Unknown, Dim::Known);
    for dim in &mut dims.make_mut()[2..] {
        *dim = dim.known().map_or(Dim::Unknown, |extent| Dim::Known(extent / block_extent));
    }
    let value = builder.same("SpaceToDepth", &[data], Attrs::new().with("blocksize", Attr::Int(block)));
    only(result(builder, value, dims, format, x))
}

/// Block extents with the pairs of padding or crops.
fn blocks(builder: &Builder<'_>, call: &Call<'_>) -> Result<Vec<(i64, [i64; 2])>, crate::value::Why> {
    let (blocks, flat) = match call.op() {
        "SpaceToBatch" | "BatchToSpace" => {
            (vec![call.int("block_size", None)?; 2], call.const_ints(builder, 1, "the padding")?)
        }
        _ => (call.const_ints(builder, 1, "the block")?, call.const_ints(builder, 2, "the padding")?),
    };
    let (pairs, rest) = flat.as_chunks::<2>();
    let fits = rest.is_empty() && pairs.len() == blocks.len() && !blocks.is_empty();
    if !fits
        || blocks.iter().any(|&block| !(1..1 << 20).contains(&block))
        || flat.iter().any(|pad| !(0..1 << 30).contains(pad))
    {
        return decline("block and padding do not fit");
    }
    if blocks.iter().try_fold(1i64, |cells, &block| cells.checked_mul(block)).is_none() {
        return decline("the block is too large");
    }
    Ok(blocks.into_iter().zip(pairs.iter().copied()).collect())
}

/// Pads, and moves the places within each block in front of the batch: `[n, h, w, c]` to `[bh bw n, h / bh, w / bw, c]`.
pub(crate) fn space_to_batch(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let held = builder.held(x).clone();
    let blocks = blocks(builder, call)?;
    let count = blocks.len();
    let Some(shape) = held.shape.filter(|shape| shape.len() > count) else { return decline("data of unknown rank") };
    let Some(inner) = positive(&shape[1..]) else { return decline("the extents are unknown") };
    let mut value = builder.natural(x);
    if blocks.iter().any(|(_, pads)| *pads != [0, 0]) {
        let behind = shape.len() - 1 - count;
        let side = |side: usize| {
            let own = blocks.iter().map(move |(_, pads)| pads[side]);
            std::iter::once(0).chain(own).chain(std::iter::repeat_n(0, behind))
        };
        let pads: Vec<i64> = side(0).chain(side(1)).collect();
        let pads = builder.i64s(&pads);
        value = builder.one("Pad", &[value, pads], Attrs::new(), declared(held.dtype, None));
    }
    let (mut split, mut merged) = (vec![-1i64], vec![-1i64]);
    let mut order: Vec<usize> = (0..count).map(|at| 2 + 2 * at).collect();
    order.push(0);
    let mut result = Shape::new();
    let cells: i64 = blocks.iter().map(|(block, _)| block).product();
    result.push(shape[0].known().and_then(|batch| batch.checked_mul(cells as u64)).map_or(Dim::Unknown, Dim::Known));
    for (at, (block, pads)) in blocks.iter().enumerate() {
        let extent = inner[at].saturating_add(pads[0]).saturating_add(pads[1]);
        if extent % block != 0 {
            return decline("the padded extent is no multiple of the block");
        }
        split.extend([extent / block, *block]);
        merged.push(extent / block);
        order.push(1 + 2 * at);
    }
    split.extend(&inner[count..]);
    merged.extend(&inner[count..]);
    order.extend((0..inner.len() - count).map(|at| 1 + 2 * count + at));
    result.extend(merged[1..].iter().map(|&extent| Dim::Known(extent as u64)));
    value = builder.reshape(value, &split);
    value = builder.transpose(value, &order);
    value = builder.reshape(value, &merged);
    only(builder.natural_result(value, held.dtype, Some(result)))
}

/// The inverse, with crops instead of padding.
pub(crate) fn batch_to_space(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let x = call.input(0)?;
    let held = builder.held(x).clone();
    let blocks = blocks(builder, call)?;
    let count = blocks.len();
    let Some(shape) = held.shape.filter(|shape| shape.len() > count) else { return decline("data of unknown rank") };
    let Some(inner) = positive(&shape[1..]) else { return decline("the extents are unknown") };
    let cells: i64 = blocks.iter().map(|(block, _)| block).product();
    let mut split: Vec<i64> = blocks.iter().map(|(block, _)| *block).collect();
    split.push(-1);
    split.extend(&inner);
    let (mut order, mut merged) = (vec![count], vec![-1i64]);
    let mut result = Shape::new();
    result.push(shape[0].known().map_or(Dim::Unknown, |batch| Dim::Known(batch / cells as u64)));
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    for (at, (block, crops)) in blocks.iter().enumerate() {
        order.extend([count + 1 + at, at]);
        let extent = inner[at].saturating_mul(*block);
        let left = extent - crops[0] - crops[1];
        if left < 0 || extent == i64::MAX {
            return decline("more is cropped than there is");
        }
        merged.push(extent);
        starts.push(crops[0]);
        ends.push(extent - crops[1]);
        result.push(Dim::Known(left as u64));
    }
    order.extend(2 * count + 1..count + 1 + inner.len());
    merged.extend(&inner[count..]);
    result.extend(shape[1 + count..].iter().cloned());
    let mut value = builder.natural(x);
    value = builder.reshape(value, &split);
    value = builder.transpose(value, &order);
    value = builder.reshape(value, &merged);
    if blocks.iter().any(|(_, crops)| *crops != [0, 0]) {
        let axes: Vec<i64> = (1..=count as i64).collect();
        let inputs = [value, builder.i64s(&starts), builder.i64s(&ends), builder.i64s(&axes)];
        value = builder.one("Slice", &inputs, Attrs::new(), declared(held.dtype, None));
    }
    only(builder.natural_result(value, held.dtype, Some(result)))
}
