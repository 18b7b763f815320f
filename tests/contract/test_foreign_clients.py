"""The peers' own clients, unchanged, against a running server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from horngate.protocols.pb.grpc.health.v1 import health_pb2
from horngate.tensors import Array
from tests.clients import health, refused, tensors
from tests.contract.test_reflection import SERVICES
from tests.serving import RunningServer


@pytest.fixture
def channel(server: RunningServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.address) as opened:
        yield opened


@pytest.fixture
def client(server: RunningServer) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(server.address) as opened:
        yield opened


IMAGE = np.full((2, 4, 4, 1), 0.5, np.float32)
CONTEXT = np.array([[1, 0, 0], [0, 1, 0]], np.float32)


def predict(channel: grpc.Channel, *, typed: bool = False, version: int | str | None = None) -> Any:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "two_inputs"
    if isinstance(version, int):
        request.model_spec.version.value = version
    elif version:
        request.model_spec.version_label = version
    for name, array in (("image", IMAGE), ("context", CONTEXT)):
        tensor = request.inputs[name]
        tensor.CopyFrom(tf.make_tensor_proto(array))
        if typed:  # as perf_analyzer and many hand-written clients send
            tensor.ClearField("tensor_content")
            tensor.float_val.extend(array.ravel().tolist())
    return prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request)


def infer_inputs() -> list[Any]:
    return tensors(image=IMAGE, context=CONTEXT)


def test_both_protocols_and_every_form_of_a_tensor_give_one_answer(
    channel: grpc.Channel, client: triton.InferenceServerClient
) -> None:
    answers: list[Array] = [
        tf.make_ndarray(predict(channel, typed=typed, version=version).outputs["probabilities"])
        for typed in (False, True)
        for version in (None, 1, "1")
    ]
    answers.append(client.infer("two_inputs", infer_inputs()).as_numpy("probabilities"))
    assert answers[0].shape == (2, 3)
    for answer in answers[1:]:
        np.testing.assert_allclose(answer, answers[0], rtol=1e-5)


def test_the_reply_names_what_answered(channel: grpc.Channel) -> None:
    spec = predict(channel).model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == (
        "two_inputs",
        1,
        "serving_default",
    )


def test_model_metadata_is_a_signature_def_map(channel: grpc.Channel) -> None:
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = "two_inputs"
    request.metadata_field.append("signature_def")
    reply = prediction_service_pb2_grpc.PredictionServiceStub(channel).GetModelMetadata(request)
    found = get_model_metadata_pb2.SignatureDefMap()
    assert reply.metadata["signature_def"].Unpack(found)
    definition = found.signature_def["serving_default"]
    assert definition.method_name == "tensorflow/serving/predict"
    assert [dim.size for dim in definition.inputs["image"].tensor_shape.dim] == [-1, 4, 4, 1]
    assert list(definition.outputs) == ["probabilities"]


def test_model_status_tells_the_state(channel: grpc.Channel) -> None:
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "two_inputs"
    reply = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request)
    states = [(each.version, each.state) for each in reply.model_version_status]
    available = get_model_status_pb2.ModelVersionStatus.State.AVAILABLE
    assert states == [(1, available)]


def test_triton_asks_whether_all_is_well(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("two_inputs")
    assert client.is_model_ready("two_inputs", "1")
    assert not client.is_model_ready("two_inputs", "7")


def test_triton_reads_what_models_take_and_give(client: triton.InferenceServerClient) -> None:
    server = client.get_server_metadata()
    assert server.name == "horngate"
    metadata = client.get_model_metadata("two_inputs")
    assert list(metadata.versions) == ["1"]
    inputs = {each.name: (each.datatype, list(each.shape)) for each in metadata.inputs}
    assert inputs == {"image": ("FP32", [-1, 4, 4, 1]), "context": ("FP32", [-1, 3])}
    config = client.get_model_config("two_inputs").config
    assert config.max_batch_size == 1024
    assert {each.name: list(each.dims) for each in config.input} == {
        "image": [4, 4, 1],
        "context": [3],
    }


def test_triton_gets_the_outputs_it_asks_for_and_its_id_back(
    client: triton.InferenceServerClient,
) -> None:
    fed = tensors(word=np.array([[b"horn"]], object), count=np.array([[3, 4]], np.int32))
    outputs = [triton.InferRequestedOutput("echo")]
    result = client.infer("words", fed, outputs=outputs, request_id="seven")
    assert result.get_response().id == "seven"
    assert result.as_numpy("echo").tolist() == [[3, 4]]
    assert result.as_numpy("scores") is None


def test_triton_asynchronously(server: RunningServer) -> None:
    import asyncio  # noqa: PLC0415 - beside its only use

    async def ask() -> list[Array]:
        async with triton_aio.InferenceServerClient(server.address) as opened:
            replies = await asyncio.gather(
                *(opened.infer("two_inputs", infer_inputs()) for _ in range(20))
            )
            return [reply.as_numpy("probabilities") for reply in replies]

    answers = asyncio.run(ask())
    for answer in answers[1:]:
        np.testing.assert_allclose(answer, answers[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("service", "status"),
    [
        ("", "SERVING"),
        ("two_inputs", "SERVING"),
        ("tensorflow.serving.PredictionService", "SERVING"),
        ("inference.GRPCInferenceService", "SERVING"),
    ],
)
def test_health_by_the_standard_service(channel: grpc.Channel, service: str, status: str) -> None:
    reply = health(channel)(service)
    assert health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status) == status


def test_health_of_an_unknown_service_is_not_found(channel: grpc.Channel) -> None:
    code, _ = refused(lambda: health(channel)("nobody"))
    assert code is grpc.StatusCode.NOT_FOUND


def test_reflection_describes_every_service_and_itself(channel: grpc.Channel) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    assert set(database.get_services()) == set(SERVICES)
    pool = DescriptorPool(database)
    service = pool.FindServiceByName("tensorflow.serving.PredictionService")
    assert service.methods_by_name["Predict"].input_type.name == "PredictRequest"
    assert pool.FindServiceByName("grpc.reflection.v1alpha.ServerReflection").methods
