"""Every mistake a client can make is answered by the contracts' codes, and costs nothing else.

Asked by the foreign clients: tensorflow-serving-api's stubs and tritonclient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tritonclient.grpc import service_pb2, service_pb2_grpc

from tests.clients import refused
from tests.serving import RunningServer

Code = grpc.StatusCode
Change = Callable[[Any], object]


@pytest.fixture(scope="module")
def channel(server: RunningServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.address) as opened:
        yield opened


@pytest.fixture(autouse=True)
def still_serving(channel: grpc.Channel) -> Iterator[None]:
    yield
    reply = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(good_predict())
    assert reply.outputs["y"].float_val or reply.outputs["y"].tensor_content


def good_predict() -> Any:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "constant"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([[1.0], [2.0]], tf.float32))
    return request


def good_infer() -> Any:
    request = service_pb2.ModelInferRequest(model_name="constant")
    tensor = request.inputs.add(name="x", datatype="FP32", shape=[2, 1])
    request.raw_input_contents.append(np.zeros(2, np.float32).tobytes())
    assert tensor.name
    return request


def call_raw(channel: grpc.Channel, path: str, data: bytes) -> object:
    call: Any = channel.unary_unary(path)
    return call(data)


def proto(value: Any, dtype: Any = tf.float32) -> Any:
    return tf.make_tensor_proto(value, dtype)


def set_dims(request: Any, *sizes: int) -> None:
    dims = request.inputs["x"].tensor_shape.dim
    del dims[:]
    for size in sizes:
        dims.add(size=size)


INVALID, MISSING, UNSUPPORTED = Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.UNIMPLEMENTED
ANOTHER = "Servable not found for request: "


def named(model: str) -> Change:
    return lambda r: setattr(r.model_spec, "name", model)


def version(number: int) -> Change:
    return lambda r: setattr(r.model_spec.version, "value", number)


def label(text: str) -> Change:
    return lambda r: setattr(r.model_spec, "version_label", text)


def sends(value: Any, dtype: Any = tf.float32) -> Change:
    return lambda r: r.inputs["x"].CopyFrom(proto(value, dtype))


def dims(*sizes: int) -> Change:
    return lambda r: set_dims(r, *sizes)


PREDICT: dict[str, tuple[Change, grpc.StatusCode, str]] = {
    "no model_spec": (lambda r: r.ClearField("model_spec"), INVALID, "Missing ModelSpec"),
    "no name": (
        lambda r: [version(1)(r), r.model_spec.ClearField("name")],
        INVALID,
        "ModelSpec has no name specified.",
    ),
    "unknown model": (named("nobody"), MISSING, ANOTHER + "Latest(nobody)"),
    "a path for a name": (named("../constant"), MISSING, ANOTHER + "Latest(../constant)"),
    "unknown model and version": (
        lambda r: [named("nobody")(r), version(7)(r)],
        MISSING,
        ANOTHER + "Specific(nobody, 7)",
    ),
    "unknown version": (version(7), MISSING, ANOTHER + "Specific(constant, 7)"),
    "unknown version as a label": (label("7"), MISSING, ANOTHER + "Specific(constant, 7)"),
    "unknown label": (label("canary"), INVALID, "Unrecognized servable version label: canary"),
    "label below zero": (label("-1"), INVALID, "Unrecognized servable version label: -1"),
    "long label": (label("9" * 5000), INVALID, "Unrecognized servable version label: 999"),
    "empty label": (label(""), INVALID, "Unrecognized servable version label: "),
    "unknown signature": (
        lambda r: setattr(r.model_spec, "signature_name", "z"),
        Code.FAILED_PRECONDITION,
        'Serving signature key "z" not found.',
    ),
    "empty": (lambda r: r.inputs.clear(), INVALID, "missing 'x'"),
    "extra input": (lambda r: r.inputs["z"].CopyFrom(proto([1.0])), INVALID, "'z'"),
    "another input": (
        lambda r: [r.inputs.clear(), r.inputs["z"].CopyFrom(proto([1.0]))],
        INVALID,
        "expected inputs 'x', received 'z'; missing 'x'; not in sign",
    ),
    "wrong dtype": (
        sends([[1]], tf.int32),
        INVALID,
        "input 'x': expected dtype float32, received int32",
    ),
    "wrong shape": (
        sends([[1.0, 2.0]]),
        INVALID,
        "input 'x': expected shape [?, 1], received [1, 2]",
    ),
    "no rows": (sends(np.zeros((0, 1))), INVALID, "at least 1 row"),
    "too many rows": (
        sends(np.zeros((1025, 1))),
        INVALID,
        "at most 1024 rows in a request, received 1025",
    ),
    "truncated content": (
        lambda r: setattr(r.inputs["x"], "tensor_content", r.inputs["x"].tensor_content[:-1]),
        INVALID,
        "tensor parsing error: x: expected 8 bytes",
    ),
    "negative dims": (dims(-2, 1), INVALID, "tensor parsing error: x"),
    "overflowing dims": (dims(2**62, 2**62), INVALID, "tensor parsing error: x"),
    "unknown dtype": (
        lambda r: setattr(r.inputs["x"], "dtype", 99),
        INVALID,
        "tensor parsing error: x",
    ),
    "unknown output": (
        lambda r: r.output_filter.append("z"),
        INVALID,
        "output tensor alias not found in signature: z",
    ),
    "output twice": (
        lambda r: r.output_filter.extend(["y", "y"]),
        INVALID,
        "duplicate output tensor alias: y",
    ),
}


@pytest.mark.parametrize("case", PREDICT)
def test_predict(channel: grpc.Channel, case: str) -> None:
    change, code, said = PREDICT[case]
    request = good_predict()
    change(request)
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    found, message = refused(lambda: stub.Predict(request))
    assert (found, said in message) == (code, True), message


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ([], INVALID, "Missing ModelSpec"),
        ([named("nobody")], MISSING, "Could not find any versions of model nobody"),
        ([named("nobody"), version(7)], MISSING, "Could not find version 7 of model nobody"),
        ([named("constant"), version(7)], MISSING, "Could not find version 7 of model constant"),
    ],
)
def test_model_status(
    channel: grpc.Channel, changes: list[Change], code: grpc.StatusCode, said: str
) -> None:
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    request = get_model_status_pb2.GetModelStatusRequest()
    for change in changes:
        change(request)
    found, message = refused(lambda: stub.GetModelStatus(request))
    assert (found, message.startswith(said)) == (code, True), message


@pytest.mark.parametrize(
    ("model", "fields", "code", "said"),
    [
        ("constant", [], INVALID, "GetModelMetadataRequest must specify at least one metadata_fi"),
        ("constant", ["x"], INVALID, "Metadata field x is not supported"),
        ("constant", ["signature_def", "x"], INVALID, "Metadata field x is not supported"),
        ("nobody", ["signature_def"], MISSING, ANOTHER + "Latest(nobody)"),
    ],
)
def test_model_metadata(
    channel: grpc.Channel, model: str, fields: list[str], code: grpc.StatusCode, said: str
) -> None:
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    request.model_spec.name = model
    found, message = refused(lambda: stub.GetModelMetadata(request))
    assert (found, message.startswith(said)) == (code, True), message


def given(field: str, value: object) -> Change:
    return lambda r: setattr(r, field, value)


def shaped(*sizes: int) -> Change:
    return lambda r: r.inputs[0].shape.__setitem__(slice(None), sizes)


def parameter(name: str, value: int = 1) -> Change:
    return lambda r: setattr(r.parameters[name], "int64_param", value)


def of_output(name: str, value: int = 3) -> Change:
    return lambda r: setattr(r.outputs.add(name="y").parameters[name], "int64_param", value)


def outputs(*names: str) -> Change:
    return lambda r: [r.outputs.add(name=name) for name in names]


def two_inputs(rows: int, buffers: int) -> Change:
    """Of another model: ``rows`` of the first input, two of the other."""

    def change(request: Any) -> None:
        request.CopyFrom(service_pb2.ModelInferRequest(model_name="two_inputs"))
        for name, shape in (("image", [rows, 4, 4, 1]), ("context", [2, 3])):
            request.inputs.add(name=name, datatype="FP32", shape=shape)
            request.raw_input_contents.append(np.zeros(shape, np.float32).tobytes())
        del request.raw_input_contents[buffers:]

    return change


INFER: dict[str, tuple[Change, grpc.StatusCode, str]] = {
    "no name": (given("model_name", ""), INVALID, "expected a model_name"),
    "unknown model": (given("model_name", "nobody"), INVALID, "received 'nobody'"),
    "unknown version": (given("model_version", "7"), MISSING, "received 7"),
    "a version that is no number": (given("model_version", "new"), INVALID, "'new'"),
    "empty": (
        lambda r: r.CopyFrom(service_pb2.ModelInferRequest(model_name="constant")),
        INVALID,
        "missing 'x'",
    ),
    "wrong datatype": (
        lambda r: setattr(r.inputs[0], "datatype", "INT32"),
        INVALID,
        "'x': expected dtype float32",
    ),
    "no such datatype": (lambda r: setattr(r.inputs[0], "datatype", "FP99"), INVALID, "FP99"),
    "wrong shape": (shaped(1, 2), INVALID, "'x': expected shape [?, 1], received [1, 2]"),
    "rows that disagree": (two_inputs(1, 2), INVALID, "disagree on the number of rows"),
    "wrong byte count": (
        lambda r: r.raw_input_contents.__setitem__(0, b"abc"),
        INVALID,
        "input 'x': expected 8 bytes for FP32[2, 1], received 3",
    ),
    "missing data": (
        lambda r: r.ClearField("raw_input_contents"),
        INVALID,
        "input 'x': expected 2 elements",
    ),
    "a buffer short": (two_inputs(2, 1), INVALID, "expected 2 buffers in raw_input_contents"),
    "raw and contents": (
        lambda r: r.inputs[0].contents.fp32_contents.extend([1, 2]),
        INVALID,
        "input 'x': expected raw contents or contents, received both",
    ),
    "negative shape": (shaped(-1, 1), INVALID, "x"),
    "overflowing shape": (shaped(2**62, 2**62), INVALID, "x"),
    "input twice": (
        lambda r: [
            r.inputs.add().CopyFrom(r.inputs[0]),
            r.raw_input_contents.append(r.raw_input_contents[0]),
        ],
        INVALID,
        "input 'x' is sent twice",
    ),
    "unknown output": (outputs("z"), INVALID, "output 'z' is not in signature"),
    "output twice": (outputs("y", "y"), INVALID, "output 'y' is asked for twice"),
    "unknown signature": (
        lambda r: setattr(r.parameters["signature_name"], "string_param", "z"),
        INVALID,
        "'z'",
    ),
    "a signature that is no text": (
        parameter("signature_name"),
        INVALID,
        "signature_name as string_param, received int64",
    ),
    "sequence": (parameter("sequence_id"), UNSUPPORTED, "'sequence_id' is refused: sequences"),
    "timeout": (parameter("timeout", -1), INVALID, "timeout has to be 0 or more, received -1"),
    "no classes": (
        of_output("classification", 0),
        INVALID,
        "'y': expected a classification of at",
    ),
    "a size without a region": (
        of_output("shared_memory_byte_size"),
        INVALID,
        "the parameter shared_memory_region",
    ),
    "shared memory for an output": (
        of_output("shared_memory_region"),
        UNSUPPORTED,
        "shared memory is not allowed",
    ),
    "shared memory": (
        lambda r: setattr(r.inputs[0].parameters["shared_memory_region"], "string_param", "a"),
        UNSUPPORTED,
        "input 'x': shared memory is not allowed",
    ),
}


@pytest.mark.parametrize("case", INFER)
def test_model_infer(channel: grpc.Channel, case: str) -> None:
    change, code, said = INFER[case]
    request = good_infer()
    change(request)
    stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
    found, message = refused(lambda: stub.ModelInfer(request))
    assert (found, said in message) == (code, True), message


def test_bytes_that_lie_about_their_length(channel: grpc.Channel) -> None:
    request = service_pb2.ModelInferRequest(model_name="words")
    request.inputs.add(name="word", datatype="BYTES", shape=[1, 1])
    request.inputs.add(name="count", datatype="INT32", shape=[1, 2])
    request.raw_input_contents.extend([b"\xff\xff\xff\x7fhorn", np.zeros(2, np.int32).tobytes()])
    stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
    code, message = refused(lambda: stub.ModelInfer(request))
    assert (code, "word" in message) == (Code.INVALID_ARGUMENT, True), message


@pytest.mark.parametrize(
    "path",
    ["/tensorflow.serving.PredictionService/Predict", "/inference.GRPCInferenceService/ModelInfer"],
)
def test_bytes_that_are_no_message(channel: grpc.Channel, path: str) -> None:
    code, message = refused(lambda: call_raw(channel, path, b"\xff\xff\xff"))
    assert (code, "cannot be read as one" in message) == (Code.INVALID_ARGUMENT, True)


def test_methods_that_are_not_served(channel: grpc.Channel) -> None:
    for path in (
        "/tensorflow.serving.PredictionService/PredictStreamed",
        "/tensorflow.serving.SessionService/SessionRun",
        "/inference.GRPCInferenceService/ModelForget",
        "/nobody.Nothing/At",
    ):
        code, message = refused(lambda: call_raw(channel, path, b""))  # noqa: B023 - called at once
        assert (code, path in message) == (Code.UNIMPLEMENTED, True)
