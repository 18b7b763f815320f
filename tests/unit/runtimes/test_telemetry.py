"""ONNX Runtime is told to call nobody before anything can have imported it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from horngate.runtimes import NO_TELEMETRY

SAY = f"import os, sys; print('onnxruntime' in sys.modules, os.environ.get({NO_TELEMETRY!r}))"


def said(code: str, **environment: str) -> list[str]:
    clean = {key: value for key, value in os.environ.items() if key != NO_TELEMETRY}
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=clean | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.split()


@pytest.mark.parametrize("package", ["horngate.runtimes", "horngate.builder"])
@pytest.mark.parametrize("environment", [{}, {NO_TELEMETRY: "0"}], ids=["unset", "asked for"])
def test_telemetry_is_off_before_the_engine_is_imported(
    package: str, environment: dict[str, str]
) -> None:
    assert said(f"import {package}; {SAY}", **environment) == ["False", "1"]


def test_a_program_that_only_calls_a_server_keeps_its_environment() -> None:
    assert said(f"import horngate.client; {SAY}") == ["False", "None"]
