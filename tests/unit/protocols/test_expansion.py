"""Whatever takes more than was sent is told before it is made, by every decoder."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from horngate.errors import Overloaded
from horngate.protocols.json import MARKED, parse_json, parsed_bytes, to_json, written_bytes
from horngate.protocols.oip import regions
from horngate.protocols.oip.infer import decode_request as decode_infer
from horngate.protocols.oip.regions import Regions
from horngate.protocols.oip.wanted import classification_bytes, classified
from horngate.protocols.pb.inference.grpc_service_pb2 import ModelInferRequest
from horngate.protocols.pb.tensorflow.core.framework import types_pb2
from horngate.protocols.pb.tensorflow_serving.apis.input_pb2 import Input
from horngate.protocols.pb.tensorflow_serving.apis.predict_pb2 import PredictRequest
from horngate.protocols.tfserving.examples import read_examples
from horngate.protocols.tfserving.predict import decode_request as decode_predict
from horngate.tensors import Array

MIB = 1 << 20
CACHES = 128 * 1024
"""What readers keep of the texts before."""

Expand = Callable[[int], None]


def repeated(expand: Expand, values: int) -> None:
    request = PredictRequest()
    request.model_spec.name = "m"
    tensor = request.inputs["x"]
    tensor.dtype = types_pb2.DT_FLOAT
    tensor.float_val.extend([1.0] * values)
    tensor.tensor_shape.dim.add(size=8 * MIB)
    decode_predict(request, expand=expand)


def strings(expand: Expand) -> None:
    request = ModelInferRequest(model_name="m")
    request.inputs.add(name="x", datatype="BYTES", shape=[MIB])
    request.raw_input_contents.append(b"\x02\0\0\0ab" * MIB)
    decode_infer(request, None, expand)


def shared(expand: Expand) -> None:
    known = Regions()
    known.register("r", "/horngate-expansion", 0, 32 * MIB)
    request = ModelInferRequest(model_name="m")
    for name in ("a", "b"):
        parameters = request.inputs.add(name=name, datatype="FP32", shape=[8 * MIB]).parameters
        parameters["shared_memory_region"].string_param = "r"
        parameters["shared_memory_byte_size"].int64_param = 32 * MIB
    decode_infer(request, known, expand)


def contexts(expand: Expand) -> None:
    message = Input()
    context = message.example_list_with_context.context
    context.features.feature["x"].float_list.value.extend([1.0] * 25_000)
    for _ in range(600):
        message.example_list_with_context.examples.add()
    read_examples(message, expand)


@pytest.mark.parametrize(
    ("decode", "most"),
    [
        (lambda expand: repeated(expand, 0), 0),
        (lambda expand: repeated(expand, 1), 0),
        (lambda expand: repeated(expand, 2), 0),
        (strings, 7 * MIB),  # what came
        (shared, 0),
        (contexts, 0),
    ],
    ids=["zeros", "one value", "two values", "strings", "shared memory", "contexts"],
)
def test_nothing_is_made_that_there_is_no_room_for(
    decode: Callable[[Expand], None], most: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(regions, "FOLDER", tmp_path)
    with (tmp_path / "horngate-expansion").open("wb") as file:
        file.truncate(32 * MIB)
    asked: list[int] = []

    def refuse(size: int) -> None:
        asked.append(size)
        raise Overloaded("no room")

    tracemalloc.start()
    try:
        with pytest.raises(Overloaded):
            decode(refuse)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(asked) == 1
    assert asked[0] >= 32 * MIB
    assert peak < most + 8 * MIB


VALUES = st.recursive(
    st.one_of(st.floats(allow_nan=False), st.integers(-(2**63), 2**63), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=6), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_json_takes_no_more_than_its_marks_say(value: object) -> None:
    text = json.dumps([value] * (1 + MARKED // len(json.dumps(value)))).encode()
    tracemalloc.start()
    try:
        content = parse_json(text)
        size = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert content
    assert size <= parsed_bytes(text) + CACHES


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.int64, np.float16])
def test_an_array_as_json_takes_no_more_than_is_counted(dtype: type) -> None:
    longest = np.iinfo(dtype).min if np.issubdtype(dtype, np.integer) else -1.2345678901234567e-300
    array: Array = np.full(1000, longest, dtype)
    assert len(to_json(array)) <= written_bytes([array]) + 2


def test_a_classification_takes_no_more_than_is_counted() -> None:
    array = np.random.default_rng(0).normal(size=(50, 1000)).astype(np.float32)
    tracemalloc.start()
    try:
        texts = classified("y", array, 1000, batched=True)
        size = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert texts.shape == (50, 1000)
    assert size <= classification_bytes(array, 1000, batched=True)
