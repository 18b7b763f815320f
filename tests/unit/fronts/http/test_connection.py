"""An HTTP connection that is slow with its body or its reply: given its time, and no more."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from horngate.access.gate import Gate
from horngate.call import Call
from horngate.calls import Calls
from horngate.errors import Code
from horngate.fronts.http import connection, reader
from horngate.fronts.http.front import HttpFront
from horngate.fronts.http.page import Page, Visit
from horngate.fronts.options import PortOptions
from horngate.protocols.http import HttpMethod, HttpReply, HttpRequest
from tests.unit.fronts.calls import Observer, told

SHORT = 0.3
LONG = b"x" * (64 << 20)
POST = b"POST /say HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"


def say(request: HttpRequest, call: Call) -> HttpReply:
    return HttpReply(request.body)


def fail(visit: Visit) -> HttpReply:
    raise KeyError("a defect")


@pytest.fixture
def observer() -> Observer:
    return Observer()


@pytest.fixture
def faults() -> list[Exception]:
    return []


@pytest.fixture
def port(
    monkeypatch: pytest.MonkeyPatch, observer: Observer, faults: list[Exception]
) -> Iterator[int]:
    monkeypatch.setattr(connection, "LINGER_SECONDS", SHORT)
    monkeypatch.setattr(connection, "BODY_SECONDS", SHORT)
    monkeypatch.setattr(connection, "REPLY_SECONDS", SHORT)
    server = HttpFront(
        [
            Page("/", lambda _: HttpReply(b"a page", content_type="text/plain")),
            Page("/long", lambda _: HttpReply(LONG, content_type="text/plain")),
            Page("/broken", fail),
            Page("/known", lambda _: HttpReply(status=304, headers={"ETag": '"x"'})),
        ],
        [HttpMethod(protocol="p", name="Say", verb="POST", route="/say", handler=say, status=told)],
        PortOptions(),
        Calls(
            Gate(time.monotonic),
            observer,
            lambda _, error: faults.append(error),
            time.monotonic,
            most_in_flight=100,
            most_bytes=2000,
        ),
    )
    server.start()
    yield server.port
    server.stop()


def trickled(port: int, head: bytes) -> bytes:
    """What is told to whoever sends ``head`` and then a byte now and then, until it is ended."""
    said: list[bytes] = []
    with socket.create_connection(("127.0.0.1", port), timeout=30) as one:
        one.sendall(head)

        def read() -> None:
            try:
                while more := one.recv(65_536):
                    said.append(more)
            except OSError:
                pass

        reader = threading.Thread(target=read)
        reader.start()
        while reader.is_alive():
            try:
                one.sendall(b"x")
            except OSError:
                break
            reader.join(SHORT / 10)
        reader.join(30)
        assert not reader.is_alive()
    return b"".join(said)


def test_a_body_that_trickles_is_refused_and_its_connection_ends(
    port: int, observer: Observer
) -> None:
    assert trickled(port, POST).startswith(b"HTTP/1.1 408 ")
    assert observer.codes == [Code.DEADLINE_EXCEEDED]


@pytest.mark.parametrize("path", ["/", "/none", "/broken"])
def test_a_body_that_nobody_wants_ends_its_connection_too(port: int, path: str) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
    assert trickled(port, head.encode()).startswith(b"HTTP/1.1 ")


def test_a_body_over_the_limit_is_refused_and_ends(port: int) -> None:
    head = POST.replace(b"1000", b"1000000000")
    assert trickled(port, head).startswith(b"HTTP/1.1 413 ")


def test_a_reply_that_is_taken_drop_by_drop_is_given_up(port: int) -> None:
    taken = 0
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.settimeout(30)
        one.connect(("127.0.0.1", port))
        one.sendall(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
        paced, given_up = threading.Event(), time.monotonic() + 3 * SHORT
        try:
            while more := one.recv(2048):
                taken += len(more)
                if time.monotonic() < given_up:  # what the kernel has meanwhile is read at once
                    paced.wait(SHORT / 30)
        except ConnectionResetError:
            pass
    assert 0 < taken < len(LONG)


def test_who_is_quick_keeps_the_connection(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as one:
        for _ in range(3):
            one.sendall(POST + b"y" * 1000)
            said = b""
            while not said.endswith(b"y" * 1000):
                said += one.recv(65_536)
            assert said.startswith(b"HTTP/1.1 200 ")


def test_a_page_that_fails_is_reported_and_told_as_all_else(
    port: int, faults: list[Exception]
) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as one:
        one.sendall(b"GET /broken HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        said = b""
        while more := one.recv(65_536):
            said += more
    assert said.startswith(b"HTTP/1.1 500 ")
    assert b"its log says why" in said
    assert b"a defect" not in said
    assert [type(each) for each in faults] == [KeyError]


def test_a_bad_chunk_ends_the_call_that_waits_for_it(port: int, observer: Observer) -> None:
    head = b"POST /say HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nzz\r\n"
    assert trickled(port, head).startswith(b"HTTP/1.1 400 ")
    assert observer.codes == [Code.CANCELLED]


@pytest.mark.parametrize(
    "head",
    [
        b"POST /say HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /say HTTP/1.1\r\ntransfer-ENCODING:chunked\r\nHost: x\r\n\r\n",
        POST + b"x" * 1000 + b"POST /say HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: x\r\n\r\n",
    ],
)
@pytest.mark.parametrize("first", [0, 50])
def test_a_body_of_tiny_chunks_leaves_others_their_turn(
    monkeypatch: pytest.MonkeyPatch, port: int, head: bytes, first: int
) -> None:
    order: list[str] = []
    feed = reader.Reader.feed

    def watched(one: reader.Reader) -> bool:
        sliced = feed(one)
        if sliced:
            order.append("read")
            asyncio.get_running_loop().call_soon(order.append, "others")
        return sliced

    monkeypatch.setattr(reader.Reader, "feed", watched)
    came = threading.Event()
    received = connection.Connection.data_received

    def arrived(one: connection.Connection, data: bytes) -> None:
        received(one, data)
        came.set()

    monkeypatch.setattr(connection.Connection, "data_received", arrived)
    flood = head + b"1\r\nx\r\n" * 1500 + b"0\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as one:
        if first:  # the headers in two parts
            one.sendall(flood[:first])
            assert came.wait(30)
        one.sendall(flood[first:])
        reply = one.recv(65_536)
        while not reply.endswith(b"x" * 1500):
            more = one.recv(65_536)
            assert more, reply
            reply += more
    assert order.count("read") >= 6 * 1500 // reader.SLICE
    assert "read read" not in " ".join(order), "a slice, and then it is others' turn"


def test_a_request_whose_headers_say_no_chunks_is_read_at_once(
    monkeypatch: pytest.MonkeyPatch, port: int
) -> None:
    parts: list[bool] = []
    feed = reader.Reader.feed

    def watched(one: reader.Reader) -> bool:
        parts.append(feed(one))
        return parts[-1]

    monkeypatch.setattr(reader.Reader, "feed", watched)
    request = POST + b"x" * 1000
    with socket.create_connection(("127.0.0.1", port), timeout=30) as one:
        one.sendall(request)
        assert one.recv(65_536).startswith(b"HTTP/1.1 200 ")
    assert parts == [False, False], "its headers, and its body"


def test_a_pipelined_request_is_answered_after_the_first(port: int) -> None:
    ask = b"POST /say HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n"
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as one:
        one.sendall(ask + b"a" + ask + b"b")
        while not said.endswith(b"\r\n\r\nb"):
            more = one.recv(65_536)
            assert more, said
            said += more
    assert said.count(b"HTTP/1.1 200 ") == 2
    assert b"\r\n\r\na" in said


def test_a_connection_without_a_further_request_ends(
    monkeypatch: pytest.MonkeyPatch, port: int
) -> None:
    monkeypatch.setattr(connection, "IDLE_SECONDS", SHORT)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as one:
        one.sendall(POST + b"y" * 1000)
        said = b""
        while more := one.recv(65_536):
            said += more
    assert said.endswith(b"y" * 1000)


def test_and_one_whose_headers_do_not_end(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setattr(connection, "HEADER_SECONDS", SHORT)
    assert trickled(port, b"POST /say HTTP/1.1\r\nHost: ") == b""
    whole = POST + b"y" * 1000
    said = trickled(port, whole + b"POST /say HTTP/1.1\r\nHost: ")
    assert said.count(b"HTTP/1.1 ") == 1, "of a further request neither"


def test_a_page_that_the_caller_has_comes_without_a_length(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as one:
        one.sendall(b"GET /known HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")
        said = b""
        while b"a page" not in said:
            said += one.recv(4096)
    head, _, rest = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 304 Not Modified\r\n")
    assert b"content-length" not in head
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")
