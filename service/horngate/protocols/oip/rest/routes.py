"""The Open Inference Protocol's REST API with Triton's extensions: the routes below ``/v2``.

Each route is a gRPC method in other clothes: its handler is called with the message that the JSON
says, so that both have one meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from google.protobuf.message import Message

from horngate.answer import Answer
from horngate.call import Call
from horngate.protocols.http import HttpMethod, HttpReply, HttpRequest
from horngate.protocols.json import message_to_plain, to_json
from horngate.protocols.method import Method, UnaryMethod
from horngate.protocols.oip.methods import status
from horngate.protocols.oip.rest.control import (
    index_reply,
    index_request,
    load_request,
    log_reply,
    log_request,
    name_request,
    nothing,
    regions_reply,
    register_cuda_request,
    register_request,
    trace_reply,
    trace_request,
    unload_request,
)
from horngate.protocols.oip.rest.heads import Heads
from horngate.protocols.oip.rest.infer import infer
from horngate.protocols.pb.inference import grpc_service_pb2 as pb

PROTOCOL: Final = "oip-rest"

Read = Callable[[HttpRequest], Message]
Write = Callable[[Any], HttpReply]
Handler = Callable[[HttpRequest, Call], HttpReply | Answer[HttpReply]]


def routes(methods: Sequence[Method]) -> list[HttpMethod]:
    """Every route, each through the gRPC method that takes its message."""
    taking = {method.request: method for method in methods if isinstance(method, UnaryMethod)}
    made: list[HttpMethod] = []

    def route(verb: str, path: str, method: UnaryMethod, handler: Handler) -> None:
        made.append(
            HttpMethod(
                protocol=PROTOCOL,
                name=method.name,
                verb=verb,
                route=path,
                handler=handler,
                status=status,
                predicts=method.predicts,
                open=method.open,
                # Triton's asyncio client asks for it each time, and unpacks nothing else.
                compressed=method.predicts,
            )
        )

    def add(
        message: type[Message], verb: str, path: str, write: Write, read: Read | None = None
    ) -> None:
        method = taking[message]
        route(verb, path, method, partial(_through, method, read or _of(message), write))

    for path in ("/v2", "/v2/"):
        add(pb.ServerMetadataRequest, "GET", path, _plain)
    add(pb.ServerLiveRequest, "GET", "/v2/health/live", _live)
    add(pb.ServerReadyRequest, "GET", "/v2/health/ready", _ready)
    add(pb.ModelStatisticsRequest, "GET", "/v2/models/stats", _plain)
    heads = Heads()
    for place in ("", "/versions/{version}"):
        model = f"/v2/models/{{model}}{place}"
        add(pb.ModelMetadataRequest, "GET", model, _plain)
        add(pb.ModelReadyRequest, "GET", f"{model}/ready", _ready)
        add(pb.ModelConfigRequest, "GET", f"{model}/config", _config)
        add(pb.ModelStatisticsRequest, "GET", f"{model}/stats", _plain)
        predicting, configuring = taking[pb.ModelInferRequest], taking[pb.ModelConfigRequest]
        route("POST", f"{model}/infer", predicting, partial(infer, predicting, configuring, heads))
    loaded = "/v2/repository/models/{model}"
    add(pb.RepositoryIndexRequest, "POST", "/v2/repository/index", index_reply, index_request)
    add(pb.RepositoryModelLoadRequest, "POST", f"{loaded}/load", nothing, load_request)
    add(pb.RepositoryModelUnloadRequest, "POST", f"{loaded}/unload", nothing, unload_request)
    for asks, leaves, registers, read, memory in (
        (
            pb.SystemSharedMemoryStatusRequest,
            pb.SystemSharedMemoryUnregisterRequest,
            pb.SystemSharedMemoryRegisterRequest,
            register_request,
            "/v2/systemsharedmemory",
        ),
        (
            pb.CudaSharedMemoryStatusRequest,
            pb.CudaSharedMemoryUnregisterRequest,
            pb.CudaSharedMemoryRegisterRequest,
            register_cuda_request,
            "/v2/cudasharedmemory",
        ),
    ):
        region = f"{memory}/region/{{region}}"
        add(registers, "POST", f"{region}/register", nothing, read)
        for at in (memory, region):
            add(asks, "GET", f"{at}/status", regions_reply, name_request(asks))
            add(leaves, "POST", f"{at}/unregister", nothing, name_request(leaves))
    for verb in ("GET", "POST"):
        add(pb.LogSettingsRequest, verb, "/v2/logging", log_reply, log_request)
        for path in ("/v2/trace/setting", "/v2/models/{model}/trace/setting"):
            add(pb.TraceSettingRequest, verb, path, trace_reply, trace_request)
    return made


def _through(
    method: UnaryMethod, read: Read, write: Write, request: HttpRequest, call: Call
) -> HttpReply | Answer[HttpReply]:
    reply = method.handler(read(request), call)
    return reply.then(write) if isinstance(reply, Answer) else write(reply)


def _of(message: type[Message]) -> Read:
    """Reads the model and the version of the route, as far as the message has a place for them."""
    places = {"name": "model", "version": "version"}
    fields = [name for name in places if name in message.DESCRIPTOR.fields_by_name]

    def read(request: HttpRequest) -> Message:
        return message(**{name: request.places.get(places[name], "") for name in fields})

    return read


def _plain(reply: Message) -> HttpReply:
    return HttpReply(to_json(message_to_plain(reply)))


def _config(reply: pb.ModelConfigResponse) -> HttpReply:
    return HttpReply(to_json(message_to_plain(reply.config)))


def _live(reply: pb.ServerLiveResponse) -> HttpReply:
    return _health(reply, well=reply.live)


def _ready(reply: pb.ServerReadyResponse | pb.ModelReadyResponse) -> HttpReply:
    return _health(reply, well=reply.ready)


def _health(reply: Message, *, well: bool) -> HttpReply:
    """Triton's clients read the code, which is 400 for "no", and KServe's the body."""
    return HttpReply(to_json(message_to_plain(reply)), 200 if well else 400)
