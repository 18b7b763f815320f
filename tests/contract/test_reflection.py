"""Server reflection as grpcurl and its kind ask it: both versions, the known and the unknown."""

from __future__ import annotations

import itertools
import queue
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2

from horngate.protocols.pb.grpc.reflection.v1 import reflection_pb2 as v1
from horngate.protocols.pb.grpc.reflection.v1alpha import reflection_pb2 as v1alpha
from tests.serving import RunningServer

SERVICES = [
    "grpc.channelz.v1.Channelz",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "inference.GRPCInferenceService",
    "tensorflow.serving.ModelService",
    "tensorflow.serving.PredictionService",
]
NOT_FOUND = grpc.StatusCode.NOT_FOUND.value[0]
INVALID = grpc.StatusCode.INVALID_ARGUMENT.value[0]
SECONDS = 20


class Reflection:
    """One stream, which is asked one question after another."""

    def __init__(self, channel: grpc.Channel, version: str) -> None:
        self.messages: Any = {"v1": v1, "v1alpha": v1alpha}[version]
        path = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
        self._questions: queue.Queue[bytes | None] = queue.Queue()
        call: Any = channel.stream_stream(path)
        self.replies = call(iter(self._questions.get, None), timeout=SECONDS)

    def ask(self, **question: Any) -> Any:
        request = self.messages.ServerReflectionRequest(host="here", **question)
        return self.send(request.SerializeToString())

    def send(self, data: bytes) -> Any:
        self._questions.put(data)
        return self.messages.ServerReflectionResponse.FromString(next(self.replies))

    def close(self) -> None:
        self._questions.put(None)


@pytest.fixture(params=["v1", "v1alpha"])
def reflection(server: RunningServer, request: pytest.FixtureRequest) -> Iterator[Reflection]:
    with grpc.insecure_channel(server.address) as channel:
        made = Reflection(channel, request.param)
        yield made
        made.close()
        assert list(made.replies) == []
        assert made.replies.code() is grpc.StatusCode.OK


def files(response: Any) -> dict[str, descriptor_pb2.FileDescriptorProto]:
    found = response.file_descriptor_response.file_descriptor_proto
    parsed = [descriptor_pb2.FileDescriptorProto.FromString(each) for each in found]
    return {each.name: each for each in parsed}


def test_it_lists_every_service(reflection: Reflection) -> None:
    response = reflection.ask(list_services="")
    assert [each.name for each in response.list_services_response.service] == SERVICES
    assert response.valid_host == "here"
    assert response.original_request.host == "here"
    assert response.original_request.WhichOneof("message_request") == "list_services"


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_comes_with_all_that_its_file_imports(
    reflection: Reflection, service: str
) -> None:
    found = files(reflection.ask(file_containing_symbol=service))
    package, _, name = service.rpartition(".")
    assert any(
        each.package == package and name in [one.name for one in each.service]
        for each in found.values()
    )
    imported = itertools.chain.from_iterable(each.dependency for each in found.values())
    assert set(imported) <= set(found)


@pytest.mark.parametrize(
    "symbol",
    [
        "tensorflow.serving.PredictRequest",
        "tensorflow.serving.PredictionService.Predict",
        "tensorflow.serving.PredictRequest.model_spec",
        "tensorflow.DataType",
        "inference.ModelInferRequest.InferInputTensor",
    ],
)
def test_any_symbol_has_its_file(reflection: Reflection, symbol: str) -> None:
    assert files(reflection.ask(file_containing_symbol=symbol))


def test_a_file_by_its_name(reflection: Reflection) -> None:
    known = files(reflection.ask(file_containing_symbol="inference.GRPCInferenceService"))
    for name in known:
        found = files(reflection.ask(file_by_filename=name))
        assert found[name] == known[name]


@pytest.mark.parametrize(
    "question",
    [
        {"file_containing_symbol": "no.such.Service"},
        {"file_containing_symbol": ""},
        {"file_containing_symbol": "inference"},
        {"file_containing_symbol": "inference.GRPCInferenceService.NoSuch"},
        {"file_by_filename": "no/such.proto"},
        {"file_by_filename": "/etc/passwd"},
        {"all_extension_numbers_of_type": "no.such.Message"},
        {
            "file_containing_extension": {
                "containing_type": "no.such.Message",
                "extension_number": 1,
            }
        },
        {
            "file_containing_extension": {
                "containing_type": "tensorflow.serving.PredictRequest",
                "extension_number": 536870911,
            }
        },
        {
            "file_containing_extension": {
                "containing_type": "tensorflow.serving.PredictRequest",
                "extension_number": -1,
            }
        },
    ],
    ids=str,
)
def test_what_is_not_known_is_an_error_within_the_answer(
    reflection: Reflection, question: dict[str, Any]
) -> None:
    told = reflection.ask(**question).error_response
    assert told.error_code == NOT_FOUND
    assert "is not known here; list_services lists what is" in told.error_message
    assert reflection.ask(list_services="").list_services_response.service, "and ends nothing"


def test_a_long_name_is_not_repeated_whole(reflection: Reflection) -> None:
    told = reflection.ask(file_containing_symbol="x" * 3000).error_response
    assert len(told.error_message) < 300


def test_extension_numbers_of_what_has_none(reflection: Reflection) -> None:
    name = "tensorflow.serving.PredictRequest"
    response = reflection.ask(all_extension_numbers_of_type=name).all_extension_numbers_response
    assert (response.base_type_name, list(response.extension_number)) == (name, [])


def test_no_question_is_told_so(reflection: Reflection) -> None:
    told = reflection.ask().error_response
    assert told.error_code == INVALID
    assert "set one" in told.error_message


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_what_is_no_message_ends_the_stream_and_no_other(
    server: RunningServer, version: str
) -> None:
    with grpc.insecure_channel(server.address) as channel:
        broken, other = Reflection(channel, version), Reflection(channel, version)
        assert other.ask(list_services="").list_services_response.service
        with pytest.raises(grpc.RpcError) as told:
            broken.send(b"\xff\xff\xff")
        error: Any = told.value
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "cannot be read as one" in error.details()
        assert other.ask(list_services="").list_services_response.service
        for each in (broken, other):
            each.close()


def test_many_questions_at_once_are_each_answered(reflection: Reflection) -> None:
    for number in range(200):
        told = reflection.ask(file_containing_symbol=f"no.such{number}").error_response
        assert f"no.such{number}" in told.error_message
