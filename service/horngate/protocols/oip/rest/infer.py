"""``POST …/infer``: JSON with tensors as lists, or as bytes behind it (the binary extension)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import prod
from typing import Any, Final, cast

import numpy as np

from horngate.answer import Answer
from horngate.call import Call
from horngate.errors import InvalidInput, InvalidRequest
from horngate.pictures import looks_encoded
from horngate.protocols.elements import MalformedTensor, check_tensors, element_count
from horngate.protocols.http import HttpReply, HttpRequest, check_reply, read_json
from horngate.protocols.json import (
    parsed_bytes,
    read_array,
    shown,
    to_json,
    write_array,
    written_bytes,
)
from horngate.protocols.method import UnaryMethod
from horngate.protocols.oip.rest.heads import REPLY_HEADER_LENGTH, Heads
from horngate.protocols.oip.rest.values import (
    read_list,
    read_object,
    read_text,
    write_parameters,
)
from horngate.protocols.oip.tensor import DATATYPES, decode, to_raw
from horngate.protocols.pb.inference import model_config_pb2
from horngate.protocols.pb.inference.grpc_service_pb2 import (
    InferParameter,
    ModelConfigRequest,
    ModelConfigResponse,
    ModelInferRequest,
    ModelInferResponse,
)
from horngate.tensors import Array, DType

HEADER_LENGTH: Final = REPLY_HEADER_LENGTH.lower()
"""How many bytes of the body are JSON; the tensors' bytes follow. Both ways."""

OCTETS: Final = "application/octet-stream"
BINARY_SIZE: Final = "binary_data_size"
BINARY: Final = "binary_data"
BINARY_OUTPUT: Final = "binary_data_output"
_NONE: Final[dict[str, bool]] = {}
_REGION: Final = "shared_memory_region"
_DTYPES: Final = {name: dtype for dtype, name in DATATYPES.items()}


def infer(
    method: UnaryMethod, config: UnaryMethod, heads: Heads, request: HttpRequest, call: Call
) -> Answer[HttpReply]:
    """As ModelInfer, whose handler is called, or what it has prepared for a head that is known.

    ``config`` is ModelConfig, for a body that does not describe its input.

    Raises:
        InvalidRequest: the body.
        RequestError: what ModelInfer raises.
    """
    body, binary = _split(request)
    places = request.places
    key = (places["model"], places.get("version", ""), body, len(binary))
    known = heads.find(key) if binary else None
    if known is not None:
        asked = cast("Answer[Any]", method.ask(known.message(binary), call))
        return asked.then(partial(known.reply, call))
    with call.room(parsed_bytes(body)):
        if binary and not body:
            message, all_binary = _of_bytes(places, config, binary, call)
            wanted = _NONE
        else:
            message, wanted, all_binary = _read(places, body, binary)
        reply = cast("Answer[ModelInferResponse]", method.handler(message, call))
    write = partial(_reply, wanted, all_binary, request.most_bytes)
    if binary and body:
        heads.learn(key, message, write)
    return reply.then(partial(write, call))


def _read(
    places: Mapping[str, str], body: bytes, binary: bytes
) -> tuple[ModelInferRequest, dict[str, bool], bool]:
    """The request, and which of the outputs that it names, or all others, are wanted as bytes."""
    content = read_json(body)
    message = ModelInferRequest(
        model_name=places["model"],
        model_version=places.get("version", ""),
        id=read_text(content, "id", ""),
    )
    parameters = read_object(content, "parameters")
    all_binary = parameters.pop(BINARY_OUTPUT, False) is True
    write_parameters(parameters, message.parameters)
    tensors = read_list(content, "inputs")
    outputs = read_list(content, "outputs") if "outputs" in content else []
    check_tensors(len(tensors), "inputs")
    check_tensors(len(outputs), "outputs")
    # A view: cut as bytes, what is left would be copied anew for each of thousands of tensors.
    rest = memoryview(binary)
    for tensor in tensors:
        rest = _write_input(tensor, message, rest)
    if rest:
        raise InvalidRequest(
            f"expected no bytes behind the last tensor's, received {len(rest)} more; "
            f"{BINARY_SIZE} has to count each tensor's bytes"
        )
    wanted: dict[str, bool] = {}
    for output in outputs:
        name = read_text(output, "name")
        settings = read_object(output, "parameters")
        wanted[name] = settings.pop(BINARY, all_binary) is True
        write_parameters(settings, message.outputs.add(name=name).parameters)
    return message, wanted, all_binary


def _of_bytes(
    places: Mapping[str, str], config: UnaryMethod, binary: bytes, call: Call
) -> tuple[ModelInferRequest, bool]:
    """The request of a body that is one row of the only input, and nothing else.

    And whether the answer is wanted as bytes too, as Triton has it: not by who sends a picture's
    file. A text comes without the length that is before it in a tensor of several.

    Raises:
        InvalidRequest: the model has several inputs, or one whose shape the bytes do not tell.
    """
    asked = ModelConfigRequest(name=places["model"], version=places.get("version", ""))
    described = cast("ModelConfigResponse", config.handler(asked, call)).config
    if len(described.input) != 1:
        raise InvalidRequest(
            "Raw request must only have 1 input (found 1) to be deduced but got "
            f"{len(described.input)} inputs in {described.name!r}; describe the inputs in JSON "
            "before their bytes"
        )
    (tensor,) = described.input
    shape = [1, *tensor.dims] if described.max_batch_size else list(tensor.dims)
    free, as_bytes = [place for place, size in enumerate(shape) if size < 0], True
    if len(free) > 1:
        raise InvalidInput(
            f"The shape of the raw input {tensor.name!r} can not be deduced because there are more "
            f"than one variable-sized dimension: {shape}; describe the input in JSON before its "
            "bytes",
            name=tensor.name,
        )
    datatype = model_config_pb2.DataType.Name(tensor.data_type).removeprefix("TYPE_")
    if datatype == "STRING":
        if prod(shape) != 1:
            raise InvalidInput(
                f"For BYTE datatype raw input {tensor.name!r}, the model must have input shape "
                f"[1], received {shape}; describe the input in JSON before its bytes",
                name=tensor.name,
            )
        datatype, binary = "BYTES", to_raw(np.array([binary], object), DType.STRING)
    elif tensor.format and looks_encoded(binary) and not _is_whole(tensor, shape, binary):
        # Of a picture a file as well: then it is that, and not one of its numbers' bytes.
        datatype, binary = "BYTES", to_raw(np.array([binary, None], object)[:1], DType.STRING)
        shape, free, as_bytes = [1], [], False
    for place in free:
        elements = len(binary) // _DTYPES[datatype].numpy.itemsize
        shape[place] = elements // max(1, prod(size for size in shape if size > 0))
    message = ModelInferRequest(model_name=places["model"], model_version=places.get("version", ""))
    message.inputs.add(name=tensor.name, datatype=datatype, shape=shape)
    message.raw_input_contents.append(binary)
    return message, as_bytes


def _is_whole(tensor: Any, shape: list[int], binary: bytes) -> bool:
    """Whether the bytes are as many as a row of a known shape takes."""
    datatype = model_config_pb2.DataType.Name(tensor.data_type).removeprefix("TYPE_")
    return prod(shape) * _DTYPES[datatype].numpy.itemsize == len(binary)


def _split(request: HttpRequest) -> tuple[bytes, bytes]:
    """The JSON of the body, and the tensors' bytes behind it."""
    body = request.body
    length = request.headers.get(HEADER_LENGTH)
    if length is None:
        return body, b""
    if not (length.isascii() and length.isdecimal() and _within(length, body)):
        raise InvalidRequest(
            f"Inference-Header-Content-Length: expected a number up to the body's {len(body)} "
            f"bytes, received {length[:40]!r}"
        )
    size = int(length)
    return body[:size], body[size:]


def _within(length: str, body: bytes) -> bool:
    # Python reads no number of thousands of digits.
    return len(length) < 20 and int(length) <= len(body)


def _write_input(tensor: Any, message: ModelInferRequest, binary: memoryview) -> memoryview:
    """Add an input and its bytes; return the bytes that are left for the next."""
    name = read_text(tensor, "name")
    datatype = read_text(tensor, "datatype")
    written = message.inputs.add(name=name, datatype=datatype)
    shape = tensor.get("shape")
    try:
        written.shape.extend(shape)
    except (TypeError, ValueError):
        raise InvalidInput(
            f"input {name!r}: expected a list of numbers as shape, received {shown(shape)!r}",
            name=name,
        ) from None
    parameters = read_object(tensor, "parameters")
    size = parameters.pop(BINARY_SIZE, None)
    write_parameters(parameters, written.parameters)
    if _REGION in parameters:
        return binary
    if size is not None:
        if type(size) is not int or not 0 <= size <= len(binary):
            kind = "" if type(size) is int else f"{type(size).__name__} "
            raise InvalidInput(
                f"input {name!r}: expected a {BINARY_SIZE} of at most the {len(binary)} bytes that "
                f"are left, received {kind}{shown(size)}",
                name=name,
            )
        message.raw_input_contents.append(bytes(binary[:size]))
        return binary[size:]
    message.raw_input_contents.append(_raw(name, datatype, list(written.shape), tensor))
    return binary


def _raw(name: str, datatype: str, shape: list[int], tensor: Mapping[str, Any]) -> bytes:
    if "data" not in tensor:
        raise InvalidInput(
            f"input {name!r}: expected 'data', or {BINARY_SIZE} among its parameters, received "
            "neither",
            name=name,
        )
    dtype = _DTYPES.get(datatype)
    if dtype is None:
        return b""  # the handler says which there are
    try:
        count = element_count(tuple(shape), dtype)
        array = read_array(tensor["data"], dtype)
    except MalformedTensor as error:
        raise InvalidInput(f"input {name!r}: {error}", name=name) from None
    if array.size != count:
        raise InvalidInput(
            f"input {name!r}: expected {count} values for shape {shape}, received {array.size}",
            name=name,
        )
    return to_raw(array, dtype)


def _reply(
    wanted: Mapping[str, bool],
    binary_by_default: bool,
    most_bytes: int,
    call: Call,
    reply: ModelInferResponse,
) -> HttpReply:
    content: dict[str, Any] = {
        "model_name": reply.model_name,
        "model_version": reply.model_version,
    }
    if reply.id:
        content["id"] = reply.id
    if reply.parameters:
        content["parameters"] = _plain_parameters(reply.parameters)
    outputs = []
    binary: list[bytes] = []
    plain: list[Array] = []
    for index, tensor in enumerate(reply.outputs):
        parameters = _plain_parameters(tensor.parameters)
        output: dict[str, Any] = {
            "name": tensor.name,
            "datatype": tensor.datatype,
            "shape": list(tensor.shape),
        }
        if _REGION not in parameters:
            raw = reply.raw_output_contents[index]
            if wanted.get(tensor.name, binary_by_default):
                parameters[BINARY_SIZE] = len(raw)
                binary.append(raw)
            else:
                array = decode(tensor, raw).ravel()
                plain.append(array)
                check_reply(plain, most_bytes)
                call.hold(written_bytes([array]))
                output["data"] = _plain(tensor.name, array)
        if parameters:
            output["parameters"] = parameters
        outputs.append(output)
    content["outputs"] = outputs
    header = to_json(content)
    if not binary:
        return HttpReply(header)
    return HttpReply(
        b"".join([header, *binary]),
        content_type=OCTETS,
        headers={REPLY_HEADER_LENGTH: str(len(header))},
    )


def _plain(name: str, array: Array) -> Any:
    # TensorFlow Serving has base64 for what is no text; here a client would take it for the value.
    try:
        return [each.decode() for each in array] if array.dtype == object else write_array(array)
    except UnicodeDecodeError:
        raise InvalidRequest(
            f"output {name!r}: expected text in UTF-8, which JSON can write, received other bytes; "
            f"ask for it with {BINARY}"
        ) from None


def _plain_parameters(parameters: Mapping[str, InferParameter]) -> dict[str, Any]:
    plain = {}
    for name, parameter in parameters.items():
        choice = parameter.WhichOneof("parameter_choice")
        plain[name] = getattr(parameter, choice) if choice else None
    return plain
