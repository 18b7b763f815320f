from __future__ import annotations

import pytest

from horngate.errors import Code, ModelNotFound
from horngate.protocols.health import status
from horngate.protocols.method import Status
from horngate.protocols.pb.grpc.health.v1 import health_pb2
from horngate.protocols.service import Service

SERVICE = Service("health", "grpc.health.v1.Health", status)


def test_a_method_has_the_messages_that_its_service_says() -> None:
    method = SERVICE.unary("Check", lambda request, _: request)
    assert method.path == "/grpc.health.v1.Health/Check"
    assert method.request is health_pb2.HealthCheckRequest
    assert method.response is health_pb2.HealthCheckResponse


def test_a_method_that_the_service_has_not_cannot_be_made() -> None:
    with pytest.raises(KeyError, match="Chek"):
        SERVICE.unary("Chek", lambda request, _: request)


def test_a_method_may_answer_errors_in_a_way_of_its_own() -> None:
    error = ModelNotFound("gone", model="m")
    own = Status(Code.UNKNOWN, "own")
    assert (
        SERVICE.unary("Check", lambda request, _: request, status=lambda _: own).status(error)
        == own
    )
    assert SERVICE.unary("Check", lambda request, _: request).status(error) == status(error)
