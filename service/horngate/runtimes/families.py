"""Which of TensorFlow's operations a SavedModel may have: every name that somebody has looked at.

What is in no family is refused, a new operation of a newer TensorFlow first of all;
``test_families.py`` names those, so that letting one in is a conscious act. Kept out is what
reaches beyond the model, what hands out memory that nobody has written, what holds a caller up or
mixes callers, and whole families that Keras has no use for and that few people have tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ALLOWED: Final[Mapping[str, str]] = {
    "values that are given, and passed on as they are": """
        Const Placeholder PlaceholderV2 PlaceholderWithDefault Identity IdentityN StopGradient
        PreventGradient NoOp ControlTrigger EnsureShape Snapshot GuaranteeConst DeepCopy
        OnesLike ZerosLike Fill Range LinSpace Empty Shape ShapeN Size Rank Bitcast Cast
        CheckNumerics CheckNumericsV2 Assert Print PrintV2 Timestamp DeviceIndex
    """,
    "arithmetic, element by element": """
        Abs Acos Acosh Add AddN AddV2 Angle ApproximateEqual Asin Asinh Atan Atan2
        Atanh Betainc Ceil ClipByValue Complex ComplexAbs Conj Cos Cosh Cross Digamma Div DivNoNan
        Equal Erf Erfc Erfinv Exp Expm1 Floor FloorDiv FloorMod Greater GreaterEqual Igamma
        IgammaGradA Igammac Imag Inv InvGrad IsFinite IsInf IsNan Less LessEqual Lgamma Log Log1p
        LogicalAnd LogicalNot LogicalOr Maximum Minimum Mod Mul MulNoNan Ndtri Neg NextAfter
        NotEqual Polygamma Pow Real RealDiv Reciprocal ReciprocalGrad Rint Round Rsqrt RsqrtGrad
        Select SelectV2 Sign Sin Sinh Sqrt SqrtGrad Square SquaredDifference Sub Tan Tanh TanhGrad
        ToBool TruncateDiv TruncateMod Xdivy Xlog1py Xlogy Zeta BesselI0 BesselI0e BesselI1
        BesselI1e BesselJ0 BesselJ1 BesselK0 BesselK0e BesselK1 BesselK1e BesselY0 BesselY1 Dawsn
        Expint FresnelCos FresnelSin Spence BitwiseAnd BitwiseOr BitwiseXor Invert LeftShift
        RightShift PopulationCount
    """,
    "activations and losses": """
        Elu EluGrad LeakyRelu LeakyReluGrad LogSoftmax Relu Relu6 Relu6Grad ReluGrad Selu SeluGrad
        Sigmoid SigmoidGrad Softmax SoftmaxCrossEntropyWithLogits Softplus SoftplusGrad Softsign
        SoftsignGrad SparseSoftmaxCrossEntropyWithLogits L2Loss
    """,
    "sums, orders and searches along axes": """
        All Any ArgMax ArgMin ApproxTopK Bincount Bucketize Cumprod Cumsum CumulativeLogsumexp
        DenseBincount EuclideanNorm HistogramFixedWidth InTopK InTopKV2 LowerBound Max Mean Min
        NthElement Prod SegmentMax SegmentMaxV2 SegmentMean SegmentMin SegmentMinV2 SegmentProd
        SegmentProdV2 SegmentSum SegmentSumV2 SparseSegmentMean SparseSegmentMeanWithNumSegments
        SparseSegmentSqrtN SparseSegmentSqrtNWithNumSegments SparseSegmentSum
        SparseSegmentSumWithNumSegments Sum TopK TopKV2 Unique UniqueV2 UniqueWithCounts
        UniqueWithCountsV2 UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd
        UnsortedSegmentSum UpperBound Where ListDiff IsotonicRegression
    """,
    "shapes, slices and joins": """
        BatchToSpace BatchToSpaceND BroadcastArgs BroadcastGradientArgs BroadcastTo Concat
        ConcatOffset ConcatV2 DataFormatDimMap DataFormatVecPermute DepthToSpace Diag DiagPart
        DynamicPartition DynamicStitch ExpandDims Gather GatherNd GatherV2 InvertPermutation
        MatrixBandPart MatrixDiag MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2
        MatrixDiagV3 MatrixSetDiag MatrixSetDiagV2 MatrixSetDiagV3 MirrorPad MirrorPadGrad OneHot
        Pack Pad PadV2 ParallelDynamicStitch Reshape Reverse ReverseSequence ReverseV2 Roll
        ScatterNd Slice SpaceToBatch SpaceToBatchND SpaceToDepth Split SplitV Squeeze StridedSlice
        StridedSliceGrad TensorScatterAdd TensorScatterMax TensorScatterMin TensorScatterSub
        TensorScatterUpdate TensorStridedSliceUpdate Tile Transpose ConjugateTranspose UnravelIndex
        Unpack XlaDynamicUpdateSlice
    """,
    "matrices": """
        BandedTriangularSolve BatchMatMul BatchMatMulV2 BatchMatMulV3 CholeskyGrad Eig
        Einsum LogMatrixDeterminant Lu MatMul MatrixDeterminant MatrixExponential MatrixInverse
        MatrixLogarithm MatrixSolve MatrixSquareRoot MatrixTriangularSolve Qr
        SelfAdjointEigV2 Svd TridiagonalMatMul TridiagonalSolve FFT FFT2D FFT3D FFTND IFFT IFFT2D
        IFFT3D IFFTND IRFFT IRFFT2D IRFFT3D IRFFTND RFFT RFFT2D RFFT3D RFFTND
    """,
    "layers of networks, and their gradients": """
        AvgPool AvgPool3D AvgPool3DGrad AvgPoolGrad BatchNormWithGlobalNormalization BiasAdd
        BiasAddGrad BiasAddV1 Conv Conv2D Conv2DBackpropFilter
        Conv2DBackpropFilterV2 Conv2DBackpropInput Conv2DBackpropInputV2 Conv3D
        Conv3DBackpropFilterV2 Conv3DBackpropInputV2 CTCBeamSearchDecoder CTCGreedyDecoder CTCLoss
        CTCLossV2 CudnnRNN CudnnRNNV2 CudnnRNNV3 DepthwiseConv2dNative
        DepthwiseConv2dNativeBackpropFilter DepthwiseConv2dNativeBackpropInput Dilation2D
        FractionalAvgPool FractionalMaxPool FusedBatchNorm FusedBatchNormGrad FusedBatchNormGradV2
        FusedBatchNormGradV3 FusedBatchNormV2 FusedBatchNormV3 LRN LRNGrad
        MaxPool MaxPool3D MaxPool3DGrad MaxPoolGrad MaxPoolGradV2 MaxPoolV2
        MaxPoolWithArgmax FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars
        FakeQuantWithMinMaxVarsPerChannel QuantizeAndDequantizeV2 QuantizeAndDequantizeV3
        QuantizeAndDequantizeV4 QuantizeV2 Dequantize
    """,
    "pictures and sounds": """
        AdjustContrast AdjustContrastv2 AdjustHue AdjustSaturation AudioSpectrogram
        CombinedNonMaxSuppression DrawBoundingBoxes DrawBoundingBoxesV2
        ExtractGlimpse ExtractGlimpseV2 ExtractImagePatches ExtractVolumePatches HSVToRGB
        ImageProjectiveTransformV2 ImageProjectiveTransformV3 Mfcc NonMaxSuppression
        NonMaxSuppressionV2 NonMaxSuppressionV3 NonMaxSuppressionV4 NonMaxSuppressionV5
        NonMaxSuppressionWithOverlaps RGBToHSV ResizeArea ResizeBicubic ResizeBilinear
        ResizeBilinearGrad ResizeNearestNeighbor ResizeNearestNeighborGrad ScaleAndTranslate
        DecodeAndCropJpeg DecodeBmp DecodeGif DecodeImage DecodeJpeg DecodePng DecodeWav DecodeWebP
        EncodeJpeg EncodeJpegVariableQuality EncodeWav ExtractJpegShape
    """,
    "texts: taken apart, joined, compared, and read as numbers or examples": """
        AsString DecodeBase64 DecodeCSV DecodeCompressed DecodeJSONExample DecodePaddedRaw DecodeRaw
        DeserializeManySparse DeserializeSparse EditDistance EncodeBase64 Fingerprint ParseExample
        ParseExampleV2 ParseSequenceExample ParseSequenceExampleV2 ParseSingleExample
        ParseSingleSequenceExample ParseTensor ReduceJoin RegexFullMatch RegexReplace
        SerializeManySparse SerializeSparse SerializeTensor ShardedFilename ShardedFilespec
        StaticRegexFullMatch StaticRegexReplace StringFormat StringJoin StringLength StringLower
        StringNGrams StringSplit StringSplitV2 StringStrip StringToHashBucket
        StringToHashBucketFast StringToHashBucketStrong StringToNumber StringUpper Substr
        UnicodeDecode UnicodeDecodeWithOffsets UnicodeEncode UnicodeScript UnicodeTranscode
        UnsortedSegmentJoin AudioSummary AudioSummaryV2 HistogramSummary ImageSummary MergeSummary
        ScalarSummary TensorSummary TensorSummaryV2
    """,
    "sparse and ragged tensors, and sets": """
        DenseCountSparseOutput DenseToDenseSetOperation DenseToSparseSetOperation RaggedBincount
        RaggedCountSparseOutput RaggedCross RaggedFillEmptyRows RaggedGather RaggedRange
        RaggedTensorFromVariant RaggedTensorToSparse RaggedTensorToTensor RaggedTensorToVariant
        SetSize SparseAdd SparseBincount SparseConcat SparseCountSparseOutput SparseCross
        SparseCrossHashed SparseCrossV2 SparseDenseCwiseAdd SparseDenseCwiseDiv
        SparseDenseCwiseMul SparseFillEmptyRows SparseMatMul SparseReduceMax SparseReduceMaxSparse
        SparseReduceSum SparseReduceSumSparse SparseReorder SparseReshape SparseSlice SparseSoftmax
        SparseSparseMaximum SparseSparseMinimum SparseSplit SparseTensorDenseAdd
        SparseTensorDenseMatMul SparseToDense SparseToSparseSetOperation
    """,
    "chance, with and without a state": """
        AllCandidateSampler ComputeAccidentalHits LearnedUnigramCandidateSampler
        LogUniformCandidateSampler Multinomial NonDeterministicInts ParameterizedTruncatedNormal
        RandomGamma RandomIndexShuffle RandomShuffle RandomStandardNormal
        RandomUniform RandomUniformInt RngReadAndSkip RngSkip SampleDistortedBoundingBox
        SampleDistortedBoundingBoxV2 StatefulStandardNormalV2
        StatefulTruncatedNormal StatefulUniform StatefulUniformFullInt StatefulUniformInt
        StatelessMultinomial StatelessParameterizedTruncatedNormal
        StatelessRandomGammaV2 StatelessRandomGammaV3 StatelessRandomGetAlg
        StatelessRandomGetKeyCounter StatelessRandomGetKeyCounterAlg StatelessRandomNormal
        StatelessRandomNormalV2 StatelessRandomUniform
        StatelessRandomUniformFullInt StatelessRandomUniformFullIntV2 StatelessRandomUniformInt
        StatelessRandomUniformIntV2 StatelessRandomUniformV2 StatelessSampleDistortedBoundingBox
        StatelessShuffle StatelessTruncatedNormal StatelessTruncatedNormalV2 TruncatedNormal
        UniformCandidateSampler
    """,
    "variables: memory of the model's own": """
        Assign AssignAdd AssignAddVariableOp AssignSub AssignSubVariableOp AssignVariableOp
        CountUpTo DestroyResourceOp DisableCopyOnRead IsVariableInitialized ReadVariableOp
        ResourceCountUpTo ResourceGather ResourceGatherNd ResourceScatterAdd ResourceScatterDiv
        ResourceScatterMax ResourceScatterMin ResourceScatterMul ResourceScatterNdAdd
        ResourceScatterNdMax ResourceScatterNdMin ResourceScatterNdSub ResourceScatterNdUpdate
        ResourceScatterSub ResourceScatterUpdate ResourceStridedSliceAssign VarHandleOp
        VarIsInitializedOp Variable VariableShape VariableV2
    """,
    "look-up tables, likewise": """
        AnonymousHashTable AnonymousMutableDenseHashTable AnonymousMutableHashTable
        AnonymousMutableHashTableOfTensors HashTable HashTableV2 InitializeTable InitializeTableV2
        LookupTableExport LookupTableExportV2 LookupTableFind LookupTableFindV2 LookupTableImport
        LookupTableImportV2 LookupTableInsert LookupTableInsertV2 LookupTableRemoveV2
        LookupTableSize LookupTableSizeV2 MutableDenseHashTable MutableDenseHashTableV2
        MutableHashTable MutableHashTableOfTensors MutableHashTableOfTensorsV2 MutableHashTableV2
    """,
    "lists and arrays of tensors: unwritten places are zeros, or an error": """
        EmptyTensorList TensorListConcatLists TensorListConcatV2
        TensorListElementShape TensorListFromTensor TensorListGather TensorListGetItem
        TensorListLength TensorListPopBack TensorListPushBack TensorListPushBackBatch
        TensorListReserve TensorListResize TensorListScatter TensorListScatterIntoExistingList
        TensorListScatterV2 TensorListSetItem TensorListSplit TensorListStack TensorArrayCloseV3
        TensorArrayConcatV3 TensorArrayGatherV3 TensorArrayReadV3 TensorArrayScatterV3
        TensorArraySizeV3 TensorArraySplitV3 TensorArrayV3 TensorArrayWriteV3 EmptyTensorMap
        TensorMapErase TensorMapHasKey TensorMapInsert TensorMapLookup TensorMapSize
        TensorMapStackKeys OptionalFromValue OptionalGetValue OptionalHasValue OptionalNone
        StackCloseV2 StackPopV2 StackPushV2 StackV2
    """,
    "calls, branches and loops: what they call is looked at by itself": """
        PartitionedCall StatefulPartitionedCall If StatelessIf While StatelessWhile Case
        StatelessCase Switch RefSwitch Merge RefMerge Enter RefEnter Exit RefExit
        NextIteration RefNextIteration LoopCond RefIdentity RefSelect
    """,
}
"""Operations that turn tensors into tensors, or keep a state of the model's own; by family."""

ANY_SHAPE: Final = frozenset(
    " ".join(
        [
            ALLOWED["values that are given, and passed on as they are"],
            ALLOWED["arithmetic, element by element"],
            ALLOWED["activations and losses"],
            """
            All Any ArgMax ArgMin Cumprod Cumsum EuclideanNorm Max Mean Min Prod Sum TopKV2 Where
            BroadcastTo Concat ConcatV2 ExpandDims Gather GatherNd GatherV2 OneHot Pack Pad PadV2
            Reshape Reverse ReverseV2 Roll Slice Split SplitV Squeeze StridedSlice Tile Transpose
            Unpack BatchMatMul BatchMatMulV2 BatchMatMulV3 BiasAdd BiasAddV1 MatMul
            AsString DecodeBase64 DecodeRaw EncodeBase64 ParseExample ParseExampleV2 RegexFullMatch
            RegexReplace StaticRegexFullMatch StaticRegexReplace StringJoin StringLength StringLower
            StringStrip StringToHashBucket StringToHashBucketFast StringToHashBucketStrong
            StringToNumber StringUpper Substr
            ReadVariableOp VarHandleOp Variable VariableV2
            HashTable HashTableV2 LookupTableFind LookupTableFindV2
            PartitionedCall StatefulPartitionedCall
            """,
        ]
    ).split()
)
"""Operations that answer, or refuse, whatever the number of dimensions they are given. Some of the
others end the process: a batch normalisation of two dimensions, say."""

SAVING: Final = """
    Save SaveV2 SaveSlices MergeV2Checkpoints
"""
"""What a SavedModel keeps for being saved again. Never run: it may be there, and not be reached."""

TRAINING: Final = r"(Resource)?(Sparse)?Apply\w+"
"""What optimisers left behind: likewise."""

REFUSED: Final[Mapping[str, str]] = {
    "runs Python": r"PyFunc|PyFuncStateless|EagerPyFunc|GeneratorDataset",
    "runs a program that it carries or names": (
        r"DatasetFromGraph|MlirPassthroughOp|XlaCustomCall(V2)?|XlaCallModule|XlaLaunch(V2)?|"
        r"_?XlaCompile\w*|_XlaRun|\w*TPU(Compile|Execute|PartitionedCall|Replicate)\w*"
    ),
    "ends the process": r"Abort",
    "reads or writes files": (
        r"ReadFile|WriteFile|(Experimental)?MatchingFiles(Dataset)?|MergeV2Checkpoints|Distributed"
        r"Save|Save|SaveV2|SaveSlices|(DTensor)?Restore(V2)?|RestoreSlice|InitializeTableFromText"
        r"File(V2)?|ImmutableConst|LoadAndRemapMatrix|GenerateVocabRemapping|FixedUnigramCandidate"
        r"Sampler|FileSystemSetConfiguration|.*Reader(V2)?|Reader.*|.*(TextLine|TFRecord|Fixed"
        r"LengthRecord|CSV|Sql|LMDB|Cache|Load|Save|Snapshot\w*)Dataset(V\d)?|.*DatasetToTFRecord|"
        r"ListSnapshotChunksDataset|\w*SummaryWriter|CreateSummary(File|Db)Writer|Write\w*Summary|"
        r"ImportEvent|RecordInput|DumpTensor|\w*StatsAggregator\w*|Debug\w+|DecodeProtoV2|"
        r"EncodeProto|CalibrationStatisticsSaver|CustomAggregator"
    ),
    "reaches the network": (
        r"Send|Recv|_\w*Send|_\w*Recv|Xla(Send|Recv)\w*|_?Xla(Send|Recv)\w*|Remote\w+|\w*Rpc\w*|"
        r"_?Collective\w+|_?Nccl\w+|DataServiceDataset(V\d)?|RegisterDataset(V2)?|"
        r"\w*DistributedTPU\w*|WorkerHeartbeat"
    ),
    "does not check the values that it is given, and reads past them, never ends or ends the "
    "process": r"CropAndResize|EncodePng|\w*RandomPoisson(V2)?|\w*RandomBinomial",
    "gives memory that nobody has written": (
        r"TemporaryVariable|DestroyTemporaryVariable|ParallelConcat|_ParallelConcat\w+|"
        r"_ScopedAllocator\w*|AccumulateNV2|MapDefun|BlockLSTM\w*|LSTMBlockCell\w*|"
        r"GRUBlockCell\w*|MatrixSolveLs|Cholesky|FakeParam|TensorListConcat"
    ),
    "changes a tensor where it stands": r"Inplace\w+|Copy(Host)?|ScatterNdNonAliasingAdd",
    "waits for other callers, or mixes them": (
        r"Batch|BatchFunction|Unbatch(Grad)?|\w*Queue\w*|\w*Barrier\w*|\w*Stage\w*|\w*Unstage\w*|"
        r"(Ordered)?Map(Clear|Stage|Unstage|Size|Peek|IncompleteSize)\w*|MutexV2|MutexLock|"
        r"ConsumeMutexLock|\w*ConditionalAccumulator|\w*Accumulator\w+|(Get|Delete)Session\w+|"
        r"\w*SparseToTensorsMap|TakeManySparseFromTensorsMap|Sleep\w*|GetDeadline"
    ),
    "feeds a training, which serving has none of": (
        r".*Dataset.*|.*Iterator.*|" + TRAINING + r"|Scatter(Add|Div|Max|Min|Mul|NdAdd|NdMax|NdMin|"
        r"NdSub|NdUpdate|Sub|Update)|StridedSliceAssign|\w*BoostedTrees\w*|Sdca\w+|\w*Options|"
        r"(Un)?[Cc]ompressElement|NegTrain|Skipgram|Kmeans\w+|KMC2\w+|\w*SeedGenerator|"
        r"\w*MemoryCache|\w*ThreadPoolHandle|DummyIterationCounter|GetElementAtIndex|"
        r"ThreadUnsafeUnigramCandidateSampler|ComputeBatchSize|IteratorGetModelProto|"
        r"NearestNeighbors|MaxPool\w*GradGrad\w*|SymbolicGradient|\w+Grad(V\d)?|"
        r"TensorArrayGradWithShape|CudnnRNN\w+|RandomCrop|Dilation2DBackprop\w+|"
        r"FakeQuant\w+Gradient|SparseSegment\w+Grad(V2)?|RaggedTensorToVariantGradient|"
        r"CropAndResizeGrad(Boxes|Image)|Conv3DBackprop(Filter|Input)|MaxPoolGradWithArgmax"
    ),
    "is for other machines than this": (
        r"\w*(TPU|Tpu)\w*|\w*(Infeed|Outfeed|Prelinearize)\w*|\w*(Dedup|Minibatch|Csr|Coo)\w*|DTensor\w+|"
        r"\w*Xla\w*|Relayout(Like)?|CopyToMesh(Grad)?|GlobalIterId|CrossReplicaSum|AllToAll|"
        r"SyncDevice|_CopyFrom\w+|DevicePlacementOp|CheckPinned|TopK\w*Unique|"
        r"MakeUnique|KthOrderStatistic|WindowOp|UpdateTaskIdAndGlobalCoreArray"
    ),
    "is made by TensorFlow itself, and no part of a file": r"_.*",
    "is experimental or outdated, and Keras has no use for it": (
        r"Quantized\w+|Quantize(DownAndShrinkRange|AndDequantize\w*)|Requantiz\w+|UniformQuantiz\w+|"
        r"Uniform(Dequantize|Requantize)|Risc\w+|Batch(Cholesky|FFT|IFFT|Matrix|SelfAdjointEig|Svd)"
        r"\w*|SelfAdjointEig|\w*SparseMatrix\w*|CompositeTensorVariant\w+|TensorArray\w*|"
        r"Stack(Close|Pop|Push)?|GenerateBoundingBoxProposals|AudioMicrofrontend|SobolSample|"
        r"StochasticCastToInt|FusedPadConv2D|FusedResizeAndPadConv2D|DecodeJxl|IsTensorFloat32"
        r"Enabled|RandomPoisson|StatefulStandardNormal|IsResourceHandleRefCounting|"
        r"MakeWeakResourceHandle|_?VarHandlesOp|TileGrad|HostConst|_?ReadVariablesOp|AssignVariable"
        r"XlaConcatND|For|Fact|TopKWithUnique"
    ),
    "is there for TensorFlow's own tests": (
        r"A|B|Attr.*|Binary|ComplexStruct|ConstructionFails|CopyOp|DefaultAttrs|DtypeWithDefaultOp|"
        r"FakeQueue|FiveFloatOutputs|Float(In|Out)put\w*|Foo\d|Func(List)?Attr|GraphDefVersion|"
        r"(Two)?Int(Attr|Input|Output)s?\w*|Int64Output|InPolymorphicTwice|KernelLabel(Required)?|"
        r"List(Input|Output)|MixedStruct|N(In|Ints|Polymorphic)\w*|Namespace>TestStringOutput|None|"
        r"Old|OpWith\w*DefaultAttr|OutT|OutTypeList\w*|Polymorphic\w*|Ref(In|Out)\w*|Requires"
        r"OlderGraphVersion|Reserved(Attr|Input)|Resource(Create|Initialized|Using)Op|Restrict|"
        r"Simple(Struct)?|StringListAttr|StubResourceHandleOp|Test\w+|Two(Float|Int)\w+|TwoRefsIn|"
        r"TypeList\w*|Unary"
    ),
}
"""Operations by what they do, their whole names; of several lines that fit, the first is told.
They are refused by name for the error's sake, and so that a new one is told from these."""
