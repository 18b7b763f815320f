"""What Horngate answered, kept to be answered again by a server without a model."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf.message import Message

from benchmarks.load import ROWS
from benchmarks.model import inputs
from horngate.protocols.oip.tensor import encode as encode_raw
from horngate.protocols.pb.inference.grpc_service_pb2 import (
    ModelConfigRequest,
    ModelInferRequest,
    ModelMetadataRequest,
    ModelReadyRequest,
    ServerLiveRequest,
    ServerMetadataRequest,
    ServerReadyRequest,
)
from horngate.protocols.pb.tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataRequest,
)
from horngate.protocols.pb.tensorflow_serving.apis.predict_pb2 import PredictRequest
from horngate.protocols.tfserving.tensor import encode as encode_proto
from horngate.tensors import Signature

OIP: Final = "/inference.GRPCInferenceService/"
TFSERVING: Final = "/tensorflow.serving.PredictionService/"
INFER: Final = f"{OIP}ModelInfer"
PREDICT: Final = f"{TFSERVING}Predict"


@dataclass
class Recording:
    """Replies, as bytes: of other methods by path, of predictions by path and rows."""

    others: dict[str, bytes] = field(default_factory=dict)
    predictions: dict[str, dict[int, bytes]] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        text: dict[str, Any] = {
            "others": {name: _text(data) for name, data in self.others.items()},
            "predictions": {
                name: {str(rows): _text(data) for rows, data in replies.items()}
                for name, replies in self.predictions.items()
            },
        }
        path.write_text(json.dumps(text))

    @classmethod
    def read(cls, path: Path) -> Recording:
        """Read what ``save`` wrote."""
        kept = json.loads(path.read_text())
        return cls(
            {name: base64.b64decode(data) for name, data in kept["others"].items()},
            {
                name: {int(rows): base64.b64decode(data) for rows, data in replies.items()}
                for name, replies in kept["predictions"].items()
            },
        )


def record(address: str, model: str, signature: Signature) -> Recording:
    """Ask the server at ``address`` what perf_analyzer asks, and a prediction of each size."""
    recording = Recording()
    with grpc.insecure_channel(address) as channel:
        for path, request in _questions(model).items():
            recording.others[path] = _call(channel, path, request)
        for rows in ROWS:
            for path, request in _predictions(model, signature, rows).items():
                replies = recording.predictions.setdefault(path, {})
                replies[rows] = _call(channel, path, request)
    return recording


def _questions(model: str) -> dict[str, Message]:
    metadata = GetModelMetadataRequest(metadata_field=["signature_def"])
    metadata.model_spec.name = model
    return {
        f"{OIP}ServerLive": ServerLiveRequest(),
        f"{OIP}ServerReady": ServerReadyRequest(),
        f"{OIP}ServerMetadata": ServerMetadataRequest(),
        f"{OIP}ModelReady": ModelReadyRequest(name=model),
        f"{OIP}ModelMetadata": ModelMetadataRequest(name=model),
        f"{OIP}ModelConfig": ModelConfigRequest(name=model),
        f"{TFSERVING}GetModelMetadata": metadata,
    }


def _predictions(model: str, signature: Signature, rows: int) -> dict[str, Message]:
    infer, predict = ModelInferRequest(model_name=model), PredictRequest()
    predict.model_spec.name = model
    predict.model_spec.signature_name = signature.name
    for name, array in inputs(signature, rows).items():
        infer.raw_input_contents.append(encode_raw(array, infer.inputs.add(name=name)))
        encode_proto(array, predict.inputs[name])
    return {INFER: infer, PREDICT: predict}


def _call(channel: grpc.Channel, path: str, request: Message) -> bytes:
    call: Any = channel.unary_unary(path)  # bytes in, bytes out
    reply: bytes = call(request.SerializeToString(), timeout=30)
    return reply


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
