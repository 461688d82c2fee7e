//! Element types of the results of TensorFlow ops. Source: the op registry (API documentation of `tf.raw_ops`).

/// By result: an attribute (with its default), an element type, or `*` and an attribute with a list of types; `..` repeats to the
/// last result. Ops that are not here have results of the type that attribute `T` names.
pub(super) const RESULT_TYPES: &[(&str, &str)] = &[
    ("*OUT_TYPE", "DecodeCSV"),
    ("*T", "For IdentityN StatelessWhile"),
    ("*Tcomponents", "CompositeTensorVariantToComponents"),
    ("*Tout", "PartitionedCall StatelessCase StatelessIf SymbolicGradient"),
    ("*output_types", "GetElementAtIndex MapDefun UncompressElement"),
    ("DstT", "Cast"),
    ("S", "CudnnRNNParamsSize"),
    (
        "T T f32",
        "\
        SampleDistortedBoundingBox SampleDistortedBoundingBoxV2 StatelessSampleDistortedBoundingBox",
    ),
    ("T Targmax=i64", "MaxPoolWithArgmax"),
    (
        "T Tidx=i32",
        "\
        SparseSegmentMeanGradV2 SparseSegmentSqrtNGradV2 SparseSegmentSumGradV2",
    ),
    ("T U U U U", "FusedBatchNormGradV2 FusedBatchNormGradV3 FusedBatchNormV2"),
    ("T U U U U U", "FusedBatchNormV3"),
    (
        "T f32 f32",
        "\
        QuantizeV2 QuantizedAvgPool QuantizedConcat QuantizedInstanceNorm QuantizedMaxPool QuantizedReshape \
        QuantizedResizeBilinear",
    ),
    ("T i32", "ApproxTopK Merge RefMerge TopK"),
    ("T i64 i64", "FractionalAvgPool FractionalMaxPool"),
    ("T index_type=i32", "TopKV2"),
    ("T out_idx=i32", "ListDiff Unique UniqueV2"),
    ("T out_idx=i32 out_idx=i32", "UniqueWithCounts UniqueWithCountsV2"),
    ("T output_idx_type=i32", "Lu"),
    ("T=c64", "Conj"),
    (
        "T=f32",
        "\
        AdjustContrastv2 AdjustHue AdjustSaturation DrawBoundingBoxes DrawBoundingBoxesV2 HSVToRGB LRN LRNGrad \
        LeakyRelu LeakyReluGrad MaxPool MaxPool3DGrad MaxPoolGrad MaxPoolGradV2 MaxPoolV2 NextAfter RGBToHSV",
    ),
    ("T=f32 T=f32", "CTCLoss"),
    (
        "T=i32",
        "\
        BroadcastArgs DataFormatDimMap DataFormatVecPermute InvertPermutation",
    ),
    ("T=i32 T=i32", "BroadcastGradientArgs"),
    (
        "Tcomplex=c64",
        "\
        FFT FFT2D FFT3D FFTND IFFT IFFT2D IFFT3D IFFTND RFFT RFFT2D RFFT3D RFFTND",
    ),
    ("Tidx=i32", "Range UnravelIndex"),
    (
        "Tout",
        "\
        BatchMatMulV3 RandomUniformInt UniformDequantize UniformQuantize UniformQuantizedConvolution \
        UniformQuantizedConvolutionHybrid UniformQuantizedDot UniformQuantizedDotHybrid UniformRequantize",
    ),
    ("Tout Tout", "Eig"),
    ("Tout=c64", "Complex"),
    ("Tout=f32", "Angle ComplexAbs Imag Real"),
    ("Toutput", "QuantizedMatMulWithBiasAndDequantize"),
    (
        "Toutput=qi32 f32 f32",
        "\
        QuantizedAdd QuantizedMatMul QuantizedMatMulWithBias QuantizedMatMulWithBiasAndRelu QuantizedMul",
    ),
    (
        "Toutput=qu8 f32 f32",
        "\
        QuantizedMatMulWithBiasAndReluAndRequantize QuantizedMatMulWithBiasAndRequantize",
    ),
    ("Tparams", "Gather GatherNd GatherV2"),
    ("Treal=f32", "IRFFT IRFFT2D IRFFT3D IRFFTND"),
    ("Tsplits=i64 T=i32", "RaggedRange"),
    ("Tsplits=i64 i32", "UnicodeDecode"),
    ("Tsplits=i64 i32 i64", "UnicodeDecodeWithOffsets"),
    ("Tsplits=i64.. Tvalues", "RaggedGather RaggedTensorFromVariant"),
    ("Tvalues", "RaggedTensorToVariantGradient"),
    (
        "bool",
        "\
        All Any ApproximateEqual Equal Greater GreaterEqual InTopK InTopKV2 IsFinite IsInf IsNan Less LessEqual \
        LogicalAnd LogicalNot LogicalOr LoopCond NotEqual RegexFullMatch StaticRegexFullMatch TensorMapHasKey \
        ToBool",
    ),
    (
        "c64",
        "\
        BatchFFT BatchFFT2D BatchFFT3D BatchIFFT BatchIFFT2D BatchIFFT3D",
    ),
    (
        "dtype",
        "\
        Const FakeParam ImageProjectiveTransformV2 ImageProjectiveTransformV3 ImmutableConst \
        ParameterizedTruncatedNormal Placeholder PlaceholderV2 PlaceholderWithDefault RandomIndexShuffle \
        RandomPoisson RandomStandardNormal RandomUniform ReadVariableOp StatelessParameterizedTruncatedNormal \
        StatelessRandomGammaV2 StatelessRandomGammaV3 StatelessRandomPoisson StatelessRandomUniformInt \
        StatelessRandomUniformIntV2 TensorArrayGatherV2 TensorArrayReadV2 TruncatedNormal Variable VariableV2",
    ),
    ("dtype i64", "TensorArrayConcatV2"),
    (
        "dtype=f32",
        "\
        Dequantize SobolSample StatelessRandomNormal StatelessRandomNormalV2 StatelessRandomUniform \
        StatelessRandomUniformV2 StatelessTruncatedNormal StatelessTruncatedNormalV2",
    ),
    ("dtype=i32", "HistogramFixedWidth"),
    (
        "dtype=i64",
        "\
        NonDeterministicInts RandomPoissonV2 StatelessRandomBinomial",
    ),
    (
        "dtype=u64",
        "\
        StatelessRandomUniformFullInt StatelessRandomUniformFullIntV2",
    ),
    ("dtype=u8", "DecodeImage DecodeJxl DecodePng DecodeWebP"),
    ("element_dtype", "TensorListGather TensorListGetItem TensorListStack"),
    ("element_dtype i64", "TensorListConcat TensorListConcatV2"),
    (
        "f32",
        "\
        AdjustContrast AudioSpectrogram CropAndResize CropAndResizeGradBoxes EditDistance ExtractGlimpse \
        ExtractGlimpseV2 FakeQuantWithMinMaxArgs FakeQuantWithMinMaxArgsGradient FakeQuantWithMinMaxVars \
        FakeQuantWithMinMaxVarsPerChannel KmeansPlusPlusInitialization Mfcc ResizeArea ResizeBicubic \
        ResizeBilinear ScaleAndTranslate SparseMatMul TensorArrayScatterV2 TensorArraySplitV2 TensorArrayWriteV2",
    ),
    (
        "f32 f32",
        "\
        CTCLossV2 GenerateBoundingBoxProposals RequantizationRange RequantizationRangePerChannel",
    ),
    (
        "f32 f32 f32",
        "\
        FakeQuantWithMinMaxVarsGradient FakeQuantWithMinMaxVarsPerChannelGradient",
    ),
    ("f32 f32 f32 i32", "CombinedNonMaxSuppression"),
    ("f32 i32", "DecodeWav"),
    (
        "i32",
        "\
        Bucketize NonMaxSuppression NonMaxSuppressionV2 NonMaxSuppressionV3 NonMaxSuppressionWithOverlaps Rank \
        SetSize SparseMatrixNNZ SparseMatrixOrderingAMD StringLength TensorArraySizeV2 TensorListLength \
        TensorMapSize UnicodeScript",
    ),
    ("i32 *output_types", "DecodeProtoV2"),
    ("i32 T=f32 i32", "NonMaxSuppressionV5"),
    ("i32 i32", "NonMaxSuppressionV4"),
    ("i32 i32 type", "CSRSparseMatrixComponents"),
    ("i32 i64 f32", "ComputeAccidentalHits"),
    (
        "i64",
        "\
        ComputeBatchSize KMC2ChainInitialization StringToHashBucket StringToHashBucketFast \
        StringToHashBucketStrong Where",
    ),
    ("i64 T", "SparseReorder SparseSparseMaximum SparseSparseMinimum"),
    ("i64 T bool i64", "RaggedFillEmptyRows SparseFillEmptyRows"),
    (
        "i64 T i64",
        "\
        DenseToDenseSetOperation DenseToSparseSetOperation RaggedTensorToSparse SparseAdd SparseConcat \
        SparseReduceMaxSparse SparseReduceSumSparse SparseSlice SparseToSparseSetOperation",
    ),
    ("i64 dtype i64", "DeserializeManySparse DeserializeSparse"),
    ("i64 f32", "NearestNeighbors"),
    (
        "i64 f32 f32",
        "\
        AllCandidateSampler FixedUnigramCandidateSampler LearnedUnigramCandidateSampler \
        LogUniformCandidateSampler ThreadUnsafeUnigramCandidateSampler UniformCandidateSampler",
    ),
    ("i64 i32", "GenerateVocabRemapping"),
    ("i64 i64", "SparseReshape"),
    ("i64 i64 i64", "SparseCrossHashed"),
    ("i64 i64 i64 T=f32", "CTCGreedyDecoder"),
    ("i64 out_type i64", "SparseCross"),
    (
        "i64 output_type i64",
        "\
        DenseCountSparseOutput RaggedCountSparseOutput SparseCountSparseOutput",
    ),
    ("i64 str i64", "SparseCrossV2 StringSplit StringSplitV2"),
    ("i64 type i64", "CSRSparseMatrixToSparseTensor"),
    (
        "i64.. *context_sparse_types i64.. *Tcontext_dense *context_ragged_value_types *context_ragged_split_types i64.. *feature_list_sparse_types i64.. *feature_list_dense_types i64.. *feature_list_ragged_value_types *feature_list_ragged_split_types *feature_list_ragged_split_types",
        "ParseSequenceExampleV2",
    ),
    (
        "i64.. *context_sparse_types i64.. *Tcontext_dense i64.. *feature_list_sparse_types i64.. *feature_list_dense_types",
        "ParseSingleSequenceExample",
    ),
    (
        "i64.. *context_sparse_types i64.. *Tcontext_dense i64.. *feature_list_sparse_types i64.. *feature_list_dense_types i64..",
        "ParseSequenceExample",
    ),
    ("i64.. *sparse_types i64.. *Tdense", "ParseExample ParseSingleExample"),
    ("i64.. *sparse_types i64.. *Tdense *ragged_value_types *ragged_split_types", "ParseExampleV2"),
    ("i64.. T.. i64..", "SparseSplit"),
    ("i64.. i64.. i64.. T=f32", "CTCBeamSearchDecoder"),
    ("key_dtype", "TensorMapStackKeys"),
    ("out_type", "DecodePaddedRaw DecodeRaw ParseTensor"),
    (
        "out_type f32 f32",
        "\
        QuantizeDownAndShrinkRange QuantizedBatchNormWithGlobalNormalization QuantizedBiasAdd Requantize",
    ),
    ("out_type=f32", "StringToNumber"),
    ("out_type=i32", "LowerBound Shape Size UpperBound"),
    ("out_type=i32..", "ShapeN"),
    (
        "out_type=qi32 f32 f32",
        "\
        QuantizedConv2D QuantizedConv2DAndRelu QuantizedConv2DPerChannel QuantizedConv2DWithBias \
        QuantizedConv2DWithBiasAndRelu QuantizedConv2DWithBiasSumAndRelu QuantizedDepthwiseConv2D \
        QuantizedDepthwiseConv2DWithBias QuantizedDepthwiseConv2DWithBiasAndRelu",
    ),
    (
        "out_type=qi8 f32 f32",
        "\
        QuantizedConv2DAndRequantize QuantizedConv2DWithBiasAndRequantize",
    ),
    (
        "out_type=qu8 f32 f32",
        "\
        QuantizedConv2DAndReluAndRequantize QuantizedConv2DWithBiasAndReluAndRequantize \
        QuantizedConv2DWithBiasSignedSumAndReluAndRequantize QuantizedConv2DWithBiasSumAndReluAndRequantize \
        QuantizedDepthwiseConv2DWithBiasAndReluAndRequantize QuantizedRelu QuantizedRelu6 QuantizedReluX \
        RequantizePerChannel",
    ),
    ("out_type=str", "SerializeManySparse SerializeSparse"),
    ("out_values_type out_row_splits_type", "RaggedCross"),
    ("output_dtype=f32 i32", "IsotonicRegression"),
    ("output_dtype=i64", "Multinomial StatelessMultinomial"),
    ("output_type=i32", "ExtractJpegShape"),
    ("output_type=i64", "ArgMax ArgMin"),
    ("shape_type", "TensorListElementShape"),
    ("shape_type=i32..", "ConcatOffset"),
    (
        "str",
        "\
        AsString AudioSummary AudioSummaryV2 DecodeBase64 DecodeCompressed DecodeJSONExample EncodeBase64 \
        EncodeJpeg EncodeJpegVariableQuality EncodePng EncodeProto EncodeWav GetOptions HistogramSummary \
        ImageSummary MergeSummary ReduceJoin RegexReplace ScalarSummary SerializeTensor ShardedFilename \
        ShardedFilespec StaticRegexReplace StringFormat StringJoin StringLower StringStrip StringUpper Substr \
        TensorSummary TensorSummaryV2 UnicodeEncode UnicodeTranscode UnsortedSegmentJoin",
    ),
    ("str Tsplits=i64", "StringNGrams"),
    ("type", "Bitcast CSRSparseMatrixToDense"),
    ("u64 u64", "StatelessRandomGetKeyCounter"),
    ("u64 u64 i32", "StatelessRandomGetKeyCounterAlg"),
    (
        "u8",
        "\
        DecodeAndCropJpeg DecodeBmp DecodeGif DecodeJpeg Fingerprint PopulationCount",
    ),
    ("value_dtype", "TensorMapLookup"),
    (
        "variant",
        "\
        CompositeTensorVariantFromComponents CompressElement DenseToCSRSparseMatrix EmptyTensorList \
        EmptyTensorMap RaggedTensorToVariant SparseMatrixAdd SparseMatrixMul SparseMatrixSoftmax \
        SparseMatrixSoftmaxGrad SparseMatrixSparseCholesky SparseMatrixSparseMatMul SparseMatrixTranspose \
        SparseMatrixZeros SparseTensorToCSRSparseMatrix TensorListConcatLists TensorListFromTensor \
        TensorListPushBack TensorListPushBackBatch TensorListReserve TensorListResize TensorListScatter \
        TensorListScatterIntoExistingList TensorListScatterV2 TensorListSetItem TensorListSplit TensorMapErase \
        TensorMapInsert WindowOp",
    ),
    ("variant element_dtype", "TensorListPopBack"),
];
