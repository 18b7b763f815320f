"""The whole stack, built and running once for all tests that are about it."""

from __future__ import annotations

import json
import os
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from tests.deploy.engine import Engine, find_engine
from tests.deploy.files import COMPOSE_FILE

TRAINING_SECONDS: Final = 900.0
READY_SECONDS: Final = 120.0


@dataclass(frozen=True)
class Stack:
    """docker-compose.yml, up and ready, on free ports of this machine."""

    engine: Engine
    grpc: str
    http: str
    prometheus: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What Prometheus answers: one dict a series, its value under ``value``."""
        quoted = urllib.parse.quote(expression)
        answer = get_json(f"{self.prometheus}/api/v1/query?query={quoted}")
        series: list[dict[str, Any]] = answer["data"]["result"]
        return series


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310 - our own URL
        text: str = response.read().decode()
        return text


def get_json(url: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(get(url))
    return content


def wait_until(what: str, seconds: float, holds: Callable[[], bool]) -> None:
    """Ask until it holds; a refused connection counts as no."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if holds():
                return
        except (OSError, urllib.error.URLError):
            pass
        time.sleep(0.5)
    pytest.fail(f"not within {seconds:g} s: {what}")


def free_ports(count: int) -> list[int]:
    """Ports free now; all are held until the last is found, so that they differ."""
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Build both images, start everything, wait until the server is ready; take it all away."""
    grpc, http, prometheus = free_ports(3)
    tag = "test"
    environment = {
        "COMPOSE_FILE": COMPOSE_FILE.name,
        "HORNGATE_TAG": tag,
        "HORNGATE_GRPC_PORT": str(grpc),
        "HORNGATE_HTTP_PORT": str(http),
        "PROMETHEUS_PORT": str(prometheus),
    }
    engine = find_engine(f"horngate-test-{os.getpid()}", environment)
    for target in ("builder", "server"):
        engine.build_image(target, f"horngate-{target}:{tag}")
    up = Stack(
        engine,
        f"127.0.0.1:{grpc}",
        f"http://127.0.0.1:{http}",
        f"http://127.0.0.1:{prometheus}",
    )
    try:
        engine.run_compose("up", "--detach", "--no-build", seconds=TRAINING_SECONDS)
        wait_until(
            "the server is ready",
            READY_SECONDS,
            lambda: get_json(f"{up.http}/readyz")["ready"] is True,
        )
        yield up
    finally:
        # The images stay: their layers make the next run fast.
        engine.run_compose("down", "--volumes")
