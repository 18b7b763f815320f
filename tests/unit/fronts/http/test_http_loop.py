"""What takes its time is done beside the HTTP port's loop, so that it answers others meanwhile."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from horngate.access.gate import Gate
from horngate.answer import Answer, Together
from horngate.batching.work import Work
from horngate.call import Call
from horngate.calls import Calls
from horngate.fronts.http import call
from horngate.fronts.http.call import LARGE, LARGE_ANSWER
from horngate.fronts.http.front import HttpFront
from horngate.fronts.options import PortOptions
from horngate.protocols.http import HttpMethod, HttpReply, HttpRequest
from horngate.telemetry.calls import CallFigures
from horngate.tensors import Array, DType, Signature, TensorSpec
from tests.serving import wait_until
from tests.unit.fronts.calls import told

LOOP = "http"
X = TensorSpec("x", DType.FLOAT32, (None,))
SIGNATURE = Signature("s", inputs={"x": X}, outputs={"y": X})


def answered(*sizes: int) -> Answer[list[dict[str, Array]]]:
    """Answers of so many bytes each, as they are once a model has run."""
    works = []
    for size in sizes:
        work = Work(SIGNATURE, {}, 1, None, alone=True)
        work.succeed({"y": np.zeros(size, np.uint8)})
        works.append(work)
    return Together(works)


class Bench:
    """A port whose handler answers with as many bytes as the body says; who did what is kept."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.threads: dict[str, list[str]] = {}
        for name in ("uncompressed", "compressed"):
            self._watch(monkeypatch, name)
        method = HttpMethod(
            protocol="p", name="Ask", verb="POST", route="/ask", handler=self._ask, status=told
        )
        figures = CallFigures((1.0,))
        figures.attach([method])
        self.calls = Calls(
            Gate(time.monotonic),
            figures,
            lambda _, error: None,
            time.monotonic,
            most_in_flight=100,
            most_bytes=1 << 24,
        )
        self.server = HttpFront([], [method], PortOptions(), self.calls)
        self.server.start()

    def post(self, body: bytes, **headers: str) -> int:
        url = f"http://127.0.0.1:{self.server.port}/ask"
        with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as reply:
            return len(reply.read())

    def _watch(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        function = getattr(call, name)

        def watched(*args: Any) -> Any:
            self._seen(name)
            return function(*args)

        monkeypatch.setattr(call, name, watched)

    def _ask(self, request: HttpRequest, _call: Call) -> Answer[HttpReply]:
        size = int(request.body.strip())

        def write(_: object) -> HttpReply:
            self._seen("result")
            return HttpReply(bytes(size))

        return answered(size // 2, size - size // 2).then(write)

    def _seen(self, name: str) -> None:
        self.threads.setdefault(name, []).append(threading.current_thread().name)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    made = Bench(monkeypatch)
    yield made
    made.server.stop()


def test_a_large_answer_is_written_and_packed_beside_the_loop(bench: Bench) -> None:
    assert bench.post(b"%d" % LARGE, **{"Accept-Encoding": "gzip"}) < LARGE
    assert LOOP not in bench.threads["result"] + bench.threads["compressed"]


def test_a_small_one_costs_no_hop(bench: Bench) -> None:
    assert bench.post(b"%d" % (LARGE_ANSWER - 1)) == LARGE_ANSWER - 1
    assert bench.threads["result"] == bench.threads["compressed"] == [LOOP]


def test_a_body_is_uncompressed_beside_the_loop(bench: Bench) -> None:
    assert bench.post(gzip.compress(b"7"), **{"Content-Encoding": "gzip"}) == 7
    assert LOOP not in bench.threads["uncompressed"]


def test_a_drain_does_not_wait_for_bodies_that_are_still_to_come(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def waited(_: float) -> None:
        raise AssertionError("the drain waits")

    head = b"POST /ask HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n7"
    with socket.create_connection(("127.0.0.1", bench.server.port), timeout=30) as slow:
        slow.sendall(head)
        wait_until(lambda: bench.calls.in_flight == 1, "the request to begin")
        monkeypatch.setattr("horngate.calls.time.sleep", waited)
        bench.server.drain(30)
