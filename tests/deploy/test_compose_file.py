"""docker-compose.yml: its form, and what it promises an operator."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest

from horngate.config.server import ServerSettings
from tests.deploy.files import COMPOSE_FILE, DOCKERFILE, compose, schema

SERVICES = ("builder", "server", "prometheus")


def seconds(duration: str) -> float:
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
    return sum(float(n) * units[unit] for n, unit in re.findall(r"(\d+)(ms|s|m|h)", duration))


def test_the_file_keeps_to_the_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.Draft202012Validator(schema()).validate(compose())


@pytest.mark.parametrize(
    ("service", "key", "value"),
    [
        ("server", "healthchek", {"test": ["CMD", "true"]}),
        ("server", "read_only", "yes"),
        ("server", "stop_grace_period", "45"),
        ("server", "depends_on", {"builder": {"condition": "service_done"}}),
        ("builder", "restart", False),
    ],
)
def test_the_schema_finds_a_mistake(service: str, key: str, value: object) -> None:
    content = compose()
    content["services"][service][key] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema()).validate(content)


def test_it_runs_these_services() -> None:
    assert tuple(compose()["services"]) == SERVICES


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_hardened(name: str) -> None:
    service = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]


def test_the_server_is_not_root_and_cannot_change_the_models() -> None:
    server = compose()["services"]["server"]
    assert server["user"] == "${HORNGATE_USER:-10001:10001}"
    assert server["volumes"] == ["${HORNGATE_MODELS:-models}:/models:ro"]


def test_a_stop_gives_the_server_time_to_drain() -> None:
    grace = seconds(compose()["services"]["server"]["stop_grace_period"])
    assert grace > ServerSettings().drain_seconds


@pytest.mark.parametrize("name", ["server", "prometheus"])
def test_ports_are_published_on_this_machine_only_by_default(name: str) -> None:
    for port in compose()["services"][name]["ports"]:
        assert port.startswith(("127.0.0.1:", "${HORNGATE_HOST:-127.0.0.1}:"))


def test_the_health_check_is_the_images_own() -> None:
    command: list[str] = compose()["services"]["server"]["healthcheck"]["test"][1:]
    assert all(word in DOCKERFILE.read_text(encoding="utf-8") for word in command)


def test_every_variable_has_a_default_and_is_explained() -> None:
    text = COMPOSE_FILE.read_text(encoding="utf-8")
    head, _, body = text.partition("\nname:")
    variables = re.findall(r"\$\{([A-Z_]+)(.*?)\}", body)
    assert variables
    for name, default in variables:
        assert default.startswith(":-"), name
        assert name in head, name


def test_services_wait_for_what_they_need() -> None:
    services: dict[str, Any] = compose()["services"]
    assert services["server"]["depends_on"] == {
        "builder": {"condition": "service_completed_successfully"}
    }
    assert "server" in services["prometheus"]["depends_on"]
