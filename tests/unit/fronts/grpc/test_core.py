"""What the front asks of gRPC's core, each by itself and against grpcio's own client.

Where a newer grpcio does one of them otherwise, the test of it says which. ``core.py`` alone has
to follow, and the range of versions in ``pyproject.toml``.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc
import pytest

from horngate.fronts.grpc import core
from horngate.fronts.grpc.core import ARRIVED, SHUT, UNHEEDED, Core
from tests.unit.fronts.grpc.test_core_names import changed

SECONDS = 20


class Taking:
    """A tag: what ``told`` makes of its event is waited for."""

    def __init__(self) -> None:
        self.came: futures.Future[Any] = futures.Future()

    def event(self, event: Any, _duty: object) -> None:
        self.came.set_result(event)

    def wait(self) -> Any:
        return self.came.result(SECONDS)


class Port:
    """A core whose calls a test answers itself, one after another."""

    def __init__(self) -> None:
        self.core = Core([("grpc.so_reuseport", 0)])
        self.port = self.core.listen("127.0.0.1:0", None)
        self.core.start(2)
        self.failed: list[BaseException] = []
        self.answer: Callable[[Any], None] = lambda _: None
        self._pool = futures.ThreadPoolExecutor(4)
        self._thread = threading.Thread(target=self._receive)
        self._thread.start()
        self.channel: Any = grpc.insecure_channel(f"127.0.0.1:{self.port}")

    def _receive(self) -> None:
        while True:
            event: Any = self.core.next(time.time() + SECONDS)
            if event.tag is SHUT:
                return
            if event.tag is ARRIVED:
                if event.success:
                    self.core.ask()
                    self._pool.submit(self._served, event)
            else:
                event.tag.event(event, None)

    def _served(self, event: Any) -> None:
        try:
            self.answer(event)
        except BaseException as error:  # noqa: BLE001 - told by ``close``
            self.failed.append(error)
            core.cancel(event.call)

    def close(self) -> None:
        self.channel.close()
        self.core.shut()
        self.core.cancel_all()
        self._thread.join(SECONDS)
        assert not self._thread.is_alive(), changed("the end of a queue: shutdown, cancel, SHUT")
        self.core.destroy(None)
        self._pool.shutdown()
        assert not self.failed, changed(f"what a call is made of: {self.failed[0]!r}")


@pytest.fixture
def port() -> Iterator[Port]:
    made = Port()
    assert made.port, changed("Server.add_http2_port, which returned no port")
    yield made
    made.close()


def test_a_call_passes_through(port: Port) -> None:
    seen: dict[str, Any] = {}

    def answer(event: Any) -> None:
        seen["method"] = event.call_details.method
        seen["left"] = event.call_details.deadline - time.time()
        seen["metadata"] = {each[0]: each[1] for each in event.invocation_metadata}
        seen["peer"] = core.peer(event.call)
        read, sent = Taking(), Taking()
        core.read(event.call, read)
        seen["message"] = core.message(read.wait())
        core.answer(event.call, b"answered", sent)
        seen["sent"] = sent.wait().success

    port.answer = answer
    ask = port.channel.unary_unary("/a.Service/Ask")
    assert ask(b"asked", timeout=SECONDS, metadata=[("x-own", "mine")]) == b"answered", changed(
        "a call of one message each way"
    )
    assert seen["method"] == b"/a.Service/Ask", changed("call_details.method")
    # grpc-timeout is rounded up on its way, at this length to the next tenth of a second
    assert SECONDS - 5 < seen["left"] < SECONDS + 1, changed("call_details.deadline, of Unix time")
    assert seen["metadata"]["x-own"] == "mine", changed("invocation_metadata")
    assert seen["peer"].startswith("ipv4:127.0.0.1:"), changed("Call.peer")
    assert seen["message"] == b"asked", changed("ReceiveMessageOperation.message")


def test_no_deadline_is_one_that_is_far(port: Port) -> None:
    seen: list[float] = []

    def answer(event: Any) -> None:
        seen.append(event.call_details.deadline)
        core.end(event.call, 0, "", (), UNHEEDED)

    port.answer = answer
    list(port.channel.stream_stream("/a.Service/Ask")(iter(())))
    assert seen[0] > time.time() + 1e8, changed("call_details.deadline of a call without one")


def test_a_call_fails_with_code_words_and_trailers(port: Port) -> None:
    def answer(event: Any) -> None:
        core.end(event.call, 8, "no ä left", (("x-why", "memory"),), UNHEEDED)

    port.answer = answer
    with pytest.raises(grpc.RpcError) as told:
        port.channel.unary_unary("/a.Service/Ask")(b"", timeout=SECONDS)
    error: Any = told.value
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED, changed("a status's code")
    assert error.details() == "no ä left", changed("a status's details")
    trailers = [tuple(each) for each in error.trailing_metadata()]
    assert ("x-why", "memory") in trailers, changed("a status's trailers")


def test_a_stream_passes_both_ways(port: Port) -> None:
    def answer(event: Any) -> None:
        first = True
        while True:
            read = Taking()
            core.read(event.call, read)
            data = core.message(read.wait())
            if data is None:
                core.end(event.call, 0, "", (), UNHEEDED, first=first)
                return
            sent = Taking()
            core.send(event.call, data * 2, sent, first=first)
            assert sent.wait().success
            first = False

    port.answer = answer
    replies = port.channel.stream_stream("/a.Service/Ask")(iter([b"a", b"b"]), timeout=SECONDS)
    assert list(replies) == [b"aa", b"bb"], changed("a stream's messages and its end")


def test_a_caller_that_leaves_is_told_of_and_one_that_stays_is_not(port: Port) -> None:
    came, seen = threading.Event(), []

    def answer(event: Any) -> None:
        end = Taking()
        core.watch(event.call, end)
        if event.call_details.method == b"/a.Service/Answered":
            core.answer(event.call, b"", UNHEEDED)
        came.set()
        seen.append(core.left(end.wait()))

    port.answer = answer
    waiting = port.channel.unary_unary("/a.Service/Ask").future(b"", timeout=SECONDS)
    assert came.wait(SECONDS)
    waiting.cancel()
    port.channel.unary_unary("/a.Service/Answered")(b"", timeout=SECONDS)
    ends = time.monotonic() + SECONDS
    while len(seen) < 2 and time.monotonic() < ends:
        came.wait(0.01)
    assert sorted(seen) == [False, True], changed("ReceiveCloseOnServerOperation.cancelled")


def test_a_server_cancels_a_call(port: Port) -> None:
    port.answer = lambda event: core.cancel(event.call)
    with pytest.raises(grpc.RpcError):
        port.channel.unary_unary("/a.Service/Ask")(b"", timeout=SECONDS)


def test_a_queue_that_holds_nothing_says_so_at_once() -> None:
    made = Core([])
    made.listen("127.0.0.1:0", None)
    made.start(1)
    assert made.next(0) is None, changed("CompletionQueue.poll(0), which looks and does not wait")
    made.shut()
    tags = []
    while SHUT not in tags:
        event: Any = made.next(time.time() + SECONDS)
        tags.append(event.tag)
        assert event.success is (event.tag is SHUT), changed("the call that was asked for")
    assert tags == [ARRIVED, SHUT]
    made.destroy(None)


def test_a_port_that_cannot_be_had_is_none(port: Port) -> None:
    other = Core([("grpc.so_reuseport", 0)])
    assert other.listen(f"127.0.0.1:{port.port}", None) == 0, changed("Server.add_http2_port")


def test_what_is_due_when_the_port_has_shut_is_still_told() -> None:
    made = Core([("grpc.so_reuseport", 0)])
    port = made.listen("127.0.0.1:0", None)
    made.start(1)
    channel: Any = grpc.insecure_channel(f"127.0.0.1:{port}")
    waiting = channel.unary_unary("/a.Service/Ask").future(b"", timeout=SECONDS)
    arrived: Any = made.next(time.time() + SECONDS)
    end = Taking()
    core.watch(arrived.call, end)
    made.shut()
    made.cancel_all()
    while (event := made.next(time.time() + SECONDS)) is not None and event.tag is not SHUT:
        event.tag.event(event, None)
    made.destroy(None)
    assert core.left(end.wait()), changed("what is told of a call's end")
    assert waiting.exception() is not None
    channel.close()


ALONE = """
import os, socket, time
from horngate.fronts.grpc.core import Core
core = Core([])
port = core.listen("127.0.0.1:0", None)
core.start(1)
client = socket.create_connection(("127.0.0.1", port))
client.sendall(b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n" + bytes(3) + b"\\4" + bytes(5))
client.settimeout(0.5)
try:
    client.recv(64)
    print("answered before", flush=True)
except TimeoutError:
    core.next(time.time() + 0.5)
    client.recv(64)
    print("answered then", flush=True)
os._exit(0)  # a core that is not shut waits for that
"""
"""A client's first words, which the core answers by itself."""


def test_whoever_asks_for_events_moves_the_bytes() -> None:
    # The core reads its environment once, so in a process of its own.
    told = subprocess.run(
        [sys.executable, "-c", ALONE], capture_output=True, text=True, timeout=SECONDS, check=True
    )
    assert told.stdout == "answered then\n", changed("the experiment event_engine_listener")
    assert "Unknown experiment" not in told.stderr, changed("the name of event_engine_listener")
