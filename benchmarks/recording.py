"""What Horngate answers perf_analyzer before the load, to be answered by servers that lack it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf.message import Message

from benchmarks.model import inputs
from horngate.protocols.oip.tensor import encode
from horngate.protocols.pb.inference.grpc_service_pb2 import (
    ModelConfigRequest,
    ModelInferRequest,
    ModelMetadataRequest,
    ModelReadyRequest,
    ServerLiveRequest,
    ServerMetadataRequest,
    ServerMetadataResponse,
    ServerReadyRequest,
)
from horngate.tensors import Signature

OIP: Final = "/inference.GRPCInferenceService/"
INFER: Final = f"{OIP}ModelInfer"
METADATA: Final = f"{OIP}ServerMetadata"

Recording = dict[str, bytes]
"""Replies, as bytes, by the method's path."""


def record(address: str, model: str, signature: Signature) -> Recording:
    """Ask the server at ``address`` what perf_analyzer asks about ``model``, and one prediction.

    The extensions of the protocol are left out: who answers with this has none.
    """
    with grpc.insecure_channel(address) as channel:
        made = {path: _call(channel, path, request) for path, request in _questions(model).items()}
        made[INFER] = _call(channel, INFER, _prediction(model, signature))
    metadata = ServerMetadataResponse.FromString(made[METADATA])
    del metadata.extensions[:]
    return made | {METADATA: metadata.SerializeToString()}


def configurations(address: str, models: Iterable[str]) -> Recording:
    """What the server at ``address`` says of each model's configuration, by its name."""
    with grpc.insecure_channel(address) as channel:
        return {
            name: _call(channel, f"{OIP}ModelConfig", ModelConfigRequest(name=name))
            for name in models
        }


def save(recording: Recording, path: Path) -> None:
    """Write it as JSON, bytes in base64."""
    text = {name: base64.b64encode(data).decode() for name, data in recording.items()}
    path.write_text(json.dumps(text), encoding="utf-8")


def read(path: Path) -> Recording:
    """Read what ``save`` wrote."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    return {name: base64.b64decode(text) for name, text in kept.items()}


def _questions(model: str) -> dict[str, Message]:
    return {
        f"{OIP}ServerLive": ServerLiveRequest(),
        f"{OIP}ServerReady": ServerReadyRequest(),
        METADATA: ServerMetadataRequest(),
        f"{OIP}ModelReady": ModelReadyRequest(name=model),
        f"{OIP}ModelMetadata": ModelMetadataRequest(name=model),
        f"{OIP}ModelConfig": ModelConfigRequest(name=model),
    }


def _prediction(model: str, signature: Signature) -> ModelInferRequest:
    request = ModelInferRequest(model_name=model)
    for name, array in inputs(signature, 1).items():
        request.raw_input_contents.append(encode(array, request.inputs.add(name=name)))
    return request


def _call(channel: grpc.Channel, path: str, request: Message) -> bytes:
    call: Any = channel.unary_unary(path)  # bytes in, bytes out
    reply: bytes = call(request.SerializeToString(), timeout=30)
    return reply
