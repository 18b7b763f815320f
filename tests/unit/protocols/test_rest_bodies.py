"""Bodies of REST requests that are hostile: each is told what is wrong, whatever it holds."""

from __future__ import annotations

import math

import pytest

from horngate.answer import Answer
from horngate.errors import InvalidRequest
from horngate.protocols.elements import MAX_TENSORS
from horngate.protocols.http import HttpReply, HttpRequest
from horngate.protocols.oip.methods import methods as oip_methods
from horngate.protocols.oip.rest.infer import _write_input
from horngate.protocols.oip.rest.routes import routes as oip_routes
from horngate.protocols.pb.inference.grpc_service_pb2 import ModelInferRequest
from horngate.protocols.pb.tensorflow_serving.apis.classification_pb2 import ClassificationResponse
from horngate.protocols.pb.tensorflow_serving.apis.regression_pb2 import RegressionResponse
from horngate.protocols.tfserving.methods import methods as tfserving_methods
from horngate.protocols.tfserving.rest.routes import _classified, _regressed
from horngate.protocols.tfserving.rest.routes import routes as tfserving_routes
from horngate.tensors import DType, Signature, TensorSpec
from tests.unit.protocols.doubles import FakeEngine, FakeFigures, FakeLogs, new_call

X = Signature(
    "serving_default",
    inputs={"x": TensorSpec("x", DType.FLOAT32, (None, 1))},
    outputs={"score": TensorSpec("score", DType.FLOAT32, (None, 1))},
)
DEEP = "[" * 1000 + "]" * 1000


def ask(protocol: str, name: str, body: str | bytes, **headers: str) -> HttpReply:
    """What the HTTP port does."""
    inference = FakeEngine(X)
    grpc = [*tfserving_methods(inference), *oip_methods(inference, FakeFigures(), FakeLogs())]
    routes = [*tfserving_routes(inference), *oip_routes(grpc)]
    found = [each for each in routes if (each.protocol, each.name) == (protocol, name)]
    method = next((each for each in found if each.verb == "POST"), found[0])
    headers = {key.replace("_", "-"): value for key, value in headers.items()}
    sent = body.encode() if isinstance(body, str) else body
    answer = method.handler(HttpRequest({"model": "digits"}, headers, sent), new_call())
    return answer.result() if isinstance(answer, Answer) else answer


def refused(protocol: str, name: str, body: str | bytes, **headers: str) -> str:
    with pytest.raises(InvalidRequest) as caught:
        ask(protocol, name, body, **headers)
    return str(caught.value)


def predict(body: str) -> str:
    return refused("tfserving-rest", "Predict", body)


def classify(body: str) -> str:
    return refused("tfserving-rest", "Classify", body)


def infer(body: str, **headers: str) -> str:
    return refused("oip-rest", "ModelInfer", body, **headers)


def test_lists_of_any_depth_are_shown_by_their_beginning() -> None:
    for said in (
        predict(f'{{"signature_name": {DEEP}, "instances": [[1]]}}'),
        predict(f'{{"instances": [{{"x": 1}}, {{"z": {DEEP}}}]}}'),
        classify(f'{{"signature_name": {DEEP}}}'),
        classify(f'{{"examples": [{{"x": [{DEEP}]}}]}}'),
        infer(f'{{"id": {DEEP}}}'),
        infer(f'{{"inputs": [{{"name": "x", "datatype": "FP32", "shape": {DEEP}}}]}}'),
        infer(f'{{"inputs": [], "parameters": {{"p": {DEEP}}}}}'),
        refused("oip-rest", "LogSettings", f'{{"log_info": {DEEP}}}'),
        refused("oip-rest", "TraceSetting", f'{{"trace_level": [{DEEP}]}}'),
    ):
        assert len(said) < 300
        assert "expected" in said


def test_half_a_surrogate_pair_is_no_json() -> None:
    for said in (
        predict('{"signature_name": "\\ud800", "instances": [[1]]}'),
        classify('{"examples": [{"\\udfff": 1}]}'),
        infer('{"id": "\\ud800", "inputs": []}'),
        refused("oip-rest", "LogSettings", '{"log_file": "\\ud800"}'),
    ):
        assert said.startswith("JSON Parse error: ")


def test_a_shape_that_no_tensor_has() -> None:
    tensor = '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [%s], "data": [1]}]}'
    assert "at most 64 dimensions, received 300" in infer(tensor % ", ".join([str(2**62)] * 300))
    assert "fits in memory" in infer(tensor % f"{2**62}, {2**62}")
    assert "sizes of 0 or more" in infer(tensor % "-1")
    assert "expected 2 values for shape [2, 1], received 1" in infer(tensor % "2, 1")


def test_a_length_of_the_header_that_is_none() -> None:
    for length in ("9" * 5000, "99", "-1", "", "\xb2"):
        said = infer("{}", inference_header_content_length=length)
        assert "expected a number up to the body's 2 bytes" in said


def test_an_integer_that_no_float_is_near_to() -> None:
    said = classify(f'{{"examples": [{{"x": [0.5, {10**400}, NaN]}}]}}')
    assert said == "example 0, feature 'x': expected numbers that a float can be near to"


def test_more_tensors_than_any_model_has() -> None:
    names = [f"x{index}" for index in range(MAX_TENSORS + 1)]
    columns = ", ".join(f'"{name}": 1' for name in names)
    said = f"expected at most {MAX_TENSORS} inputs, received {MAX_TENSORS + 1}"
    assert said in predict(f'{{"inputs": {{{columns}}}}}')
    assert said in predict(f'{{"instances": [{{{columns}}}]}}')
    assert said in infer(f'{{"inputs": [{", ".join("1" for _ in names)}]}}')
    assert "outputs, received" in infer(
        f'{{"inputs": [], "outputs": [{", ".join("1" for _ in names)}]}}'
    )


def test_scores_that_are_no_numbers_are_written_by_name() -> None:
    classified = ClassificationResponse()
    classes = classified.result.classifications.add().classes
    classes.add(label="a", score=math.nan)
    classes.add(label="b", score=0.5)
    assert _classified(classified).body == b'{"results":[[["a",NaN],["b",0.5]]]}'
    regressed = RegressionResponse()
    for value in (1.5, math.inf):
        regressed.result.regressions.add(value=value)
    assert _regressed(regressed).body == b'{"results":[1.5,Infinity]}'


def test_bytes_behind_a_body_are_not_copied_anew_for_each_tensor() -> None:
    message, sent = ModelInferRequest(), bytes(1000)
    rest = memoryview(sent)
    for name in ("a", "b"):
        tensor = {"name": name, "datatype": "UINT8", "shape": [1]}
        rest = _write_input(tensor | {"parameters": {"binary_data_size": 1}}, message, rest)
    assert rest.obj is sent
    assert (len(rest), list(message.raw_input_contents)) == (998, [b"\0", b"\0"])
