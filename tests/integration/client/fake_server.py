"""A server on a loopback socket that answers what a test tells it to. No engine, no model.

It speaks through Horngate's own messages and serves one model, ``mnist_fusion``, whose
probabilities are its context.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

import grpc
import numpy as np

from horngate.protocols.pb.grpc.health.v1.health_pb2 import (
    HealthCheckRequest,
    HealthCheckResponse,
)
from horngate.protocols.pb.inference.grpc_service_pb2 import (
    ModelConfigRequest,
    ModelConfigResponse,
    RepositoryIndexResponse,
)
from horngate.protocols.pb.tensorflow.core.protobuf import error_codes_pb2
from horngate.protocols.pb.tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataRequest,
    GetModelMetadataResponse,
)
from horngate.protocols.pb.tensorflow_serving.apis.get_model_status_pb2 import (
    GetModelStatusRequest,
    GetModelStatusResponse,
    ModelVersionStatus,
)
from horngate.protocols.pb.tensorflow_serving.apis.predict_pb2 import PredictRequest
from horngate.protocols.tfserving.metadata import signature_def_map
from horngate.protocols.tfserving.predict import decode_request, encode_response
from horngate.tensors import DType, Response, Signature, TensorSpec

MODEL: Final = "mnist_fusion"
SIGNATURE: Final = Signature(
    "serving_default",
    {
        "image": TensorSpec("image", DType.FLOAT32, (None, 28, 28, 1)),
        "context": TensorSpec("context", DType.FLOAT32, (None, 10)),
    },
    {"probabilities": TensorSpec("probabilities", DType.FLOAT32, (None, 10))},
)


class FakeServer:
    """What it was asked, and what it shall answer next.

    Attributes:
        port: where it listens.
        calls: the names of the methods called, in order.
        refusals: codes and messages that the next calls end with.
        hold: while it is cleared, calls wait.
        engine: the engine and the reason that it tells; "" for a server without the question.
        meanings: what it tells of its tensors, by signature, where it tells its engine.
        labels: what it tells of them.
        silent: whether it does not tell which models there are.
        ended: set when a call that waited is cancelled or has expired.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.refusals: list[tuple[grpc.StatusCode, str]] = []
        self.hold = threading.Event()
        self.hold.set()
        self.arrived = threading.Event()
        self.ended = threading.Event()
        self.reply_floats = 0
        self.engine = ("", "")
        self.meanings: dict[str, Any] = {}
        self.labels = ""
        self.silent = False
        self.port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def answer(self, name: str, payload: bytes, context: grpc.ServicerContext) -> bytes:
        self.calls.append(name)
        context.add_callback(self.ended.set)
        self.arrived.set()
        self.hold.wait(20)
        if self.refusals:
            context.abort(*self.refusals.pop(0))
        answers: dict[str, Callable[[bytes, grpc.ServicerContext], Any]] = {
            "Predict": self._predict,
            "GetModelMetadata": _metadata,
            "GetModelStatus": _status,
            "ModelConfig": self._config,
            "Check": _check,
            "RepositoryIndex": self._index,
        }
        reply: bytes = answers[name](payload, context).SerializeToString()
        return reply

    def _predict(self, payload: bytes, context: grpc.ServicerContext) -> Any:
        request = decode_request(PredictRequest.FromString(payload))
        for name, array in request.inputs.items():
            if array.dtype != np.float32:
                context.abort(
                    grpc.StatusCode.INVALID_ARGUMENT,
                    f"input {name!r}: expected dtype float32, received {array.dtype.name}; "
                    "send it as float32",
                )
        outputs = {"probabilities": request.inputs["context"]}
        if self.reply_floats:
            outputs["probabilities"] = np.zeros(self.reply_floats, np.float32)
        version = request.version if isinstance(request.version, int) else 3
        return encode_response(Response(request.model, version, SIGNATURE, outputs))

    def _config(self, payload: bytes, context: grpc.ServicerContext) -> ModelConfigResponse:
        _find(ModelConfigRequest.FromString(payload).name, context)
        engine, reason = self.engine
        if not engine:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        reply = ModelConfigResponse()
        reply.config.backend = engine
        if self.labels:
            reply.config.parameters["version_labels"].string_value = self.labels
        if reason:
            reply.config.parameters["engine_reason"].string_value = reason
        if self.meanings:
            reply.config.parameters["annotations"].string_value = json.dumps(self.meanings)
        return reply

    def _index(self, _payload: bytes, context: grpc.ServicerContext) -> RepositoryIndexResponse:
        if self.silent:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        reply = RepositoryIndexResponse()
        for version in (3, 4):
            reply.models.add(name=MODEL, version=str(version))
        return reply


def _metadata(payload: bytes, context: grpc.ServicerContext) -> GetModelMetadataResponse:
    request = GetModelMetadataRequest.FromString(payload)
    _find(request.model_spec.name, context)
    reply = GetModelMetadataResponse()
    reply.model_spec.name = MODEL
    reply.model_spec.version.value = 3
    reply.metadata["signature_def"].Pack(signature_def_map({"serving_default": SIGNATURE}))
    return reply


def _status(payload: bytes, context: grpc.ServicerContext) -> GetModelStatusResponse:
    request = GetModelStatusRequest.FromString(payload)
    _find(request.model_spec.name, context)
    reply = GetModelStatusResponse()
    reply.model_version_status.add(version=3, state=ModelVersionStatus.AVAILABLE)
    failed = reply.model_version_status.add(version=4, state=ModelVersionStatus.END)
    failed.status.error_code = error_codes_pb2.FAILED_PRECONDITION
    failed.status.error_message = "no SavedModel"
    return reply


def _check(payload: bytes, context: grpc.ServicerContext) -> HealthCheckResponse:
    name = HealthCheckRequest.FromString(payload).service
    if name == "asleep":
        return HealthCheckResponse(status=HealthCheckResponse.NOT_SERVING)
    if name:
        _find(name, context)
    return HealthCheckResponse(status=HealthCheckResponse.SERVING)


def _find(model: str, context: grpc.ServicerContext) -> None:
    if model != MODEL:
        context.abort(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: Latest({model})")


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, fake: FakeServer) -> None:
        self._fake = fake

    def service(self, handler_call_details: Any) -> Any:
        path: str = handler_call_details.method
        name = path.rpartition("/")[2]

        def answer(payload: bytes, context: grpc.ServicerContext) -> bytes:
            return self._fake.answer(name, payload, context)

        return grpc.unary_unary_rpc_method_handler(answer)


@contextmanager
def listening(fake: FakeServer, port: int = 0) -> Iterator[FakeServer]:
    """Serve ``fake`` inside of the block, on ``port`` or on a free one."""
    pool = ThreadPoolExecutor(8)
    server = grpc.server(pool, handlers=[_Handler(fake)], options=[("grpc.so_reuseport", 0)])
    fake.port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield fake
    finally:
        fake.hold.set()
        server.stop(0).wait()
        pool.shutdown()
