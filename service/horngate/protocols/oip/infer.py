"""GRPCInferenceService.ModelInfer.

Request parameters: ``signature_name`` picks a signature, ``priority`` and ``timeout``
(microseconds) are for the scheduler. Those that ask for sequences are refused, since ignoring them
would answer another question; all others are hints and are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final, TypeAlias

from horngate.answer import Answer
from horngate.call import Call
from horngate.errors import InvalidInput, InvalidRequest, SignatureNotFound, Unsupported
from horngate.inference import Inference
from horngate.protocols.elements import Expand, Write, as_it_lies, check_tensors
from horngate.protocols.layout import DATA, ID, Form
from horngate.protocols.oip.parameters import default_signature, number, read_version, text
from horngate.protocols.oip.regions import Regions
from horngate.protocols.oip.tensor import add_contents, decode, encode
from horngate.protocols.oip.wanted import (
    OFFSET,
    REGION,
    SIZE,
    Part,
    Wanted,
    classification_bytes,
    classified,
    read_part,
    read_wanted,
)
from horngate.protocols.pb.inference.grpc_service_pb2 import (
    InferParameter,
    ModelInferRequest,
    ModelInferResponse,
)
from horngate.tensors import DEFAULT_SIGNATURE, Array, Request, Response

_SIGNATURE: Final = "signature_name"
_PRIORITY: Final = "priority"
_TIMEOUT: Final = "timeout"
_SEQUENCES: Final = frozenset({"sequence_id", "sequence_start", "sequence_end"})
_WHERE: Final = "the request"
_PLAIN: Final = (DEFAULT_SIGNATURE, 0, 0)


def infer(
    inference: Inference, regions: Regions | None, request: ModelInferRequest, call: Call
) -> Answer[ModelInferResponse]:
    """Decode, queue, and encode on the thread that asks for the answer.

    ``regions`` is the shared memory that clients registered, None where it is not allowed.

    Raises:
        RequestError: what is known at once.
    """
    prediction, wanted, timeout = decode_request(request, regions, call.expand)
    if timeout:
        _shorten(call, timeout)
    try:
        answer = inference.predict(prediction, call)
    except SignatureNotFound:
        if _SIGNATURE in request.parameters:
            raise
        # Asked for afterwards and not before, so that the usual model pays nothing for it.
        signatures = inference.describe(prediction.model, prediction.version, call).signatures
        prediction = prediction._replace(signature=default_signature(signatures).name)
        answer = inference.predict(prediction, call)
    return answer.then(
        partial(encode_response, request.id, wanted, typed=_typed(request), hold=call.hold)
    )


_Extra: TypeAlias = tuple[tuple[Wanted, ...], bool]
"""The outputs that are wanted, and whether they are in ``contents`` as well."""


class InferCodec:
    """ModelInfer to whoever prepares requests."""

    form: Final[Form] = {3: ID, 5: {5: {6: DATA, 7: DATA}}, 7: DATA}
    reply_form: Final[Form] = {3: ID, 5: {5: dict.fromkeys(range(1, 9), DATA)}, 6: DATA}

    def writer(self, array: Array) -> Write:  # noqa: ARG002 - of every dtype
        """Outputs are raw."""
        return as_it_lies

    def read(self, message: ModelInferRequest) -> tuple[Request, _Extra] | None:
        """What a message asks for that names no time, and whose tensors are in it as they are."""
        if _TIMEOUT in message.parameters:
            return None
        if any(each.parameters for each in message.inputs):
            return None
        if any(each.parameters for each in message.outputs):
            return None
        request, wanted, _ = decode_request(message)
        return request, (wanted, _typed(message))

    def write(self, identity: str, extra: _Extra, response: Response) -> ModelInferResponse:
        """The answer."""
        wanted, typed = extra
        return encode_response(identity, wanted, response, typed=typed)


def decode_request(
    request: ModelInferRequest, regions: Regions | None = None, expand: Expand | None = None
) -> tuple[Request, tuple[Wanted, ...], int]:
    """The request as the engine takes it, the outputs it asks for, and its timeout in microseconds.

    No outputs are all of them, and a timeout of 0 is none. ``expand`` is told of the bytes of every
    input that is copied from shared memory or cut into strings, before it is.

    Raises:
        InvalidRequest: no model name, too many tensors, buffers that do not match the inputs,
            parameters of another kind, or what the tensor codec raises.
        RegionNotFound: shared memory that nobody registered.
        Unsupported: a parameter asks for what is not served.
        RequestError: what ``expand`` raises.
    """
    if not request.model_name:
        raise InvalidRequest("expected a model_name, received none; set it to the model's name")
    # Looked at before they are read: a message makes an object for every part that it is asked for.
    signature, priority, timeout = _PLAIN
    parameters = request.parameters
    if parameters:
        signature, priority, timeout = _read_parameters(parameters)
    check_tensors(len(request.inputs), "inputs")
    check_tensors(len(request.outputs), "outputs")
    wanted = read_wanted(request.outputs, regions) if request.outputs else ()
    prediction = Request(
        request.model_name,
        _inputs(request, regions, expand),
        read_version(request.model_version),
        signature,
        tuple([each.name for each in wanted]) if wanted else (),
        priority,
    )
    return prediction, wanted, timeout


def encode_response(
    request_id: str,
    wanted: tuple[Wanted, ...],
    response: Response,
    *,
    typed: bool = False,
    hold: Expand | None = None,
) -> ModelInferResponse:
    """The answer: outputs in the order asked for, else the signature's, all of them raw.

    ``typed`` has them in ``contents`` as well, for who asked so: KServe's clients look for them
    there, and Triton's, who may ask so too, where they are raw. ``hold`` is told what a
    classification takes before it is made.

    Raises:
        RequestError: what ``hold`` raises.
        InvalidRequest: shared memory too small for an output, or a classification of strings.
    """
    message = ModelInferResponse()
    message.model_name = response.model
    message.model_version = str(response.version)
    message.id = request_id
    raw = message.raw_output_contents
    if typed and not wanted:
        wanted = tuple([Wanted(name) for name in response.signature.outputs])
    if not wanted:
        for name in response.signature.outputs:
            raw.append(encode(response.outputs[name], message.outputs.add(name=name)))
    for each in wanted:
        tensor = message.outputs.add(name=each.name)
        array = response.outputs[each.name]
        if each.classes:
            batched = response.signature.batched
            labels = response.signature.labels.get(each.name, ())
            if hold is not None:
                hold(classification_bytes(array, each.classes, labels, batched=batched))
            array = classified(each.name, array, each.classes, labels, batched=batched)
        data = encode(array, tensor)
        if each.part is None:
            raw.append(data)
            if typed:
                add_contents(array, tensor)
        else:
            _write_part(each.part, data, tensor)
            # One buffer for each output whatever its place, or a client would count wrongly.
            raw.append(b"")
    return message


def _typed(request: ModelInferRequest) -> bool:
    """Whether its inputs are in ``contents``."""
    return not request.raw_input_contents and any(
        tensor.HasField("contents") for tensor in request.inputs
    )


def _inputs(
    request: ModelInferRequest, regions: Regions | None, expand: Expand | None
) -> dict[str, Array]:
    buffers = request.raw_input_contents
    used = 0
    inputs: dict[str, Array] = {}
    for tensor in request.inputs:
        name = tensor.name
        if name in inputs:
            raise InvalidInput(f"input {name!r} is sent twice; send it once", name=name)
        raw: bytes | None = None
        part = _part(tensor, regions) if tensor.parameters else None
        if part is not None:
            if expand is not None:
                expand(part.byte_size)
            raw = part.read()
        elif buffers:
            if used == len(buffers):
                raise _wrong_buffers(request)
            raw = buffers[used]
            used += 1
        inputs[name] = decode(tensor, raw, expand)
    if used != len(buffers):
        raise _wrong_buffers(request)
    return inputs


def _wrong_buffers(request: ModelInferRequest) -> InvalidRequest:
    expected = sum(REGION not in tensor.parameters for tensor in request.inputs)
    return InvalidRequest(
        f"expected {expected} buffers in raw_input_contents, one for each input that is not in "
        f"shared memory, received {len(request.raw_input_contents)}; send all inputs raw, or all "
        "in contents"
    )


def _part(tensor: ModelInferRequest.InferInputTensor, regions: Regions | None) -> Part | None:
    where = f"input {tensor.name!r}"
    part = read_part(tensor.parameters, regions, where)
    if part is not None and tensor.HasField("contents"):
        raise InvalidInput(
            f"{where}: expected its data in shared memory or in contents, received both",
            name=tensor.name,
        )
    return part


def _write_part(part: Part, data: bytes, tensor: ModelInferResponse.InferOutputTensor) -> None:
    part.region.write(part.offset, part.byte_size, data)
    parameters = tensor.parameters
    parameters[REGION].string_param = part.region.name
    parameters[SIZE].int64_param = len(data)
    if part.offset:
        parameters[OFFSET].int64_param = part.offset


def _read_parameters(parameters: Mapping[str, InferParameter]) -> tuple[str, int, int]:
    """The signature's name, the priority and the timeout."""
    for name in _SEQUENCES:
        if name in parameters:
            raise Unsupported(
                f"{_WHERE}: the parameter {name!r} is refused: sequences are not served; send each "
                "request by itself"
            )
    # Looked up before they are read: reading would add an entry to the map.
    signature = text(parameters, _SIGNATURE, _WHERE) if _SIGNATURE in parameters else None
    priority = number(parameters, _PRIORITY, _WHERE) if _PRIORITY in parameters else 0
    timeout = number(parameters, _TIMEOUT, _WHERE) if _TIMEOUT in parameters else 0
    return signature or DEFAULT_SIGNATURE, priority, timeout


def _shorten(call: Call, microseconds: int) -> None:
    """Let the call wait no longer than its request says."""
    ends = call.started + microseconds / 1e6
    call.deadline = ends if call.deadline is None else min(call.deadline, ends)
