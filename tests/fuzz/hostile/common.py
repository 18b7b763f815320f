"""What the hostile messages are made of: paths, lies, and short ways to build a message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from google.protobuf.message import Message

from horngate.protocols.pb.inference.grpc_service_pb2 import ModelInferRequest
from horngate.protocols.pb.tensorflow.core.framework.tensor_pb2 import TensorProto
from horngate.protocols.pb.tensorflow_serving.apis.predict_pb2 import PredictRequest
from horngate.protocols.tfserving.tensor import NUMBERS
from horngate.tensors import DType
from horngate.wire import as_varint
from tests.fuzz.target import pack

Named = Iterator[tuple[str, bytes]]
"""Names and inputs; a name says method and lie."""

PREDICT: Final = "/tensorflow.serving.PredictionService/Predict"
CLASSIFY: Final = "/tensorflow.serving.PredictionService/Classify"
REGRESS: Final = "/tensorflow.serving.PredictionService/Regress"
MULTI: Final = "/tensorflow.serving.PredictionService/MultiInference"
RELOAD: Final = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"
STATUS: Final = "/tensorflow.serving.ModelService/GetModelStatus"
METADATA: Final = "/tensorflow.serving.PredictionService/GetModelMetadata"
INFER: Final = "/inference.GRPCInferenceService/ModelInfer"
STREAM: Final = "/inference.GRPCInferenceService/ModelStreamInfer"

BIG: Final = 2**62
LONG: Final = "\U0001d4b3" * 3000  # four bytes each in UTF-8, twelve in a header
CONTROLS: Final = "a\r\n\0\x7f\x1b[31m%41 \u202e\ufeff"
SHAPES: Final[dict[str, list[int]]] = {
    "negative-dim": [-2, 1],
    "least-dim": [-(2**63), 1],
    "huge-dim": [2**63 - 1, 1],
    "overflowing-dims": [BIG, BIG],
    "overflow-to-zero": [2**32, 2**32],
    "overflow-to-one": [3, 6148914691236517205, 1],
    "zero-beside-huge": [0, BIG],
    "zero-beside-overflow": [0, BIG, BIG],
    "scalar": [],
    "deep-rank": [1] * 65,
    "full-rank": [1] * 64,
    "thousand-ranks": [BIG] * 1000,
    "repeated-16M": [1, 1 << 24],
    "repeated-over-16M": [1, (1 << 24) + 1],
}


def predict(model: str, /, **inputs: TensorProto) -> PredictRequest:
    """A request for the default signature."""
    request = PredictRequest()
    request.model_spec.name = model
    for name, tensor in inputs.items():
        request.inputs[name].CopyFrom(tensor)
    return request


def proto(dtype: DType, shape: list[int], **content: Any) -> TensorProto:
    """A tensor; what it holds need not fit."""
    tensor = TensorProto(dtype=NUMBERS[dtype], **content)
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


def infer(
    model: str, datatype: str, shape: list[int], raw: bytes | None, *, name: str = "x"
) -> ModelInferRequest:
    """A request with one input, raw or without data."""
    request = ModelInferRequest(model_name=model)
    request.inputs.add(name=name, datatype=datatype, shape=shape)
    if raw is not None:
        request.raw_input_contents.append(raw)
    return request


def packed(path: str, message: Message) -> bytes:
    """The message as an input."""
    return pack(path, serialized(message))


def serialized(message: Message) -> bytes:
    """The message's bytes."""
    # Maps have no order of their own, and the corpus is to be the same each time.
    data: bytes = message.SerializeToString(deterministic=True)
    return data


def varint(number: int) -> bytes:
    """The number as protobuf writes it, of 64 bits."""
    return as_varint(number & (2**64 - 1))
