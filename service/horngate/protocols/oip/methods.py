"""The table of what is served of the Open Inference Protocol, and how errors are answered."""

from __future__ import annotations

from functools import partial
from typing import Final

from google.protobuf.message import Message

from horngate.answer import Answer
from horngate.call import Call
from horngate.errors import (
    Code,
    Expired,
    HorngateError,
    LoadError,
    ModelNotFound,
    ModelNotReady,
    NotAllowed,
    SignatureNotFound,
    VersionNotFound,
)
from horngate.inference import Inference
from horngate.protocols.figures import Figures
from horngate.protocols.method import Method, Status
from horngate.protocols.oip.infer import InferCodec, infer
from horngate.protocols.oip.metadata import (
    model_config,
    model_metadata,
    model_ready,
    server_live,
    server_metadata,
    server_ready,
)
from horngate.protocols.oip.regions import (
    Regions,
    cuda_register,
    cuda_status,
    cuda_unregister,
    system_register,
    system_status,
    system_unregister,
)
from horngate.protocols.oip.repository import (
    repository_index,
    repository_model_load,
    repository_model_unload,
)
from horngate.protocols.oip.settings import LogControl, log_settings, trace_setting
from horngate.protocols.oip.statistics import model_statistics
from horngate.protocols.pb.inference.grpc_service_pb2 import (
    ModelInferRequest,
    ModelInferResponse,
    ModelStreamInferResponse,
)
from horngate.protocols.prepared import Prepared
from horngate.protocols.service import Service


def status(error: HorngateError) -> Status:
    """How every method answers ``error``: its own message, and its own code but for some.

    Where Triton's clients look how a message begins, it begins as theirs. Signatures are no part of
    this protocol: here a wrong one is a wrong request parameter.
    """
    match error:
        case ModelNotFound():
            return _unknown(Code.INVALID_ARGUMENT, error, "is not found")
        case VersionNotFound():
            return _unknown(error.code, error, f"version {error.version} is not found")
        case ModelNotReady():
            return _unknown(error.code, error, "has no available versions")
        case SignatureNotFound() | LoadError():
            return Status(Code.INVALID_ARGUMENT, str(error))
        case Expired() | NotAllowed():
            return Status(Code.UNAVAILABLE, str(error))
        case _:
            return Status(error.code, str(error))


def _unknown(
    code: Code, error: ModelNotFound | VersionNotFound | ModelNotReady, what: str
) -> Status:
    return Status(code, f"Request for unknown model: {error.model[:NAMED]!r} {what}; {error}")


NAMED: Final = 200
"""Characters of a model's name that are told."""

PROTOCOL: Final = "oip"
SERVICE: Final = "inference.GRPCInferenceService"


def methods(
    inference: Inference,
    figures: Figures,
    logs: LogControl,
    *,
    name: str = "horngate",
    shared_memory: bool = False,
) -> list[Method]:
    """The methods, bound to ``inference``.

    Args:
        inference: the door to the models.
        figures: what ModelStatistics answers.
        logs: what LogSettings changes.
        name: the server's, as ServerMetadata tells it.
        shared_memory: whether clients may register shared memory.
    """
    regions = Regions() if shared_memory else None
    service = Service(PROTOCOL, SERVICE, status)
    unary = service.unary
    return [
        unary("ServerLive", server_live, is_open=True),
        unary("ServerReady", partial(server_ready, inference), is_open=True),
        unary("ModelReady", partial(model_ready, inference)),
        unary("ServerMetadata", partial(server_metadata, name, shared_memory)),
        unary("ModelMetadata", partial(model_metadata, inference)),
        unary(
            "ModelInfer",
            partial(infer, inference, regions),
            predicts=True,
            prepared=Prepared(inference, InferCodec()),
        ),
        service.duplex(
            "ModelStreamInfer",
            partial(stream_infer, inference, regions),
            failed=stream_failed,
            predicts=True,
        ),
        unary("ModelConfig", partial(model_config, inference)),
        unary("ModelStatistics", partial(model_statistics, inference, figures)),
        unary("RepositoryIndex", partial(repository_index, inference)),
        unary("RepositoryModelLoad", partial(repository_model_load, inference)),
        unary("RepositoryModelUnload", partial(repository_model_unload, inference)),
        unary("SystemSharedMemoryStatus", partial(system_status, regions)),
        unary("SystemSharedMemoryRegister", partial(system_register, regions)),
        unary("SystemSharedMemoryUnregister", partial(system_unregister, regions)),
        unary("CudaSharedMemoryStatus", cuda_status),
        unary("CudaSharedMemoryRegister", cuda_register),
        unary("CudaSharedMemoryUnregister", cuda_unregister),
        unary("TraceSetting", partial(trace_setting, inference)),
        unary("LogSettings", partial(log_settings, inference, logs)),
    ]


FINAL: Final = "triton_final_response"
"""Tells a client that no more answers to the same request follow: there is always one."""


def stream_infer(
    inference: Inference, regions: Regions | None, request: ModelInferRequest, call: Call
) -> Answer[Message]:
    """As ModelInfer.

    Raises:
        RequestError: what is known at once.
    """
    return infer(inference, regions, request, call).then(_wrapped)


def stream_failed(request: ModelInferRequest, status: Status) -> ModelStreamInferResponse:
    """An error in the stream, with the id of its request."""
    message = ModelStreamInferResponse(error_message=status.message)
    response = message.infer_response
    response.id = request.id
    response.model_name = request.model_name
    response.parameters[FINAL].bool_param = True
    return message


def _wrapped(response: ModelInferResponse) -> ModelStreamInferResponse:
    message = ModelStreamInferResponse()
    message.infer_response.CopyFrom(response)
    message.infer_response.parameters[FINAL].bool_param = True
    return message
