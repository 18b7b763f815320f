"""gRPC health checking over the real state of models: per server, per service, per model.

``""`` and the names of the inference services stand for the server as a whole, any other name
for the model of that name.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Final

from google.protobuf.message import Message

from horngate.call import Call
from horngate.errors import HorngateError, ModelNotFound
from horngate.inference import Inference
from horngate.protocols.method import Method, Status
from horngate.protocols.oip.methods import SERVICE as INFERENCE_SERVICE
from horngate.protocols.pb.grpc.health.v1.health_pb2 import (
    HealthCheckRequest,
    HealthCheckResponse,
)
from horngate.protocols.service import Service
from horngate.protocols.tfserving.methods import MODEL_SERVICE, PREDICTION_SERVICE

PROTOCOL: Final = "health"
SERVICE: Final = "grpc.health.v1.Health"

_WHOLE: Final = frozenset({"", PREDICTION_SERVICE, MODEL_SERVICE, INFERENCE_SERVICE})


def methods(inference: Inference) -> list[Method]:
    """The methods, bound to ``inference``."""
    service = Service(PROTOCOL, SERVICE, status)
    return [
        service.unary("Check", partial(check, inference), is_open=True),
        service.stream("Watch", partial(watch, inference), is_open=True),
    ]


def status(error: HorngateError) -> Status:
    """How both methods answer ``error``: as it says."""
    return Status(error.code, str(error))


def check(inference: Inference, request: HealthCheckRequest, _call: Call) -> HealthCheckResponse:
    """The status now.

    Raises:
        ModelNotFound: the name stands for nothing.
    """
    serving = _serving(inference, request.service)
    if serving == HealthCheckResponse.SERVICE_UNKNOWN:
        raise ModelNotFound(
            f"expected a service or a model of this server, received {request.service[:200]!r}; "
            "its models are listed on the HTTP port",
            model=request.service,
        )
    return HealthCheckResponse(status=serving)


def watch(
    inference: Inference, request: HealthCheckRequest, _call: Call, send: Callable[[Message], None]
) -> Callable[[], None]:
    """Send the status now and whenever it changes; the function returned ends it.

    A name that stands for nothing is SERVICE_UNKNOWN, and may come to stand for a model later.
    """
    watcher = _Watcher(inference, request.service, send)
    # Subscribed before the first look, so that no change falls between the two.
    stop = inference.on_change(watcher.look)
    watcher.look()
    return stop


class _Watcher:
    """Sends a status when it differs from the last one sent. Thread-safe."""

    def __init__(self, inference: Inference, service: str, send: Callable[[Message], None]) -> None:
        self._inference = inference
        self._service = service
        self._send = send
        self._last: HealthCheckResponse.ServingStatus | None = None
        self._lock = threading.Lock()

    def look(self) -> None:
        # Looked at and sent under one lock: two changes at once must not be sent out of order.
        with self._lock:
            serving = _serving(self._inference, self._service)
            if serving == self._last:
                return
            self._last = serving
            self._send(HealthCheckResponse(status=serving))


def _serving(inference: Inference, service: str) -> HealthCheckResponse.ServingStatus:
    if service in _WHOLE:
        ready = inference.ready()
    elif inference.knows(service):
        ready = inference.ready(service)
    else:
        return HealthCheckResponse.SERVICE_UNKNOWN
    return HealthCheckResponse.SERVING if ready else HealthCheckResponse.NOT_SERVING
