//! Boxes: non-maximum suppression, and crops of images.
//!
//! TensorFlow and ONNX suppress alike: the highest score first, of equal ones the lower index; a box goes when its intersection over
//! union with one already taken exceeds the threshold; scores must exceed theirs. So `NonMaxSuppression` is used as it is, and what
//! is around it follows from its indices.

use gtt_ir::{Attr, Attrs, DType, Dim, Shape, Tensor, ValueId};

use super::{Results, only};
use crate::attrs::Call;
use crate::builder::Builder;
use crate::value::{Elem, Form, Val, Why, declared, decline};

/// Scores below any threshold that TensorFlow's first versions take.
const LOWEST: f32 = f32::MIN;

fn float(builder: &Builder<'_>, val: Val) -> Result<(), Why> {
    match builder.held(val).dtype {
        DType::F32 => Ok(()),
        dtype => decline(format!("element type {dtype}")),
    }
}

/// ONNX `NonMaxSuppression`: rows of batch, class, box.
fn suppress(builder: &mut Builder<'_>, boxes: ValueId, scores: ValueId, limits: [ValueId; 3]) -> ValueId {
    let shape: Shape = [Dim::Unknown, Dim::Known(3)].into_iter().collect();
    let [most, overlap, score] = limits;
    builder.one(
        "NonMaxSuppression",
        &[boxes, scores, most, overlap, score],
        Attrs::new(),
        declared(DType::I64, Some(&shape)),
    )
}

/// `NonMaxSuppression` to `NonMaxSuppressionV5`: one image, one class; the indices of the boxes that stay.
pub(crate) fn suppression(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let version = call.op().strip_prefix("NonMaxSuppressionV").map_or(1, |version| version.parse().unwrap_or(0));
    let (boxes, scores, most) = (call.input(0)?, call.input(1)?, call.input(2)?);
    float(builder, boxes)?;
    float(builder, scores)?;
    let overlap = match version {
        1 => builder.shared(Tensor::vector(&[call.float("iou_threshold", 0.5)?])),
        _ => single(builder, call.input(3)?)?,
    };
    let least = match version {
        1 | 2 => builder.shared(Tensor::vector(&[LOWEST])),
        _ => single(builder, call.input(4)?)?,
    };
    if version >= 5 {
        let sigma = builder.held(call.input(5)?).tensor.as_ref().and_then(Tensor::to_f64s);
        if sigma.as_deref() != Some(&[0.0]) {
            return decline("`soft_nms_sigma` is not the constant 0");
        }
    }
    let count = builder.held(most).elems.as_ref().and_then(|elems| elems.first().and_then(Elem::known));
    let most = builder.wide(most)?;
    let most = builder.reshape(most, &[1]);
    let own_boxes = builder.natural(boxes);
    let own_scores = builder.natural(scores);
    let inputs = [builder.unsqueeze(own_boxes, &[0]), builder.unsqueeze(own_scores, &[0, 1])];
    let rows = suppress(builder, inputs[0], inputs[1], [most, overlap, least]);
    let last = builder.shared(Tensor::scalar(2i64));
    let open: Shape = [Dim::Unknown].into_iter().collect();
    let mut chosen = builder.one("Gather", &[rows, last], axis(1), declared(DType::I64, Some(&open)));
    let mut shape = open;
    let total = builder.typed("Size", &[chosen], Attrs::new(), DType::I64);
    let mut picked = None;
    if version >= 5 && call.needed.get(1) == Some(&true) {
        picked = Some(builder.one("Gather", &[own_scores, chosen], axis(0), declared(DType::F32, Some(&shape))));
    }
    if version >= 4 && call.flag("pad_to_max_output_size", false)? {
        let zero = builder.i64s(&[0]);
        let taken = builder.reshape(total, &[1]);
        let missing = builder.typed("Sub", &[most, taken], Attrs::new(), DType::I64);
        let pads = builder.typed("Concat", &[zero, missing], axis(0), DType::I64);
        shape = [count.map_or(Dim::Unknown, |count| Elem::Known(count).to_dim())].into_iter().collect();
        chosen = builder.one("Pad", &[chosen, pads], Attrs::new(), declared(DType::I64, Some(&shape)));
        picked =
            picked.map(|picked| builder.one("Pad", &[picked, pads], Attrs::new(), declared(DType::F32, Some(&shape))));
    }
    let chosen = builder.hold(Form::Wide, chosen, DType::I32, Some(shape.clone()));
    let total = builder.hold(Form::Wide, total, DType::I32, Some(Shape::new()));
    let picked = picked.map(|picked| builder.natural_result(picked, DType::F32, Some(shape)));
    Ok(match version {
        1..=3 => vec![Some(chosen)],
        4 => vec![Some(chosen), Some(total)],
        _ => vec![Some(chosen), picked, Some(total)],
    })
}

/// A scalar as a vector of one element, which all runtimes take.
fn single(builder: &mut Builder<'_>, val: Val) -> Result<ValueId, Why> {
    float(builder, val)?;
    let known = builder.held(val).tensor.as_ref().and_then(|tensor| tensor.to_vec::<f32>());
    if let Some(&[only]) = known.as_deref() {
        return Ok(builder.shared(Tensor::vector(&[only])));
    }
    let value = builder.natural(val);
    Ok(builder.reshape(value, &[1]))
}

fn axis(at: i64) -> Attrs {
    Attrs::new().with("axis", Attr::Int(at))
}

/// `CombinedNonMaxSuppression`: boxes `[batch, n, q, 4]` for `q` = 1 or the number of classes, scores `[batch, n, classes]`. What
/// stays is scattered into a table of scores `[batch, classes, n]` that is -inf elsewhere, whose highest are the detections.
pub(crate) fn combined(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (boxes, scores) = (call.input(0)?, call.input(1)?);
    for slot in [0, 1, 4, 5] {
        float(builder, call.input(slot)?)?;
    }
    let &[most] = call.const_ints(builder, 2, "the size per class")?.as_slice() else {
        return decline("a size per class for each class");
    };
    let &[total] = call.const_ints(builder, 3, "the total size")?.as_slice() else {
        return decline("several total sizes");
    };
    let (Some(own), Some(rated)) = (builder.held(boxes).shape.clone(), builder.held(scores).shape.clone()) else {
        return decline("operands of unknown rank");
    };
    let ([batch, count, kinds, _], [batch_too, count_too, classes]) = (&own[..], &rated[..]) else {
        return decline("operands of another rank");
    };
    let batch = if batch.known().is_some() { batch.clone() } else { batch_too.clone() };
    let (Some(count), Some(kinds), Some(classes)) =
        (count.known().or(count_too.known()), kinds.known(), classes.known())
    else {
        return decline("the number of boxes or classes is unknown");
    };
    let cells = count.checked_mul(classes).filter(|&cells| cells < 1 << 40).and_then(|cells| i64::try_from(cells).ok());
    let Some(cells) = cells.filter(|&cells| cells > 0 && most > 0 && total > 0) else {
        return decline("an extent is 0 or out of range");
    };
    if kinds != 1 && kinds != classes {
        return decline("boxes for another number of classes");
    }
    let own_boxes = builder.natural(boxes);
    let own_scores = builder.natural(scores);
    let shared = kinds == 1;
    let by_class = builder.transpose(own_scores, &[0, 2, 1]);
    // Boxes that differ from class to class are suppressed as images of their own.
    let (places, table) = if shared || classes == 1 {
        (builder.reshape(own_boxes, &[-1, count as i64, 4]), by_class)
    } else {
        let moved = builder.transpose(own_boxes, &[0, 2, 1, 3]);
        (builder.reshape(moved, &[-1, count as i64, 4]), builder.reshape(by_class, &[-1, 1, count as i64]))
    };
    let limits = [builder.i64s(&[most]), single(builder, call.input(4)?)?, single(builder, call.input(5)?)?];
    let rows = suppress(builder, places, table, limits);
    let kept = builder.typed("GatherND", &[table, rows], Attrs::new(), DType::F32);
    let dims = builder.typed("Shape", &[table], Attrs::new(), DType::I64);
    let nothing = Attrs::new().with("value", Attr::Tensor(Tensor::vector(&[f32::NEG_INFINITY])));
    let nothing = builder.typed("ConstantOfShape", &[dims], nothing, DType::F32);
    let dense = builder.typed("ScatterND", &[nothing, rows, kept], Attrs::new(), DType::F32);
    let dense = builder.reshape(dense, &[-1, cells]);

    let detections = match call.flag("pad_per_class", false)? {
        true => total.min(most.saturating_mul(classes as i64)),
        false => total,
    };
    let taken = detections.min(cells);
    let amount = builder.i64s(&[taken]);
    let attrs = Attrs::new().with("axis", Attr::Int(1)).with("largest", Attr::Int(1)).with("sorted", Attr::Int(1));
    let short: Shape = [batch.clone(), Dim::Known(taken as u64)].into_iter().collect();
    let types = [declared(DType::F32, Some(&short)), declared(DType::I64, Some(&short))];
    let &[best, at] = builder.node("TopK", &[Some(dense), Some(amount)], attrs, &types).as_slice() else {
        return decline("two results expected");
    };
    let floor = builder.scalar(DType::F32, f64::NEG_INFINITY)?;
    let valid = builder.one("Greater", &[best, floor], Attrs::new(), declared(DType::Bool, Some(&short)));
    let zero = builder.scalar(DType::F32, 0.0)?;
    let wanted = |slot: usize| call.needed.get(slot) == Some(&true);
    let missing = detections - taken;
    let per_class = builder.scalar(DType::I64, count as f64)?;
    let full: Shape = [batch.clone(), Dim::Known(detections as u64)].into_iter().collect();

    let mut results = vec![None; 4];
    if wanted(0) {
        // In the table of boxes of one image: by box, or by class and box.
        let (table, place) = if shared {
            (places, builder.same("Mod", &[at, per_class], Attrs::new()))
        } else {
            (builder.reshape(places, &[-1, cells, 4]), at)
        };
        let place = builder.unsqueeze(place, &[2]);
        let mut value =
            builder.typed("GatherND", &[table, place], Attrs::new().with("batch_dims", Attr::Int(1)), DType::F32);
        if call.flag("clip_boxes", true)? {
            let one = builder.scalar(DType::F32, 1.0)?;
            value = builder.typed("Clip", &[value, zero, one], Attrs::new(), DType::F32);
        }
        let mask = builder.unsqueeze(valid, &[2]);
        value = builder.typed("Where", &[mask, value, zero], Attrs::new(), DType::F32);
        value = padded(builder, value, &[0, 0, 0, 0, missing, 0]);
        let mut shape = full.clone();
        shape.push(Dim::Known(4));
        results[0] = Some(builder.natural_result(value, DType::F32, Some(shape)));
    }
    if wanted(1) {
        let value = builder.one("Where", &[valid, best, zero], Attrs::new(), declared(DType::F32, Some(&short)));
        let value = padded(builder, value, &[0, 0, 0, missing]);
        results[1] = Some(builder.natural_result(value, DType::F32, Some(full.clone())));
    }
    if wanted(2) {
        let class = builder.same("Div", &[at, per_class], Attrs::new());
        let class = builder.cast(class, DType::F32);
        let value = builder.one("Where", &[valid, class, zero], Attrs::new(), declared(DType::F32, Some(&short)));
        let value = padded(builder, value, &[0, 0, 0, missing]);
        results[2] = Some(builder.natural_result(value, DType::F32, Some(full)));
    }
    if wanted(3) {
        let each = builder.cast(valid, DType::I32);
        let axes = builder.i64s(&[1]);
        let value = builder.typed("ReduceSum", &[each, axes], Attrs::new().with("keepdims", Attr::Int(0)), DType::I32);
        results[3] = Some(builder.natural_result(value, DType::I32, Some([batch].into_iter().collect())));
    }
    Ok(results)
}

/// Zeros around a value.
fn padded(builder: &mut Builder<'_>, value: ValueId, pads: &[i64]) -> ValueId {
    if pads.iter().all(|&pad| pad == 0) {
        return value;
    }
    let pads = builder.i64s(pads);
    let dtype = builder.ty(value).dtype().unwrap_or(DType::F32);
    builder.typed("Pad", &[value, pads], Attrs::new(), dtype)
}

/// `CropAndResize`: for boxes `[y1, x1, y2, x2]` in shares of the image's extents less 1, samples at
/// `y1 (h - 1) + i (y2 - y1) (h - 1) / (crop_h - 1)`, or the middle for crops of extent 1; outside of the image the extrapolation
/// value. The arithmetic is TensorFlow's, step by step, over all boxes at once.
pub(crate) fn crop_and_resize(builder: &mut Builder<'_>, call: &Call<'_>) -> Results {
    let (image, boxes, index) = (call.input(0)?, call.input(1)?, call.input(2)?);
    let method = call.text("method", Some("bilinear"))?.to_owned();
    if !matches!(method.as_str(), "bilinear" | "nearest") {
        return decline(format!("method {method}"));
    }
    float(builder, boxes)?;
    let size = call.const_ints(builder, 3, "the size of the crops")?;
    let &[height, width] = size.as_slice() else { return decline("the size is not a pair") };
    if !(1..1 << 16).contains(&height) || !(1..1 << 16).contains(&width) {
        return decline("the size is out of range");
    }
    let Some(dims) = builder.held(image).shape.clone().filter(|shape| shape.len() == 4) else {
        return decline("the image is not known to be of rank 4");
    };
    let (Some(high), Some(wide)) = (dims[1].known(), dims[2].known()) else {
        return decline("the extents of the image are unknown");
    };
    if high.max(wide) >= 1 << 24 || high.min(wide) == 0 {
        return decline("the extents of the image are out of range");
    }
    let count = match builder.held(boxes).shape.as_deref() {
        Some([count, _]) => count.clone(),
        _ => Dim::Unknown,
    };
    let data = builder.natural(image);
    let data = builder.cast(data, DType::F32);
    let boxes = builder.natural(boxes);
    let ones = builder.i64s(&[1, 1, 1, 1]);
    let corners =
        builder.node("Split", &[Some(boxes), Some(ones)], axis(1), &[(); 4].map(|()| declared(DType::F32, None)));
    let &[y1, x1, y2, x2] = corners.as_slice() else { return decline("four results expected") };
    // [boxes, crop extent]
    let rows = samples(builder, y1, y2, high, height)?;
    let columns = samples(builder, x1, x2, wide, width)?;
    let inside_y = inside(builder, rows, high)?;
    let inside_x = inside(builder, columns, wide)?;
    let (tall, flat) = ([2usize], [1usize]);
    let inside_y = builder.unsqueeze(inside_y, &tall);
    let inside_x = builder.unsqueeze(inside_x, &flat);
    let within = builder.typed("And", &[inside_y, inside_x], Attrs::new(), DType::Bool);
    let within = builder.unsqueeze(within, &[3]);
    let which = builder.wide(index)?;
    let which = builder.reshape(which, &[-1, 1, 1, 1]);
    let grid = [height, width];
    let value = if method == "nearest" {
        // Halves go up, and nothing just below them does.
        let half = builder.scalar(DType::F32, 0.5)?;
        let nearest = |builder: &mut Builder<'_>, at: ValueId| {
            let low = builder.typed("Floor", &[at], Attrs::new(), DType::F32);
            let rest = builder.typed("Sub", &[at, low], Attrs::new(), DType::F32);
            let up = builder.typed("GreaterOrEqual", &[rest, half], Attrs::new(), DType::Bool);
            let up = builder.cast(up, DType::F32);
            builder.typed("Add", &[low, up], Attrs::new(), DType::F32)
        };
        let (y, x) = (nearest(builder, rows), nearest(builder, columns));
        let y = place(builder, y, high)?;
        let x = place(builder, x, wide)?;
        pick(builder, data, which, y, x, grid)
    } else {
        let ends = |builder: &mut Builder<'_>, at: ValueId, extent: u64| -> Result<[ValueId; 3], Why> {
            let low = builder.typed("Floor", &[at], Attrs::new(), DType::F32);
            let high = builder.typed("Ceil", &[at], Attrs::new(), DType::F32);
            let share = builder.typed("Sub", &[at, low], Attrs::new(), DType::F32);
            Ok([place(builder, low, extent)?, place(builder, high, extent)?, share])
        };
        let [top, bottom, share_y] = ends(builder, rows, high)?;
        let [left, right, share_x] = ends(builder, columns, wide)?;
        let share_y = builder.reshape(share_y, &[-1, height, 1, 1]);
        let share_x = builder.reshape(share_x, &[-1, 1, width, 1]);
        let mix = |builder: &mut Builder<'_>, a: ValueId, b: ValueId, share: ValueId| {
            let span = builder.typed("Sub", &[b, a], Attrs::new(), DType::F32);
            let part = builder.typed("Mul", &[span, share], Attrs::new(), DType::F32);
            builder.typed("Add", &[a, part], Attrs::new(), DType::F32)
        };
        let line = |builder: &mut Builder<'_>, y: ValueId| {
            let a = pick(builder, data, which, y, left, grid);
            let b = pick(builder, data, which, y, right, grid);
            mix(builder, a, b, share_x)
        };
        let (above, below) = (line(builder, top), line(builder, bottom));
        mix(builder, above, below, share_y)
    };
    let outside = builder.shared(Tensor::scalar(call.float("extrapolation_value", 0.0)?));
    let value = builder.typed("Where", &[within, value, outside], Attrs::new(), DType::F32);
    let shape = [count, Dim::Known(height as u64), Dim::Known(width as u64), dims[3].clone()].into_iter().collect();
    only(builder.natural_result(value, DType::F32, Some(shape)))
}

/// Where to sample along one dimension, `[boxes, crop extent]`.
fn samples(builder: &mut Builder<'_>, from: ValueId, to: ValueId, extent: u64, crop: i64) -> Result<ValueId, Why> {
    let op = |builder: &mut Builder<'_>, op: &str, a: ValueId, b: ValueId| {
        builder.typed(op, &[a, b], Attrs::new(), DType::F32)
    };
    let last = builder.scalar(DType::F32, extent as f64 - 1.0)?;
    if crop == 1 {
        let half = builder.scalar(DType::F32, 0.5)?;
        let sum = op(builder, "Add", from, to);
        let middle = op(builder, "Mul", half, sum);
        return Ok(op(builder, "Mul", middle, last));
    }
    let span = op(builder, "Sub", to, from);
    let span = op(builder, "Mul", span, last);
    let steps = builder.scalar(DType::F32, crop as f64 - 1.0)?;
    let scale = op(builder, "Div", span, steps);
    let start = op(builder, "Mul", from, last);
    let places = builder.shared(Tensor::vector(&(0..crop).map(|at| at as f32).collect::<Vec<_>>()));
    let offsets = op(builder, "Mul", places, scale);
    Ok(op(builder, "Add", start, offsets))
}

fn inside(builder: &mut Builder<'_>, at: ValueId, extent: u64) -> Result<ValueId, Why> {
    let (zero, last) = (builder.scalar(DType::F32, 0.0)?, builder.scalar(DType::F32, extent as f64 - 1.0)?);
    let above = builder.typed("GreaterOrEqual", &[at, zero], Attrs::new(), DType::Bool);
    let below = builder.typed("LessOrEqual", &[at, last], Attrs::new(), DType::Bool);
    Ok(builder.typed("And", &[above, below], Attrs::new(), DType::Bool))
}

/// Whole places, moved into the image where they are outside (what is read there is not used).
fn place(builder: &mut Builder<'_>, at: ValueId, extent: u64) -> Result<ValueId, Why> {
    let (zero, last) = (builder.scalar(DType::F32, 0.0)?, builder.scalar(DType::F32, extent as f64 - 1.0)?);
    let at = builder.typed("Max", &[at, zero], Attrs::new(), DType::F32);
    let at = builder.typed("Min", &[at, last], Attrs::new(), DType::F32);
    Ok(builder.cast(at, DType::I64))
}

/// `data[which, y, x, :]` for all places of the crops.
fn pick(
    builder: &mut Builder<'_>,
    data: ValueId,
    which: ValueId,
    y: ValueId,
    x: ValueId,
    [height, width]: [i64; 2],
) -> ValueId {
    let y = builder.reshape(y, &[-1, height, 1, 1]);
    let x = builder.reshape(x, &[-1, 1, width, 1]);
    let whole = builder.i64s(&[1, height, width, 1]);
    let parts = [which, y, x].map(|part| builder.typed("Expand", &[part, whole], Attrs::new(), DType::I64));
    let places = builder.typed("Concat", &parts, axis(3), DType::I64);
    builder.typed("GatherND", &[data, places], Attrs::new(), DType::F32)
}
