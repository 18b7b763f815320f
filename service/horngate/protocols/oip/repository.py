"""RepositoryIndex, RepositoryModelLoad and RepositoryModelUnload."""

from __future__ import annotations

from typing import Final

from google.protobuf.message import Message

from horngate.answer import Answer
from horngate.errors import InvalidRequest, Unsupported
from horngate.inference import Call, Inference
from horngate.lifecycle.status import State
from horngate.protocols.pb.inference.grpc_service_pb2 import (
    RepositoryIndexRequest,
    RepositoryIndexResponse,
    RepositoryModelLoadRequest,
    RepositoryModelLoadResponse,
    RepositoryModelUnloadRequest,
    RepositoryModelUnloadResponse,
)

_STATES: Final = {
    State.UNKNOWN: "",
    State.START: "LOADING",
    State.LOADING: "LOADING",
    State.AVAILABLE: "READY",
    State.UNLOADING: "UNLOADING",
    State.END: "UNAVAILABLE",
}
"""Triton's words."""

_UNLOADED: Final = "unloaded"
_IGNORED: Final = frozenset({"unload_dependents"})
"""There are no dependents: no model is made of others."""


def repository_index(
    inference: Inference, request: RepositoryIndexRequest, call: Call
) -> RepositoryIndexResponse:
    """Every version known of every model that the caller may ask.

    A model that was never loaded has no state.

    Raises:
        InvalidRequest: a repository's name; there is one, without a name.
    """
    if request.repository_name:
        raise InvalidRequest(
            f"expected no repository_name, received {request.repository_name!r}; there is one "
            "repository, and it has no name"
        )
    message = RepositoryIndexResponse()
    for model, status in inference.control.index():
        if request.ready and (status is None or status.state is not State.AVAILABLE):
            continue
        if call.caller is not None and not call.caller.may_ask(model):
            continue
        entry = message.models.add(name=model)
        if status is not None:
            entry.version = str(status.version)
            entry.state = _STATES[status.state]
            entry.reason = status.reason(operator=call.operator)
            if status.state is State.END and not status.error:
                entry.reason = _UNLOADED
    return message


def repository_model_load(
    inference: Inference, request: RepositoryModelLoadRequest, call: Call
) -> Answer[Message]:
    """Load a model; answered when it is live.

    Raises:
        InvalidRequest: no name.
        Unsupported: a configuration or files in the request.
        NotAllowed: the server decides by itself what is loaded.
        PermissionDenied: the caller is known, and no administrator.

    The answer raises:
        LoadError: as ``Control.load``.
    """
    call.check_admin()
    for parameter in request.parameters:
        if parameter not in _IGNORED:
            raise Unsupported(
                f"the parameter {parameter!r} is refused: a model is what is in its folder; "
                "change the folder and its model.toml"
            )
    name = _name(request)
    reply = RepositoryModelLoadResponse()
    if not request.model_name:
        reply.model_name, reply.isLoaded = name, True
    return inference.control.load(name).then(lambda _: reply)


def repository_model_unload(
    inference: Inference, request: RepositoryModelUnloadRequest, call: Call
) -> Answer[Message]:
    """Unload a model, if it is loaded; accepted requests finish.

    Raises:
        InvalidRequest: no name.
        NotAllowed: the server decides by itself what is loaded.
        PermissionDenied: the caller is known, and no administrator.
    """
    call.check_admin()
    name = _name(request)
    reply = RepositoryModelUnloadResponse()
    if not request.model_name:
        reply.model_name, reply.isUnloaded = name, True
    return inference.control.unload(name).then(lambda _: reply)


def _name(request: RepositoryModelLoadRequest | RepositoryModelUnloadRequest) -> str:
    # KServe's dialect has the model where Triton's has the repository.
    name: str = request.model_name or request.repository_name
    if not name:
        raise InvalidRequest("expected a model_name, received none; set it to the model's name")
    return name
