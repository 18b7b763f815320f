"""With prepared requests and without them every message has the same outcome."""

from __future__ import annotations

import dataclasses
import gc
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from horngate.access.gate import Gate
from horngate.calls import Calls, Failure
from horngate.inference import Inference
from horngate.protocols.layout import (
    DATA,
    ID,
    KEY,
    MOST_HEADS,
    Form,
    Frame,
    Layout,
    holes,
)
from horngate.protocols.method import UnaryMethod
from horngate.protocols.oip.methods import methods as oip_methods
from horngate.protocols.oip.tensor import encode as encode_oip
from horngate.protocols.pb.inference.grpc_service_pb2 import ModelInferRequest
from horngate.protocols.pb.tensorflow.core.framework.types_pb2 import DataType
from horngate.protocols.pb.tensorflow_serving.apis.predict_pb2 import (
    PredictRequest,
    PredictResponse,
)
from horngate.protocols.prepared import MOST_KINDS, Prepared
from horngate.protocols.tfserving.methods import methods as tfserving_methods
from horngate.protocols.tfserving.predict import PredictCodec
from horngate.protocols.tfserving.tensor import decode
from horngate.telemetry.calls import CallFigures
from horngate.tensors import Array
from horngate.wire import Unclear, field_head
from tests.fuzz.engine import make_inference
from tests.unit.batching.doubles import ManualClock
from tests.unit.fronts.calls import Caller
from tests.unit.protocols.doubles import FakeFigures, FakeLogs

SHAPES: dict[str, dict[str, tuple[int, ...]]] = {
    "two_inputs": {"image": (4, 4, 1), "context": (3,)},
    "constant": {"x": (1,)},
    "int64_pair": {"x": (2,)},
    "bool_pair": {"x": (2,)},
    "float16_pair": {"x": (2,)},
    "free": {"x": (5,)},
}
DTYPES: dict[str, Any] = {
    "int64_pair": np.int64,
    "bool_pair": np.bool_,
    "float16_pair": np.float16,
}

Outcome = bytes | Failure


class Port:
    """Both methods that predict, over the same models; ``prepare`` False leaves preparing out."""

    def __init__(self, inference: Inference, *, prepare: bool, content: bool = False) -> None:
        table = [
            *oip_methods(inference, FakeFigures(), FakeLogs()),
            *tfserving_methods(inference, content=content),
        ]
        self.methods: dict[type, UnaryMethod] = {}
        for method in table:
            if isinstance(method, UnaryMethod) and method.prepared is not None:
                kept = method if prepare else dataclasses.replace(method, prepared=None)
                self.methods[method.request] = kept
        figures = CallFigures((1.0,))
        figures.attach(table)
        clock = ManualClock()
        self.faults: list[Exception] = []
        self.calls = Calls(
            Gate(clock),
            figures,
            lambda _, error: self.faults.append(error),
            clock,
            most_in_flight=10,
            most_bytes=1 << 24,
        )

    def tell(self, kind: type, data: bytes) -> Outcome:
        method = self.methods[kind]
        call = Caller(method, 0.0)
        self.calls.serve(call, method.ask, data)
        assert not self.faults
        outcomes: list[Outcome] = [*call.replies, *call.failures]
        assert len(outcomes) == 1
        return outcomes[0]

    def prepared(self, kind: type) -> Prepared:
        found = self.methods[kind].prepared
        assert isinstance(found, Prepared)
        return found


@pytest.fixture(scope="module")
def inference() -> Iterator[Inference]:
    with tempfile.TemporaryDirectory() as folder:
        yield make_inference(Path(folder))


def infer(model: str, arrays: dict[str, Array], *, identity: str, typed: bool) -> ModelInferRequest:
    message = ModelInferRequest(model_name=model, id=identity)
    for name, array in arrays.items():
        tensor = message.inputs.add(name=name)
        raw = encode_oip(array, tensor)
        if typed:
            fields = {"f": "fp32_contents", "i": "int64_contents", "b": "bool_contents"}
            getattr(tensor.contents, fields[array.dtype.kind]).extend(array.ravel().tolist())
        else:
            message.raw_input_contents.append(raw)
    return message


def predict(model: str, arrays: dict[str, Array], *, typed: bool) -> PredictRequest:
    message = PredictRequest()
    message.model_spec.name = model
    numbers = {
        "float32": DataType.DT_FLOAT,
        "int64": DataType.DT_INT64,
        "bool": DataType.DT_BOOL,
        "float16": DataType.DT_HALF,
    }
    for name, array in arrays.items():
        tensor = message.inputs[name]
        tensor.dtype = numbers[array.dtype.name]
        for size in array.shape:
            tensor.tensor_shape.dim.add(size=size)
        if typed and array.dtype == np.float32:
            tensor.float_val.extend(array.ravel().tolist())
        elif typed and array.dtype == np.int64:
            tensor.int64_val.extend(array.ravel().tolist())
        else:
            tensor.tensor_content = array.tobytes()
    return message


VALUES = st.integers(0, 99) | st.sampled_from([-1, 127, 128, 300, 2**14])


@st.composite
def messages(draw: st.DrawFn) -> list[tuple[type, bytes]]:
    """A few kinds of messages, each sent several times with other tensors, some of them broken."""
    sent: list[tuple[type, bytes]] = []
    for _ in range(draw(st.integers(1, 3))):
        model = draw(st.sampled_from([*SHAPES, "unknown"]))
        typed = draw(st.booleans())
        rows = draw(st.integers(0, 3))
        wire = draw(st.sampled_from(["infer", "predict"]))
        identity = draw(st.sampled_from(["", "7", "name"]))
        for turn in range(draw(st.integers(2, 5))):
            arrays: dict[str, Array] = {
                name: np.array(
                    draw(st.lists(VALUES, min_size=1, max_size=3)), np.float64
                ).take(np.arange(rows * int(np.prod(shape))), mode="wrap")
                .reshape(rows, *shape).astype(DTYPES.get(model, np.float32))
                for name, shape in SHAPES.get(model, {"x": (1,)}).items()
            }  # fmt: skip
            message: Any
            if wire == "infer":
                message = infer(
                    model,
                    arrays,
                    identity=f"{identity}{turn % 2}" if identity else "",
                    typed=typed and model != "float16_pair",
                )
                if draw(st.booleans()):
                    message.parameters["some_hint"].bool_param = True
                if draw(st.integers(0, 5)) == 0:
                    message.parameters["timeout"].int64_param = 1
            else:
                message = predict(model, arrays, typed=typed)
            data = message.SerializeToString()
            if draw(st.integers(0, 3)) == 0 and data:  # a byte that is another
                at = draw(st.integers(0, len(data) - 1))
                data = data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :]
            sent.append((type(message), data))
    return sent


@settings(max_examples=150, deadline=None)
@given(sent=messages())
def test_every_message_has_the_same_outcome(
    inference: Inference, sent: list[tuple[type, bytes]]
) -> None:
    with_them, without = Port(inference, prepare=True), Port(inference, prepare=False)
    for kind, data in sent:
        assert with_them.tell(kind, data) == without.tell(kind, data)


@pytest.mark.parametrize("typed", [False, True])
@pytest.mark.parametrize("wire", ["infer", "infer with ids", "predict"])
def test_the_third_message_of_a_kind_is_not_parsed(
    inference: Inference, wire: str, monkeypatch: pytest.MonkeyPatch, *, typed: bool
) -> None:
    port = Port(inference, prepare=True)
    answers: list[Outcome] = []
    for turn in range(4):
        arrays: dict[str, Array] = {
            "image": np.full((2, 4, 4, 1), turn, np.float32),
            "context": np.full((2, 3), turn + 0.5, np.float32),
        }
        message = (
            predict("two_inputs", arrays, typed=typed)
            if wire == "predict"
            else infer("two_inputs", arrays, identity=str(turn) * ("ids" in wire), typed=typed)
        )
        kind = type(message)
        if turn == 2:
            method = dataclasses.replace(port.methods[kind], handler=unexpected)
            port.methods[kind] = method
        answers.append(port.tell(kind, message.SerializeToString()))
        whole = Port(inference, prepare=False)
        assert answers[-1] == whole.tell(kind, message.SerializeToString())
    assert len(set(map(str, answers))) == 4


def unexpected(request: object, call: object) -> Any:
    raise AssertionError("it was parsed")


@pytest.mark.parametrize("model", ["int64_pair", "float16_pair", "bool_pair"])
@pytest.mark.parametrize("content", [False, True])
def test_answers_of_whatever_length_are_made_like_the_first(
    inference: Inference, monkeypatch: pytest.MonkeyPatch, model: str, *, content: bool
) -> None:
    port, whole = (Port(inference, prepare=each, content=content) for each in (True, False))
    written: list[int] = []
    write = PredictCodec.write

    def counted(*arguments: Any) -> Any:
        written.append(1)
        return write(*arguments)

    monkeypatch.setattr(PredictCodec, "write", counted)
    sent = [(1, 2), (3, 4), (5, 6), (0, 7), (300, 1), (1, 400), (-1, 128), (127, -9)]
    columns = [np.array(values, DTYPES[model]).reshape(2, 1) for values in sent]
    for y in columns:
        x = np.concatenate([y, y], 1)
        data = predict(model, {"x": x}, typed=False).SerializeToString()
        answer = port.tell(PredictRequest, data)
        assert answer == whole.tell(PredictRequest, data)
        assert isinstance(answer, bytes)
        (received,) = PredictResponse.FromString(answer).outputs.values()
        assert decode(received, "y").tolist() == y.tolist()
    if model != "bool_pair":  # whose requests are parsed each time
        assert len(written) == 1


def test_truths_of_other_bytes_are_truths(inference: Inference) -> None:
    port = Port(inference, prepare=True)
    sent = predict("bool_pair", {"x": np.array([[True, False]])}, typed=False)
    for content in (b"\1\0", b"\1\0", b"\2\0", b"\0\2"):
        sent.inputs["x"].tensor_content = content
        answer = port.tell(PredictRequest, sent.SerializeToString())
        assert isinstance(answer, bytes)
        assert PredictResponse.FromString(answer).outputs["y"].bool_val == [content[0] > 0]


def test_lengths_are_written_anew_around_each_part() -> None:
    messages = []
    for count in (1, 5, 40, 3000):
        message = PredictResponse()
        message.model_spec.name = "m"
        for name, times in (("a", count), ("b", 2 * count)):
            output = message.outputs[name]
            output.dtype = DataType.DT_INT64
            output.int64_val.extend([300] * times)
            output.uint64_val.append(0)  # a field behind it
        messages.append(message.SerializeToString(deterministic=True))
    form: Form = {1: {1: KEY, 2: {10: DATA}}}
    frame = Frame(messages[0], list(holes(messages[0], form)))
    for _ in range(2):
        for data in messages:
            assert frame.filled([data[hole.begin : hole.end] for hole in holes(data, form)]) == data
    assert {len(part.heads) for part in frame._parts} == {4}


def test_heads_are_bounded() -> None:
    data = bytes([10, 4]) + b"data"
    frame = Frame(data, list(holes(data, {1: DATA})))
    for size in range(3 * MOST_HEADS):
        assert frame.filled([bytes(size)]) == field_head(1, size) + bytes(size)
    assert [len(part.heads) for part in frame._parts] == [MOST_HEADS]


def test_parts_that_share_a_field_have_no_frame() -> None:
    data = bytes([10, 6, 18, 1, 120, 26, 1, 121])
    found = list(holes(data, {1: {2: DATA, 3: DATA}}))
    assert len(found) == 2
    with pytest.raises(Unclear):
        Frame(data, found)


def test_a_swap_is_seen_at_once(tmp_path: Path) -> None:
    inference = make_inference(tmp_path)
    port = Port(inference, prepare=True)
    data = infer("constant", {"x": np.ones((1, 1), np.float32)}, identity="", typed=False)
    sent = data.SerializeToString()
    for _ in range(3):
        assert isinstance(port.tell(ModelInferRequest, sent), bytes)
    inference._repository.remove("constant")
    assert not port.prepared(ModelInferRequest)._kinds
    outcome = port.tell(ModelInferRequest, sent)
    assert isinstance(outcome, Failure)
    assert outcome.kind == "ModelNotFound"


def test_what_is_kept_is_bounded(inference: Inference) -> None:
    port = Port(inference, prepare=True)
    for rows in range(1, 3 * MOST_KINDS):
        x = np.ones((rows, 1), np.float32)
        data = infer("constant", {"x": x}, identity="", typed=False).SerializeToString()
        for _ in range(3):
            port.tell(ModelInferRequest, data)
    kinds = port.prepared(ModelInferRequest)._kinds
    assert 0 < len(kinds) <= MOST_KINDS


def test_no_version_is_kept_in_memory(tmp_path: Path) -> None:
    inference = make_inference(tmp_path)
    port = Port(inference, prepare=True)
    data = infer("constant", {"x": np.ones((1, 1), np.float32)}, identity="", typed=False)
    for _ in range(3):
        port.tell(ModelInferRequest, data.SerializeToString())
    ((kind,),) = port.prepared(ModelInferRequest)._kinds.values()
    assert kind.handle() is not None
    del inference, port
    gc.collect()
    assert kind.handle() is None


FORM: Form = {1: {1: KEY, 2: {4: DATA}}, 3: ID}


def test_holes_are_found_where_they_lie() -> None:
    entry = b"\x0a\x01k\x12\x06\x22\x04data"
    data = b"\x0a" + bytes([len(entry)]) + entry + b"\x1a\x02id"
    found = list(holes(data, FORM))
    assert [(hole.kind, data[hole.begin : hole.end], hole.key) for hole in found] == [
        (DATA, b"data", b"k"),
        (ID, b"id", b""),
    ]
    layout = Layout(data, found)
    assert layout.fits(data.replace(b"data", b"atad"))
    assert not layout.fits(data.replace(b"k", b"l"))
    assert layout.filled([b"DATA", b"ID"]) == data.replace(b"data", b"DATA").replace(b"id", b"ID")


@pytest.mark.parametrize("data", [b"\x0a", b"\x0a\x05a", b"\x0b", b"\x1a\xff\xff\xff\xff\xff\xff"])
def test_what_is_no_message_is_unclear(data: bytes) -> None:
    with pytest.raises(Unclear):
        list(holes(data, FORM))


def test_a_tensor_whose_name_comes_behind_it_is_unclear() -> None:
    entry = b"\x12\x06\x22\x04data\x0a\x01k"
    with pytest.raises(Unclear):
        list(holes(b"\x0a" + bytes([len(entry)]) + entry, FORM))
