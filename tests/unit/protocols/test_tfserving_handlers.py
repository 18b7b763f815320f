from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import Message

from horngate.errors import (
    Cancelled,
    Code,
    ConfigError,
    EngineFailed,
    Expired,
    ModelNotReady,
    Overloaded,
    RequestError,
    ShuttingDown,
    Unsupported,
)
from horngate.protocols.elements import MAX_TENSORS
from horngate.protocols.method import Status, UnaryMethod
from horngate.protocols.pb import POOL
from horngate.protocols.pb.tensorflow.core.framework import types_pb2
from horngate.protocols.pb.tensorflow.core.protobuf import error_codes_pb2
from horngate.protocols.pb.tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataRequest,
    SignatureDefMap,
)
from horngate.protocols.pb.tensorflow_serving.apis.get_model_status_pb2 import (
    GetModelStatusRequest,
)
from horngate.protocols.pb.tensorflow_serving.apis.predict_pb2 import (
    PredictRequest,
)
from horngate.protocols.pb.tensorflow_serving.config.model_server_config_pb2 import (
    ModelServerConfig,
)
from horngate.protocols.tfserving.methods import methods
from horngate.protocols.tfserving.model_list import read_model_list
from horngate.protocols.tfserving.tensor import decode, encode
from horngate.tensors import DType, Signature, TensorSpec
from tests.unit.protocols.doubles import FakeEngine, called, good_inputs


def call(inference: FakeEngine, name: str, request: Message) -> Any:
    return called(methods(inference), name, request)


def predict_request(model: str = "digits") -> PredictRequest:
    request = PredictRequest()
    request.model_spec.name = model
    for name, array in good_inputs().items():
        encode(array, request.inputs[name])
    return request


def test_the_table() -> None:
    contract = {
        f"/{service}/{method.name}"
        for service in ["tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"]
        for method in POOL.FindServiceByName(service).methods
    }
    table = methods(FakeEngine())
    assert {each.path for each in table} == contract
    assert {each.protocol for each in table} == {"tfserving"}
    assert {"Predict", "Classify", "Regress", "MultiInference"} == {
        m.name for m in table if isinstance(m, UnaryMethod) and m.predicts
    }


def test_predict_answers_with_what_ran() -> None:
    inference = FakeEngine()
    reply = call(inference, "Predict", predict_request())
    assert reply.model_spec.name == "digits"
    assert reply.model_spec.version.value == 3
    assert reply.model_spec.signature_name == "serving_default"
    assert decode(reply.outputs["score"], "score").tolist() == [[0.0], [1.0]]
    assert decode(reply.outputs["label"], "label").tolist() == [b"seven", b"seven"]
    (sent,) = inference.requests
    assert sent.version is None
    assert sent.inputs["image"].tolist() == [[1, 2], [3, 4]]
    assert sent.inputs["word"].tolist() == [b"a", b"b\0"]


def test_the_output_filter_picks() -> None:
    request = predict_request()
    request.output_filter.append("score")
    reply = call(FakeEngine(), "Predict", request)
    assert list(reply.outputs) == ["score"]


def test_a_version_by_number_and_by_numeric_label() -> None:
    by_number, by_label, by_padded_label = (predict_request() for _ in range(3))
    by_number.model_spec.version.value = 2
    by_label.model_spec.version_label = "2"
    by_padded_label.model_spec.version_label = "002"
    for request in (by_number, by_label, by_padded_label):
        reply = call(FakeEngine(), "Predict", request)
        assert reply.model_spec.version.value == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Overloaded("full"), Code.UNAVAILABLE),
        (ShuttingDown("going"), Code.UNAVAILABLE),
        (ModelNotReady("loading", model="digits"), Code.UNAVAILABLE),
        (Expired("late"), Code.DEADLINE_EXCEEDED),
        (Cancelled("gone"), Code.CANCELLED),
        (Unsupported("never"), Code.UNIMPLEMENTED),
        (EngineFailed("broke"), Code.INTERNAL),
        (RequestError("a new kind"), Code.UNKNOWN),
    ],
)
def test_errors_of_the_engine_keep_their_code_at_once_and_later(
    error: RequestError, code: Code
) -> None:
    at_once = FakeEngine()
    at_once.raises = error
    later = FakeEngine()
    later.fails = error
    for inference in (at_once, later):
        assert call(inference, "Predict", predict_request()) == Status(code, str(error))


def test_repeated_values_share_one_limit_over_all_inputs() -> None:
    request = predict_request()
    for name in ("a", "b"):
        tensor = request.inputs[name]
        tensor.dtype = types_pb2.DT_UINT8
        tensor.tensor_shape.dim.add(size=40_000_000)
    status = call(FakeEngine(), "Predict", request)
    assert "expected all 40000000 values" in status.message


def test_more_names_than_any_model_has() -> None:
    inputs, outputs = predict_request(), predict_request()
    for index in range(MAX_TENSORS):
        inputs.inputs[str(index)].SetInParent()
    outputs.output_filter.extend(["score"] * (MAX_TENSORS + 1))
    for request, what in ((inputs, "inputs"), (outputs, "outputs")):
        status = call(FakeEngine(), "Predict", request)
        assert status.message.startswith(f"expected at most {MAX_TENSORS} {what}, received")


def test_a_folder_that_no_system_has() -> None:
    config = ModelServerConfig()
    config.model_config_list.config.add(name="m", base_path="/models\0/m")
    with pytest.raises(ConfigError, match="base_path: expected a folder for model 'm', received a"):
        read_model_list(config)


def metadata_request(*fields: str) -> GetModelMetadataRequest:
    request = GetModelMetadataRequest(metadata_field=fields)
    request.model_spec.name = "digits"
    return request


def test_metadata_holds_the_signatures() -> None:
    other = Signature(
        "scalar",
        inputs={"x": TensorSpec("x", DType.BOOL, ())},
        outputs={"y": TensorSpec("y", DType.COMPLEX64, (None, 3))},
        method="m",
    )
    inference = FakeEngine(other)
    reply = call(inference, "GetModelMetadata", metadata_request("signature_def"))
    assert (reply.model_spec.name, reply.model_spec.version.value) == ("digits", 3)
    signatures = SignatureDefMap()
    assert reply.metadata["signature_def"].Unpack(signatures)
    found = signatures.signature_def["scalar"]
    assert found.method_name == "m"
    assert found.inputs["x"].dtype == types_pb2.DT_BOOL
    assert found.inputs["x"].HasField("tensor_shape")
    assert list(found.inputs["x"].tensor_shape.dim) == []
    assert found.inputs["x"].name == "x:0"
    assert [dim.size for dim in found.outputs["y"].tensor_shape.dim] == [-1, 3]


def status_request(model: str, version: int | None = None) -> GetModelStatusRequest:
    request = GetModelStatusRequest()
    request.model_spec.name = model
    if version is not None:
        request.model_spec.version.value = version
    return request


def test_status_lists_all_versions_or_one() -> None:
    reply = call(FakeEngine(), "GetModelStatus", status_request("digits"))
    failed, live, loading = reply.model_version_status
    assert (failed.version, failed.state) == (4, failed.END)
    assert failed.status.error_code == error_codes_pb2.FAILED_PRECONDITION
    assert failed.status.error_message == "checksum of saved_model.pb differs"
    assert (live.version, live.state) == (3, live.AVAILABLE)
    assert live.HasField("status")
    assert live.status.error_code == error_codes_pb2.OK
    assert (loading.version, loading.state) == (2, loading.LOADING)
    one = call(FakeEngine(), "GetModelStatus", status_request("digits", 3))
    assert [each.version for each in one.model_version_status] == [3]
