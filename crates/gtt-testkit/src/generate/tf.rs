//! TensorFlow, frozen inference graphs.

use gtt_ir::{Attr, DType, NodeId, NodeMeta, Site, Tensor, Type};

use super::{Builder, Item, placeholder};

mod images;
mod motifs;

/// Marks nodes in loops.
pub(super) const IN_LOOP: &str = "_in_loop";

pub(super) fn fill(to: &mut Builder<'_>, steps: usize) {
    inputs(to);
    for _ in 0..steps {
        let before = to.model.graph(to.graph).node_count();
        step(to);
        decorate(to, before);
    }
    to.outputs();
}

fn inputs(to: &mut Builder<'_>) {
    let shapes: [&[usize]; 4] = [&[1, 6, 6, 3], &[2, 5, 5, 4], &[2, 3], &[4, 4]];
    for index in 0..1 + to.random.below(2) {
        let shape = to.random.pick(&shapes).to_vec();
        let ty = Type::fixed(DType::F32, &shape);
        let found = placeholder(&mut to.edit(), &format!("input_{index}"), &ty);
        let Some((_, value)) = found else { continue };
        to.pool.push(Item { value, dtype: DType::F32, shape });
    }
}

/// Control edges, devices and colocation on the nodes that came last, and now and then one of their results is fed.
fn decorate(to: &mut Builder<'_>, before: usize) {
    let graph = to.model.graph(to.graph);
    let nodes: Vec<NodeId> = graph.nodes().map(|(id, _)| id).collect();
    // Nothing outside may wait for what lies in a loop, nor the other way round.
    let outside: Vec<bool> = nodes.iter().map(|&id| graph.node(id).attr(IN_LOOP).is_none()).collect();
    if outside[before..].contains(&false) {
        return;
    }
    for at in before..nodes.len() {
        let last = at + 1 == nodes.len();
        if last || to.random.one_in(3) {
            let earlier: Vec<NodeId> = (0..at).filter(|&at| outside[at]).map(|at| nodes[at]).collect();
            decorate_one(to, &earlier, nodes[at]);
        }
    }
    if nodes.len() > before && to.random.one_in(16) {
        feed(to, nodes[before..].to_vec());
    }
}

fn decorate_one(to: &mut Builder<'_>, earlier: &[NodeId], node: NodeId) {
    let constants: Vec<_> = to.model.graph(to.graph).constants().map(|(value, _, _)| Site::Const(value)).collect();
    if to.random.one_in(8) && !earlier.is_empty() {
        let mut control = vec![Site::Node(to.random.pick(earlier))];
        if to.random.one_in(2) && !constants.is_empty() {
            control.push(to.random.pick(&constants));
        }
        to.edit().set_control(node, control);
    }
    if to.random.one_in(8) {
        let meta = NodeMeta { device: "/device:CPU:0".into(), ..NodeMeta::default() };
        to.edit().set_node_meta(node, Some(Box::new(meta)));
    }
    if to.random.one_in(10) && !earlier.is_empty() {
        let other = to.random.pick(earlier);
        let class = format!("loc:@{}", to.model.graph(to.graph).node(other).name);
        to.edit().set_attr(node, "_class", Attr::Strs(vec![class.into()]));
    }
}

/// The caller gives a tensor in the middle of the graph.
fn feed(to: &mut Builder<'_>, nodes: Vec<NodeId>) {
    let node = to.random.pick(&nodes);
    let graph = to.model.graph(to.graph);
    let Some(value) = graph.node(node).output(0) else { return };
    let fed = graph.inputs().iter().any(|port| port.value == value);
    let float = graph.value(value).ty.dtype() == Some(DType::F32);
    if !fed && float {
        let name = graph.value(value).name.clone();
        to.edit().add_feed(name, value);
    }
}

fn step(to: &mut Builder<'_>) {
    if to.random.one_in(120) {
        return to.unknown();
    }
    match to.random.below(28) {
        0..=3 => unary(to),
        4..=6 => binary(to),
        7 | 8 => drop(conv(to)),
        9 => conv_then_affine(to),
        10 => batch_norm(to),
        11 => matmul(to),
        12 => reshape(to),
        13 => transpose(to),
        14 => pool(to),
        15 => shape_arithmetic(to),
        16 => constants_only(to),
        17 => blocks_then_batch_norm(to),
        18 => joined_then_batch_norm(to),
        19..=24 => motifs::step(to),
        25 | 26 => images::step(to),
        _ => to.duplicate(),
    }
}

fn t() -> (&'static str, Attr) {
    ("T", Attr::DType(DType::F32))
}

fn text(value: &'static str) -> Attr {
    Attr::Str(value.into())
}

fn unary(to: &mut Builder<'_>) {
    let Some(x) = to.choose_float() else { return };
    let op = to.random.pick(&["Relu", "Tanh", "Sigmoid", "Neg", "Abs", "Identity", "Identity", "CheckNumerics"]);
    let mut attrs = vec![t()];
    if op == "CheckNumerics" {
        attrs.push(("message", text("not a number")));
    }
    to.float_node(op, &[x.value], &attrs, &x.shape);
}

fn binary(to: &mut Builder<'_>) {
    let Some(x) = to.choose_float() else { return };
    let op = to.random.pick(&["Add", "AddV2", "Mul", "Sub", "RealDiv"]);
    let other = to.choose(|item| item.dtype == DType::F32 && item.shape == x.shape);
    let y = match other {
        Some(other) if op != "RealDiv" && to.random.one_in(2) => other,
        _ => {
            let shape = match to.random.below(3) {
                0 => Vec::new(),
                1 => x.shape.last().copied().into_iter().collect(),
                _ => x.shape.clone(),
            };
            let elements = to.random.floats(shape.iter().product(), 0.5, 1.5);
            to.constant_as_given(Tensor::from_vec(&shape, elements).expect("elements of the shape"))
        }
    };
    let swapped = op != "RealDiv" && to.random.one_in(3);
    let operands = if swapped { [y.value, x.value] } else { [x.value, y.value] };
    to.float_node(op, &operands, &[t()], &x.shape);
}

fn conv(to: &mut Builder<'_>) -> Option<Item> {
    let x =
        to.choose(|item| item.dtype == DType::F32 && item.rank() == 4 && item.shape[1] >= 3 && item.shape[2] >= 3)?;
    let [n, h, w, c] = x.shape[..] else { return None };
    let kernel = to.random.pick(&[1usize, 3]);
    let stride = to.random.pick(&[1usize, 1, 2]);
    let same = to.random.one_in(2);
    let depthwise = to.random.one_in(3);
    let last = if depthwise { 1 + to.random.below(2) } else { 1 + to.random.below(4) };
    let filter = to.floats(&[kernel, kernel, c, last], -1.0, 1.0);
    let channels = if depthwise { c * last } else { last };
    let extent = |size: usize| if same { size.div_ceil(stride) } else { (size - kernel) / stride + 1 };
    let attrs = [
        t(),
        ("strides", Attr::Ints(vec![1, stride as i64, stride as i64, 1])),
        ("padding", text(if same { "SAME" } else { "VALID" })),
        ("data_format", text("NHWC")),
        ("dilations", Attr::Ints(vec![1, 1, 1, 1])),
    ];
    let op = if depthwise { "DepthwiseConv2dNative" } else { "Conv2D" };
    let shape = [n, extent(h), extent(w), channels];
    let mut result = to.float_node(op, &[x.value, filter.value], &attrs, &shape);
    if to.random.one_in(3) {
        let bias = to.floats(&[channels], -1.0, 1.0);
        let attrs = [t(), ("data_format", text("NHWC"))];
        result = to.float_node("BiasAdd", &[result.value, bias.value], &attrs, &shape);
    }
    Some(result)
}

/// The unfused form: `x * (gamma * rsqrt(variance + epsilon)) + (beta - mean * …)`.
fn unfused_batch_norm(to: &mut Builder<'_>, x: &Item) {
    let channels = [x.shape[x.rank() - 1]];
    let elements = to.random.floats(channels[0], 0.5, 2.0);
    let variance = to.constant_as_given(Tensor::vector(&elements));
    let epsilon = to.constant_as_given(Tensor::scalar(1e-3f32));
    let (gamma, beta, mean) =
        (to.floats(&channels, 0.5, 1.5), to.floats(&channels, -1.0, 1.0), to.floats(&channels, -1.0, 1.0));
    let add = to.float_node("AddV2", &[variance.value, epsilon.value], &[t()], &channels);
    let rsqrt = to.float_node("Rsqrt", &[add.value], &[t()], &channels);
    let factor = to.float_node("Mul", &[rsqrt.value, gamma.value], &[t()], &channels);
    let scaled = to.float_node("Mul", &[x.value, factor.value], &[t()], &x.shape);
    let shift = to.float_node("Mul", &[mean.value, factor.value], &[t()], &channels);
    let shift = to.float_node("Sub", &[beta.value, shift.value], &[t()], &channels);
    to.float_node("AddV2", &[scaled.value, shift.value], &[t()], &x.shape);
}

fn batch_norm(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() == 4) else { return };
    batch_norm_of(to, &x);
}

fn batch_norm_of(to: &mut Builder<'_>, x: &Item) {
    let channels = [x.shape[3]];
    let (scale, offset, mean) =
        (to.floats(&channels, 0.5, 1.5), to.floats(&channels, -1.0, 1.0), to.floats(&channels, -1.0, 1.0));
    let elements = to.random.floats(channels[0], 0.5, 2.0);
    let variance = to.constant_as_given(Tensor::vector(&elements));
    let attrs = [
        t(),
        ("U", Attr::DType(DType::F32)),
        ("epsilon", Attr::Float(1e-3)),
        ("is_training", Attr::Bool(false)),
        ("data_format", text("NHWC")),
    ];
    let operands = [x.value, scale.value, offset.value, mean.value, variance.value];
    to.float_node("FusedBatchNormV3", &operands, &attrs, &x.shape);
}

/// Two convolutions of one tensor, joined along channels or rows; now and then one of them is none.
fn joined_then_batch_norm(to: &mut Builder<'_>) {
    let Some(image) = to.choose(|item| item.dtype == DType::F32 && item.rank() == 4) else { return };
    let [n, h, w, c] = image.shape[..] else { return };
    let attrs = [
        t(),
        ("strides", Attr::Ints(vec![1, 1, 1, 1])),
        ("padding", text("SAME")),
        ("data_format", text("NHWC")),
        ("dilations", Attr::Ints(vec![1, 1, 1, 1])),
    ];
    let [x, other] = [0, 1].map(|_| {
        let elements = to.random.floats(c * 2, -1.0, 1.0);
        let filter = Tensor::from_vec(&[1, 1, c, 2], elements).expect("elements of the shape");
        let filter = to.constant_as_given(filter);
        let product = to.float_node("Conv2D", &[image.value, filter.value], &attrs, &[n, h, w, 2]);
        match to.random.one_in(6) {
            true => to.float_node("Relu", &[product.value], &[t()], &[n, h, w, 2]),
            false => product,
        }
    });
    let axis = to.random.pick(&[-1i32, 3, 3, 1]);
    let mut shape = x.shape.clone();
    shape[if axis == 1 { 1 } else { 3 }] *= 2;
    let axis = to.constant_as_given(Tensor::scalar(axis));
    let attrs = [t(), ("N", Attr::Int(2)), ("Tidx", Attr::DType(DType::I32))];
    let operands = if to.random.one_in(2) { [x.value, other.value] } else { [other.value, x.value] };
    let joined = to.float_node("ConcatV2", &[operands[0], operands[1], axis.value], &attrs, &shape);
    batch_norm_of(to, &joined);
}

/// A convolution over blocks of positions, and its batches put back.
fn blocks_then_batch_norm(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() == 4 && item.shape[0].is_multiple_of(2))
    else {
        return;
    };
    let [n, h, w, c] = x.shape[..] else { return };
    let filter = to.floats(&[1, 1, c, 2], -1.0, 1.0);
    let attrs = [
        t(),
        ("strides", Attr::Ints(vec![1, 1, 1, 1])),
        ("padding", text("SAME")),
        ("data_format", text("NHWC")),
        ("dilations", Attr::Ints(vec![1, 1, 1, 1])),
    ];
    let product = to.float_node("Conv2D", &[x.value, filter.value], &attrs, &[n, h, w, 2]);
    let block = to.ints(&[2, 1]);
    let crops = to.constant_as_given(Tensor::from_vec(&[2, 2], vec![0i32; 4]).expect("four elements"));
    let attrs = [t(), ("Tblock_shape", Attr::DType(DType::I32)), ("Tcrops", Attr::DType(DType::I32))];
    let operands = [product.value, block.value, crops.value];
    let back = to.float_node("BatchToSpaceND", &operands, &attrs, &[n / 2, 2 * h, w, 2]);
    batch_norm_of(to, &back);
}

fn conv_then_affine(to: &mut Builder<'_>) {
    let Some(conv) = conv(to) else { return };
    match to.random.below(3) {
        0 => batch_norm_of(to, &conv),
        1 => unfused_batch_norm(to, &conv),
        _ => {
            let factor = to.floats(&[conv.shape[3]], 0.5, 1.5);
            to.float_node("Mul", &[conv.value, factor.value], &[t()], &conv.shape);
        }
    }
}

fn matmul(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() == 2) else { return };
    let (transposed, flipped) = (to.random.one_in(4), to.random.one_in(4));
    let (rows, inner) = if transposed { (x.shape[1], x.shape[0]) } else { (x.shape[0], x.shape[1]) };
    let columns = 1 + to.random.below(4);
    let weights = to.floats(if flipped { [columns, inner] } else { [inner, columns] }.as_slice(), -1.0, 1.0);
    let attrs = [t(), ("transpose_a", Attr::Bool(transposed)), ("transpose_b", Attr::Bool(flipped))];
    let product = to.float_node("MatMul", &[x.value, weights.value], &attrs, &[rows, columns]);
    if to.random.one_in(2) {
        let factor = to.floats(&[columns], 0.5, 1.5);
        to.float_node("Mul", &[product.value, factor.value], &[t()], &[rows, columns]);
    }
}

fn reshape(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() >= 2) else { return };
    let count: usize = x.shape.iter().product();
    let target = to.ints(&[x.shape[0] as i64, -1]);
    let attrs = [t(), ("Tshape", Attr::DType(DType::I32))];
    to.float_node("Reshape", &[x.value, target.value], &attrs, &[x.shape[0], count / x.shape[0]]);
}

fn transpose(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() == 2) else { return };
    let order = to.ints(&[1, 0]);
    let attrs = [t(), ("Tperm", Attr::DType(DType::I32))];
    to.float_node("Transpose", &[x.value, order.value], &attrs, &[x.shape[1], x.shape[0]]);
}

fn pool(to: &mut Builder<'_>) {
    let Some(x) =
        to.choose(|item| item.dtype == DType::F32 && item.rank() == 4 && item.shape[1] >= 2 && item.shape[2] >= 2)
    else {
        return;
    };
    let [n, h, w, c] = x.shape[..] else { return };
    let attrs = [
        t(),
        ("ksize", Attr::Ints(vec![1, 2, 2, 1])),
        ("strides", Attr::Ints(vec![1, 2, 2, 1])),
        ("padding", text("VALID")),
        ("data_format", text("NHWC")),
    ];
    let op = to.random.pick(&["MaxPool", "AvgPool"]);
    to.float_node(op, &[x.value], &attrs, &[n, h / 2, w / 2, c]);
}

/// Shape, StridedSlice, Pack, Reshape: what Keras writes for `Flatten`.
fn shape_arithmetic(to: &mut Builder<'_>) {
    let Some(x) = to.choose(|item| item.dtype == DType::F32 && item.rank() >= 2) else { return };
    let count: usize = x.shape.iter().product();
    let attrs = [t(), ("out_type", Attr::DType(DType::I32))];
    let shape = to.node("Shape", &[Some(x.value)], &attrs, &[(DType::I32, &[x.rank()])]).remove(0);
    let (begin, end, step) = (to.ints(&[0]), to.ints(&[1]), to.ints(&[1]));
    let operands = [Some(shape.value), Some(begin.value), Some(end.value), Some(step.value)];
    let attrs = [
        ("T", Attr::DType(DType::I32)),
        ("Index", Attr::DType(DType::I32)),
        ("begin_mask", Attr::Int(0)),
        ("end_mask", Attr::Int(0)),
        ("ellipsis_mask", Attr::Int(0)),
        ("new_axis_mask", Attr::Int(0)),
        ("shrink_axis_mask", Attr::Int(1)),
    ];
    let first = to.node("StridedSlice", &operands, &attrs, &[(DType::I32, &[])]).remove(0);
    let rest = to.constant_as_given(Tensor::scalar(-1i32));
    let attrs = [("T", Attr::DType(DType::I32)), ("N", Attr::Int(2)), ("axis", Attr::Int(0))];
    let target = to.node("Pack", &[Some(first.value), Some(rest.value)], &attrs, &[(DType::I32, &[2])]).remove(0);
    let attrs = [t(), ("Tshape", Attr::DType(DType::I32))];
    to.float_node("Reshape", &[x.value, target.value], &attrs, &[x.shape[0], count / x.shape[0]]);
}

fn constants_only(to: &mut Builder<'_>) {
    let (a, b) = (to.floats(&[2, 3], -1.0, 1.0), to.floats(&[2, 3], -1.0, 1.0));
    let op = to.random.pick(&["Add", "Mul", "Sub"]);
    let sum = to.float_node(op, &[a.value, b.value], &[t()], &[2, 3]);
    if to.random.one_in(2) {
        to.float_node("Relu", &[sum.value], &[t()], &[2, 3]);
    }
}
