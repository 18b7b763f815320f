"""What Horngate answers perf_analyzer before the load, to be answered by servers that lack it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf.message import Message

from horngate.protocols.pb.inference.grpc_service_pb2 import (
    ModelConfigRequest,
    ModelMetadataRequest,
    ModelReadyRequest,
    ServerLiveRequest,
    ServerMetadataRequest,
    ServerReadyRequest,
)

OIP: Final = "/inference.GRPCInferenceService/"

Recording = dict[str, bytes]
"""Replies, as bytes, by the method's path."""


def record(address: str, model: str) -> Recording:
    """Ask the server at ``address`` what perf_analyzer asks about ``model``."""
    with grpc.insecure_channel(address) as channel:
        return {path: _call(channel, path, request) for path, request in _questions(model).items()}


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
        f"{OIP}ServerMetadata": ServerMetadataRequest(),
        f"{OIP}ModelReady": ModelReadyRequest(name=model),
        f"{OIP}ModelMetadata": ModelMetadataRequest(name=model),
        f"{OIP}ModelConfig": ModelConfigRequest(name=model),
    }


def _call(channel: grpc.Channel, path: str, request: Message) -> bytes:
    call: Any = channel.unary_unary(path)  # bytes in, bytes out
    reply: bytes = call(request.SerializeToString(), timeout=30)
    return reply
