"""ServerLive, ServerReady, ModelReady and ServerMetadata."""

from __future__ import annotations

from typing import Final

from horngate import __version__
from horngate.inference import Call, Inference
from horngate.protocols.oip.select import read_version
from horngate.protocols.pb.inference.grpc_service_pb2 import (
    ModelReadyRequest,
    ModelReadyResponse,
    ServerLiveRequest,
    ServerLiveResponse,
    ServerMetadataRequest,
    ServerMetadataResponse,
    ServerReadyRequest,
    ServerReadyResponse,
)

EXTENSIONS: Final = (
    "classification",
    "model_configuration",
    "model_repository",
    "schedule_policy",
    "parameters",
    "binary_tensor_data",
    "statistics",
    "logging",
)
"""What of Triton's extensions always works. A client calls what it finds here."""

SHARED_MEMORY: Final = "system_shared_memory"


def server_live(_request: ServerLiveRequest, _call: Call) -> ServerLiveResponse:
    """Whoever can answer is alive."""
    return ServerLiveResponse(live=True)


def server_ready(
    inference: Inference, _request: ServerReadyRequest, _call: Call
) -> ServerReadyResponse:
    """Whether the server as a whole is ready."""
    return ServerReadyResponse(ready=inference.ready())


def model_ready(inference: Inference, request: ModelReadyRequest, call: Call) -> ModelReadyResponse:
    """Whether a model, or a version of it, is live; an unknown one is not.

    Raises:
        PermissionDenied: it is a model that the caller may not ask.
    """
    call.check_model(request.name)
    ready = inference.ready(request.name, read_version(request.version))
    return ModelReadyResponse(ready=ready)


def server_metadata(
    shared_memory: bool,
    _request: ServerMetadataRequest,
    _call: Call,
) -> ServerMetadataResponse:
    """Name, version, and the extensions that work; ``shared_memory`` where that is allowed."""
    extensions = (*EXTENSIONS, SHARED_MEMORY) if shared_memory else EXTENSIONS
    return ServerMetadataResponse(name="horngate", version=__version__, extensions=extensions)
