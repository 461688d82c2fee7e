//! TensorFlow op tables. Source: TensorFlow's op registry (the `REGISTER_OP` declarations as the API documentation of `tf.raw_ops`
//! shows them). Ops of training on accelerators, of debuggers and of distributed runtimes are left out: they are unknown.

use super::Results;

/// Ops without effects.
pub(super) const PURE: &str = "\
    Abs AccumulateNV2 Acos Acosh Add AddN AddV2 AdjustContrast AdjustContrastv2 AdjustHue AdjustSaturation All \
    Angle Any ApproxTopK ApproximateEqual ArgMax ArgMin AsString Asin Asinh Atan Atan2 Atanh AudioSpectrogram \
    AudioSummary AudioSummaryV2 AvgPool AvgPool3D AvgPool3DGrad AvgPoolGrad BandedTriangularSolve BatchCholesky \
    BatchCholeskyGrad BatchFFT BatchFFT2D BatchFFT3D BatchIFFT BatchIFFT2D BatchIFFT3D BatchMatMul BatchMatMulV2 \
    BatchMatMulV3 BatchMatrixBandPart BatchMatrixDeterminant BatchMatrixDiag BatchMatrixDiagPart \
    BatchMatrixInverse BatchMatrixSetDiag BatchMatrixSolve BatchMatrixSolveLs BatchMatrixTriangularSolve \
    BatchNormWithGlobalNormalization BatchNormWithGlobalNormalizationGrad BatchSelfAdjointEig \
    BatchSelfAdjointEigV2 BatchSvd BatchToSpace BatchToSpaceND BesselI0 BesselI0e BesselI1 BesselI1e BesselJ0 \
    BesselJ1 BesselK0 BesselK0e BesselK1 BesselK1e BesselY0 BesselY1 Betainc BiasAdd BiasAddGrad BiasAddV1 \
    Bincount Bitcast BitwiseAnd BitwiseOr BitwiseXor BlockLSTM BlockLSTMGrad BlockLSTMGradV2 BlockLSTMV2 \
    BroadcastArgs BroadcastGradientArgs BroadcastTo Bucketize CSRSparseMatrixComponents CSRSparseMatrixToDense \
    CSRSparseMatrixToSparseTensor CTCBeamSearchDecoder CTCGreedyDecoder CTCLoss CTCLossV2 Cast Ceil \
    CheckNumerics CheckNumericsV2 CheckPinned Cholesky CholeskyGrad ClipByValue CombinedNonMaxSuppression \
    Complex ComplexAbs CompositeTensorVariantFromComponents CompositeTensorVariantToComponents CompressElement \
    ComputeAccidentalHits ComputeBatchSize Concat ConcatOffset ConcatV2 Conj ConjugateTranspose Const Conv \
    Conv2D Conv2DBackpropFilter Conv2DBackpropFilterV2 Conv2DBackpropInput Conv2DBackpropInputV2 Conv3D \
    Conv3DBackpropFilter Conv3DBackpropFilterV2 Conv3DBackpropInput Conv3DBackpropInputV2 Cos Cosh CropAndResize \
    CropAndResizeGradBoxes CropAndResizeGradImage Cross CudnnRNNCanonicalToParams CudnnRNNCanonicalToParamsV2 \
    CudnnRNNParamsSize CudnnRNNParamsToCanonical CudnnRNNParamsToCanonicalV2 Cumprod Cumsum CumulativeLogsumexp \
    DataFormatDimMap DataFormatVecPermute Dawsn DecodeAndCropJpeg DecodeBase64 DecodeBmp DecodeCSV \
    DecodeCompressed DecodeGif DecodeImage DecodeJSONExample DecodeJpeg DecodeJxl DecodePaddedRaw DecodePng \
    DecodeProtoV2 DecodeRaw DecodeWav DecodeWebP DenseBincount DenseCountSparseOutput DenseToCSRSparseMatrix \
    DenseToDenseSetOperation DenseToSparseSetOperation DepthToSpace DepthwiseConv2dNative \
    DepthwiseConv2dNativeBackpropFilter DepthwiseConv2dNativeBackpropInput Dequantize DeserializeManySparse \
    DeserializeSparse Diag DiagPart Digamma Dilation2D Dilation2DBackpropFilter Dilation2DBackpropInput Div \
    DivNoNan DrawBoundingBoxes DrawBoundingBoxesV2 DynamicPartition DynamicStitch EditDistance Eig Einsum Elu \
    EluGrad EmptyTensorList EmptyTensorMap EncodeBase64 EncodeJpeg EncodeJpegVariableQuality EncodePng \
    EncodeProto EncodeWav EnsureShape Equal Erf Erfc Erfinv EuclideanNorm Exp ExpandDims Expint Expm1 \
    ExtractGlimpse ExtractGlimpseV2 ExtractImagePatches ExtractJpegShape ExtractVolumePatches FFT FFT2D FFT3D \
    FFTND FakeParam FakeQuantWithMinMaxArgs FakeQuantWithMinMaxArgsGradient FakeQuantWithMinMaxVars \
    FakeQuantWithMinMaxVarsGradient FakeQuantWithMinMaxVarsPerChannel FakeQuantWithMinMaxVarsPerChannelGradient \
    Fill Fingerprint Floor FloorDiv FloorMod For FractionalAvgPool FractionalAvgPoolGrad FractionalMaxPool \
    FractionalMaxPoolGrad FresnelCos FresnelSin FusedBatchNorm FusedBatchNormGrad FusedBatchNormGradV2 \
    FusedBatchNormGradV3 FusedBatchNormV2 FusedBatchNormV3 FusedPadConv2D FusedResizeAndPadConv2D GRUBlockCell \
    GRUBlockCellGrad Gather GatherNd GatherV2 GenerateBoundingBoxProposals GenerateVocabRemapping \
    GetElementAtIndex GetOptions Greater GreaterEqual GuaranteeConst HSVToRGB HistogramFixedWidth \
    HistogramSummary IFFT IFFT2D IFFT3D IFFTND IRFFT IRFFT2D IRFFT3D IRFFTND Identity IdentityN Igamma \
    IgammaGradA Igammac Imag ImageProjectiveTransformV2 ImageProjectiveTransformV3 ImageSummary ImmutableConst \
    InTopK InTopKV2 InplaceAdd InplaceSub InplaceUpdate Inv InvGrad Invert InvertPermutation IsFinite IsInf \
    IsNan IsotonicRegression KMC2ChainInitialization KmeansPlusPlusInitialization L2Loss LRN LRNGrad \
    LSTMBlockCell LSTMBlockCellGrad LeakyRelu LeakyReluGrad LeftShift Less LessEqual Lgamma LinSpace ListDiff \
    Log Log1p LogMatrixDeterminant LogSoftmax LogicalAnd LogicalNot LogicalOr LowerBound Lu MapDefun MatMul \
    MatrixBandPart MatrixDeterminant MatrixDiag MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2 \
    MatrixDiagV3 MatrixExponential MatrixInverse MatrixLogarithm MatrixSetDiag MatrixSetDiagV2 MatrixSetDiagV3 \
    MatrixSolve MatrixSolveLs MatrixSquareRoot MatrixTriangularSolve Max MaxPool MaxPool3D MaxPool3DGrad \
    MaxPool3DGradGrad MaxPoolGrad MaxPoolGradGrad MaxPoolGradGradV2 MaxPoolGradGradWithArgmax MaxPoolGradV2 \
    MaxPoolGradWithArgmax MaxPoolV2 MaxPoolWithArgmax Maximum Mean MergeSummary Mfcc Min Minimum MirrorPad \
    MirrorPadGrad Mod Mul MulNoNan Ndtri NearestNeighbors Neg NextAfter NoOp NonMaxSuppression \
    NonMaxSuppressionV2 NonMaxSuppressionV3 NonMaxSuppressionV4 NonMaxSuppressionV5 \
    NonMaxSuppressionWithOverlaps NotEqual NthElement OneHot OnesLike Pack Pad PadV2 ParallelConcat \
    ParallelDynamicStitch ParseExample ParseExampleV2 ParseSequenceExample ParseSequenceExampleV2 \
    ParseSingleExample ParseSingleSequenceExample ParseTensor PartitionedCall Placeholder PlaceholderV2 \
    PlaceholderWithDefault Polygamma PopulationCount Pow PreventGradient Prod Qr QuantizeAndDequantize \
    QuantizeAndDequantizeV2 QuantizeAndDequantizeV3 QuantizeAndDequantizeV4 QuantizeAndDequantizeV4Grad \
    QuantizeDownAndShrinkRange QuantizeV2 QuantizedAdd QuantizedAvgPool \
    QuantizedBatchNormWithGlobalNormalization QuantizedBiasAdd QuantizedConcat QuantizedConv2D \
    QuantizedConv2DAndRelu QuantizedConv2DAndReluAndRequantize QuantizedConv2DAndRequantize \
    QuantizedConv2DPerChannel QuantizedConv2DWithBias QuantizedConv2DWithBiasAndRelu \
    QuantizedConv2DWithBiasAndReluAndRequantize QuantizedConv2DWithBiasAndRequantize \
    QuantizedConv2DWithBiasSignedSumAndReluAndRequantize QuantizedConv2DWithBiasSumAndRelu \
    QuantizedConv2DWithBiasSumAndReluAndRequantize QuantizedDepthwiseConv2D QuantizedDepthwiseConv2DWithBias \
    QuantizedDepthwiseConv2DWithBiasAndRelu QuantizedDepthwiseConv2DWithBiasAndReluAndRequantize \
    QuantizedInstanceNorm QuantizedMatMul QuantizedMatMulWithBias QuantizedMatMulWithBiasAndDequantize \
    QuantizedMatMulWithBiasAndRelu QuantizedMatMulWithBiasAndReluAndRequantize \
    QuantizedMatMulWithBiasAndRequantize QuantizedMaxPool QuantizedMul QuantizedRelu QuantizedRelu6 \
    QuantizedReluX QuantizedReshape QuantizedResizeBilinear RFFT RFFT2D RFFT3D RFFTND RGBToHSV RaggedBincount \
    RaggedCountSparseOutput RaggedCross RaggedFillEmptyRows RaggedFillEmptyRowsGrad RaggedGather RaggedRange \
    RaggedTensorFromVariant RaggedTensorToSparse RaggedTensorToTensor RaggedTensorToVariant \
    RaggedTensorToVariantGradient RandomGammaGrad RandomIndexShuffle Range Rank Real RealDiv Reciprocal \
    ReciprocalGrad ReduceJoin RegexFullMatch RegexReplace Relu Relu6 Relu6Grad ReluGrad RequantizationRange \
    RequantizationRangePerChannel Requantize RequantizePerChannel Reshape ResizeArea ResizeBicubic \
    ResizeBicubicGrad ResizeBilinear ResizeBilinearGrad ResizeNearestNeighbor ResizeNearestNeighborGrad Reverse \
    ReverseSequence ReverseV2 RightShift Rint Roll Round Rsqrt RsqrtGrad ScalarSummary ScaleAndTranslate \
    ScaleAndTranslateGrad ScatterNd ScatterNdNonAliasingAdd SegmentMax SegmentMaxV2 SegmentMean SegmentMin \
    SegmentMinV2 SegmentProd SegmentProdV2 SegmentSum SegmentSumV2 Select SelectV2 SelfAdjointEig \
    SelfAdjointEigV2 Selu SeluGrad SerializeManySparse SerializeSparse SerializeTensor SetSize Shape ShapeN \
    ShardedFilename ShardedFilespec Sigmoid SigmoidGrad Sign Sin Sinh Size Slice Snapshot SobolSample Softmax \
    SoftmaxCrossEntropyWithLogits Softplus SoftplusGrad Softsign SoftsignGrad SpaceToBatch SpaceToBatchND \
    SpaceToDepth SparseAdd SparseAddGrad SparseBincount SparseConcat SparseCountSparseOutput SparseCross \
    SparseCrossHashed SparseCrossV2 SparseDenseCwiseAdd SparseDenseCwiseDiv SparseDenseCwiseMul \
    SparseFillEmptyRows SparseFillEmptyRowsGrad SparseMatMul SparseMatrixAdd SparseMatrixMatMul SparseMatrixMul \
    SparseMatrixNNZ SparseMatrixOrderingAMD SparseMatrixSoftmax SparseMatrixSoftmaxGrad \
    SparseMatrixSparseCholesky SparseMatrixSparseMatMul SparseMatrixTranspose SparseMatrixZeros SparseReduceMax \
    SparseReduceMaxSparse SparseReduceSum SparseReduceSumSparse SparseReorder SparseReshape SparseSegmentMean \
    SparseSegmentMeanGrad SparseSegmentMeanGradV2 SparseSegmentMeanWithNumSegments SparseSegmentSqrtN \
    SparseSegmentSqrtNGrad SparseSegmentSqrtNGradV2 SparseSegmentSqrtNWithNumSegments SparseSegmentSum \
    SparseSegmentSumGrad SparseSegmentSumGradV2 SparseSegmentSumWithNumSegments SparseSlice SparseSliceGrad \
    SparseSoftmax SparseSoftmaxCrossEntropyWithLogits SparseSparseMaximum SparseSparseMinimum SparseSplit \
    SparseTensorDenseAdd SparseTensorDenseMatMul SparseTensorToCSRSparseMatrix SparseToDense \
    SparseToSparseSetOperation Spence Split SplitV Sqrt SqrtGrad Square SquaredDifference Squeeze StatelessCase \
    StatelessIf StatelessMultinomial StatelessParameterizedTruncatedNormal StatelessRandomBinomial \
    StatelessRandomGammaV2 StatelessRandomGammaV3 StatelessRandomGetKeyCounter StatelessRandomGetKeyCounterAlg \
    StatelessRandomNormal StatelessRandomNormalV2 StatelessRandomPoisson StatelessRandomUniform \
    StatelessRandomUniformFullInt StatelessRandomUniformFullIntV2 StatelessRandomUniformInt \
    StatelessRandomUniformIntV2 StatelessRandomUniformV2 StatelessSampleDistortedBoundingBox StatelessShuffle \
    StatelessTruncatedNormal StatelessTruncatedNormalV2 StatelessWhile StaticRegexFullMatch StaticRegexReplace \
    StopGradient StridedSlice StridedSliceGrad StringFormat StringJoin StringLength StringLower StringNGrams \
    StringSplit StringSplitV2 StringStrip StringToHashBucket StringToHashBucketFast StringToHashBucketStrong \
    StringToNumber StringUpper Sub Substr Sum Svd SymbolicGradient Tan Tanh TanhGrad TensorArrayCloseV2 \
    TensorArrayConcatV2 TensorArrayGatherV2 TensorArrayReadV2 TensorArrayScatterV2 TensorArraySizeV2 \
    TensorArraySplitV2 TensorArrayWriteV2 TensorListConcat TensorListConcatLists TensorListConcatV2 \
    TensorListElementShape TensorListFromTensor TensorListGather TensorListGetItem TensorListLength \
    TensorListPopBack TensorListPushBack TensorListPushBackBatch TensorListReserve TensorListResize \
    TensorListScatter TensorListScatterIntoExistingList TensorListScatterV2 TensorListSetItem TensorListSplit \
    TensorListStack TensorMapErase TensorMapHasKey TensorMapInsert TensorMapLookup TensorMapSize \
    TensorMapStackKeys TensorScatterAdd TensorScatterMax TensorScatterMin TensorScatterSub TensorScatterUpdate \
    TensorStridedSliceUpdate TensorSummary TensorSummaryV2 Tile TileGrad ToBool TopK TopKV2 Transpose \
    TridiagonalMatMul TridiagonalSolve TruncateDiv TruncateMod UncompressElement UnicodeDecode \
    UnicodeDecodeWithOffsets UnicodeEncode UnicodeScript UnicodeTranscode UniformDequantize UniformQuantize \
    UniformQuantizedAdd UniformQuantizedClipByValue UniformQuantizedConvolution \
    UniformQuantizedConvolutionHybrid UniformQuantizedDot UniformQuantizedDotHybrid UniformRequantize Unique \
    UniqueV2 UniqueWithCounts UniqueWithCountsV2 Unpack UnravelIndex UnsortedSegmentJoin UnsortedSegmentMax \
    UnsortedSegmentMin UnsortedSegmentProd UnsortedSegmentSum UpperBound Where WindowOp Xdivy Xlog1py Xlogy \
    ZerosLike Zeta";

/// Ops with identity, state or effects: variables, queues, tables, readers, iterators, stacks, tensor arrays, printing …
pub(super) const STATEFUL: &str = "\
    Abort AccumulatorApplyGradient AccumulatorNumAccumulated AccumulatorSetGlobalStep AccumulatorTakeGradient \
    AddManySparseToTensorsMap AddSparseToTensorsMap AllToAll AnonymousHashTable AnonymousIterator \
    AnonymousIteratorV2 AnonymousIteratorV3 AnonymousMemoryCache AnonymousMultiDeviceIterator \
    AnonymousMultiDeviceIteratorV3 AnonymousMutableDenseHashTable AnonymousMutableHashTable \
    AnonymousMutableHashTableOfTensors AnonymousRandomSeedGenerator AnonymousSeedGenerator ApplyAdaMax \
    ApplyAdadelta ApplyAdagrad ApplyAdagradDA ApplyAdagradV2 ApplyAdam ApplyAddSign ApplyCenteredRMSProp \
    ApplyFtrl ApplyFtrlV2 ApplyGradientDescent ApplyMomentum ApplyPowerSign ApplyProximalAdagrad \
    ApplyProximalGradientDescent ApplyRMSProp Assert AssertCardinalityDataset AssertNextDataset \
    AssertPrevDataset Assign AssignAdd AssignAddVariableOp AssignSub AssignSubVariableOp AssignVariableOp \
    AutoShardDataset Barrier BarrierClose BarrierIncompleteSize BarrierInsertMany BarrierReadySize \
    BarrierTakeMany Batch BatchDataset BatchDatasetV2 BatchFunction BytesProducedStatsDataset CSVDataset \
    CSVDatasetV2 CacheDataset CacheDatasetV2 Case ChooseFastestBranchDataset ChooseFastestDataset \
    CloseSummaryWriter ConcatenateDataset ConditionalAccumulator ConsumeMutexLock ConvertToCooTensor Copy \
    CopyHost CountUpTo CreateSummaryDbWriter CreateSummaryFileWriter CudnnRNN CudnnRNNBackprop \
    CudnnRNNBackpropV2 CudnnRNNBackpropV3 CudnnRNNV2 CudnnRNNV3 DataServiceDataset DataServiceDatasetV2 \
    DataServiceDatasetV3 DataServiceDatasetV4 DatasetCardinality DatasetFingerprint DatasetFromGraph \
    DatasetToGraph DatasetToGraphV2 DatasetToSingleElement DatasetToTFRecord DebugGradientIdentity \
    DebugGradientRefIdentity DebugIdentity DebugIdentityV2 DebugIdentityV3 DebugNanCount DebugNumericSummary \
    DebugNumericSummaryV2 DeepCopy DeleteIterator DeleteMemoryCache DeleteMultiDeviceIterator \
    DeleteRandomSeedGenerator DeleteSeedGenerator DeleteSessionTensor DenseToSparseBatchDataset \
    DeserializeIterator DestroyResourceOp DestroyTemporaryVariable DeviceIndex DirectedInterleaveDataset \
    DisableCopyOnRead DistributedSave DummyIterationCounter DummyMemoryCache DummySeedGenerator EagerPyFunc \
    Empty FIFOQueue FIFOQueueV2 FakeQueue FileSystemSetConfiguration FilterByLastComponentDataset FilterDataset \
    FinalizeDataset FixedLengthRecordDataset FixedLengthRecordDatasetV2 FixedLengthRecordReader \
    FixedLengthRecordReaderV2 FlatMapDataset FlushSummaryWriter GeneratorDataset GetSessionHandle \
    GetSessionHandleV2 GetSessionTensor GlobalShuffleDataset GroupByReducerDataset GroupByWindowDataset \
    HashTable HashTableV2 IdentityReader IdentityReaderV2 If IgnoreErrorsDataset ImportEvent IndexFlatMapDataset \
    InitializeTable InitializeTableFromDataset InitializeTableFromTextFile InitializeTableFromTextFileV2 \
    InitializeTableV2 InterleaveDataset IsVariableInitialized Iterator IteratorFromStringHandle \
    IteratorFromStringHandleV2 IteratorGetDevice IteratorGetModelProto IteratorGetNext IteratorGetNextAsOptional \
    IteratorGetNextSync IteratorToStringHandle IteratorV2 LMDBDataset LMDBReader LatencyStatsDataset \
    LegacyParallelInterleaveDatasetV2 ListDataset ListSnapshotChunksDataset LoadAndRemapMatrix LoadDataset \
    LookupTableExport LookupTableExportV2 LookupTableFind LookupTableFindV2 LookupTableImport \
    LookupTableImportV2 LookupTableInsert LookupTableInsertV2 LookupTableRemoveV2 LookupTableSize \
    LookupTableSizeV2 MakeIterator MapAndBatchDataset MapClear MapDataset MapIncompleteSize MapPeek MapSize \
    MapStage MapUnstage MapUnstageNoKey MatchingFiles MatchingFilesDataset MaxIntraOpParallelismDataset \
    MergeV2Checkpoints ModelDataset MultiDeviceIterator MultiDeviceIteratorFromStringHandle \
    MultiDeviceIteratorGetNextFromShard MultiDeviceIteratorInit MultiDeviceIteratorToStringHandle \
    MutableDenseHashTable MutableDenseHashTableV2 MutableHashTable MutableHashTableOfTensors \
    MutableHashTableOfTensorsV2 MutableHashTableV2 MutexLock MutexV2 NonSerializableDataset OneShotIterator \
    OptimizeDataset OptimizeDatasetV2 OptionalFromValue OptionalGetValue OptionalHasValue OptionalNone \
    OptionsDataset OrderedMapClear OrderedMapIncompleteSize OrderedMapPeek OrderedMapSize OrderedMapStage \
    OrderedMapUnstage OrderedMapUnstageNoKey PaddedBatchDataset PaddedBatchDatasetV2 PaddingFIFOQueue \
    PaddingFIFOQueueV2 ParallelBatchDataset ParallelFilterDataset ParallelInterleaveDataset \
    ParallelInterleaveDatasetV2 ParallelInterleaveDatasetV3 ParallelInterleaveDatasetV4 ParallelMapDataset \
    ParallelMapDatasetV2 ParseExampleDataset ParseExampleDatasetV2 PrefetchDataset Print PrintV2 PriorityQueue \
    PriorityQueueV2 PrivateThreadPoolDataset PyFunc PyFuncStateless QueueClose QueueCloseV2 QueueDequeue \
    QueueDequeueMany QueueDequeueManyV2 QueueDequeueUpTo QueueDequeueUpToV2 QueueDequeueV2 QueueEnqueue \
    QueueEnqueueMany QueueEnqueueManyV2 QueueEnqueueV2 QueueIsClosed QueueIsClosedV2 QueueSize QueueSizeV2 \
    RandomDataset RandomDatasetV2 RandomShuffleQueue RandomShuffleQueueV2 RangeDataset ReadFile ReadVariableOp \
    ReaderNumRecordsProduced ReaderNumRecordsProducedV2 ReaderNumWorkUnitsCompleted \
    ReaderNumWorkUnitsCompletedV2 ReaderRead ReaderReadUpTo ReaderReadUpToV2 ReaderReadV2 ReaderReset \
    ReaderResetV2 ReaderRestoreState ReaderRestoreStateV2 ReaderSerializeState ReaderSerializeStateV2 \
    RebatchDataset RebatchDatasetV2 RecordInput Recv ReduceDataset RefIdentity RefSelect RegisterDataset \
    RegisterDatasetV2 RemoteCall RepeatDataset ResourceAccumulatorApplyGradient \
    ResourceAccumulatorNumAccumulated ResourceAccumulatorSetGlobalStep ResourceAccumulatorTakeGradient \
    ResourceApplyAdaMax ResourceApplyAdadelta ResourceApplyAdagrad ResourceApplyAdagradDA ResourceApplyAdagradV2 \
    ResourceApplyAdam ResourceApplyAdamWithAmsgrad ResourceApplyAddSign ResourceApplyCenteredRMSProp \
    ResourceApplyFtrl ResourceApplyFtrlV2 ResourceApplyGradientDescent ResourceApplyKerasMomentum \
    ResourceApplyMomentum ResourceApplyPowerSign ResourceApplyProximalAdagrad \
    ResourceApplyProximalGradientDescent ResourceApplyRMSProp ResourceConditionalAccumulator ResourceCountUpTo \
    ResourceGather ResourceGatherNd ResourceScatterAdd ResourceScatterDiv ResourceScatterMax ResourceScatterMin \
    ResourceScatterMul ResourceScatterNdAdd ResourceScatterNdMax ResourceScatterNdMin ResourceScatterNdSub \
    ResourceScatterNdUpdate ResourceScatterSub ResourceScatterUpdate ResourceSparseApplyAdadelta \
    ResourceSparseApplyAdagrad ResourceSparseApplyAdagradDA ResourceSparseApplyAdagradV2 \
    ResourceSparseApplyCenteredRMSProp ResourceSparseApplyFtrl ResourceSparseApplyFtrlV2 \
    ResourceSparseApplyKerasMomentum ResourceSparseApplyMomentum ResourceSparseApplyProximalAdagrad \
    ResourceSparseApplyProximalGradientDescent ResourceSparseApplyRMSProp ResourceStridedSliceAssign Restore \
    RestoreSlice RestoreV2 RewriteDataset RngReadAndSkip RngSkip SamplingDataset Save SaveDataset SaveDatasetV2 \
    SaveSlices SaveV2 ScanDataset ScatterAdd ScatterDiv ScatterMax ScatterMin ScatterMul ScatterNdAdd \
    ScatterNdMax ScatterNdMin ScatterNdSub ScatterNdUpdate ScatterSub ScatterUpdate Send SerializeIterator \
    SetStatsAggregatorDataset ShardDataset ShuffleAndRepeatDataset ShuffleAndRepeatDatasetV2 ShuffleDataset \
    ShuffleDatasetV2 ShuffleDatasetV3 SkipDataset SleepDataset SlidingWindowDataset SnapshotChunkDataset \
    SnapshotDataset SnapshotDatasetReader SnapshotDatasetV2 SnapshotNestedDatasetReader \
    SparseAccumulatorApplyGradient SparseAccumulatorTakeGradient SparseApplyAdadelta SparseApplyAdagrad \
    SparseApplyAdagradDA SparseApplyAdagradV2 SparseApplyCenteredRMSProp SparseApplyFtrl SparseApplyFtrlV2 \
    SparseApplyMomentum SparseApplyProximalAdagrad SparseApplyProximalGradientDescent SparseApplyRMSProp \
    SparseConditionalAccumulator SparseTensorSliceDataset SqlDataset Stack StackClose StackCloseV2 StackPop \
    StackPopV2 StackPush StackPushV2 StackV2 Stage StageClear StagePeek StageSize StatefulPartitionedCall \
    StatefulRandomBinomial StatefulStandardNormal StatefulStandardNormalV2 StatefulTruncatedNormal \
    StatefulUniform StatefulUniformFullInt StatefulUniformInt StatelessRandomGetAlg StatsAggregatorHandle \
    StatsAggregatorHandleV2 StatsAggregatorSetSummaryWriter StatsAggregatorSummary StridedSliceAssign \
    SummaryWriter SyncDevice TFRecordDataset TFRecordDatasetV2 TFRecordReader TFRecordReaderV2 TakeDataset \
    TakeManySparseFromTensorsMap TakeWhileDataset TemporaryVariable TensorArray TensorArrayClose \
    TensorArrayCloseV3 TensorArrayConcat TensorArrayConcatV3 TensorArrayGather TensorArrayGatherV3 \
    TensorArrayGrad TensorArrayGradV2 TensorArrayGradV3 TensorArrayGradWithShape TensorArrayPack TensorArrayRead \
    TensorArrayReadV3 TensorArrayScatter TensorArrayScatterV3 TensorArraySize TensorArraySizeV3 TensorArraySplit \
    TensorArraySplitV3 TensorArrayUnpack TensorArrayV2 TensorArrayV3 TensorArrayWrite TensorArrayWriteV3 \
    TensorDataset TensorSliceDataset TextLineDataset TextLineReader TextLineReaderV2 ThreadPoolDataset \
    ThreadPoolHandle Timestamp Unbatch UnbatchDataset UnbatchGrad UniqueDataset Unstage UnwrapDatasetVariant \
    VarHandleOp VarIsInitializedOp Variable VariableShape VariableV2 WeightedFlatMapDataset While \
    WholeFileReader WholeFileReaderV2 WindowDataset WorkerHeartbeat WrapDatasetVariant WriteAudioSummary \
    WriteFile WriteGraphSummary WriteHistogramSummary WriteImageSummary WriteRawProtoSummary WriteScalarSummary \
    WriteSummary ZipDataset _Arg _Retval";

/// Random ops that keep a state.
pub(super) const RANDOM: &str = "\
    AllCandidateSampler FixedUnigramCandidateSampler LearnedUnigramCandidateSampler LogUniformCandidateSampler \
    Multinomial NonDeterministicInts ParameterizedTruncatedNormal RandomCrop RandomGamma RandomPoisson \
    RandomPoissonV2 RandomShuffle RandomStandardNormal RandomUniform RandomUniformInt SampleDistortedBoundingBox \
    SampleDistortedBoundingBoxV2 ThreadUnsafeUnigramCandidateSampler TruncatedNormal UniformCandidateSampler";

/// Control flow of TensorFlow 1: dead values and frames.
pub(super) const CONTROL_FLOW: &str = "\
    ControlTrigger Enter Exit LoopCond Merge NextIteration RefEnter RefExit RefMerge RefNextIteration RefSwitch \
    Switch";

/// Ops whose number of results is not exactly one.
pub(super) const RESULTS: &[(Results, &str)] = &[
    (Results::Attr("N"), "ConcatOffset ShapeN"),
    (Results::Attr("num"), "Unpack"),
    (Results::Attr("num_partitions"), "DynamicPartition"),
    (Results::Attr("num_split"), "Split SplitV"),
    (
        Results::Fixed(0),
        "\
        Abort AccumulatorApplyGradient AccumulatorSetGlobalStep Assert AssignAddVariableOp AssignSubVariableOp \
        AssignVariableOp BarrierClose BarrierInsertMany CloseSummaryWriter ConsumeMutexLock ControlTrigger \
        CreateSummaryDbWriter CreateSummaryFileWriter DatasetToTFRecord DeleteIterator DeleteMemoryCache \
        DeleteMultiDeviceIterator DeleteRandomSeedGenerator DeleteSeedGenerator DeleteSessionTensor \
        DeserializeIterator DestroyResourceOp DisableCopyOnRead DistributedSave FileSystemSetConfiguration \
        FlushSummaryWriter ImportEvent InitializeTable InitializeTableFromDataset InitializeTableFromTextFile \
        InitializeTableFromTextFileV2 InitializeTableV2 LookupTableImport LookupTableImportV2 LookupTableInsert \
        LookupTableInsertV2 LookupTableRemoveV2 MakeIterator MapClear MapStage MergeV2Checkpoints NoOp \
        OrderedMapClear OrderedMapStage PrintV2 QueueClose QueueCloseV2 QueueEnqueue QueueEnqueueMany \
        QueueEnqueueManyV2 QueueEnqueueV2 ReaderReset ReaderResetV2 ReaderRestoreState ReaderRestoreStateV2 \
        ResourceAccumulatorApplyGradient ResourceAccumulatorSetGlobalStep ResourceApplyAdaMax \
        ResourceApplyAdadelta ResourceApplyAdagrad ResourceApplyAdagradDA ResourceApplyAdagradV2 \
        ResourceApplyAdam ResourceApplyAdamWithAmsgrad ResourceApplyAddSign ResourceApplyCenteredRMSProp \
        ResourceApplyFtrl ResourceApplyFtrlV2 ResourceApplyGradientDescent ResourceApplyKerasMomentum \
        ResourceApplyMomentum ResourceApplyPowerSign ResourceApplyProximalAdagrad \
        ResourceApplyProximalGradientDescent ResourceApplyRMSProp ResourceScatterAdd ResourceScatterDiv \
        ResourceScatterMax ResourceScatterMin ResourceScatterMul ResourceScatterNdAdd ResourceScatterNdMax \
        ResourceScatterNdMin ResourceScatterNdSub ResourceScatterNdUpdate ResourceScatterSub \
        ResourceScatterUpdate ResourceSparseApplyAdadelta ResourceSparseApplyAdagrad \
        ResourceSparseApplyAdagradDA ResourceSparseApplyAdagradV2 ResourceSparseApplyCenteredRMSProp \
        ResourceSparseApplyFtrl ResourceSparseApplyFtrlV2 ResourceSparseApplyKerasMomentum \
        ResourceSparseApplyMomentum ResourceSparseApplyProximalAdagrad \
        ResourceSparseApplyProximalGradientDescent ResourceSparseApplyRMSProp ResourceStridedSliceAssign RngSkip \
        Save SaveDataset SaveSlices SaveV2 Send SparseAccumulatorApplyGradient StackClose StackCloseV2 Stage \
        StageClear StatsAggregatorSetSummaryWriter SyncDevice TensorArrayClose TensorArrayCloseV2 \
        TensorArrayCloseV3 WriteAudioSummary WriteFile WriteGraphSummary WriteHistogramSummary WriteImageSummary \
        WriteRawProtoSummary WriteScalarSummary WriteSummary _Retval",
    ),
    (
        Results::Fixed(2),
        "\
        AnonymousIteratorV2 AnonymousMemoryCache AnonymousMultiDeviceIterator AnonymousRandomSeedGenerator \
        AnonymousSeedGenerator ApproxTopK BatchSelfAdjointEigV2 BroadcastGradientArgs CTCLoss CTCLossV2 \
        DecodeWav Eig GenerateBoundingBoxProposals GenerateVocabRemapping IsotonicRegression ListDiff \
        LogMatrixDeterminant LookupTableExport LookupTableExportV2 Lu MaxPoolWithArgmax Merge NearestNeighbors \
        NonMaxSuppressionV4 Qr RaggedCross RaggedFillEmptyRowsGrad RaggedRange ReaderRead ReaderReadUpTo \
        ReaderReadUpToV2 ReaderReadV2 RefMerge RefSwitch RequantizationRange RequantizationRangePerChannel \
        SelfAdjointEigV2 SoftmaxCrossEntropyWithLogits SparseAddGrad SparseFillEmptyRowsGrad SparseReorder \
        SparseReshape SparseSegmentMeanGradV2 SparseSegmentSqrtNGradV2 SparseSegmentSumGradV2 \
        SparseSoftmaxCrossEntropyWithLogits SparseSparseMaximum SparseSparseMinimum StatelessRandomGetKeyCounter \
        StringNGrams Switch TensorArrayConcat TensorArrayConcatV2 TensorArrayConcatV3 TensorArrayGradV3 \
        TensorArrayGradWithShape TensorArrayV3 TensorListConcat TensorListConcatV2 TensorListPopBack TopK TopKV2 \
        UnicodeDecode Unique UniqueV2",
    ),
    (
        Results::Fixed(3),
        "\
        AllCandidateSampler BatchSvd CSRSparseMatrixComponents CSRSparseMatrixToSparseTensor \
        ComputeAccidentalHits ConvertToCooTensor DenseCountSparseOutput DenseToDenseSetOperation \
        DenseToSparseSetOperation DeserializeManySparse DeserializeSparse FakeQuantWithMinMaxVarsGradient \
        FakeQuantWithMinMaxVarsPerChannelGradient FixedUnigramCandidateSampler FractionalAvgPool \
        FractionalMaxPool LearnedUnigramCandidateSampler LogUniformCandidateSampler NonMaxSuppressionV5 \
        QuantizeAndDequantizeV4Grad QuantizeDownAndShrinkRange QuantizeV2 QuantizedAdd QuantizedAvgPool \
        QuantizedBatchNormWithGlobalNormalization QuantizedBiasAdd QuantizedConcat QuantizedConv2D \
        QuantizedConv2DAndRelu QuantizedConv2DAndReluAndRequantize QuantizedConv2DAndRequantize \
        QuantizedConv2DPerChannel QuantizedConv2DWithBias QuantizedConv2DWithBiasAndRelu \
        QuantizedConv2DWithBiasAndReluAndRequantize QuantizedConv2DWithBiasAndRequantize \
        QuantizedConv2DWithBiasSignedSumAndReluAndRequantize QuantizedConv2DWithBiasSumAndRelu \
        QuantizedConv2DWithBiasSumAndReluAndRequantize QuantizedDepthwiseConv2D QuantizedDepthwiseConv2DWithBias \
        QuantizedDepthwiseConv2DWithBiasAndRelu QuantizedDepthwiseConv2DWithBiasAndReluAndRequantize \
        QuantizedInstanceNorm QuantizedMatMul QuantizedMatMulWithBias QuantizedMatMulWithBiasAndRelu \
        QuantizedMatMulWithBiasAndReluAndRequantize QuantizedMatMulWithBiasAndRequantize QuantizedMaxPool \
        QuantizedMul QuantizedRelu QuantizedRelu6 QuantizedReluX QuantizedReshape QuantizedResizeBilinear \
        RaggedCountSparseOutput RaggedTensorToSparse Requantize RequantizePerChannel SampleDistortedBoundingBox \
        SampleDistortedBoundingBoxV2 SparseAccumulatorTakeGradient SparseAdd SparseConcat \
        SparseCountSparseOutput SparseCross SparseCrossHashed SparseCrossV2 SparseReduceMaxSparse \
        SparseReduceSumSparse SparseSlice SparseToSparseSetOperation StatelessRandomGetKeyCounterAlg \
        StatelessSampleDistortedBoundingBox StringSplit StringSplitV2 Svd TakeManySparseFromTensorsMap \
        ThreadUnsafeUnigramCandidateSampler UnicodeDecodeWithOffsets UniformCandidateSampler UniqueWithCounts \
        UniqueWithCountsV2",
    ),
    (
        Results::Fixed(4),
        "\
        CTCGreedyDecoder CombinedNonMaxSuppression CudnnRNN CudnnRNNBackprop CudnnRNNBackpropV2 \
        CudnnRNNBackpropV3 GRUBlockCell GRUBlockCellGrad RaggedFillEmptyRows SparseFillEmptyRows",
    ),
    (
        Results::Fixed(5),
        "\
        BatchNormWithGlobalNormalizationGrad CudnnRNNV2 CudnnRNNV3 FusedBatchNorm FusedBatchNormGrad \
        FusedBatchNormGradV2 FusedBatchNormGradV3 FusedBatchNormV2 LSTMBlockCellGrad",
    ),
    (Results::Fixed(6), "FusedBatchNormV3"),
    (Results::Fixed(7), "BlockLSTM BlockLSTMV2 LSTMBlockCell"),
    (Results::Fixed(8), "BlockLSTMGrad BlockLSTMGradV2"),
    (Results::AttrLen("OUT_TYPE"), "DecodeCSV"),
    (Results::AttrLen("T"), "For IdentityN StatelessWhile While"),
    (Results::AttrLen("Tcomponents"), "CompositeTensorVariantToComponents"),
    (
        Results::AttrLen("Tout"),
        "\
        BatchFunction Case EagerPyFunc If PartitionedCall PyFunc PyFuncStateless RemoteCall \
        StatefulPartitionedCall StatelessCase StatelessIf SymbolicGradient",
    ),
    (
        Results::AttrLen("component_types"),
        "\
        QueueDequeue QueueDequeueMany QueueDequeueManyV2 QueueDequeueUpTo QueueDequeueUpToV2 QueueDequeueV2",
    ),
    (
        Results::AttrLen("dtypes"),
        "\
        MapPeek MapUnstage OrderedMapPeek OrderedMapUnstage RestoreV2 StagePeek Unstage",
    ),
    (
        Results::AttrLen("output_types"),
        "\
        DatasetToSingleElement GetElementAtIndex IteratorGetNext IteratorGetNextSync MapDefun \
        MultiDeviceIteratorGetNextFromShard OptionalGetValue ReduceDataset UncompressElement",
    ),
    (
        Results::Unknown,
        "\
        BarrierTakeMany Batch CTCBeamSearchDecoder CudnnRNNParamsToCanonical CudnnRNNParamsToCanonicalV2 \
        DecodeProtoV2 MapUnstageNoKey OrderedMapUnstageNoKey ParseExample ParseExampleV2 ParseSequenceExample \
        ParseSequenceExampleV2 ParseSingleExample ParseSingleSequenceExample RaggedGather \
        RaggedTensorFromVariant SparseSplit",
    ),
];

/// Ops whose attributes name functions.
pub(super) const SUBGRAPHS: &str = "\
    BatchFunction Case ChooseFastestBranchDataset DataServiceDatasetV3 DataServiceDatasetV4 FilterDataset \
    FlatMapDataset For GeneratorDataset GroupByReducerDataset GroupByWindowDataset If IndexFlatMapDataset \
    InterleaveDataset LegacyParallelInterleaveDatasetV2 LoadDataset MapAndBatchDataset MapDataset MapDefun \
    OneShotIterator ParallelFilterDataset ParallelInterleaveDataset ParallelInterleaveDatasetV2 \
    ParallelInterleaveDatasetV3 ParallelInterleaveDatasetV4 ParallelMapDataset ParallelMapDatasetV2 \
    PartitionedCall ReduceDataset RemoteCall SaveDataset SaveDatasetV2 ScanDataset SnapshotDatasetV2 \
    StatefulPartitionedCall StatelessCase StatelessIf StatelessWhile SymbolicGradient TakeWhileDataset While";

/// Operands 0 and 1 may be exchanged, bit for bit. (`Add` is not here: it also joins strings.)
pub(super) const COMMUTATIVE: &str = "\
    AddV2 ApproximateEqual BitwiseAnd BitwiseOr BitwiseXor Equal LogicalAnd LogicalOr Mul NotEqual \
    SquaredDifference";

/// Result 0 equals operand 0. Checks and prints are here for their value; [`super::Effects`] tells them from the rest.
pub(super) const PASSTHROUGH: &str = "\
    CheckNumerics CheckNumericsV2 EnsureShape GuaranteeConst Identity PreventGradient Print RefIdentity \
    Snapshot StopGradient";

/// Feeds.
pub(super) const FEEDS: &str = "Placeholder PlaceholderV2 PlaceholderWithDefault _Arg";

/// Element-wise in operand 0, whose shape result 0 has.
pub(super) const KEEPS_SHAPE: &str = "\
    Abs Acos Acosh Angle Asin Asinh Atan Atanh BesselI0 BesselI0e BesselI1 BesselI1e BiasAdd Cast Ceil \
    CheckNumerics CheckNumericsV2 Conj Cos Cosh DebugGradientIdentity DeepCopy Digamma Elu Erf Erfc Erfinv Exp \
    Expm1 FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars Floor GuaranteeConst Identity Imag Inv Invert IsFinite \
    IsInf IsNan LeakyRelu Lgamma Log Log1p LogicalNot Ndtri Neg OnesLike PreventGradient Print Real Reciprocal \
    RefIdentity Relu Relu6 Rint Round Rsqrt Selu Sigmoid Sign Sin Sinh Snapshot Softplus Softsign Sqrt Square \
    StopGradient Tan Tanh ZerosLike";
