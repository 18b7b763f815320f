"""PredictionService.Predict."""

from __future__ import annotations

from functools import partial
from typing import Final

from google.protobuf.message import Message

from horngate.answer import Answer
from horngate.call import Call
from horngate.inference import Inference
from horngate.protocols.elements import Expand, Write, as_it_lies, check_tensors
from horngate.protocols.layout import DATA, KEY, Form
from horngate.protocols.pb.tensorflow_serving.apis.predict_pb2 import (
    PredictRequest,
    PredictResponse,
)
from horngate.protocols.tfserving.spec import read_target, write_spec
from horngate.protocols.tfserving.tensor import (
    MAX_REPEATED_BYTES,
    NUMBER_FIELDS,
    decode,
    encode,
    writer,
)
from horngate.tensors import Array, Request, Response


def predict(
    inference: Inference, request: PredictRequest, call: Call, *, content: bool = False
) -> Answer[Message]:
    """Decode, queue, and encode on the thread that asks for the answer; ``content`` as ``encode``.

    Raises:
        RequestError: what is known at once.
    """
    return inference.predict(decode_request(request, expand=call.expand), call).then(
        partial(encode_response, content=content)
    )


class PredictCodec:
    """Predict to whoever prepares requests; ``content`` as for ``encode``."""

    def __init__(self, *, content: bool = False) -> None:
        self._content = content

    form: Final[Form] = {2: {1: KEY, 2: {4: DATA, 5: DATA, 6: DATA}}}
    reply_form: Final[Form] = {1: {1: KEY, 2: dict.fromkeys(NUMBER_FIELDS, DATA)}}

    def writer(self, array: Array) -> Write:
        """What writes outputs of its dtype."""
        return as_it_lies if self._content else writer(array)

    def read(self, message: PredictRequest) -> tuple[Request, None]:
        """What a message asks for."""
        return decode_request(message), None

    def write(self, identity: str, extra: None, response: Response) -> PredictResponse:  # noqa: ARG002 - the protocol has no ids
        """The answer."""
        return encode_response(response, content=self._content)


def decode_request(
    request: PredictRequest, *, max_bytes: int = MAX_REPEATED_BYTES, expand: Expand | None = None
) -> Request:
    """The request as the engine takes it.

    ``max_bytes`` holds for all tensors together, in so far as any of them sends fewer values than
    it has elements, and ``expand`` is told of each that does.

    Raises:
        InvalidRequest: too many names, or what ``read_target`` and the tensor codec raise.
    """
    target = read_target(request)
    check_tensors(len(request.inputs), "inputs")
    check_tensors(len(request.output_filter), "outputs")
    inputs: dict[str, Array] = {}
    for name, proto in request.inputs.items():
        inputs[name] = array = decode(proto, name, max_bytes=max_bytes, expand=expand)
        max_bytes = max(0, max_bytes - array.nbytes)
    return Request(
        target.model, inputs, target.version, target.signature, tuple(request.output_filter)
    )


def encode_response(response: Response, *, content: bool = False) -> PredictResponse:
    """The answer; its spec names the model, version and signature that ran."""
    message = PredictResponse()
    write_spec(response, message.model_spec)
    outputs = message.outputs
    for name, array in response.outputs.items():
        encode(array, outputs[name], name=name, content=content)
    return message
