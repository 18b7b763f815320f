"""Requests as bytes, made once, and what their replies say."""

from __future__ import annotations

import json
import struct
from typing import Final, NamedTuple

import numpy as np

from benchmarks.soak.contents import SWAPPED
from horngate.protocols.pb.inference.grpc_service_pb2 import (
    ModelInferRequest,
    ModelInferResponse,
)
from horngate.protocols.pb.tensorflow_serving.apis.predict_pb2 import (
    PredictRequest,
    PredictResponse,
)
from horngate.protocols.tfserving.tensor import decode, encode

PREDICT: Final = "/tensorflow.serving.PredictionService/Predict"
INFER: Final = "/inference.GRPCInferenceService/ModelInfer"
STREAM: Final = "/inference.GRPCInferenceService/ModelStreamInfer"
_FLOAT: Final = struct.Struct("<f")


class Said(NamedTuple):
    """Which version answered, and what."""

    version: int
    value: float


def predict(value: float, model: str = SWAPPED) -> bytes:
    """One row for TensorFlow Serving's API."""
    request = PredictRequest()
    request.model_spec.name = model
    encode(np.full((1, 1), value, np.float32), request.inputs["x"])
    return request.SerializeToString()


def predicted(data: bytes) -> Said:
    """The reply to ``predict``."""
    reply = PredictResponse.FromString(data)
    value = decode(reply.outputs["y"], "y").item()
    return Said(reply.model_spec.version.value, value)


def infer(value: float, number: int = 0, model: str = SWAPPED) -> ModelInferRequest:
    """One row for the Open Inference Protocol."""
    request = ModelInferRequest(model_name=model, id=str(number))
    request.inputs.add(name="x", datatype="FP32", shape=[1, 1])
    request.raw_input_contents.append(_FLOAT.pack(value))
    return request


def inferred(reply: ModelInferResponse) -> Said:
    """The reply to ``infer``."""
    return Said(int(reply.model_version), _FLOAT.unpack(reply.raw_output_contents[0])[0])


def rest(path: str, body: object) -> bytes:
    """A whole HTTP request."""
    data = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data
