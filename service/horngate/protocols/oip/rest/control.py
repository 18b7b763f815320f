"""The bodies of the routes that control the server: messages out of JSON and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message

from horngate.protocols.http import HttpReply, HttpRequest, read_json
from horngate.protocols.json import message_to_plain, to_json
from horngate.protocols.oip.rest.values import (
    read_number,
    read_object,
    read_text,
    write_parameters,
    wrong,
)
from horngate.protocols.pb.inference import grpc_service_pb2 as pb


def index_request(request: HttpRequest) -> Message:
    """``{"ready": true}`` leaves out what is not ready."""
    return pb.RepositoryIndexRequest(ready=bool(_body(request).get("ready", False)))


def index_reply(reply: pb.RepositoryIndexResponse) -> HttpReply:
    """A list; a part that is empty is left out, as Triton leaves it out."""
    models = [
        {key: value for key, value in message_to_plain(model).items() if value}
        for model in reply.models
    ]
    return HttpReply(to_json(models))


def load_request(request: HttpRequest) -> Message:
    """``{"parameters": {…}}``, or nothing."""
    message = pb.RepositoryModelLoadRequest(model_name=request.places["model"])
    write_parameters(read_object(_body(request), "parameters"), message.parameters)
    return message


def unload_request(request: HttpRequest) -> Message:
    """The same."""
    message = pb.RepositoryModelUnloadRequest(model_name=request.places["model"])
    write_parameters(read_object(_body(request), "parameters"), message.parameters)
    return message


def name_request(message: Callable[..., Message]) -> Callable[[HttpRequest], Message]:
    """Reads the region of the route; none is all of them."""
    return lambda request: message(name=request.places.get("region", ""))


def register_request(request: HttpRequest) -> Message:
    """``{"key": …, "offset": …, "byte_size": …}``."""
    body = _body(request)
    return pb.SystemSharedMemoryRegisterRequest(
        name=request.places["region"],
        key=read_text(body, "key"),
        offset=read_number(body, "offset", 0),
        byte_size=read_number(body, "byte_size"),
    )


def register_cuda_request(request: HttpRequest) -> Message:
    """The name and the size; the handle is not read, since there is no GPU."""
    body = _body(request)
    return pb.CudaSharedMemoryRegisterRequest(
        name=request.places["region"], byte_size=read_number(body, "byte_size", 0)
    )


def regions_reply(
    reply: pb.SystemSharedMemoryStatusResponse | pb.CudaSharedMemoryStatusResponse,
) -> HttpReply:
    """A list of the regions."""
    return HttpReply(to_json([message_to_plain(region) for region in reply.regions.values()]))


def log_request(request: HttpRequest) -> Message:
    """``{"log_info": true, "log_verbose_level": 1, …}``; nothing asks for the settings."""
    message = pb.LogSettingsRequest()
    for name, value in _body(request).items():
        setting = message.settings[name]
        if isinstance(value, bool):
            setting.bool_param = value
        elif isinstance(value, int) and 0 <= value < 2**32:
            setting.uint32_param = value
        elif isinstance(value, str):
            setting.string_param = value
        else:
            raise wrong(name, "true, false, a number of 32 bits or a string", value)
    return message


def log_reply(reply: pb.LogSettingsResponse) -> HttpReply:
    """The settings by name."""
    settings = {}
    for name, value in reply.settings.items():
        choice = value.WhichOneof("parameter_choice")
        settings[name] = getattr(value, choice) if choice else None
    return HttpReply(to_json(settings))


def trace_request(request: HttpRequest) -> Message:
    """``{"trace_level": ["OFF"], …}``; null is the default; nothing asks for the settings."""
    message = pb.TraceSettingRequest(model_name=request.places.get("model", ""))
    for name, value in _body(request).items():
        values = value if isinstance(value, list) else [value]
        setting = message.settings[name]
        setting.SetInParent()
        if value is not None:
            setting.value.extend([_setting(name, each) for each in values])
    return message


def trace_reply(reply: pb.TraceSettingResponse) -> HttpReply:
    """The settings by name; one value by itself, and the levels as a list."""
    settings: dict[str, Any] = {}
    for name, value in reply.settings.items():
        values = list(value.value)
        settings[name] = values if name == "trace_level" or len(values) != 1 else values[0]
    return HttpReply(to_json(settings))


def nothing(_: Message) -> HttpReply:
    """It is done."""
    return HttpReply()


def _setting(name: str, value: Any) -> str:
    if isinstance(value, list | dict):
        raise wrong(name, "a string, a number, or a list of either", value)
    return str(value)


def _body(request: HttpRequest) -> dict[str, Any]:
    return read_json(request.body) if request.body.strip() else {}
