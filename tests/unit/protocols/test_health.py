from __future__ import annotations

import pytest
from google.protobuf.message import Message

from horngate.errors import Code, HorngateError
from horngate.protocols.health import methods, watch
from horngate.protocols.method import StreamMethod, UnaryMethod
from horngate.protocols.pb.grpc.health.v1.health_pb2 import (
    HealthCheckRequest,
    HealthCheckResponse,
)
from tests.unit.protocols.doubles import FakeEngine, new_call

SERVING = HealthCheckResponse.SERVING
NOT_SERVING = HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = HealthCheckResponse.SERVICE_UNKNOWN

KNOWN = [
    "",
    "tensorflow.serving.PredictionService",
    "tensorflow.serving.ModelService",
    "inference.GRPCInferenceService",
    "digits",
]


def test_the_table() -> None:
    check, watch_ = methods(FakeEngine())
    assert isinstance(check, UnaryMethod)
    assert isinstance(watch_, StreamMethod)
    assert (check.path, watch_.path) == (
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
    )
    assert check.protocol == watch_.protocol == "health"


@pytest.mark.parametrize("service", KNOWN)
def test_check_follows_the_state(service: str) -> None:
    inference = FakeEngine()
    check, _ = methods(inference)
    assert isinstance(check, UnaryMethod)
    request = HealthCheckRequest(service=service)
    assert check.handler(request, new_call()) == HealthCheckResponse(status=SERVING)
    inference.is_ready = False
    assert check.handler(request, new_call()) == HealthCheckResponse(status=NOT_SERVING)


def test_check_of_an_unknown_service_is_not_found() -> None:
    check, _ = methods(FakeEngine())
    assert isinstance(check, UnaryMethod)
    with pytest.raises(HorngateError) as caught:
        check.handler(HealthCheckRequest(service="m"), new_call())
    status = check.status(caught.value)
    assert status.code == Code.NOT_FOUND
    assert "received 'm'; its models are listed" in status.message


def test_watch_sends_changes_only_until_it_ends() -> None:
    inference = FakeEngine()
    sent: list[Message] = []
    stop = watch(inference, HealthCheckRequest(service="digits"), new_call(), sent.append)
    inference.change()
    assert sent == [HealthCheckResponse(status=SERVING)]
    inference.is_ready = False
    inference.change()
    inference.change()
    inference.is_ready = True
    inference.change()
    assert sent[1:] == [
        HealthCheckResponse(status=NOT_SERVING),
        HealthCheckResponse(status=SERVING),
    ]
    stop()
    inference.is_ready = False
    inference.change()
    assert len(sent) == 3


def test_watch_waits_for_a_model_that_is_not_there_yet() -> None:
    inference = FakeEngine()
    sent: list[Message] = []
    watch(inference, HealthCheckRequest(service="new"), new_call(), sent.append)
    inference.known.append("new")
    inference.change()
    assert sent == [
        HealthCheckResponse(status=SERVICE_UNKNOWN),
        HealthCheckResponse(status=SERVING),
    ]
