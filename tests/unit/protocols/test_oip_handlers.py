from __future__ import annotations

from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from google.protobuf.message import Message

from horngate.call import Call
from horngate.errors import (
    Cancelled,
    Code,
    EngineFailed,
    Expired,
    InvalidRequest,
    ModelNotReady,
    Overloaded,
    RequestError,
    ShuttingDown,
)
from horngate.protocols.elements import MAX_TENSORS
from horngate.protocols.method import UnaryMethod
from horngate.protocols.oip.methods import methods
from horngate.protocols.oip.tensor import decode, encode
from horngate.protocols.oip.wanted import classified
from horngate.protocols.pb import POOL
from horngate.protocols.pb.inference import grpc_service_pb2 as pb
from horngate.protocols.pb.inference import model_config_pb2
from horngate.tensors import DType, Signature, TensorSpec
from tests.unit.protocols.doubles import (
    SERVING,
    FakeEngine,
    FakeFigures,
    FakeLogs,
    called,
    good_inputs,
    new_call,
)


def call(inference: FakeEngine, name: str, request: Message) -> Any:
    return called(methods(inference, FakeFigures(), FakeLogs()), name, request)


def infer_request() -> pb.ModelInferRequest:
    request = pb.ModelInferRequest(model_name="digits", id="42")
    for name, array in good_inputs().items():
        request.raw_input_contents.append(encode(array, request.inputs.add(name=name)))
    return request


def test_the_table() -> None:
    contract = {
        f"/{service}/{method.name}"
        for service in ["inference.GRPCInferenceService"]
        for method in POOL.FindServiceByName(service).methods
    }
    table = methods(FakeEngine(), FakeFigures(), FakeLogs())
    assert {each.path for each in table} == contract
    assert {each.protocol for each in table} == {"oip"}
    assert {"ModelInfer"} == {m.name for m in table if isinstance(m, UnaryMethod) and m.predicts}


def test_infer_answers_raw_in_the_signatures_order() -> None:
    reply = call(FakeEngine(), "ModelInfer", infer_request())
    assert (reply.model_name, reply.model_version, reply.id) == ("digits", "3", "42")
    assert [each.name for each in reply.outputs] == ["score", "label"]
    score, label = map(decode, reply.outputs, reply.raw_output_contents)
    assert score.tolist() == [[0.0], [1.0]]
    assert label.tolist() == [b"seven", b"seven"]


def test_requested_outputs_come_in_the_order_asked_for() -> None:
    request = infer_request()
    request.outputs.add(name="label")
    request.outputs.add(name="score")
    reply = call(FakeEngine(), "ModelInfer", request)
    assert [each.name for each in reply.outputs] == ["label", "score"]
    del request.outputs[1]
    reply = call(FakeEngine(), "ModelInfer", request)
    assert [each.name for each in reply.outputs] == ["label"]
    assert len(reply.raw_output_contents) == 1


def test_contents_serve_as_well_as_raw() -> None:
    request = infer_request()
    del request.raw_input_contents[:]
    request.inputs[0].contents.fp32_contents.extend([1, 2, 3, 4])
    request.inputs[1].contents.bytes_contents.extend([b"a", b"b"])
    inference = FakeEngine()
    assert isinstance(call(inference, "ModelInfer", request), pb.ModelInferResponse)
    assert inference.requests[0].inputs["image"].tolist() == [[1, 2], [3, 4]]


def test_a_version_is_a_number_in_a_string() -> None:
    request = infer_request()
    request.model_version = "2"
    assert call(FakeEngine(), "ModelInfer", request).model_version == "2"


def test_hints_are_ignored() -> None:
    request = infer_request()
    request.parameters["priority"].uint64_param = 3
    request.parameters["timeout"].int64_param = 9
    request.inputs[0].parameters["binary_data_size"].int64_param = 16
    request.outputs.add(name="score").parameters["binary_data"].bool_param = True
    assert isinstance(call(FakeEngine(), "ModelInfer", request), pb.ModelInferResponse)


def named(name: str) -> Signature:
    return replace(SERVING, name=name)


def test_the_signature_is_the_default_the_only_one_or_the_one_named() -> None:
    inference = FakeEngine(named("only"))
    call(inference, "ModelInfer", infer_request())
    assert inference.requests[-1].signature == "only"

    inference = FakeEngine(SERVING, named("other"))
    request = infer_request()
    call(inference, "ModelInfer", request)
    assert inference.requests[-1].signature == "serving_default"
    request.parameters["signature_name"].string_param = "other"
    call(inference, "ModelInfer", request)
    assert inference.requests[-1].signature == "other"

    status = call(FakeEngine(named("a"), named("b")), "ModelInfer", infer_request())
    assert status.code == Code.INVALID_ARGUMENT
    assert "the signatures are a, b" in status.message


def test_more_rows_than_the_limit() -> None:
    inference = FakeEngine()
    inference.max_request_rows = 1
    status = call(inference, "ModelInfer", infer_request())
    assert status.code == Code.INVALID_ARGUMENT
    assert "at most 1 rows in a request, received 2" in status.message


AS_TRITON: dict[type, str] = {
    ModelNotReady: "Request for unknown model: 'digits' has no available versions; "
}
"""How messages begin, where that is not as ours do."""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Overloaded("full"), Code.UNAVAILABLE),
        (Expired("late"), Code.UNAVAILABLE),
        (ShuttingDown("going"), Code.UNAVAILABLE),
        (ModelNotReady("loading", model="digits"), Code.UNAVAILABLE),
        (Cancelled("gone"), Code.CANCELLED),
        (EngineFailed("broke"), Code.INTERNAL),
        (RequestError("a new kind"), Code.UNKNOWN),
    ],
)
def test_errors_of_the_engine_at_once_and_later(error: RequestError, code: Code) -> None:
    at_once = FakeEngine()
    at_once.raises = error
    later = FakeEngine()
    later.fails = error
    for inference in (at_once, later):
        told = call(inference, "ModelInfer", infer_request())
        assert (told.code, told.message) == (code, AS_TRITON.get(type(error), "") + str(error))


def test_more_tensors_than_any_model_has() -> None:
    inputs, outputs = infer_request(), infer_request()
    for _ in range(MAX_TENSORS):
        inputs.inputs.add()
    for _ in range(MAX_TENSORS + 1):
        outputs.outputs.add(name="score")
    for request, what in ((inputs, "inputs"), (outputs, "outputs")):
        status = call(FakeEngine(), "ModelInfer", request)
        assert status.message.startswith(f"expected at most {MAX_TENSORS} {what}, received")


def test_live_and_ready() -> None:
    inference = FakeEngine()
    inference.is_ready = False
    assert call(inference, "ServerLive", pb.ServerLiveRequest()).live
    assert not call(inference, "ServerReady", pb.ServerReadyRequest()).ready
    assert not call(inference, "ModelReady", pb.ModelReadyRequest(name="digits")).ready
    inference.is_ready = True
    assert call(inference, "ServerReady", pb.ServerReadyRequest()).ready
    assert call(inference, "ModelReady", pb.ModelReadyRequest(name="digits")).ready
    assert call(inference, "ModelReady", pb.ModelReadyRequest(name="digits", version="2")).ready
    assert not call(inference, "ModelReady", pb.ModelReadyRequest(name="digits", version="7")).ready
    assert not call(inference, "ModelReady", pb.ModelReadyRequest(name="m")).ready
    assert call(
        inference, "ModelReady", pb.ModelReadyRequest(name="digits", version="canary")
    ).ready
    assert not call(inference, "ModelReady", pb.ModelReadyRequest(name="digits", version="x")).ready


def test_server_metadata_lists_what_works() -> None:
    reply = call(FakeEngine(), "ServerMetadata", pb.ServerMetadataRequest())
    assert reply.name == "horngate"
    assert reply.version
    always = ["classification", "model_configuration", "model_repository", "schedule_policy"]
    always += ["parameters", "binary_tensor_data", "statistics", "logging"]
    assert list(reply.extensions) == always
    table = methods(FakeEngine(), FakeFigures(), FakeLogs(), shared_memory=True)
    method = next(each for each in table if each.name == "ServerMetadata")
    assert isinstance(method, UnaryMethod)
    reply = method.handler(pb.ServerMetadataRequest(), new_call())
    assert isinstance(reply, pb.ServerMetadataResponse)
    assert list(reply.extensions) == [*always, "system_shared_memory"]


def test_model_metadata_has_the_batch_dimension() -> None:
    reply = call(FakeEngine(), "ModelMetadata", pb.ModelMetadataRequest(name="digits"))
    assert (reply.name, reply.platform) == ("digits", "tensorflow_savedmodel")
    assert list(reply.versions) == ["3", "2"]
    described = [(each.name, each.datatype, list(each.shape)) for each in reply.inputs]
    assert described == [("image", "FP32", [-1, 2]), ("word", "BYTES", [-1])]
    described = [(each.name, each.datatype, list(each.shape)) for each in reply.outputs]
    assert described == [("score", "FP32", [-1, 1]), ("label", "BYTES", [-1])]


def test_the_configuration_of_a_batched_model_leaves_it_out() -> None:
    config = call(FakeEngine(), "ModelConfig", pb.ModelConfigRequest(name="digits")).config
    assert (config.name, config.platform, config.backend) == (
        "digits",
        "tensorflow_savedmodel",
        "double",
    )
    assert config.max_batch_size == 64
    assert list(config.dynamic_batching.preferred_batch_size) == [32]
    described = [(each.name, each.data_type, list(each.dims)) for each in config.input]
    assert described == [
        ("image", model_config_pb2.TYPE_FP32, [2]),
        ("word", model_config_pb2.TYPE_STRING, []),
    ]
    assert [list(each.dims) for each in config.output] == [[1], []]
    assert not config.HasField("sequence_batching")
    assert not config.model_transaction_policy.decoupled
    assert not config.response_cache.enable


def test_the_configuration_says_why_another_engine_runs_the_model_and_nothing_otherwise() -> None:
    request = pb.ModelConfigRequest(name="digits")
    assert not call(FakeEngine(), "ModelConfig", request).config.parameters
    inference = FakeEngine()
    inference.engine_reason = "not compiled"
    parameters = call(inference, "ModelConfig", request).config.parameters
    assert {key: value.string_value for key, value in parameters.items()} == {
        "engine_reason": "not compiled"
    }


def test_the_configuration_without_batching_is_whole() -> None:
    unbatched = Signature(
        "serving_default",
        inputs={"x": TensorSpec("x", DType.FLOAT32, (3,))},
        outputs={"y": TensorSpec("y", DType.FLOAT32, (3,))},
    )
    off = FakeEngine()
    off.max_request_rows = 0
    for inference, dims in ((FakeEngine(unbatched), [3]), (off, [-1, 2])):
        config = call(inference, "ModelConfig", pb.ModelConfigRequest(name="digits")).config
        assert config.max_batch_size == 0
        assert not config.HasField("dynamic_batching")
        assert list(config.input[0].dims) == dims


@pytest.mark.parametrize("name", ["ModelMetadata", "ModelConfig"])
def test_errors_of_both_descriptions(name: str) -> None:
    request = {"ModelMetadata": pb.ModelMetadataRequest, "ModelConfig": pb.ModelConfigRequest}[name]
    assert call(FakeEngine(), name, request(name="m")).code == Code.INVALID_ARGUMENT
    assert call(FakeEngine(), name, request(name="digits", version="7")).code == Code.NOT_FOUND
    assert (
        call(FakeEngine(), name, request(name="digits", version="x")).code == Code.INVALID_ARGUMENT
    )
    complex_valued = Signature(
        "serving_default",
        inputs={"x": TensorSpec("x", DType.COMPLEX64, (None,))},
        outputs={"y": TensorSpec("y", DType.FLOAT32, (None,))},
    )
    status = call(FakeEngine(complex_valued), name, request(name="digits"))
    assert status.code == Code.UNIMPLEMENTED
    assert "'x'" in status.message


def test_every_dtype_that_the_protocol_has_is_described() -> None:
    specs = {
        dtype.value: TensorSpec(dtype.value, dtype, (None,))
        for dtype in DType
        if not dtype.value.startswith("complex")
    }
    inference = FakeEngine(Signature("serving_default", inputs=specs, outputs=specs))
    config = call(inference, "ModelConfig", pb.ModelConfigRequest(name="digits")).config
    metadata = call(inference, "ModelMetadata", pb.ModelMetadataRequest(name="digits"))
    names = [model_config_pb2.DataType.Name(each.data_type) for each in config.input]
    datatypes = [each.datatype.replace("BYTES", "STRING") for each in metadata.inputs]
    assert names == [f"TYPE_{each}" for each in datatypes]


def test_statistics_of_a_model_of_all_and_of_one_version() -> None:
    def versions(**request: str) -> list[tuple[str, str, int]]:
        reply = call(FakeEngine(), "ModelStatistics", pb.ModelStatisticsRequest(**request))
        return [(each.name, each.version, each.inference_count) for each in reply.model_stats]

    both = [("digits", "3", 20), ("digits", "2", 0)]
    assert versions() == versions(name="digits") == both
    assert versions(name="digits", version="3") == [("digits", "3", 20)]
    assert versions(name="digits", version="canary") == [("digits", "3", 20)]


def test_statistics_tell_where_the_time_went() -> None:
    request = pb.ModelStatisticsRequest(name="digits", version="3")
    (stats,) = call(FakeEngine(), "ModelStatistics", request).model_stats
    assert (stats.execution_count, stats.last_inference) == (5, 1700000000500)
    parts = stats.inference_stats
    assert {
        name: (getattr(parts, name).count, getattr(parts, name).ns)
        for name in ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output")
    } == {
        "success": (10, 100_000_000),
        "fail": (3, 3_000_000),
        "queue": (10, 20_000_000),
        "compute_input": (10, 10_000_000),
        "compute_infer": (10, 30_000_000),
        "compute_output": (10, 40_000_000),
    }
    batches = [(each.batch_size, each.compute_infer.count) for each in stats.batch_stats]
    assert batches == [(2, 4), (12, 1)]


def test_statistics_of_what_is_not_live() -> None:
    unknown = call(FakeEngine(), "ModelStatistics", pb.ModelStatisticsRequest(name="m"))
    assert unknown.code == Code.INVALID_ARGUMENT
    request = pb.ModelStatisticsRequest(name="digits", version="7")
    assert call(FakeEngine(), "ModelStatistics", request).code == Code.NOT_FOUND


def test_a_timeout_shortens_the_deadline_and_a_priority_is_handed_on() -> None:
    inference = FakeEngine()
    (infer,) = (m for m in methods(inference, FakeFigures(), FakeLogs()) if m.name == "ModelInfer")
    assert isinstance(infer, UnaryMethod)
    for earlier, timeout, deadline in ((None, 500_000, 10.5), (10.2, 500_000, 10.2), (11, 0, 11)):
        asked = Call(10.0, earlier)
        request = infer_request()
        request.parameters["timeout"].int64_param = timeout
        request.parameters["priority"].uint64_param = 2
        infer.handler(request, asked)
        assert asked.deadline == deadline
        assert inference.requests[-1].priority == 2


def test_classification_gives_the_highest_values_as_text() -> None:
    request = infer_request()
    request.outputs.add(name="score").parameters["classification"].int64_param = 3
    reply = call(FakeEngine(), "ModelInfer", request)
    (output,) = reply.outputs
    assert (output.datatype, list(output.shape)) == ("BYTES", [2, 1])
    decoded = decode(output, reply.raw_output_contents[0])
    assert decoded.tolist() == [[b"0.000000:0"], [b"1.000000:0"]]
    request = infer_request()
    request.outputs.add(name="label").parameters["classification"].int64_param = 3
    assert call(FakeEngine(), "ModelInfer", request).code == Code.INVALID_ARGUMENT


def test_the_highest_come_first_and_ties_in_order() -> None:
    array = np.array([[0.25, 0.5, 0.5, -1.0]], np.float32)
    assert classified("y", array, 3, batched=True).tolist() == [
        [b"0.500000:1", b"0.500000:2", b"0.250000:0"]
    ]
    whole = np.array([[3, 9], [7, 1]], np.int32)
    assert classified("y", whole, 2, batched=False).tolist() == [b"9:1", b"7:2"]
    assert classified("y", whole, 9, batched=True).tolist() == [[b"9:1", b"3:0"], [b"7:0", b"1:1"]]
    none = np.zeros((0, 3), np.float32)
    assert classified("y", none, 2, batched=True).shape == (0, 2)
    assert classified("y", none[:, 0], 2, batched=True).shape == (0, 1)


def test_large_integers_sort_by_their_last_digit_and_what_is_no_number_comes_last() -> None:
    large = np.array([2**53, 2**53 + 1, -(2**63)], np.int64)
    assert classified("y", large, 3, batched=False).tolist() == [
        b"9007199254740993:1",
        b"9007199254740992:0",
        b"-9223372036854775808:2",
    ]
    unsigned = np.array([0, 255, 128], np.uint8)
    assert classified("y", unsigned, 2, batched=False).tolist() == [b"255:1", b"128:2"]
    floats = np.array([np.nan, -np.inf, np.inf], ml_dtypes.bfloat16)
    assert classified("y", floats, 3, batched=False).tolist() == [b"inf:2", b"-inf:1", b"nan:0"]
    with pytest.raises(InvalidRequest, match="expected numbers to classify by, received bool"):
        classified("y", np.array([True]), 1, batched=False)


@pytest.mark.parametrize("kind", ["string_param", "bool_param", "double_param"])
@pytest.mark.parametrize("name", ["timeout", "priority"])
def test_a_bound_or_a_priority_of_a_wrong_kind(name: str, kind: str) -> None:
    request = infer_request()
    value = {"string_param": "1", "bool_param": True, "double_param": 1.0}[kind]
    setattr(request.parameters[name], kind, value)
    status = call(FakeEngine(), "ModelInfer", request)
    assert status.code == Code.INVALID_ARGUMENT
    assert f"expected the parameter {name} as int64_param, received {kind}" in status.message


def test_a_classification_of_a_wrong_kind() -> None:
    request = infer_request()
    request.outputs.add(name="score").parameters["classification"].string_param = "3"
    status = call(FakeEngine(), "ModelInfer", request)
    assert status.code == Code.INVALID_ARGUMENT
    assert "classification as int64_param, received string_param" in status.message
