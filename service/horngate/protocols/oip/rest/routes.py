"""The Open Inference Protocol's REST API with Triton's extensions: the routes below ``/v2``.

Each route is a gRPC method in other clothes: its handler is called with the message that the JSON
says, so that both have one meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from google.protobuf.message import Message

from horngate.answer import Answer
from horngate.inference import Call
from horngate.protocols.http import HttpMethod, HttpReply, HttpRequest
from horngate.protocols.json import message_to_plain, to_json
from horngate.protocols.method import Method, UnaryMethod
from horngate.protocols.oip.errors import status
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
from horngate.protocols.oip.rest.infer import infer
from horngate.protocols.pb.inference import grpc_service_pb2 as pb

PROTOCOL: Final = "oip-rest"

Read = Callable[[HttpRequest], Message]
Write = Callable[[Any], HttpReply]


def routes(methods: Sequence[Method]) -> list[HttpMethod]:
    """Every route, each through the gRPC method of its name."""
    unary = {method.name: method for method in methods if isinstance(method, UnaryMethod)}
    made: list[HttpMethod] = []

    def add(name: str, verb: str, route: str, read: Read, write: Write) -> None:
        method = unary[name]
        made.append(
            HttpMethod(
                protocol=PROTOCOL,
                name=name,
                verb=verb,
                route=route,
                handler=partial(_through, method, read, write),
                status=status,
                predicts=method.predicts,
                open=method.open,
            )
        )

    add("ServerMetadata", "GET", "/v2", lambda _: pb.ServerMetadataRequest(), _plain)
    add("ServerLive", "GET", "/v2/health/live", lambda _: pb.ServerLiveRequest(), _live)
    add("ServerReady", "GET", "/v2/health/ready", lambda _: pb.ServerReadyRequest(), _ready)
    add("ModelStatistics", "GET", "/v2/models/stats", _of(pb.ModelStatisticsRequest), _plain)
    for place in ("", "/versions/{version}"):
        model = f"/v2/models/{{model}}{place}"
        add("ModelMetadata", "GET", model, _of(pb.ModelMetadataRequest), _plain)
        add("ModelReady", "GET", f"{model}/ready", _of(pb.ModelReadyRequest), _ready)
        add("ModelConfig", "GET", f"{model}/config", _of(pb.ModelConfigRequest), _config)
        add("ModelStatistics", "GET", f"{model}/stats", _of(pb.ModelStatisticsRequest), _plain)
        made.append(
            HttpMethod(
                protocol=PROTOCOL,
                name="ModelInfer",
                verb="POST",
                route=f"{model}/infer",
                handler=partial(infer, unary["ModelInfer"]),
                status=status,
                predicts=True,
            )
        )
    add("RepositoryIndex", "POST", "/v2/repository/index", index_request, index_reply)
    loaded = "/v2/repository/models/{model}"
    add("RepositoryModelLoad", "POST", f"{loaded}/load", load_request, nothing)
    add("RepositoryModelUnload", "POST", f"{loaded}/unload", unload_request, nothing)
    for kind, path, register in (
        ("System", "/v2/systemsharedmemory", register_request),
        ("Cuda", "/v2/cudasharedmemory", register_cuda_request),
    ):
        region = f"{path}/region/{{region}}"
        status_of = name_request(getattr(pb, f"{kind}SharedMemoryStatusRequest"))
        leave = name_request(getattr(pb, f"{kind}SharedMemoryUnregisterRequest"))
        for at in (path, region):
            add(f"{kind}SharedMemoryStatus", "GET", f"{at}/status", status_of, regions_reply)
            add(f"{kind}SharedMemoryUnregister", "POST", f"{at}/unregister", leave, nothing)
        add(f"{kind}SharedMemoryRegister", "POST", f"{region}/register", register, nothing)
    for verb in ("GET", "POST"):
        add("LogSettings", verb, "/v2/logging", log_request, log_reply)
        for path in ("/v2/trace/setting", "/v2/models/{model}/trace/setting"):
            add("TraceSetting", verb, path, trace_request, trace_reply)
    return made


def _through(
    method: UnaryMethod, read: Read, write: Write, request: HttpRequest, call: Call
) -> HttpReply | Answer[HttpReply]:
    reply = method.handler(read(request), call)
    return reply.then(write) if isinstance(reply, Answer) else write(reply)


def _of(message: Callable[..., Message]) -> Read:
    """Reads the model and the version of the route."""

    def read(request: HttpRequest) -> Message:
        places: Mapping[str, str] = request.places
        return message(name=places.get("model", ""), version=places.get("version", ""))

    return read


def _plain(reply: Message) -> HttpReply:
    return HttpReply(to_json(message_to_plain(reply)))


def _config(reply: pb.ModelConfigResponse) -> HttpReply:
    return HttpReply(to_json(message_to_plain(reply.config)))


def _live(reply: pb.ServerLiveResponse) -> HttpReply:
    return HttpReply(status=200 if reply.live else 400)


def _ready(reply: pb.ServerReadyResponse | pb.ModelReadyResponse) -> HttpReply:
    # Triton's code for "no": its client takes 200 for ready and whatever else for not.
    return HttpReply(status=200 if reply.ready else 400)
