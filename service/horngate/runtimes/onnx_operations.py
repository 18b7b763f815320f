"""The operations of ONNX that a plain model may have. All else is refused, by name.

They turn tensors into tensors: none opens a file, reaches the network or runs other code. Their
kernels were tried with values at the edges (docs/untrusted-models.md has with what). Operations of
ONNX Runtime's own domain are here where exporters and quantizers write them. This module is a
list, and looks at nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

_ONNX: Final = """
Abs Acos Acosh Add AffineGrid And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool
BatchNormalization Bernoulli BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BlackmanWindow
Cast CastLike Ceil Celu CenterCropPad Clip Col2Im Compress Concat ConcatFromSequence Constant
ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh CumSum DFT DeformConv DepthToSpace
DequantizeLinear Det Div Dropout DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand EyeLike
Flatten Floor GRU Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalLpPool
GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization HammingWindow HannWindow
HardSigmoid HardSwish Hardmax Identity If InstanceNormalization IsInf IsNaN LRN LSTM
LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax Loop LpNormalization LpPool MatMul
MatMulInteger Max MaxPool MaxRoiPool MaxUnpool Mean MeanVarianceNormalization MelWeightMatrix Min
Mish Mod Mul Multinomial Neg NegativeLogLikelihoodLoss NonMaxSuppression NonZero Not OneHot Or
PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear RMSNormalization RNN RandomNormal
RandomNormalLike RandomUniform RandomUniformLike Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum
ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare RegexFullMatch
Relu Reshape Resize ReverseSequence RoiAlign RotaryEmbedding Round STFT Scan Scatter
ScatterElements ScatterND Selu SequenceAt SequenceConstruct SequenceEmpty SequenceErase
SequenceInsert SequenceLength Shape Shrink Sigmoid Sign Sin Sinh Size Slice Softmax
SoftmaxCrossEntropyLoss Softplus Softsign SpaceToDepth Split SplitToSequence Sqrt Squeeze
StringConcat StringNormalizer StringSplit Sub Sum Swish Tan Tanh TfIdfVectorizer ThresholdedRelu
Tile TopK Transpose Trilu Unique Unsqueeze Upsample Where Xor
"""

_MACHINE_LEARNING: Final = """
ArrayFeatureExtractor Binarizer FeatureVectorizer Imputer LabelEncoder LinearClassifier
LinearRegressor Normalizer OneHotEncoder SVMClassifier SVMRegressor Scaler TreeEnsemble
TreeEnsembleClassifier TreeEnsembleRegressor ZipMap
"""

_MICROSOFT: Final = """
BiasGelu DequantizeLinear DynamicQuantizeLSTM DynamicQuantizeMatMul FastGelu FusedConv FusedGemm
FusedMatMul Gelu MatMulIntegerToFloat MatMulNBits QAttention QGemm QLinearAdd QLinearAveragePool
QLinearConcat QLinearGlobalAveragePool QLinearLeakyRelu QLinearMul QLinearSigmoid QLinearSoftmax
QLinearWhere QuantizeLinear QuickGelu SkipLayerNormalization SkipSimplifiedLayerNormalization
"""

DOMAINS: Final = {
    "": frozenset(_ONNX.split()),
    "ai.onnx": frozenset(_ONNX.split()),
    "ai.onnx.ml": frozenset(_MACHINE_LEARNING.split()),
    "com.microsoft": frozenset(_MICROSOFT.split()),
}
"""The operations that are allowed, by domain; the first two are the same."""


GUARDED: Final[dict[str, Sequence[int]]] = {
    "DynamicQuantizeLSTM": (0,),
    "FeatureVectorizer": range(1 << 30),
    "GRU": (0,),
    "LSTM": (0,),
    "QAttention": (0,),
    "STFT": (2,),
    "Unique": (0,),
}
"""Operations that end the process where one of these inputs, by place, has no elements. Of all that
are allowed these were found, each given no rows, and no elements in a row."""

ONLY_WITH: Final = {"Unique": "axis"}
"""The attribute without which such an operation takes no elements as well as some."""

GIVEN: Final[dict[str, Sequence[int]]] = {"Conv": (1,), "FusedConv": (1,)}
"""Those that do, or never end, where callers give the input themselves: weights without a size."""

NO_ZEROS: Final[dict[str, Sequence[int]]] = {"STFT": (3,)}
"""Those that do where one is a 0. ``onnx_guard`` sees to all."""


def allowed(domain: str, operation: str) -> bool:
    """Whether a model may have the operation."""
    return operation in DOMAINS.get(domain, ())


def guarded(operation: str, attributes: Collection[str]) -> bool:
    """Whether an operation with these ``attributes`` is one of ``GUARDED``."""
    return operation in GUARDED and ONLY_WITH.get(operation) in (None, *attributes)


def refusal(domain: str, operation: str) -> str:
    """What an operation that is not allowed is called in an error."""
    if domain in DOMAINS:
        return f"{domain}:{operation}"[:100].lstrip(":")
    return f"{operation[:50]!r} of the unknown domain {domain[:50]!r}"
