"""Clients of the HTTP port that are slow, gone, or never say anything: none is waited for."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator

import pytest

from tests.clients import SPARE_HANDLES, ask, close, connections
from tests.conftest import Served
from tests.serving import Held, RunningServer, wait_until


@pytest.fixture(scope="module")
def running(small_models: Served) -> Iterator[RunningServer]:
    server = RunningServer(small_models.repository)
    for _ in range(3):
        ask(server)
    yield server
    assert server.stop() == 0


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
