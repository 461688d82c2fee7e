//! The entries, by topic. An op that is not here is refused.

use std::collections::BTreeSet;

use gtt_ir::{Attr, DType, Def, ValueId};

use super::Site;
use super::entry::Allowed::{self, All, Any, AtLeast, Code, Float, Int, Str};
use super::entry::{
    ANY, BOOL, BYTES, Entry, F32, FLOATS, HALVES, I32, I64, INDEX, INTS, NUMBERS, PLAIN, SIGNED, Types, UNSIGNED, op,
};

/// Ops that tract has but computes wrongly or at random, with the reason.
pub(super) const REFUSED: &[(&str, &str)] = &[
    ("RandomNormal", "its values are random"),
    ("RandomNormalLike", "its values are random"),
    ("RandomUniform", "its values are random"),
    ("RandomUniformLike", "its values are random"),
    ("Multinomial", "its values are random"),
    ("Bernoulli", "its values are random"),
    ("MeanVarianceNormalization", "it does not guard a variance of zero"),
];

/// Entries of an op.
pub(super) fn entries(name: &str) -> impl Iterator<Item = &'static Entry> {
    [ARITHMETIC, ELEMENTWISE, MOVEMENT, REDUCTION, NETWORK, QUANTIZED, CONTROL]
        .into_iter()
        .flatten()
        .filter(move |entry| entry.op == name)
}

const FLAG: Allowed = Int(&[0, 1]);

/// Arithmetic, comparison and logic with broadcasting.
const ARITHMETIC: &[Entry] = &[
    op("Add", &[NUMBERS, NUMBERS]),
    op("Sub", &[NUMBERS, NUMBERS]),
    op("Mul", &[NUMBERS, NUMBERS]),
    op("Div", &[NUMBERS, NUMBERS]),
    op("Mod", &[NUMBERS, NUMBERS]).from(10).attrs(&[("fmod", FLAG)]).when(dividend_is_not_broadcast),
    op("Pow", &[FLOATS, FLOATS.and(INTS)]),
    op("Pow", &[INDEX, FLOATS.and(INDEX)]).from(12).when(power_is_not_negative),
    op("Sum", &[FLOATS]).any_count(),
    op("Mean", &[FLOATS]).any_count(),
    op("Max", &[NUMBERS]).any_count(),
    op("Min", &[NUMBERS]).any_count(),
    op("BitShift", &[UNSIGNED, UNSIGNED]).from(11).attrs(&[("direction", Str(&["LEFT", "RIGHT"]))]),
    op("BitwiseAnd", &[INTS, INTS]).from(18),
    op("BitwiseOr", &[INTS, INTS]).from(18),
    op("BitwiseXor", &[INTS, INTS]).from(18),
    op("BitwiseNot", &[INTS]).from(18),
    op("And", &[BOOL, BOOL]),
    op("Or", &[BOOL, BOOL]),
    op("Xor", &[BOOL, BOOL]),
    op("Not", &[BOOL]).from(1),
    op("Equal", &[ANY, ANY]),
    op("Greater", &[NUMBERS, NUMBERS]),
    op("GreaterOrEqual", &[NUMBERS, NUMBERS]).from(12),
    op("Less", &[NUMBERS, NUMBERS]),
    op("LessOrEqual", &[NUMBERS, NUMBERS]).from(12),
    op("Where", &[BOOL, PLAIN, PLAIN]).from(9),
    op("Clip", &[NUMBERS, NUMBERS, NUMBERS]).from(11).omit(&[1]),
    op("Clip", &[F32]).until(10).attrs(&[("min", Any), ("max", Any)]),
];

/// One operand, element by element.
const ELEMENTWISE: &[Entry] = &[
    op("Abs", &[NUMBERS]),
    op("Neg", &[FLOATS.and(SIGNED)]),
    op("Sign", &[FLOATS.and(SIGNED)]).from(9),
    op("Ceil", &[FLOATS]),
    op("Floor", &[FLOATS]),
    op("Round", &[FLOATS]).from(11),
    op("Sqrt", &[FLOATS]),
    op("Reciprocal", &[FLOATS]),
    op("Exp", &[FLOATS]),
    op("Log", &[FLOATS]),
    op("Sin", &[FLOATS]),
    op("Cos", &[FLOATS]),
    op("Tan", &[FLOATS]),
    op("Asin", &[FLOATS]),
    op("Acos", &[FLOATS]),
    op("Atan", &[FLOATS]),
    op("Sinh", &[FLOATS]).from(9),
    op("Cosh", &[FLOATS]).from(9),
    op("Tanh", &[FLOATS]),
    op("Asinh", &[FLOATS]).from(9),
    op("Acosh", &[FLOATS]).from(9),
    op("Atanh", &[FLOATS]).from(9),
    op("Erf", &[HALVES]).from(9),
    op("IsNaN", &[FLOATS]).from(9),
    op("IsInf", &[FLOATS]).from(10).attrs(&[("detect_negative", FLAG), ("detect_positive", FLAG)]),
    op("Relu", &[FLOATS]),
    op("LeakyRelu", &[HALVES]).attrs(&[("alpha", Any)]),
    op("PRelu", &[FLOATS, FLOATS]).from(7),
    op("ThresholdedRelu", &[FLOATS]).from(10).attrs(&[("alpha", Any)]),
    op("Elu", &[FLOATS]).attrs(&[("alpha", Any)]),
    op("Selu", &[FLOATS]).attrs(&[("alpha", Any), ("gamma", Any)]),
    op("Celu", &[Types::of(&[DType::F32, DType::F64])]).from(12).attrs(&[("alpha", Float(1.0))]),
    op("Gelu", &[HALVES]).from(20).attrs(&[("approximate", Str(&["none", "tanh"]))]),
    op("Mish", &[FLOATS]).from(18),
    op("Sigmoid", &[FLOATS]),
    op("HardSigmoid", &[FLOATS]).attrs(&[("alpha", Any), ("beta", Any)]),
    op("HardSwish", &[F32]).from(14),
    op("Swish", &[HALVES]).from(24).attrs(&[("alpha", Float(1.0))]),
    op("Softplus", &[FLOATS]),
    op("Softsign", &[FLOATS]),
    op("Shrink", &[FLOATS]).from(9).attrs(&[("lambd", Any), ("bias", Any)]),
];

/// Data movement, shapes and indices.
const MOVEMENT: &[Entry] = &[
    op("Identity", &[ANY]),
    op("Cast", &[PLAIN]).attrs(&[("to", Code(PLAIN)), ("saturate", FLAG), ("round_mode", Any)]),
    op("CastLike", &[PLAIN, PLAIN]).from(15).attrs(&[("saturate", FLAG), ("round_mode", Any)]),
    op("Shape", &[ANY]).attrs(&[("start", Any), ("end", Any)]),
    op("Size", &[ANY]),
    op("Reshape", &[ANY, I64]).attrs(&[("allowzero", FLAG)]).narrow(&[1]),
    op("Flatten", &[ANY]).attrs(&[("axis", Any)]),
    op("Squeeze", &[ANY]).until(12).attrs(&[("axes", Any)]),
    op("Squeeze", &[ANY, I64]).from(13),
    op("Unsqueeze", &[ANY]).until(12).attrs(&[("axes", Any)]),
    op("Unsqueeze", &[ANY, I64]).from(13),
    op("Transpose", &[ANY]).attrs(&[("perm", Any)]),
    op("Concat", &[ANY]).any_count().attrs(&[("axis", Any)]),
    op("Split", &[PLAIN]).any_results().until(12).attrs(&[("axis", Any), ("split", Any)]),
    op("Split", &[PLAIN, I64]).any_results().from(13).attrs(&[("axis", Any), ("num_outputs", Any)]).narrow(&[1]),
    op("Slice", &[PLAIN]).until(9).attrs(&[("axes", Any), ("starts", Any), ("ends", Any)]),
    op("Slice", &[PLAIN, INDEX, INDEX, INDEX, INDEX]).from(10).omit(&[3]).narrow(&[1, 3, 4]).when(slice_ends_are_plain),
    op("Expand", &[PLAIN, I64]).from(8).narrow(&[1]),
    op("Tile", &[PLAIN, I64]).narrow(&[1]),
    op("Pad", &[PLAIN, I64, PLAIN, INDEX])
        .from(11)
        .omit(&[2])
        .attrs(&[("mode", Str(&["constant", "edge", "reflect"]))])
        .narrow(&[1]),
    op("Pad", &[FLOATS]).until(10).attrs(&[
        ("mode", Str(&["constant", "edge", "reflect"])),
        ("pads", AtLeast(0)),
        ("value", Any),
    ]),
    op("Gather", &[PLAIN, INDEX]).attrs(&[("axis", Any)]),
    op("GatherElements", &[PLAIN, INDEX]).from(11).attrs(&[("axis", Any)]),
    op("GatherND", &[PLAIN, I64]).from(11).attrs(&[("batch_dims", Any)]),
    op("ScatterElements", &[PLAIN, INDEX, PLAIN])
        .from(11)
        .attrs(&[("axis", Any), ("reduction", Str(&["none", "add", "mul", "min", "max"]))]),
    op("Scatter", &[PLAIN, INDEX, PLAIN]).from(9).attrs(&[("axis", Any)]),
    op("ScatterND", &[PLAIN, I64, PLAIN]).from(11).attrs(&[("reduction", Str(&["none", "add", "mul", "min", "max"]))]),
    op("Compress", &[PLAIN, BOOL]).from(9).attrs(&[("axis", Any)]),
    op("NonZero", &[PLAIN]).from(9),
    op("OneHot", &[F32.and(INDEX), F32.and(INDEX), PLAIN]).from(9).attrs(&[("axis", Any)]),
    op("ConstantOfShape", &[I64]).from(9).attrs(&[("value", Any)]).narrow(&[0]),
    op("EyeLike", &[PLAIN]).from(9).attrs(&[("dtype", Code(NUMBERS)), ("k", Any)]),
    op("Range", &[INDEX, INDEX, INDEX]).from(11).narrow(&[0, 1, 2]),
    op("Range", &[FLOATS, FLOATS, FLOATS]).from(11).when(range_of_whole_numbers),
    op("Trilu", &[PLAIN, I64]).from(14).attrs(&[("upper", FLAG)]).narrow(&[1]),
    op("TopK", &[FLOATS.and(INTS), I64])
        .from(11)
        .results(2)
        .attrs(&[("axis", Any), ("largest", FLAG), ("sorted", Int(&[1]))])
        .narrow(&[1]),
    op("DepthToSpace", &[FLOATS]).attrs(&[("blocksize", Any), ("mode", Str(&["DCR", "CRD"]))]),
    op("SpaceToDepth", &[FLOATS]).attrs(&[("blocksize", Any)]),
    op("Resize", &[FLOATS, FLOATS, F32, I64]).from(11).omit(&[1, 2]).attrs(RESIZE).when(resize_is_settled),
    op("GridSample", &[FLOATS, FLOATS]).from(16).attrs(&[
        ("align_corners", FLAG),
        ("mode", Str(&["bilinear", "linear", "nearest"])),
        ("padding_mode", Str(&["zeros", "border", "reflection"])),
    ]),
    op("GridSample", &[FLOATS, FLOATS]).from(16).attrs(&[
        ("align_corners", FLAG),
        ("mode", Str(&["bicubic", "cubic"])),
        ("padding_mode", Str(&["zeros"])),
    ]),
    op("NonMaxSuppression", &[F32, F32, I64, F32, F32]).from(10).omit(&[2, 3]).attrs(&[("center_point_box", FLAG)]),
];

const RESIZE: &[(&str, Allowed)] = &[
    ("mode", Str(&["nearest", "linear", "cubic"])),
    (
        "coordinate_transformation_mode",
        Str(&[
            "half_pixel",
            "half_pixel_symmetric",
            "pytorch_half_pixel",
            "align_corners",
            "asymmetric",
            "tf_crop_and_resize",
        ]),
    ),
    ("nearest_mode", Str(&["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])),
    ("cubic_coeff_a", Any),
    ("exclude_outside", FLAG),
    ("extrapolation_value", Any),
    ("antialias", FLAG),
    ("axes", Any),
    ("keep_aspect_ratio_policy", Any),
];

const KEEP: (&str, Allowed) = ("keepdims", FLAG);
const NOOP: (&str, Allowed) = ("noop_with_empty_axes", FLAG);

/// A reduction: axes as attribute, and from some operator set as operand.
const fn reduce(name: &'static str, operand: &'static [Types]) -> Entry {
    op(name, operand).until(17).attrs(&[("axes", Any), KEEP])
}

const fn reduce_18(name: &'static str, operands: &'static [Types]) -> Entry {
    op(name, operands).from(18).attrs(&[KEEP, NOOP])
}

/// Reductions, scans and products.
const REDUCTION: &[Entry] = &[
    op("ReduceSum", &[FLOATS.and(INDEX)]).until(12).attrs(&[("axes", Any), KEEP]),
    op("ReduceSum", &[FLOATS.and(INDEX), I64]).from(13).attrs(&[KEEP, NOOP]),
    reduce("ReduceMean", &[FLOATS]),
    reduce_18("ReduceMean", &[FLOATS, I64]),
    reduce("ReduceMax", &[NUMBERS]),
    reduce_18("ReduceMax", &[PLAIN, I64]),
    reduce("ReduceMin", &[NUMBERS]),
    reduce_18("ReduceMin", &[PLAIN, I64]),
    reduce("ReduceProd", &[FLOATS.and(INDEX)]),
    reduce_18("ReduceProd", &[FLOATS.and(INDEX), I64]),
    reduce("ReduceL1", &[FLOATS]),
    reduce_18("ReduceL1", &[FLOATS, I64]),
    reduce("ReduceL2", &[FLOATS]),
    reduce_18("ReduceL2", &[FLOATS, I64]),
    reduce("ReduceLogSum", &[FLOATS]),
    reduce_18("ReduceLogSum", &[FLOATS, I64]),
    reduce("ReduceLogSumExp", &[FLOATS]),
    reduce_18("ReduceLogSumExp", &[FLOATS, I64]),
    reduce("ReduceSumSquare", &[FLOATS]),
    reduce_18("ReduceSumSquare", &[FLOATS, I64]),
    op("ArgMax", &[FLOATS.and(INTS)]).attrs(&[("axis", Any), KEEP, ("select_last_index", FLAG)]),
    op("ArgMin", &[FLOATS.and(INTS)]).attrs(&[("axis", Any), KEEP, ("select_last_index", FLAG)]),
    op("CumSum", &[FLOATS.and(INDEX), INDEX]).from(11).attrs(&[("exclusive", FLAG), ("reverse", FLAG)]),
    op("MatMul", &[FLOATS, FLOATS]),
    op("Gemm", &[FLOATS, FLOATS, FLOATS]).attrs(&[("alpha", Any), ("beta", Any), ("transA", FLAG), ("transB", FLAG)]),
    op("Einsum", &[FLOATS]).any_count().from(12).attrs(&[("equation", Any)]).when(equation_has_no_ellipsis),
    op("DFT", &[FLOATS, I64]).from(17).until(19).attrs(&[("axis", Any), ("inverse", FLAG), ("onesided", FLAG)]),
    op("DFT", &[FLOATS, I64, I64]).from(20).omit(&[1]).attrs(&[("inverse", FLAG), ("onesided", FLAG)]),
    op("STFT", &[F32, I64, F32, I64]).from(17).omit(&[2]).attrs(&[("onesided", FLAG)]),
    op("HannWindow", &[INDEX]).from(17).attrs(&[("periodic", FLAG), ("output_datatype", Int(&[1]))]),
    op("HammingWindow", &[INDEX]).from(17).attrs(&[("periodic", FLAG), ("output_datatype", Int(&[1]))]),
    op("BlackmanWindow", &[INDEX]).from(17).attrs(&[("periodic", FLAG), ("output_datatype", Int(&[1]))]),
];

const AUTO_PAD: (&str, Allowed) = ("auto_pad", Str(&["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]));
const KERNEL: (&str, Allowed) = ("kernel_shape", AtLeast(1));
const STRIDES: (&str, Allowed) = ("strides", AtLeast(1));
const DILATIONS: (&str, Allowed) = ("dilations", AtLeast(1));
const PADS: (&str, Allowed) = ("pads", AtLeast(0));

/// Layers of neural networks.
const NETWORK: &[Entry] = &[
    op("Conv", &[FLOATS, FLOATS, FLOATS])
        .attrs(&[AUTO_PAD, KERNEL, STRIDES, DILATIONS, PADS, ("group", Any)])
        .when(one_way_to_pad),
    op("ConvTranspose", &[FLOATS, FLOATS, FLOATS])
        .attrs(&[
            AUTO_PAD,
            KERNEL,
            STRIDES,
            DILATIONS,
            PADS,
            ("group", Any),
            ("output_padding", AtLeast(0)),
            ("output_shape", AtLeast(1)),
        ])
        .when(one_way_to_pad),
    op("AveragePool", &[FLOATS])
        .attrs(&[AUTO_PAD, KERNEL, STRIDES, DILATIONS, PADS, ("ceil_mode", FLAG), ("count_include_pad", FLAG)])
        .when(one_way_to_pad),
    op("MaxPool", &[FLOATS.and(BYTES)])
        .results(2)
        .attrs(&[AUTO_PAD, KERNEL, STRIDES, DILATIONS, PADS, ("ceil_mode", FLAG), ("storage_order", FLAG)])
        .when(one_way_to_pad),
    op("GlobalAveragePool", &[FLOATS]),
    op("GlobalMaxPool", &[FLOATS]),
    op("BatchNormalization", &[FLOATS]).any_count().attrs(&[
        ("epsilon", Any),
        ("momentum", Any),
        ("spatial", Int(&[1])),
        ("training_mode", Int(&[0])),
    ]),
    op("InstanceNormalization", &[FLOATS, FLOATS, FLOATS]).attrs(&[("epsilon", Any)]),
    op("LayerNormalization", &[F32, F32, F32]).from(17).results(3).attrs(&[
        ("axis", Any),
        ("epsilon", Any),
        ("stash_type", Int(&[1])),
    ]),
    op("RMSNormalization", &[FLOATS, FLOATS]).from(23).attrs(&[
        ("axis", Any),
        ("epsilon", Any),
        ("stash_type", Int(&[1])),
    ]),
    op("GroupNormalization", &[FLOATS, FLOATS, FLOATS]).from(18).attrs(&[
        ("epsilon", Any),
        ("num_groups", Any),
        ("stash_type", Int(&[1])),
    ]),
    op("LpNormalization", &[FLOATS]).attrs(&[("axis", Any), ("p", Int(&[1, 2]))]),
    op("LRN", &[FLOATS]).attrs(&[("alpha", Any), ("beta", Any), ("bias", Any), ("size", Any)]),
    op("Softmax", &[FLOATS]).attrs(&[("axis", Any)]),
    op("LogSoftmax", &[FLOATS]).attrs(&[("axis", Any)]),
    op("Hardmax", &[FLOATS]).attrs(&[("axis", Any)]),
    op("Dropout", &[FLOATS]).from(7).until(9).attrs(&[("ratio", Any)]),
    op("Dropout", &[FLOATS]).from(10).until(11).results(2).attrs(&[("ratio", Any)]),
    op("Dropout", &[FLOATS, FLOATS, BOOL]).from(12).omit(&[1]).results(2).attrs(&[("seed", Any)]),
    op("RotaryEmbedding", &[FLOATS, FLOATS, FLOATS, I64]).from(23).attrs(&[
        ("interleaved", FLAG),
        ("num_heads", Any),
        ("rotary_embedding_dim", Any),
    ]),
    op("RNN", &[F32, F32, F32, F32, I32, F32]).from(7).omit(&[3, 4]).results(2).attrs(RECURRENT),
    op("LSTM", &[F32, F32, F32, F32, I32, F32, F32, F32]).from(7).omit(&[3, 4, 5, 6]).results(3).attrs(RECURRENT),
    op("GRU", &[F32, F32, F32, F32, I32, F32]).from(7).omit(&[3, 4]).results(2).attrs(&[
        HIDDEN,
        DIRECTION,
        ("layout", FLAG),
        ("linear_before_reset", FLAG),
    ]),
];

/// `reverse` is computed as forward by the engine; activations other than the defaults are ignored.
const DIRECTION: (&str, Allowed) = ("direction", Str(&["forward", "bidirectional"]));
const HIDDEN: (&str, Allowed) = ("hidden_size", Any);
const RECURRENT: &[(&str, Allowed)] = &[HIDDEN, DIRECTION, ("layout", FLAG)];

/// Quantized arithmetic.
const QUANTIZED: &[Entry] = &[
    op("QuantizeLinear", &[F32, F32, BYTES])
        .from(10)
        .attrs(&[("axis", Any), ("saturate", FLAG)])
        .when(scale_is_a_power_of_two),
    op("DequantizeLinear", &[BYTES, F32, BYTES]).from(10).attrs(&[("axis", Any)]),
    op("DynamicQuantizeLinear", &[F32]).from(11).results(3),
    op("MatMulInteger", &[BYTES]).any_count().from(10),
    op("ConvInteger", &[BYTES]).any_count().from(10).attrs(&[KERNEL, PADS, ("strides", All(1))]),
    op("QLinearMatMul", &[BYTES, F32, BYTES, BYTES, F32, BYTES, F32, BYTES]).from(10),
];

/// Ops that hold graphs, whose nodes are checked as well.
const CONTROL: &[Entry] = &[
    op("If", &[BOOL])
        .any_results()
        .attrs(&[("then_branch", Any), ("else_branch", Any)])
        .when(then_branch_gives_no_constant),
    op("Loop", &[I64, BOOL, PLAIN]).any_count().any_results().omit(&[0, 1]).from(9).attrs(&[("body", Any)]),
    op("Scan", &[PLAIN]).any_count().any_results().from(9).attrs(&[
        ("body", Any),
        ("num_scan_inputs", Any),
        ("scan_input_axes", Any),
        ("scan_input_directions", Any),
        ("scan_output_axes", Any),
        ("scan_output_directions", Any),
    ]),
];

/// tract looks at `auto_pad` only where there are no `pads`.
fn one_way_to_pad(site: &Site<'_>) -> Option<String> {
    let auto = site.node.attr("auto_pad").and_then(|attr| attr.as_str()).unwrap_or("NOTSET");
    (auto != "NOTSET" && site.node.attr("pads").is_some())
        .then(|| "both `auto_pad` and `pads` is not covered".to_owned())
}

/// Integer powers are computed with an unsigned exponent.
fn power_is_not_negative(site: &Site<'_>) -> Option<String> {
    if site.operand_dtype(1).is_some_and(|dtype| dtype.is_float()) {
        return None;
    }
    let known = site.ints(1).is_some_and(|powers| powers.iter().all(|&power| (0..1 << 31).contains(&power)));
    (!known).then(|| "an integer power that may be negative".to_owned())
}

/// tract loses the dimensions that `...` stands for.
fn equation_has_no_ellipsis(site: &Site<'_>) -> Option<String> {
    let equation = site.node.attr("equation").and_then(gtt_ir::Attr::as_str).unwrap_or("...");
    equation.contains("...").then(|| "an equation with an ellipsis is not covered".to_owned())
}

/// tract takes a result of `then_branch` that is constant for that of the node, whatever the condition.
fn then_branch_gives_no_constant(site: &Site<'_>) -> Option<String> {
    if site.constant(0).and_then(|condition| condition.to_i64s()).is_some_and(|condition| condition == [1]) {
        return None;
    }
    let graph = match site.node.attr("then_branch") {
        Some(Attr::Graph(graph)) => site.model.graph(*graph),
        _ => return None,
    };
    let is_constant = |value: ValueId| {
        let (mut open, mut seen) = (vec![value], BTreeSet::new());
        while let Some(value) = open.pop() {
            match graph.value(value).def {
                Def::Node { node, .. } if seen.insert(value) => open.extend(graph.node(node).operands()),
                Def::Node { .. } => {}
                Def::Const(_) => {}
                _ => return false,
            }
        }
        true
    };
    let constant = graph.outputs().iter().any(|port| is_constant(port.value));
    constant.then(|| "a branch that gives a constant".to_owned())
}

/// tract finds the length of a range in whole numbers, whatever the element type.
fn range_of_whole_numbers(site: &Site<'_>) -> Option<String> {
    let whole = |slot| {
        let elements = site.constant(slot).and_then(|tensor| tensor.to_f64s());
        elements.is_some_and(|elements| elements.iter().all(|x| x.fract() == 0.0 && x.abs() < 1e9))
    };
    (!(0..3).all(whole)).then(|| "a range of floats that are not constant whole numbers".to_owned())
}

/// tract multiplies with the reciprocal of the scale, which rounds ties otherwise than a division.
fn scale_is_a_power_of_two(site: &Site<'_>) -> Option<String> {
    let scales = site.constant(1).and_then(|tensor| tensor.to_f64s());
    let exact = scales.is_some_and(|scales| scales.iter().all(|x| x.is_normal() && x.to_bits() << 12 == 0));
    (!exact).then(|| "a scale that is not a constant power of two".to_owned())
}

/// tract takes the remainder for commutative and swaps its operands when the first has fewer elements.
fn dividend_is_not_broadcast(site: &Site<'_>) -> Option<String> {
    let shape = |slot| site.operand_type(slot)?.shape().cloned();
    let (a, b) = (shape(0), shape(1));
    let one = b.as_ref().is_some_and(|b| b.iter().all(|dim| dim.known() == Some(1)));
    let same = || a.zip(b).is_some_and(|(a, b)| a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.same(b)));
    (!one && !same()).then(|| "a divisor that may be larger than the dividend".to_owned())
}

/// tract reads the ends that exporters write for "all of it" the same way forwards and backwards; by the specification they
/// mean the other end of the axis.
fn slice_ends_are_plain(site: &Site<'_>) -> Option<String> {
    let (ends, steps) = (site.ints(2)?, site.ints(4).unwrap_or_default());
    let odd = ends.iter().enumerate().any(|(index, &end)| {
        let forwards = steps.get(index).is_none_or(|&step| step > 0);
        if forwards { end <= i64::MIN + 1 } else { end >= i64::from(i32::MAX) }
    });
    odd.then(|| "an end on the wrong side of the axis".to_owned())
}

/// Where the specification leaves the mapping of coordinates open, implementations differ: corners aligned by a scale that gives no
/// whole extent, and `pytorch_half_pixel` for an extent of 1.
fn resize_is_settled(site: &Site<'_>) -> Option<String> {
    let mode = site.node.attr("coordinate_transformation_mode").and_then(|attr| attr.as_str()).unwrap_or("half_pixel");
    let (Some(before), Some(after)) = (site.extents(0), site.result_extents()) else {
        return Some("operand 0 of unknown rank is not covered".to_owned());
    };
    let scales = site.constant(2).and_then(|scales| scales.to_f64s()).unwrap_or_default();
    let whole = |(extent, scale): (&Option<u64>, &f64)| {
        *scale == 1.0 || extent.is_some_and(|extent| (extent as f64 * scale).fract().abs() < 1e-6)
    };
    let kept = |(before, after): (&Option<u64>, &Option<u64>)| match (before, after) {
        (Some(before), Some(after)) => before == after || *after > 1,
        (None, None) => true,
        _ => false,
    };
    match mode {
        "align_corners" if !scales.is_empty() && site.node.attr("axes").is_some() => {
            Some("`align_corners` by scales of some axes".to_owned())
        }
        "align_corners" if !before.iter().zip(&scales).all(whole) => {
            Some("`align_corners` with a scale that gives no whole extent".to_owned())
        }
        "pytorch_half_pixel" if !before.iter().zip(&after).all(kept) => {
            Some("`pytorch_half_pixel` for an extent of 1".to_owned())
        }
        _ => None,
    }
}
