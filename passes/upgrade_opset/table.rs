//! What changed between operator sets. Source: ONNX's `docs/Changelog.md`, the versions and signatures of each op.
//!
//! An op that is in neither list is refused: nobody has looked at it.

use rustc_hash::FxHashMap;

use super::adapters::{self as a, Adapter};

/// The newest operator set that the lists below were checked against.
pub(super) const NEWEST: i64 = 24;

/// Ops that mean in every later version up to [`NEWEST`] what they meant in the first one here: versions brought element types,
/// optional operands and results behind the others, and attributes whose default is what was before.
pub(super) const UNCHANGED: &[(i64, &str)] = &[
    (
        1,
        "\
        ArgMax ArgMin AveragePool Conv Constant DepthToSpace Dropout Flatten GRU Gather GlobalAveragePool GlobalMaxPool \
        GlobalLpPool Hardmax Identity If InstanceNormalization LRN LSTM LogSoftmax Loop LpNormalization LpPool MatMul \
        MaxPool MaxRoiPool Not RNN RandomNormal RandomNormalLike RandomUniform RandomUniformLike ReduceL1 ReduceL2 \
        ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Shape Size Slice \
        Softmax Softplus Softsign SpaceToDepth Squeeze TopK Transpose Unsqueeze ConvTranspose",
    ),
    (2, "Pad Split"),
    (4, "Concat"),
    (5, "Reshape"),
    (
        6,
        "\
        Abs BatchNormalization Cast Ceil Clip Elu Exp Floor HardSigmoid LeakyRelu Log Max Mean Min Neg Reciprocal Relu Selu \
        Sigmoid Sqrt Sum Tanh Tile",
    ),
    (
        7,
        "\
        Acos Add And Asin Atan Cos Div Equal Gemm Greater Less Mul Multinomial Or PRelu Pow Sin Sub Tan Upsample Xor",
    ),
    (8, "Expand"),
    (
        9,
        "\
        Acosh Asinh Atanh Compress ConstantOfShape Cosh Erf EyeLike IsNaN MaxUnpool MeanVarianceNormalization NonZero OneHot \
        Scan Scatter Shrink Sign Sinh TfIdfVectorizer Where",
    ),
    (
        10,
        "\
        ConvInteger DequantizeLinear IsInf MatMulInteger Mod NonMaxSuppression QLinearConv QLinearMatMul QuantizeLinear \
        Resize ReverseSequence RoiAlign StringNormalizer ThresholdedRelu",
    ),
    (
        11,
        "\
        BitShift ConcatFromSequence CumSum Det DynamicQuantizeLinear GatherElements GatherND Range Round ScatterElements \
        ScatterND SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength SplitToSequence Unique",
    ),
    (12, "Celu Einsum GreaterOrEqual LessOrEqual NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss"),
    (14, "HardSwish Trilu"),
    (15, "Bernoulli CastLike Optional OptionalGetElement OptionalHasElement"),
    (16, "GridSample"),
    (17, "BlackmanWindow DFT HammingWindow HannWindow LayerNormalization MelWeightMatrix STFT SequenceMap"),
    (18, "BitwiseAnd BitwiseNot BitwiseOr BitwiseXor CenterCropPad Col2Im GroupNormalization Mish"),
    (19, "DeformConv"),
    (20, "AffineGrid Gelu ImageDecoder RegexFullMatch StringConcat StringSplit"),
    (23, "Attention RMSNormalization RotaryEmbedding"),
    (24, "Swish TensorScatter"),
];

/// What an op of an older version must become at a version.
pub(super) const CHANGES: &[(&str, i64, Adapter)] = &[
    ("BatchNormalization", 7, a::test_mode),
    ("BatchNormalization", 9, a::spatial_batch_norm),
    ("BatchNormalization", 14, a::batch_norm_of_inference),
    ("Clip", 11, a::clip_bounds),
    ("ConvTranspose", 11, a::explicit_padding),
    ("DFT", 20, a::dft_axis),
    ("Dropout", 7, a::test_mode),
    ("Dropout", 10, a::one_result),
    ("Dropout", 12, a::dropout_ratio),
    ("GridSample", 20, a::grid_sample_mode),
    ("GroupNormalization", 21, a::group_norm_per_channel),
    ("Hardmax", 13, a::coerced_axis),
    ("LogSoftmax", 13, a::coerced_axis),
    ("OneHot", 11, a::refused),
    ("Pad", 11, a::pad_amounts),
    ("ReduceL1", 18, a::optional_axes),
    ("ReduceL2", 18, a::optional_axes),
    ("ReduceLogSum", 18, a::optional_axes),
    ("ReduceLogSumExp", 18, a::optional_axes),
    ("ReduceMax", 18, a::optional_axes),
    ("ReduceMean", 18, a::optional_axes),
    ("ReduceMin", 18, a::optional_axes),
    ("ReduceProd", 18, a::optional_axes),
    ("ReduceSum", 13, a::optional_axes),
    ("ReduceSumSquare", 18, a::optional_axes),
    ("Resize", 11, a::resize_asymmetric),
    ("Resize", 13, a::no_half_pixel_for_nn),
    ("RoiAlign", 16, a::roi_align_output_half_pixel),
    ("Scatter", 11, a::scatter_elements),
    ("Slice", 10, a::slice_bounds),
    ("Softmax", 13, a::coerced_axis),
    ("Split", 13, a::split_sizes),
    ("Split", 18, a::split_count),
    ("Squeeze", 13, a::optional_axes),
    ("TopK", 10, a::top_k),
    ("Unsqueeze", 13, a::optional_axes),
    ("Upsample", 9, a::upsample_scales),
    ("Upsample", 10, a::upsample_is_resize),
    ("Attention", 24, a::refused),
];

/// The version that each op is known from.
pub(super) fn known_since() -> FxHashMap<&'static str, i64> {
    UNCHANGED.iter().flat_map(|(since, ops)| ops.split_whitespace().map(|op| (op, *since))).collect()
}
