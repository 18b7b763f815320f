"""Server reflection, v1 and v1alpha, so that ``grpcurl`` and its kind need no proto files."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Final, cast

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pool import DescriptorPool

from horngate.call import Call
from horngate.errors import Code, HorngateError
from horngate.protocols.method import Method, Status
from horngate.protocols.pb.grpc.reflection.v1 import reflection_pb2 as v1
from horngate.protocols.pb.grpc.reflection.v1alpha import reflection_pb2 as v1alpha
from horngate.protocols.service import Service

PROTOCOL: Final = "reflection"
NAME_CHARACTERS: Final = 200
"""Of what was asked for, where an error repeats it."""


def methods(services: Iterable[str], pool: DescriptorPool) -> list[Method]:
    """Both versions' method, which describes ``services`` and itself out of ``pool``."""
    own = [f"grpc.reflection.{version}.ServerReflection" for version in ("v1", "v1alpha")]
    names = sorted({*services, *own})
    return [
        Service(PROTOCOL, service, status).duplex(
            "ServerReflectionInfo",
            partial(answer, names, pool, messages),
            failed=partial(failed, messages),
            is_open=True,
        )
        for service, messages in zip(own, (v1, v1alpha), strict=True)
    ]


def status(error: HorngateError) -> Status:
    """How the stream answers ``error``: as it says."""
    return Status(error.code, str(error))


def answer(
    services: list[str], pool: DescriptorPool, messages: Any, request: Any, _call: Call
) -> Any:
    """The answer to one question; what is not known is an error within it, and ends nothing."""
    response = _response(messages, request)
    asked = request.WhichOneof("message_request")
    try:
        if asked == "list_services":
            for name in services:
                response.list_services_response.service.add(name=name)
        elif asked == "all_extension_numbers_of_type":
            name = request.all_extension_numbers_of_type
            numbers = response.all_extension_numbers_response
            numbers.base_type_name = name
            extensions = pool.FindAllExtensions(pool.FindMessageTypeByName(name))
            numbers.extension_number.extend(each.number for each in extensions)
        elif asked is not None:
            files = _with_imports(_file(pool, request, asked))
            response.file_descriptor_response.file_descriptor_proto.extend(files)
        else:
            _fail(response, Code.INVALID_ARGUMENT, "expected a question, received none; set one")
    except KeyError:
        words = repr(getattr(request, asked))[:NAME_CHARACTERS]
        _fail(response, Code.NOT_FOUND, f"{words} is not known here; list_services lists what is")
    return response


def failed(messages: Any, request: Any, told: Status) -> Any:
    """The answer that tells why there is no other."""
    response = _response(messages, request)
    _fail(response, told.code, told.message)
    return response


def _response(messages: Any, request: Any) -> Any:
    return messages.ServerReflectionResponse(valid_host=request.host, original_request=request)


def _fail(response: Any, code: Code, message: str) -> None:
    response.error_response.error_code = code.value
    response.error_response.error_message = message


def _file(pool: DescriptorPool, request: Any, asked: str) -> FileDescriptor:
    if asked == "file_by_filename":
        return pool.FindFileByName(request.file_by_filename)
    if asked == "file_containing_symbol":
        return _containing(pool, request.file_containing_symbol)
    extension = request.file_containing_extension
    message = pool.FindMessageTypeByName(extension.containing_type)
    found: Any = pool.FindExtensionByNumber(message, extension.extension_number)
    return cast("FileDescriptor", found.file)


def _containing(pool: DescriptorPool, symbol: str) -> FileDescriptor:
    """The file of any symbol: a pool knows messages, fields and services by name, no methods."""
    try:
        return pool.FindFileContainingSymbol(symbol)
    except KeyError:
        service, _, method = symbol.rpartition(".")
        found: Any = pool.FindServiceByName(service)
        return cast("FileDescriptor", found.methods_by_name[method].containing_service.file)


def _with_imports(file: FileDescriptor) -> list[bytes]:
    """``file`` and all that it imports, each once, serialized."""
    files, waiting = {file.name: file}, [file]
    while waiting:
        for imported in waiting.pop().dependencies:
            if imported.name not in files:
                files[imported.name] = imported
                waiting.append(imported)
    return [each.serialized_pb for each in files.values()]
