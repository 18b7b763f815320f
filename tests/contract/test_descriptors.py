"""Our descriptors against those that the public client packages ship.

Ours are a subset: whatever we declare, they declare alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from tensorflow_serving.apis import (
    model_service_pb2,
    prediction_log_pb2,
    prediction_service_pb2,
)
from tritonclient.grpc import service_pb2

from horngate.protocols.oip.methods import SERVICE as INFERENCE_SERVICE
from horngate.protocols.pb import POOL
from horngate.protocols.tfserving.methods import MODEL_SERVICE, PREDICTION_SERVICE

FILES = {
    prediction_service_pb2: [
        "tensorflow/core/framework/types.proto",
        "tensorflow/core/framework/tensor_shape.proto",
        "tensorflow/core/framework/tensor.proto",
        "tensorflow/core/protobuf/meta_graph.proto",
        "tensorflow/core/protobuf/error_codes.proto",
        "tensorflow_serving/apis/model.proto",
        "tensorflow_serving/apis/predict.proto",
        "tensorflow_serving/apis/get_model_metadata.proto",
        "tensorflow_serving/apis/status.proto",
        "tensorflow_serving/apis/get_model_status.proto",
        "tensorflow/core/example/feature.proto",
        "tensorflow/core/example/example.proto",
        "tensorflow_serving/apis/input.proto",
        "tensorflow_serving/apis/classification.proto",
        "tensorflow_serving/apis/regression.proto",
        "tensorflow_serving/apis/inference.proto",
        "tensorflow_serving/apis/model_management.proto",
        "tensorflow_serving/config/file_system_storage_path_source.proto",
        "tensorflow_serving/config/logging_config.proto",
        "tensorflow_serving/config/model_server_config.proto",
    ],
    prediction_log_pb2: ["tensorflow_serving/apis/prediction_log.proto"],
    service_pb2: ["inference/model_config.proto", "inference/grpc_service.proto"],
}
OF_KSERVE = {
    "inference.RepositoryModelLoadResponse",
    "inference.RepositoryModelUnloadResponse",
}
"""Empty in Triton's descriptors. ``test_kserve_client`` holds what is in them, in a process of its
own: both declare one package."""
PAIRS = [(name, module) for module, names in FILES.items() for name in names]


def _nested(message: Descriptor) -> Iterator[Descriptor]:
    yield message
    for each in message.nested_types:
        yield from _nested(each)


def _messages(file: str) -> Iterator[Descriptor]:
    for message in POOL.FindFileByName(file).message_types_by_name.values():
        yield from _nested(message)


def _facts(field: FieldDescriptor) -> dict[str, Any]:
    oneof = field.containing_oneof
    return {
        "name": field.name,
        "type": field.type,
        "repeated": field.is_repeated,
        "packed": field.is_packed,
        "presence": field.has_presence,
        "oneof": oneof.name if oneof else None,
        "message": field.message_type.full_name if field.message_type else None,
        "enum": field.enum_type.full_name if field.enum_type else None,
        "json": field.json_name,
    }


def _numbers(enum: EnumDescriptor) -> dict[str, int]:
    return {value.name: value.number for value in enum.values}


@pytest.mark.parametrize(("file", "module"), PAIRS, ids=[name for name, _ in PAIRS])
def test_every_field_is_theirs(file: str, module: Any) -> None:
    pool = module.DESCRIPTOR.pool
    for message in _messages(file):
        theirs = pool.FindMessageTypeByName(message.full_name)
        assert message.GetOptions().map_entry == theirs.GetOptions().map_entry
        for field in message.fields:
            if message.full_name in OF_KSERVE and not theirs.fields:
                continue
            assert _facts(field) == _facts(theirs.fields_by_number[field.number])


@pytest.mark.parametrize(("file", "module"), PAIRS, ids=[name for name, _ in PAIRS])
def test_every_enum_value_is_theirs(file: str, module: Any) -> None:
    pool = module.DESCRIPTOR.pool
    enums = list(POOL.FindFileByName(file).enum_types_by_name.values())
    for message in _messages(file):
        enums += message.enum_types
    for enum in enums:
        theirs = _numbers(pool.FindEnumTypeByName(enum.full_name))
        assert _numbers(enum).items() <= theirs.items()


@pytest.mark.parametrize(
    ("name", "module"),
    [
        (PREDICTION_SERVICE, prediction_service_pb2),
        (MODEL_SERVICE, model_service_pb2),
        (INFERENCE_SERVICE, service_pb2),
    ],
)
def test_every_rpc_is_theirs_and_none_is_missing(name: str, module: Any) -> None:
    theirs = module.DESCRIPTOR.pool.FindServiceByName(name)
    ours = {method.name for method in POOL.FindServiceByName(name).methods}
    assert ours == set(theirs.methods_by_name)
    for method in POOL.FindServiceByName(name).methods:
        other = theirs.methods_by_name[method.name]
        assert method.input_type.full_name == other.input_type.full_name
        assert method.output_type.full_name == other.output_type.full_name
        assert method.client_streaming == other.client_streaming
        assert method.server_streaming == other.server_streaming


def test_the_packed_view_mirrors_the_public_fields() -> None:
    for view, public in (
        ("horngate.PackedTensor", "tensorflow.TensorProto"),
        ("horngate.PackedContents", "inference.InferTensorContents"),
    ):
        for field in POOL.FindMessageTypeByName(view).fields:
            other = POOL.FindMessageTypeByName(public).fields_by_number[field.number]
            assert field.type == FieldDescriptor.TYPE_BYTES
            assert field.name == other.name
            assert other.is_packed
            assert other.type in {
                FieldDescriptor.TYPE_FLOAT,
                FieldDescriptor.TYPE_DOUBLE,
                FieldDescriptor.TYPE_BOOL,
            }


def test_every_file_is_compared() -> None:
    compared = {name for name, _ in PAIRS}
    services = {
        "tensorflow_serving/apis/prediction_service.proto",
        "tensorflow_serving/apis/model_service.proto",
    }
    alone = {
        "grpc/health/v1/health.proto",  # no client package here ships it
        "tensorflow_serving/config/monitoring_config.proto",  # nor these two
        "tensorflow_serving/config/session_bundle_config.proto",
        "private/packed.proto",
        "google/protobuf/any.proto",
        "google/protobuf/wrappers.proto",
    }
    protos = {
        POOL.FindFileContainingSymbol(symbol).name
        for symbol in (PREDICTION_SERVICE, MODEL_SERVICE, INFERENCE_SERVICE)
    }
    seen: set[str] = set()
    while protos:
        file = POOL.FindFileByName(protos.pop())
        seen.add(file.name)
        protos |= {each.name for each in file.dependencies} - seen
    assert seen <= compared | services | alone


def test_the_health_contract() -> None:
    service = POOL.FindServiceByName("grpc.health.v1.Health")
    kinds = {each.name: (each.client_streaming, each.server_streaming) for each in service.methods}
    assert kinds == {"Check": (False, False), "Watch": (False, True)}
    request, response = (
        POOL.FindMessageTypeByName(f"grpc.health.v1.HealthCheck{kind}")
        for kind in ("Request", "Response")
    )
    assert [(each.name, each.number) for each in request.fields] == [("service", 1)]
    assert [(each.name, each.number) for each in response.fields] == [("status", 1)]
    assert _numbers(response.enum_types_by_name["ServingStatus"]) == {
        "UNKNOWN": 0,
        "SERVING": 1,
        "NOT_SERVING": 2,
        "SERVICE_UNKNOWN": 3,
    }
