"""Clients of the gRPC port that are gone or many: none keeps a handle or a thread."""

from __future__ import annotations

import contextlib
import resource
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.clients import PREFACE, SPARE_HANDLES, ask, close, connections, refused
from tests.serving import Held, RunningServer, wait_until

MANY = 10_000
SPARE_THREADS = 8


@pytest.fixture(scope="module")
def running(quick_models: Path) -> Iterator[RunningServer]:
    with RunningServer(quick_models) as server:
        for _ in range(3):
            ask(server)
        yield server


def possible(wanted: int) -> int:
    """As many connections as this process may hold, up to ``wanted``."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(wanted, soft - 500)


def test_ten_thousand_connections_on_the_grpc_port(running: RunningServer) -> None:
    held = Held(running)
    before = held.handles(), held.threads(), held.resident()
    made = connections(possible(MANY), running.grpc_port, PREFACE)
    try:
        assert ask(running) == ask(running)
        assert running.http("/healthz")[0] == 200
        assert held.threads() <= before[1] + SPARE_THREADS
        # What a connection costs; a leak of a few hundred kilobytes each would show.
        assert held.resident() - before[2] < len(made) * 0.08
    finally:
        close(made)
    wait_until(lambda: held.handles() <= before[0] + SPARE_HANDLES, "the handles to be given back")
    assert held.threads() <= before[1] + SPARE_THREADS
    assert ask(running) == ask(running)


def test_connections_that_are_reset_in_the_middle(running: RunningServer) -> None:
    held = Held(running)
    before = held.handles(), held.threads()
    said = {running.grpc_port: PREFACE[:20], running.http_port: b"POST /v1/models/constant:pred"}
    for _ in range(3):
        for port, words in said.items():
            close(connections(200, port, words), at_once=True)
    wait_until(lambda: held.handles() <= before[0] + SPARE_HANDLES, "the handles to be given back")
    assert held.threads() <= before[1] + SPARE_THREADS
    assert ask(running) == ask(running)


def test_headers_beyond_the_limit_are_refused_on_both_ports(running: RunningServer) -> None:
    with grpc.insecure_channel(running.address) as channel:
        call: Any = channel.unary_unary("/inference.GRPCInferenceService/ServerMetadata")
        code, _ = refused(lambda: call(b"", metadata=[("x-long", "a" * 20_000)], timeout=10))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert call(b"", metadata=[("x-long", "a" * 10_000)], timeout=10)
    with socket.create_connection(("127.0.0.1", running.http_port), timeout=10) as one:
        one.sendall(b"GET /healthz HTTP/1.1\r\nx-long: " + b"a" * 20_000)
        assert one.recv(4096).startswith(b"HTTP/1.1 4")
    assert not any("Invalid HTTP" in str(line) for line in running.log)
