from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from benchmarks.recording import INFER, METADATA
from benchmarks.sketch_server import front, split
from horngate.protocols.pb.inference.grpc_service_pb2 import (
    ModelInferRequest,
    ModelInferResponse,
)


@dataclass
class Call:
    method: bytes
    number: int


class Sketch:
    """A front that has one burst to give, and keeps what it is told to reply."""

    def __init__(self, methods: set[bytes]) -> None:
        self.methods = methods
        self.came: list[tuple[Call, bytes | None]] = []
        self.replied: dict[int, bytes] = {}

    def burst(self, most: int, wait: bool = True) -> list[tuple[Call, bytes | None]]:
        came, self.came = self.came, []
        return came

    def reply(self, call: Call, message: bytes) -> None:
        self.replied[call.number] = message


def request(identity: str) -> bytes:
    message = ModelInferRequest(model_name="m", model_version="1", raw_input_contents=[b"abc"])
    message.id = identity
    return message.SerializeToString()


def test_the_callers_id_is_taken_out_of_a_request() -> None:
    without, field = split(request("42"))
    assert without == request("")
    assert ModelInferResponse.FromString(field).id == "42"
    assert split(request("")) == (request(""), b"")


def test_a_sketch_sees_predictions_alone_and_answers_them_without_ids() -> None:
    made: Any = front(Sketch, {METADATA: b"about", INFER: b"unused"})({INFER.encode()})
    assert made.methods == {INFER.encode(), METADATA.encode()}
    numbers = itertools.count()
    asked, first, second, given_up = (
        Call(path.encode(), next(numbers)) for path in (METADATA, INFER, INFER, INFER)
    )
    made.came = [
        (asked, b""),
        (first, request("1")),
        (second, request("22")),
        (given_up, request("3")),
    ]
    came = made.burst(256)
    assert came == [(each, request("")) for each in (first, second, given_up)]
    made.came = [(given_up, None)]
    assert made.burst(256) == [(given_up, None)]
    reply = ModelInferResponse(model_name="m", raw_output_contents=[b"xyz"]).SerializeToString()
    for call in (second, first):
        made.reply(call, reply)
    assert made.replied[asked.number] == b"about"
    ids = [ModelInferResponse.FromString(made.replied[each.number]).id for each in (first, second)]
    assert ids == ["1", "22"]
