"""Large messages read in slices are what they are read at once, and have so many parts at most."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import DecodeError, Message

from horngate.errors import InvalidRequest
from horngate.protocols import parts
from horngate.protocols.pb.inference.grpc_service_pb2 import ModelInferRequest
from horngate.protocols.pb.tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from horngate.protocols.pb.tensorflow_serving.apis.predict_pb2 import PredictRequest


def infer() -> ModelInferRequest:
    message = ModelInferRequest(model_name="m" * 200, id="7")
    for number in range(100):
        tensor = message.inputs.add(name=f"x{number}", datatype="INT64", shape=[3, 1 << 40])
        tensor.parameters["a"].int64_param = -1
        tensor.contents.int64_contents.extend([1, -2, 300])
        message.raw_input_contents.append(bytes(number))
        message.parameters[f"p{number}"].double_param = 0.5
    return message


def predict() -> PredictRequest:
    message = PredictRequest()
    message.model_spec.name = "m"
    message.model_spec.version.value = 3
    for number in range(100):
        tensor = message.inputs[f"x{number % 90}"]
        tensor.tensor_shape.dim.add(size=number)
        tensor.float_val.extend([1.0, 2.0])
        tensor.string_val.extend([b"a", b""])
    return message


def classify() -> ClassificationRequest:
    message = ClassificationRequest()
    message.model_spec.name = "m"
    for _ in range(100):
        example = message.input.example_list.examples.add()
        example.features.feature["x"].float_list.value.append(1.0)
    return message


@pytest.mark.parametrize("message", [infer(), predict(), classify()])
def test_what_is_read_in_slices_is_what_it_is_at_once(
    message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "LARGE", 0)
    monkeypatch.setattr(parts, "SLICE", 10)
    data: bytes = message.SerializeToString()
    assert parts.read(type(message), data) == message
    whole = parts.cuts(type(message), data) == []
    assert whole == isinstance(message, ClassificationRequest), "its one field cannot be cut"
    for end in (1, len(data) // 2, len(data) - 1):
        assert _outcome(parts.read, type(message), data[:end]) == _outcome(
            lambda kind, cut: kind.FromString(cut), type(message), data[:end]
        )


def _outcome(read: Any, kind: type[Message], data: bytes) -> object:
    try:
        return read(kind, data)
    except DecodeError:
        return DecodeError


@pytest.mark.parametrize(
    "data",
    [
        b"\x2a\x00" * 101,  # inputs
        b"\x2a\x04\x22\x00\x22\x00" * 34,  # parameters in them
        b"\x3a\x00" * 401,  # raw_input_contents
        b"\x98\x06\x01" * 401,  # a field of no known number
    ],
)
def test_a_message_that_is_all_parts_is_not_read(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "LARGE", 0)
    monkeypatch.setattr(parts, "MOST_MESSAGES", 100)
    monkeypatch.setattr(parts, "MOST_FIELDS", 400)
    with pytest.raises(InvalidRequest, match="received more; send several requests"):
        parts.read(ModelInferRequest, data)


@pytest.mark.parametrize(
    "data", [b"\x2a", b"\x2a\x05a", b"\x0f", b"\xff" * 20, b"\x0a" + b"\xff" * 9 + b"\x01"]
)
def test_what_cannot_be_read_is_left_to_protobuf(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "LARGE", 0)
    assert parts.cuts(ModelInferRequest, data) == []
    with pytest.raises(DecodeError):
        parts.read(ModelInferRequest, data)


def test_a_group_of_nobodys_is_passed_over() -> None:
    data = b"\x9b\x06\x08\x01\x9d\x06abcd\x99\x06abcdefgh\x9c\x06" + b"\x2a\x00"
    assert parts.cuts(ModelInferRequest, data) == []
    assert len(ModelInferRequest.FromString(data).inputs) == 1
