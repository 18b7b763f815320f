"""RepositoryIndex, RepositoryModelLoad and RepositoryModelUnload."""

from __future__ import annotations

from typing import Final

from google.protobuf.message import Message

from horngate.answer import Answer
from horngate.call import Call
from horngate.errors import InvalidRequest, Unsupported
from horngate.inference import Inference
from horngate.lifecycle.status import State
from horngate.protocols.oip.metadata import model_config
from horngate.protocols.oip.override import hold_override, read_override
from horngate.protocols.pb.inference.grpc_service_pb2 import (
    ModelConfigRequest,
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

    A configuration in the request has to say what the model is served with. A model that is live is
    held against it before, any other once it is loaded; it is unloaded again where it differs.

    Raises:
        InvalidRequest: no name, or a configuration that is none.
        Unsupported: files in the request, or a configuration that says something else.
        NotAllowed: the server decides by itself what is loaded.
        PermissionDenied: the caller is known, and no administrator.

    The answer raises:
        LoadError: as ``Control.load``.
        Unsupported: as above.
    """
    call.check_admin()
    name = _name(request)
    override = read_override(request, name)
    reply = RepositoryModelLoadResponse()
    if not request.model_name:
        reply.model_name, reply.isLoaded = name, True
    if override is None:
        return inference.control.load(name).then(lambda _: reply)
    was_live = inference.ready(name)

    def hold() -> None:
        config = model_config(inference, ModelConfigRequest(name=name), call).config
        hold_override(override, config)

    if was_live:
        hold()

    def held(_: None) -> RepositoryModelLoadResponse:
        try:
            hold()
        except Unsupported:
            if not was_live:
                inference.control.unload(name)
            raise
        return reply

    return inference.control.load(name).then(held)


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
