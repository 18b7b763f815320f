"""Clients that are slow, gone, many, or never say anything: none keeps a handle or a thread."""

from __future__ import annotations

import contextlib
import json
import resource
import socket
import time
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest

from horngate.client import Client
from tests.conftest import Served
from tests.serving import Held, RunningServer, wait_until

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
MANY = 10_000
BURST = 100
"""Connections made at once. The native front lets 128 wait to be taken; one more tries again after
a second, as TCP does."""

SPARE_HANDLES = 16
SPARE_THREADS = 8


@pytest.fixture(scope="module")
def running(small_models: Served, transport: str) -> Iterator[RunningServer]:
    server = RunningServer(small_models.repository, "--transport", transport)
    for _ in range(3):
        ask(server)
    yield server
    assert server.stop() == 0


def ask(server: RunningServer) -> float:
    with Client(server.address, retries=0) as client:
        x = np.ones((1, 1), np.float32)
        return float(client.predict("constant", {"x": x})["y"].item())


def connections(number: int, port: int, said: bytes) -> list[socket.socket]:
    made: list[socket.socket] = []
    for count in range(number):
        if count % BURST == 0:
            time.sleep(0.01)
        made.append(socket.create_connection(("127.0.0.1", port), timeout=30))
        made[-1].sendall(said)
    return made


def close(sockets: list[socket.socket], *, at_once: bool = False) -> None:
    for each in sockets:
        if at_once:  # a reset, as of a machine that has lost its memory
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        each.close()


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


def test_who_hangs_up_within_a_body_leaves_no_line_in_the_log(running: RunningServer) -> None:
    before = len(running.log)
    said = b"POST /v1/models/constant:predict HTTP/1.1\r\nhost: x\r\ncontent-length: 30\r\n\r\n"
    for at_once in (True, False):
        close(connections(100, running.http_port, said + b'{"ins'), at_once=at_once)
    cancelled = {"method": "Predict", "code": "CANCELLED"}
    wait_until(
        lambda: running.metric("horngate_requests_total", **cancelled) >= 100,
        "the calls to be given up",
    )
    assert ask(running) == ask(running)
    assert running.log[before:] == []


def test_who_never_ends_his_headers_is_let_go(running: RunningServer) -> None:
    held = Held(running)
    before = held.handles()
    slow = connections(50, running.http_port, b"GET /healthz HTTP/1.1\r\n")
    silent = connections(50, running.http_port, b"")
    began = time.monotonic()
    wait_until(lambda: held.handles() >= before + 90, "the connections to be taken")
    try:
        while held.handles() > before + SPARE_HANDLES:
            for each in slow:
                with contextlib.suppress(OSError):
                    each.sendall(b"x: y\r\n")
            assert running.http("/healthz")[0] == 200
            assert time.monotonic() - began < 30
            time.sleep(0.5)
    finally:
        close(slow + silent)
    assert time.monotonic() - began > 5, "there is time to send them"


def test_a_second_request_of_a_connection_has_its_time_too(running: RunningServer) -> None:
    with socket.create_connection(("127.0.0.1", running.http_port), timeout=30) as one:
        one.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        said = b""
        while not said.endswith(b"alive\n"):
            said += one.recv(4096)
        one.sendall(b"GET /healthz HTTP/1.1\r\n")
        one.settimeout(20)
        assert one.recv(4096) == b"", "the server ends it"


def test_a_reader_that_does_not_read_keeps_nobody_waiting(running: RunningServer) -> None:
    """Megabytes of replies that nobody takes: others are answered meanwhile."""
    body = json.dumps({"instances": [[1.0]] * 1000}).encode()
    head = b"POST /v1/models/constant:predict HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
    whole = head % len(body) + body
    held = Held(running)
    before = held.handles(), held.resident()
    deaf = []
    for _ in range(20):
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        made.connect(("127.0.0.1", running.http_port))
        made.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            for _ in range(100):
                made.sendall(whole)
        deaf.append(made)
    answer = ask(running)
    for _ in range(20):
        assert ask(running) == answer
        assert running.http("/readyz")[0] == 200
    assert held.resident() - before[1] < 200
    close(deaf, at_once=True)
    wait_until(lambda: held.handles() <= before[0] + SPARE_HANDLES, "the handles to be given back")


def test_headers_beyond_the_limit_are_refused_on_both_ports(
    running: RunningServer, transport: str
) -> None:
    with grpc.insecure_channel(running.address) as channel:
        call: Any = channel.unary_unary("/inference.GRPCInferenceService/ServerMetadata")
        with pytest.raises(grpc.RpcError) as told:
            call(b"", metadata=[("x-long", "a" * 20_000)], timeout=10)
        # The native front answers in HTTP, which gRPC's clients have no code for.
        expected = {"grpcio": "RESOURCE_EXHAUSTED", "native": "UNKNOWN"}[transport]
        assert told.value.code().name == expected
        assert transport == "grpcio" or "431" in str(told.value)
        assert call(b"", metadata=[("x-long", "a" * 10_000)], timeout=10)
    with socket.create_connection(("127.0.0.1", running.http_port), timeout=10) as one:
        one.sendall(b"GET /healthz HTTP/1.1\r\nx-long: " + b"a" * 20_000)
        assert one.recv(4096).startswith(b"HTTP/1.1 4")
    assert not any("Invalid HTTP" in str(line) for line in running.log)
