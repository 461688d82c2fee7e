//! What there is to know about the translation of an op beyond that there is one: for `docs/tf-ops.md`.

/// Whether an op is translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// By its entry in the table.
    Lowered,
    /// As a part of a structure: a branch, a loop, a call.
    Structure,
    /// Not at all; the note says why.
    Refused,
}

/// One op.
#[derive(Clone, Copy, Debug)]
pub struct OpState {
    /// TensorFlow's name.
    pub op: &'static str,
    /// What happens to it.
    pub state: State,
    /// Conditions under which it is lowered, or why it is not; empty if there is nothing to say.
    pub note: &'static str,
}

/// All ops that are lowered, and those that people ask for and that are not, sorted by name.
pub fn op_states() -> Vec<OpState> {
    let note = |op: &str| NOTES.iter().find(|(ops, _)| ops.contains(&op)).map_or("", |(_, note)| *note);
    let lowered = crate::supported_ops().map(|op| OpState { op, state: State::Lowered, note: note(op) });
    let structures = STRUCTURES.iter().map(|&(op, note)| OpState { op, state: State::Structure, note });
    let refused = REFUSED.iter().flat_map(|(ops, note)| ops.iter().map(move |op| (*op, *note)));
    let refused = refused.map(|(op, note)| OpState { op, state: State::Refused, note });
    let mut all: Vec<OpState> = lowered.chain(structures).chain(refused).collect();
    all.sort_by_key(|state| state.op);
    all
}

/// Why an op is not lowered, if it is one that people ask for.
pub(crate) fn refusal(op: &str) -> Option<&'static str> {
    REFUSED.iter().find(|(ops, _)| ops.contains(&op)).map(|(_, note)| *note)
}

/// Restrictions, ops with the same ones together.
const NOTES: &[(&[&str], &str)] = &[
    (&["All", "Any", "EuclideanNorm", "Max", "Mean", "Min", "Sum"], "constant axes, known rank; means of floats"),
    (&["BlockLSTM", "BlockLSTMV2"], "a `Loop`; states of known rank, a known number of units"),
    (&["Dilation2D"], "floats; known extents"),
    (&["GRUBlockCell", "LSTMBlockCell"], "a known number of units"),
    (&["Prod"], "constant axes, known rank; of integers up to 64 factors along an axis (they wrap around)"),
    (
        &["QuantizeAndDequantizeV2", "QuantizeAndDequantizeV3", "QuantizeAndDequantizeV4"],
        "f32, f64; 2 to 24 bits; a given range that is one for all",
    ),
    (&["ArgMax", "ArgMin", "Cumsum"], "constant axis"),
    (&["AvgPool", "AvgPool3D"], "floats; padding other than EXPLICIT"),
    (&["BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "MatMul"], "operands and result of one type"),
    (
        &["BatchToSpace", "BatchToSpaceND", "SpaceToBatch", "SpaceToBatchND"],
        "constant block and padding, known extents",
    ),
    (&["BitwiseAnd", "BitwiseOr", "BitwiseXor", "Invert"], "opset 18"),
    (&["Bucketize"], "f32"),
    (&["Cast"], "not of strings; no truncating float casts"),
    (&["CombinedNonMaxSuppression"], "f32; constant sizes; known numbers of boxes and classes"),
    (&["Concat", "ConcatV2", "ExpandDims", "Pack", "Unpack"], "constant axis"),
    (&["Conv2D", "Conv3D"], "known number of channels; SAME padding of unknown extents only without dilations"),
    (&["Conv2DBackpropInput", "Conv3DBackpropInputV2"], "known extents of data and result"),
    (&["CropAndResize"], "constant size; known extents of the image"),
    (&["Dequantize", "QuantizeV2"], "mode MIN_FIRST"),
    (&["DepthwiseConv2dNative"], "filter of known extents"),
    (&["Diag", "MatrixDiag", "MatrixDiagV2", "MatrixDiagV3"], "known extent; the main diagonal, padded with 0"),
    (
        &["DiagPart", "MatrixDiagPart", "MatrixDiagPartV2", "MatrixDiagPartV3"],
        "square matrices of known extents; the main diagonal",
    ),
    (&["DynamicPartition"], "partitions that are a vector"),
    (&["Einsum"], "an equation with `->`"),
    (&["Equal", "NotEqual"], "not of strings; shapes that fit"),
    (&["Erfc"], "f32, within 1.2e-7; in a GELU `1 + erf`, f64 too"),
    (&["FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxVarsPerChannel"], "constant range"),
    (&["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"], "`is_training` false, and only the first result"),
    (&["Gather", "GatherV2"], "constant axis; `batch_dims` 0 or the axis"),
    (&["InvertPermutation"], "known extent"),
    (&["LeftShift", "RightShift"], "u8, u32, u64"),
    (&["LinSpace"], "constants"),
    (&["MatrixBandPart"], "opset 14; constant widths"),
    (&["MaxPoolWithArgmax"], "only the first result"),
    (&["MirrorPad", "Pad", "PadV2"], "mode SYMMETRIC with constant padding and known extents"),
    (&["NonMaxSuppressionV5"], "`soft_nms_sigma` 0"),
    (&["NonMaxSuppression", "NonMaxSuppressionV2", "NonMaxSuppressionV3", "NonMaxSuppressionV4"], "f32"),
    (&["OneHot"], "constant depth, known rank"),
    (&["Placeholder", "PlaceholderV2"], "fed, or fixed"),
    (&["PlaceholderWithDefault"], "its default, where it is not fed"),
    (&["QuantizedConv2D"], "quint8; a filter of up to 65,793 elements for each result channel"),
    (&["QuantizedConcat"], "quint8"),
    (&["QuantizedMatMul"], "an inner extent that is known"),
    (&["Rank"], "known rank"),
    (&["QuantizeDownAndShrinkRange", "Requantize"], "qint32 to quint8"),
    (&["ResizeBicubic", "ResizeArea"], "known extents"),
    (&["ReverseSequence"], "over the first two dimensions"),
    (&["ReverseV2", "Reverse", "Roll", "Transpose"], "constant axes"),
    (
        &[
            "ScatterNd",
            "SegmentSum",
            "TensorScatterAdd",
            "TensorScatterSub",
            "UnsortedSegmentProd",
            "UnsortedSegmentSum",
        ],
        "opset 16",
    ),
    (&["TensorScatterMax", "TensorScatterMin"], "opset 18"),
    (&["UnsortedSegmentMax", "UnsortedSegmentMin"], "opset 18; f32"),
    (&["Split", "SplitV"], "constant axis and extents"),
    (&["StridedSlice"], "constant strides; runs with computed bounds"),
    (&["Slice"], "constant sizes, or sizes that are extents"),
    (&["Switch"], "see Merge"),
    (&["TensorArrayConcatV3"], "elements of known extents; not their lengths"),
    (&["TensorArrayScatterV3"], "all elements in order"),
    (
        &["TensorArrayWriteV3", "TensorListPushBack", "TensorListSetItem"],
        "in order: one after the other, or in a loop one in every iteration; or a single one that every iteration writes anew",
    ),
    (&["Unique", "UniqueV2", "UniqueWithCounts"], "a vector of f32, f64, i32 or i64"),
    (&["Where"], "known rank, not a scalar"),
];

/// Ops that the walk over the graph takes care of.
const STRUCTURES: &[(&str, &str)] = &[
    ("Case", "ONNX `If`, one in another; a constant index leaves one branch"),
    ("Enter", "v1 loops become ONNX `Loop`; tensor arrays that are filled in order its scan outputs"),
    ("Exit", "see Enter"),
    ("If", "ONNX `If`; a constant predicate leaves one branch"),
    ("LoopCond", "see Enter"),
    ("Merge", "v1 conditionals: both sides are computed and `Where` chooses, so they must be of one shape"),
    ("NextIteration", "see Enter"),
    ("PartitionedCall", "the function is lowered in its place"),
    ("StatefulPartitionedCall", "the function is lowered in its place"),
    ("StatelessCase", "see Case"),
    ("StatelessIf", "see If"),
    ("StatelessWhile", "see While"),
    ("While", "ONNX `Loop`; lists of tensors that are filled in order are its scan outputs"),
];

/// Ops that people ask for, with the reason why they are not lowered.
const REFUSED: &[(&[&str], &str)] = &[
    (
        &[
            "Multinomial",
            "RandomGamma",
            "RandomPoissonV2",
            "RandomShuffle",
            "RandomStandardNormal",
            "RandomUniform",
            "RandomUniformInt",
            "StatelessRandomNormalV2",
            "StatelessRandomUniformV2",
            "TruncatedNormal",
        ],
        "its result is random",
    ),
    (
        &["ReadVariableOp", "ResourceGather", "VarHandleOp", "Variable", "VariableV2"],
        "variables have to be frozen first",
    ),
    (
        &[
            "AsString",
            "DecodeBase64",
            "RegexReplace",
            "StringFormat",
            "StringJoin",
            "StringLower",
            "StringSplitV2",
            "StringToHashBucketFast",
            "StringToNumber",
            "Substr",
        ],
        "ONNX Runtime's standard ops know no such work on strings",
    ),
    (
        &["HashTableV2", "LookupTableFindV2", "LookupTableSizeV2", "MutableHashTableV2"],
        "it reads a table that lies outside of the graph",
    ),
    (&["DecodeJpeg", "DecodePng", "DecodeImage", "DecodeWav", "DecodeRaw", "ReadFile"], "it decodes a file"),
    (&["Cumprod", "CumulativeLogsumexp"], "ONNX has no running product"),
    (
        &["FFT", "IFFT", "RFFT", "IRFFT", "Complex", "ComplexAbs"],
        "ONNX tensors of complex numbers are known to hardly any runtime",
    ),
    (
        &["Lgamma", "Digamma", "Erfinv", "Igamma", "Igammac", "Betainc"],
        "ONNX has no such function, and sums of other ones are not exact",
    ),
    (
        &["QuantizedAdd", "QuantizedInstanceNorm", "QuantizedResizeBilinear"],
        "the arithmetic of these kernels has no counterpart",
    ),
    (&["NonMaxSuppressionWithOverlaps"], "ONNX measures overlaps by itself"),
    (
        &["Cholesky", "MatrixInverse", "MatrixSolve", "Qr", "Svd", "SelfAdjointEigV2"],
        "ONNX has no linear algebra of that kind",
    ),
    (&["SparseTensorDenseMatMul", "SparseToDense", "SparseReshape"], "sparse tensors are not lowered"),
    (&["Bitcast"], "ONNX has it only from opset 26 on"),
    (&["TPUReplicate", "TPUPartitionedCall", "XlaLaunch", "PyFunc", "EagerPyFunc"], "it is code outside of the graph"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_about_ops_that_are_lowered_and_no_op_has_two_states() {
        let known: Vec<&str> = crate::supported_ops().collect();
        let strays: Vec<&&str> = NOTES.iter().flat_map(|(ops, _)| *ops).filter(|op| !known.contains(*op)).collect();
        assert!(strays.is_empty(), "{strays:?}");
        let states = op_states();
        let twice: Vec<&str> =
            states.windows(2).filter(|pair| pair[0].op == pair[1].op).map(|pair| pair[0].op).collect();
        assert!(twice.is_empty(), "{twice:?}");
    }
}
