//! ONNX op tables. Source: the ONNX operator schemas (`docs/Operators.md`, `docs/Operators-ml.md`, `docs/Changelog.md`),
//! up to operator set 28 of the default domain and 5 of `ai.onnx.ml`.

use super::Results;

/// Ops of the default domain by the operator set version that introduced them.
pub(super) const SINCE: &[(i64, &str)] = &[
    (
        1,
        "\
        Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast Ceil Clip Concat Constant Conv \
        ConvTranspose DepthToSpace Div Dropout Elu Equal Exp Flatten Floor GRU Gather Gemm GlobalAveragePool \
        GlobalLpPool GlobalMaxPool Greater HardSigmoid Hardmax Identity If InstanceNormalization LRN LSTM \
        LeakyRelu Less Log LogSoftmax Loop LpNormalization LpPool MatMul Max MaxPool MaxRoiPool Mean Min Mul Neg \
        Not Or PRelu Pad Pow RNN RandomNormal RandomNormalLike RandomUniform RandomUniformLike Reciprocal \
        ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum \
        ReduceSumSquare Relu Reshape Selu Shape Sigmoid Size Slice Softmax Softplus Softsign SpaceToDepth Split \
        Sqrt Squeeze Sub Sum Tanh Tile TopK Transpose Unsqueeze Upsample Xor",
    ),
    (7, "Acos Asin Atan Cos Multinomial Sin Tan"),
    (8, "Expand Scan"),
    (
        9,
        "\
        Acosh Asinh Atanh Compress ConstantOfShape Cosh Erf EyeLike IsNaN MaxUnpool MeanVarianceNormalization \
        NonZero OneHot Scatter Shrink Sign Sinh TfIdfVectorizer Where",
    ),
    (
        10,
        "\
        ConvInteger DequantizeLinear IsInf MatMulInteger Mod NonMaxSuppression QLinearConv QLinearMatMul \
        QuantizeLinear Resize ReverseSequence RoiAlign StringNormalizer ThresholdedRelu",
    ),
    (
        11,
        "\
        BitShift ConcatFromSequence CumSum Det DynamicQuantizeLinear GatherElements GatherND Range Round \
        ScatterElements ScatterND SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert \
        SequenceLength SplitToSequence Unique",
    ),
    (
        12,
        "\
        Celu Einsum GreaterOrEqual LessOrEqual NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss",
    ),
    (14, "HardSwish Trilu"),
    (15, "Bernoulli CastLike Optional OptionalGetElement OptionalHasElement"),
    (16, "GridSample"),
    (
        17,
        "\
        BlackmanWindow DFT HammingWindow HannWindow LayerNormalization MelWeightMatrix STFT SequenceMap",
    ),
    (
        18,
        "\
        BitwiseAnd BitwiseNot BitwiseOr BitwiseXor CenterCropPad Col2Im GroupNormalization Mish",
    ),
    (19, "DeformConv"),
    (20, "AffineGrid Gelu ImageDecoder RegexFullMatch StringConcat StringSplit"),
    (23, "Attention RMSNormalization RotaryEmbedding"),
    (24, "Swish TensorScatter"),
    (26, "BitCast CumProd"),
    (27, "CausalConvWithState LinearAttention"),
    (28, "SwiGLU"),
];

/// Ops of `ai.onnx.ml` likewise.
pub(super) const ML_SINCE: &[(i64, &str)] = &[
    (
        1,
        "\
        ArrayFeatureExtractor Binarizer CastMap CategoryMapper DictVectorizer FeatureVectorizer Imputer \
        LabelEncoder LinearClassifier LinearRegressor Normalizer OneHotEncoder SVMClassifier SVMRegressor Scaler \
        TreeEnsembleClassifier TreeEnsembleRegressor ZipMap",
    ),
    (5, "TreeEnsemble"),
];

/// Those of ONNX Runtime's `com.microsoft` that passes make when asked to. Source: the documentation of its contrib operators.
pub(super) const MICROSOFT_SINCE: &[(i64, &str)] =
    &[(1, "BiasGelu FastGelu FusedMatMul Gelu MultiHeadAttention QuickGelu SkipLayerNormalization")];

/// Ops of any domain whose number of results is not exactly one.
pub(super) const RESULTS: &[(Results, &str)] = &[
    (Results::Between(0, 2), "GRU RNN"),
    (Results::Between(0, 3), "LSTM"),
    (Results::Between(1, 2), "Dropout MaxPool SoftmaxCrossEntropyLoss"),
    (Results::Between(1, 3), "LayerNormalization"),
    (Results::Between(1, 4), "Attention MultiHeadAttention SkipLayerNormalization Unique"),
    (Results::Between(1, 5), "BatchNormalization"),
    (Results::Between(1, u32::MAX), "If Loop Scan SequenceMap Split"),
    (
        Results::Fixed(2),
        "\
        CausalConvWithState LinearAttention LinearClassifier SVMClassifier StringSplit TopK \
        TreeEnsembleClassifier",
    ),
    (Results::Fixed(3), "DynamicQuantizeLinear"),
];

/// Stateful random ops; `Dropout` is random only in training, which the op alone does not tell.
pub(super) const RANDOM: &str =
    "Bernoulli Dropout Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike";

/// Operands 0 and 1 may be exchanged, bit for bit. (`Max` and `Min` are not here: signed zeros.)
pub(super) const COMMUTATIVE: &str = "Add And BitwiseAnd BitwiseOr BitwiseXor Equal Mul Or Xor";

/// Result 0 equals operand 0.
pub(super) const PASSTHROUGH: &str = "Identity";

/// Ops with graphs in their attributes.
pub(super) const SUBGRAPHS: &str = "If Loop Scan SequenceMap";

/// Element-wise in operand 0, whose shape result 0 has.
pub(super) const KEEPS_SHAPE: &str = "\
    Abs Acos Acosh Asin Asinh Atan Atanh BiasGelu BitwiseNot Cast Ceil Celu Clip Cos Cosh Dropout Elu Erf Exp FastGelu \
    Floor Gelu HardSigmoid HardSwish Identity IsInf IsNaN LeakyRelu Log Mish Neg Not QuickGelu Reciprocal Relu Round \
    Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Swish Tan Tanh ThresholdedRelu";
