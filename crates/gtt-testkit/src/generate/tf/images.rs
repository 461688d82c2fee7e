//! What stands in front of convolutions, and what comes of training with fake quantisation: with near misses.

use gtt_ir::{Attr, DType, Tensor};

use super::super::{Builder, Item};
use super::{t, text};

pub(super) fn step(to: &mut Builder<'_>) {
    match to.random.below(5) {
        0 => padded_conv(to),
        1 => resized_conv(to),
        2 => conv_over_blocks(to),
        3 => fake_quant(to),
        _ => sparse_look_up(to),
    }
}

fn image(to: &mut Builder<'_>) -> Option<Item> {
    to.choose(|item| item.dtype == DType::F32 && item.rank() == 4 && item.shape[1] >= 4 && item.shape[2] >= 4)
}

fn pairs(to: &mut Builder<'_>, pads: [[i32; 2]; 4]) -> Item {
    let tensor = Tensor::from_vec(&[4, 2], pads.concat()).expect("eight numbers");
    to.constant_as_given(tensor)
}

/// A convolution without padding of its own, at a stride of 1; now and then with something that fused ops do not have.
fn conv_of(to: &mut Builder<'_>, x: &Item) {
    let [n, h, w, c] = x.shape[..] else { return };
    let filter = to.floats(&[3, 3, c, 2], -1.0, 1.0);
    let dilated = h > 5 && w > 5 && to.random.one_in(6);
    let same = to.random.one_in(3);
    let lost = if same { 0 } else { 2 * (1 + usize::from(dilated)) };
    if h <= lost || w <= lost {
        return;
    }
    let rate = 1 + i64::from(dilated);
    let mut attrs =
        vec![t(), ("strides", Attr::Ints(vec![1, 1, 1, 1])), ("padding", text(if same { "SAME" } else { "VALID" }))];
    if dilated || to.random.one_in(2) {
        attrs.push(("dilations", Attr::Ints(vec![1, rate, rate, 1])));
        attrs.push(("data_format", text("NHWC")));
    }
    let shape = [n, h - lost, w - lost, 2];
    to.float_node("Conv2D", &[x.value, filter.value], &attrs, &shape);
}

fn padded(to: &mut Builder<'_>, x: &Item) -> Option<Item> {
    let [n, h, w, c] = x.shape[..] else { return None };
    let pads = [to.random.below(3), to.random.below(3), to.random.below(3), to.random.below(3)];
    let channels = to.random.one_in(8);
    let (c_pads, [top, bottom, left, right]) = (usize::from(channels), pads);
    let pad = |before: usize, after: usize| [before as i32, after as i32];
    let paddings = pairs(to, [[0, 0], pad(top, bottom), pad(left, right), pad(0, c_pads)]);
    let shape = [n, h + top + bottom, w + left + right, c + c_pads];
    let mut attrs = vec![t(), ("Tpaddings", Attr::DType(DType::I32))];
    Some(match to.random.below(3) {
        0 => to.float_node("Pad", &[x.value, paddings.value], &attrs, &shape),
        1 => {
            let value = to.random.pick(&[0f32, 0.0, 1.0]);
            let value = to.constant_as_given(Tensor::scalar(value));
            to.float_node("PadV2", &[x.value, paddings.value, value.value], &attrs, &shape)
        }
        _ => {
            attrs.push(("mode", text(to.random.pick(&["REFLECT", "SYMMETRIC"]))));
            if channels && c < 2 {
                return None;
            }
            to.float_node("MirrorPad", &[x.value, paddings.value], &attrs, &shape)
        }
    })
}

fn padded_conv(to: &mut Builder<'_>) {
    let Some(x) = image(to) else { return };
    let Some(padded) = padded(to, &x) else { return };
    conv_of(to, &padded);
    if to.random.one_in(6) {
        conv_of(to, &padded);
    }
}

fn resized_conv(to: &mut Builder<'_>) {
    let Some(x) = image(to) else { return };
    let [n, h, w, c] = x.shape[..] else { return };
    let (height, width) = (h + to.random.below(4), 2 * w);
    let size = to.ints(&[height as i64, width as i64]);
    let corners = to.random.one_in(3);
    let attrs = [
        t(),
        ("align_corners", Attr::Bool(corners)),
        ("half_pixel_centers", Attr::Bool(!corners && to.random.one_in(4))),
    ];
    let resized = to.float_node("ResizeBilinear", &[x.value, size.value], &attrs, &[n, height, width, c]);
    let read = if to.random.one_in(2) { padded(to, &resized).unwrap_or(resized) } else { resized };
    conv_of(to, &read);
}

/// How TensorFlow writes dilated convolutions.
fn conv_over_blocks(to: &mut Builder<'_>) {
    let Some(x) = image(to) else { return };
    let [n, h, w, c] = x.shape[..] else { return };
    let (rows, columns) = (to.random.pick(&[1usize, 2, 2]), to.random.pick(&[1usize, 2]));
    let around = to.random.below(3);
    let (bottom, right) = ((rows - (h + around) % rows) % rows, (columns - (w + around) % columns) % columns);
    let block = to.ints(&[rows as i64, columns as i64]);
    let pads = [around, bottom, around, right].map(|pad| pad as i32).to_vec();
    let paddings = to.constant_as_given(Tensor::from_vec(&[2, 2], pads).expect("four numbers"));
    let (high, wide) = ((h + around + bottom) / rows, (w + around + right) / columns);
    let attrs = [t(), ("Tblock_shape", Attr::DType(DType::I32)), ("Tpaddings", Attr::DType(DType::I32))];
    let operands = [x.value, block.value, paddings.value];
    let batches = n * rows * columns;
    let blocks = to.float_node("SpaceToBatchND", &operands, &attrs, &[batches, high, wide, c]);
    if high < 2 || wide < 2 {
        return;
    }
    let same = to.random.one_in(3);
    let filter = to.floats(&[2, 2, c, 2], -1.0, 1.0);
    let attrs = [
        t(),
        ("strides", Attr::Ints(vec![1, 1, 1, 1])),
        ("padding", text(if same { "SAME" } else { "VALID" })),
        ("data_format", text("NHWC")),
        ("dilations", Attr::Ints(vec![1, 1, 1, 1])),
    ];
    let lost = usize::from(!same);
    let (high, wide) = (high - lost, wide - lost);
    let product = to.float_node("Conv2D", &[blocks.value, filter.value], &attrs, &[batches, high, wide, 2]);
    let crop = usize::from(high * rows > 2 && to.random.one_in(2));
    let crops = vec![crop as i32, 0, 0, 0];
    let crops = to.constant_as_given(Tensor::from_vec(&[2, 2], crops).expect("four numbers"));
    let attrs = [t(), ("Tblock_shape", Attr::DType(DType::I32)), ("Tcrops", Attr::DType(DType::I32))];
    let shape = [n, high * rows - crop, wide * columns, 2];
    to.float_node("BatchToSpaceND", &[product.value, block.value, crops.value], &attrs, &shape);
}

fn fake_quant(to: &mut Builder<'_>) {
    let Some(x) = to.choose_float() else { return };
    let shape = x.shape.clone();
    let mut value = x;
    for _ in 0..to.random.below(4) {
        let op = to.random.pick(&["Relu", "Relu6", "Identity", "Sigmoid"]);
        value = to.float_node(op, &[value.value], &[t()], &shape);
    }
    let (low, high) = (to.random.pick(&[-1f32, -0.5, 0.0, 0.25]), to.random.pick(&[1f32, 2.0]));
    let (low, high) = (to.constant_as_given(Tensor::scalar(low)), to.constant_as_given(Tensor::scalar(high)));
    let bits = if to.random.one_in(6) { 4 } else { 8 };
    let attrs = [("num_bits", Attr::Int(bits)), ("narrow_range", Attr::Bool(false))];
    to.float_node("FakeQuantWithMinMaxVars", &[value.value, low.value, high.value], &attrs, &shape);
}

fn sparse_look_up(to: &mut Builder<'_>) {
    let (rows, columns) = (2 + to.random.below(4), 1 + usize::from(to.random.one_in(4)));
    let mut elements = vec![0f32; rows * columns];
    elements[0] = to.random.pick(&[0f32, 1.5]);
    let weights = to.constant_as_given(Tensor::from_vec(&[rows, columns], elements).expect("elements of the shape"));
    let read = to.float_node("Identity", &[weights.value], &[t()], &[rows, columns]);
    let ids = to.ints(&[0, rows as i64 - 1]);
    let attrs = [("Tparams", Attr::DType(DType::F32)), ("Tindices", Attr::DType(DType::I32))];
    to.float_node("Gather", &[read.value, ids.value], &attrs, &[2, columns]);
}
