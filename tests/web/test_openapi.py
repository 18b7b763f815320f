"""``/openapi.json``: right by OpenAPI's own schema, and what the running server does."""

from __future__ import annotations

import json
from typing import Any

import hypothesis
import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.serving import RunningServer

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
INPUTS: dict[str, dict[str, Any]] = {
    "constant": {"x": [[1.0], [2.0]]},
    "words": {"word": [["horn"], ["ivory"]], "count": [[1, 2], [3, 4]]},
    "two_inputs": {"image": [[[[0.5]] * 4] * 4] * 2, "context": [[0.1, 0.2, 0.3]] * 2},
}


@pytest.fixture(scope="module")
def document(server: RunningServer) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(server.rest("/openapi.json").text)
    return told


def test_it_is_openapi(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()
    operations = [
        each["operationId"] for path in document["paths"].values() for each in path.values()
    ]
    assert len(operations) == len(set(operations))


def schema_of(document: dict[str, Any], path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    told = document["paths"][path]["post"]
    return (
        told["requestBody"]["content"]["application/json"]["schema"],
        told["responses"]["200"]["content"]["application/json"]["schema"],
    )


@pytest.mark.parametrize("model", INPUTS)
def test_what_is_asked_and_answered_is_as_it_says(
    server: RunningServer, document: dict[str, Any], model: str
) -> None:
    inputs = INPUTS[model]
    rows = [dict(zip(inputs, row, strict=True)) for row in zip(*inputs.values(), strict=True)]
    asked, answered = schema_of(document, f"/v1/models/{model}:predict")
    for body in ({"inputs": inputs}, {"instances": rows}):
        jsonschema.validate(body, asked)
        reply = server.rest(f"/v1/models/{model}:predict", body)
        assert reply.status == 200, reply.text
        jsonschema.validate(json.loads(reply.text), answered)
    wrong = {name: [*value[:1], value[1][:-1]] for name, value in inputs.items()}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"inputs": wrong}, asked)
    assert server.rest(f"/v1/models/{model}:predict", {"inputs": wrong}).status == 400


@pytest.mark.parametrize("model", ["constant", "words"])
def test_so_it_is_below_v2(server: RunningServer, document: dict[str, Any], model: str) -> None:
    datatypes = {"x": "FP32", "word": "BYTES", "count": "INT32"}
    body = {
        "inputs": [
            {
                "name": name,
                "datatype": datatypes[name],
                "shape": [2, len(value[0])],
                "data": [each for row in value for each in row],
            }
            for name, value in INPUTS[model].items()
        ]
    }
    asked, answered = schema_of(document, f"/v2/models/{model}/infer")
    jsonschema.validate(body, asked)
    reply = server.rest(f"/v2/models/{model}/infer", body)
    assert reply.status == 200, reply.text
    jsonschema.validate(json.loads(reply.text), answered)


def test_a_number_that_its_dtype_lacks_is_answered_by_what_may_be_none(
    server: RunningServer, document: dict[str, Any]
) -> None:
    asked, answered = schema_of(document, "/v1/models/constant:predict")
    body = {"inputs": {"x": [[1e300], [1.0]]}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(body, asked)
    told = server.rest("/v1/models/constant:predict", body)
    assert told.status == 200
    jsonschema.validate(json.loads(told.text, parse_constant=lambda _: None), answered)


def test_whatever_it_allows_is_answered_as_it_says(server: RunningServer) -> None:
    """Two dozen requests of each operation, some of them wrong on purpose."""
    url = f"http://127.0.0.1:{server.http_port}"
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    tried = []

    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if "every_dtype" in operation.path:
            continue  # seventeen inputs: hypothesis takes its time for nothing new

        @hypothesis.given(case=operation.as_strategy())
        @hypothesis.settings(
            max_examples=24,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: schemathesis.Case[Any]) -> None:
            case.call_and_validate(checks=list(CHECKS), timeout=60)

        ask()
        tried.append(operation.path)
    assert len(tried) > 20
