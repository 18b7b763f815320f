"""With heads that are known and without them every binary request has the same outcome."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from horngate.call import Call
from horngate.errors import HorngateError
from horngate.inference import Inference
from horngate.protocols.http import HttpReply, HttpRequest
from horngate.protocols.method import UnaryMethod
from horngate.protocols.oip.methods import methods
from horngate.protocols.oip.rest.heads import MOST_HEADS, Heads
from horngate.protocols.oip.rest.infer import infer
from horngate.protocols.pb.inference.grpc_service_pb2 import ModelConfigRequest, ModelInferRequest
from horngate.tensors import Array
from tests.fuzz.engine import make_inference
from tests.unit.protocols.doubles import FakeFigures, FakeLogs

MODELS: dict[str, dict[str, tuple[str, Any, tuple[int, ...]]]] = {
    "two_inputs": {"image": ("FP32", np.float32, (4, 4, 1)), "context": ("FP32", np.float32, (3,))},
    "int64_pair": {"x": ("INT64", np.int64, (2,))},
    "bool_pair": {"x": ("BOOL", np.bool_, (2,))},
    "uint8_pair": {"x": ("UINT8", np.uint8, (2,))},
    "unknown": {"x": ("FP32", np.float32, (1,))},
}
FORMS = ("all", "none", "named", "named as lists", "unknown")

Outcome = HttpReply | tuple[type, str]
Sent = tuple[str, bytes, str]


class Port:
    """The route, with what it learns or without."""

    def __init__(self, inference: Inference, *, learns: bool) -> None:
        table = methods(inference, FakeFigures(), FakeLogs())
        found, config = (
            next(each for each in table if each.request is message)
            for message in (ModelInferRequest, ModelConfigRequest)
        )
        assert isinstance(found, UnaryMethod)
        assert isinstance(config, UnaryMethod)
        self.config = config
        self.learns = learns
        self.method = found if learns else dataclasses.replace(found, prepared=None)
        self.heads = Heads()

    def ask(self, sent: Sent) -> Outcome:
        model, body, length = sent
        headers = {"inference-header-content-length": length}
        request = HttpRequest({"model": model}, headers, body)
        heads = self.heads if self.learns else Heads()
        try:
            return infer(self.method, self.config, heads, request, Call(100.0)).result()
        except HorngateError as error:
            return type(error), str(error)


@pytest.fixture(scope="module")
def inference() -> Iterator[Inference]:
    with tempfile.TemporaryDirectory() as folder:
        yield make_inference(Path(folder))


def request(
    model: str, arrays: dict[str, Array], *, form: str = "all", identity: str = "", cut: int = 0
) -> Sent:
    """A request whose tensors are behind its head; ``cut`` bytes are missing of them."""
    kinds = MODELS[model]
    head: dict[str, Any] = {
        "inputs": [
            {
                "name": name,
                "datatype": kinds[name][0],
                "shape": list(array.shape),
                "parameters": {"binary_data_size": array.nbytes},
            }
            for name, array in arrays.items()
        ]
    }
    if identity:
        head["id"] = identity
    if form == "all":
        head["parameters"] = {"binary_data_output": True}
    elif form != "none":
        name = "probabilities" if model == "two_inputs" else "y"
        name = "nothing" if form == "unknown" else name
        head["outputs"] = [{"name": name, "parameters": {"binary_data": form == "named"}}]
    start = json.dumps(head).encode()
    tensors = b"".join(array.tobytes() for array in arrays.values())
    return model, start + tensors[: len(tensors) - cut], str(len(start))


def arrays_of(model: str, rows: int, value: int) -> dict[str, Array]:
    return {
        name: np.full((rows, *shape), value).astype(dtype)
        for name, (_, dtype, shape) in MODELS[model].items()
    }


@st.composite
def requests(draw: st.DrawFn) -> list[Sent]:
    """A few kinds of requests, each sent several times with other tensors, some of them broken."""
    sent: list[Sent] = []
    for _ in range(draw(st.integers(1, 3))):
        model = draw(st.sampled_from(list(MODELS)))
        rows = draw(st.integers(0, 3))
        form = draw(st.sampled_from(FORMS))
        identity = draw(st.sampled_from(["", "7", 'a"b']))
        for _ in range(draw(st.integers(2, 6))):
            arrays = arrays_of(model, rows, draw(st.integers(0, 255)))
            cut = draw(st.sampled_from([0, 0, 0, 1]))
            one = request(model, arrays, form=form, identity=identity, cut=cut)
            if draw(st.integers(0, 5)) == 0:  # a byte that is another
                at = draw(st.integers(0, len(one[1]) - 1))
                other = bytes([draw(st.integers(0, 255))])
                one = (one[0], one[1][:at] + other + one[1][at + 1 :], one[2])
            sent.append(one)
    return sent


@settings(max_examples=60, deadline=None)
@given(sent=requests())
def test_every_request_has_the_same_outcome(inference: Inference, sent: list[Sent]) -> None:
    learning, plain = Port(inference, learns=True), Port(inference, learns=False)
    for one in sent:
        assert learning.ask(one) == plain.ask(one)


def test_a_head_that_is_known_is_not_parsed(
    inference: Inference, monkeypatch: pytest.MonkeyPatch
) -> None:
    learning, plain = Port(inference, learns=True), Port(inference, learns=False)
    sent = [
        request("two_inputs", arrays_of("two_inputs", 2, value), identity="7") for value in range(6)
    ]
    expected = [plain.ask(each) for each in sent]
    answers = [learning.ask(each) for each in sent[:2]]
    monkeypatch.setattr("horngate.protocols.oip.rest.infer._read", unexpected)
    answers += [learning.ask(each) for each in sent[2:5]]
    # By then the message's kind is learned as well.
    learning.method = dataclasses.replace(learning.method, handler=unexpected)
    answers.append(learning.ask(sent[5]))
    assert answers == expected
    assert all(isinstance(each, HttpReply) for each in answers)


def unexpected(*given: object) -> Any:
    raise AssertionError("it was parsed")


@pytest.mark.parametrize("form", ["none", "named as lists"])
def test_outputs_that_are_written_as_lists_are_written_anew(
    inference: Inference, form: str
) -> None:
    """Whatever their bytes look like: those of ``]}`` too, with which a head ends."""
    learning, plain = Port(inference, learns=True), Port(inference, learns=False)
    for rows in (b"]}", b"\0\xff", b"]}" * 50, b"ab" * 50):
        x = np.frombuffer(rows, np.uint8).reshape(-1, 1).repeat(2, axis=1)
        for _ in range(4):
            sent = request("uint8_pair", {"x": x}, form=form)
            assert learning.ask(sent) == plain.ask(sent)


def test_what_is_kept_is_bounded(inference: Inference) -> None:
    port = Port(inference, learns=True)
    for number in range(2 * MOST_HEADS):
        sent = request("int64_pair", arrays_of("int64_pair", 1, 1), identity=str(number))
        for _ in range(2):
            port.ask(sent)
    assert 0 < len(port.heads._known) <= MOST_HEADS
    long = request("int64_pair", arrays_of("int64_pair", 1, 1), identity="x" * 5000)
    for _ in range(2):
        port.ask(long)
    assert all(len(key[2]) < 5000 for key in port.heads._known)


def test_a_swap_is_seen_at_once(tmp_path: Path) -> None:
    inference = make_inference(tmp_path)
    port = Port(inference, learns=True)
    sent = request("int64_pair", arrays_of("int64_pair", 1, 1))
    for _ in range(5):
        assert isinstance(port.ask(sent), HttpReply)
    inference._repository.remove("int64_pair")
    outcome = port.ask(sent)
    assert isinstance(outcome, tuple)
    assert outcome[0].__name__ == "ModelNotFound"
