"""What an HTTP connection takes for a request, byte by byte: nothing that another could read
otherwise."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest

from horngate.access.gate import Gate
from horngate.call import Call
from horngate.calls import Calls
from horngate.fronts.http.front import HttpFront
from horngate.fronts.http.page import Page
from horngate.fronts.http.reader import KEPT, SLICE, Head, Reader
from horngate.fronts.options import PortOptions
from horngate.protocols.http import HttpMethod, HttpReply, HttpRequest
from tests.unit.fronts.calls import Observer, told

HEADERS = 2000
POST = b"POST /say HTTP/1.1\r\nHost: x\r\n"
CHUNKS = POST + b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
SMUGGLED = b"POST /smuggled HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"

REFUSED = {
    "lengths-that-differ": POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "length-with-a-sign": POST + b"Content-Length: +3\r\n\r\nabc",
    "length-below-zero": POST + b"Content-Length: -1\r\n\r\n",
    "length-in-hex": POST + b"Content-Length: 0x3\r\n\r\nabc",
    "length-of-words": POST + b"Content-Length: 3 3\r\n\r\nabc",
    "length-beyond-64-bits": POST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\nabc",
    "coding-unknown": POST + b"Transfer-Encoding: gzip\r\n\r\nabc",
    "coding-before-chunks": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding-after-chunks": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "coding-almost-chunks": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "coding-with-a-tab": POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "chunk-without-a-size": CHUNKS + b"zz\r\n",
    "chunk-below-zero": CHUNKS + b"-1\r\na\r\n",
    "chunk-in-hex-by-name": CHUNKS + b"0x1\r\na\r\n0\r\n\r\n",
    "chunk-longer-than-it-says": CHUNKS + b"1\r\nab\r\n0\r\n\r\n",
    "chunk-beyond-64-bits": CHUNKS + b"f" * 30 + b"\r\na\r\n",
    "name-with-a-space": POST + b"Content-Length : 3\r\n\r\nabc",
    "name-that-is-none": POST + b": 3\r\n\r\n",
    "name-without-a-colon": POST + b"nonsense\r\n\r\n",
    "name-with-a-nul": POST + b"a\0b: c\r\n\r\n",
    "value-with-a-nul": POST + b"a: b\0c\r\n\r\n",
    "value-with-a-cr": POST + b"a: b\rc\r\n\r\n",
    "host-missing": b"GET / HTTP/1.1\r\n\r\n",
    "host-twice": b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "version-missing": b"GET /\r\n\r\n",
    "version-unreadable": b"GET / HTTP/x\r\nHost: x\r\n\r\n",
    "path-of-any-bytes": b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "line-of-four-words": b"GET / a HTTP/1.1\r\nHost: x\r\n\r\n",
    "headers-too-long": GET + b"a: " + b"b" * HEADERS + b"\r\n\r\n",
    "headers-too-many": GET + b"a: b\r\n" * HEADERS + b"\r\n",
    "headers-without-an-end": GET + b"a: " + b"b" * HEADERS,
    "tls": bytes.fromhex("16030102000100") + bytes(HEADERS),
    "zeros": bytes(500),
}
"""Answered with 400, and the connection ends."""

READ = {
    "length": (POST + b"Content-Length: 3\r\n\r\nabc", b"abc"),
    "no-body": (POST + b"\r\n", b""),
    "chunks": (CHUNKS + b"3\r\nabc\r\n2;a=b\r\nde\r\n0\r\n\r\n", b"abcde"),
    "chunks-with-a-trailer": (CHUNKS + b"1\r\na\r\n0\r\nExpires: 9\r\n\r\n", b"a"),
    "blank-lines-before": (b"\r\n" + POST + b"Content-Length: 1\r\n\r\na", b"a"),
    "name-in-capitals": (POST.replace(b"Host", b"HOST") + b"CONTENT-LENGTH: 1\r\n\r\na", b"a"),
    "path-escaped": (POST.replace(b"say", b"%73ay") + b"Content-Length: 1\r\n\r\na", b"a"),
    "path-with-a-query": (POST.replace(b"say", b"say?a=b") + b"Content-Length: 1\r\n\r\na", b"a"),
    "upgrade-with-a-body": (
        POST + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\na",
        b"a",
    ),
    "upgrade-with-chunks": (
        POST
        + b"Connection: upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"1\r\na\r\n0\r\n\r\n",
        b"a",
    ),
}
"""What is sent, and the body that it has."""


def say(request: HttpRequest, call: Call) -> HttpReply:
    return HttpReply(request.body)


def smuggled(request: HttpRequest, call: Call) -> HttpReply:
    return HttpReply(b"smuggled")


def unforeseen(_: object, error: Exception) -> None:
    raise error


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    methods = [
        HttpMethod(
            protocol="p", name=name, verb="POST", route=f"/{name}", handler=handler, status=told
        )
        for name, handler in (("say", say), ("smuggled", smuggled))
    ]
    server = HttpFront(
        [Page("/", lambda _: HttpReply(b"a page", content_type="text/plain"), open=True)],
        methods,
        PortOptions(max_header_bytes=HEADERS),
        Calls(
            Gate(time.monotonic),
            Observer(),
            unforeseen,
            time.monotonic,
            most_in_flight=100,
            most_bytes=100_000,
        ),
    )
    server.start()
    yield server.port
    server.stop()


def said(port: int, *parts: bytes) -> bytes:
    """All that is told to ``parts`` until the server ends the connection."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as one:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):
            for part in parts:
                one.sendall(part)
            while more := one.recv(65_536):
                answer += more
    return answer


def bodies(answer: bytes) -> list[bytes]:
    """Of every reply; each has a length."""
    found = []
    while answer:
        head, _, answer = answer.partition(b"\r\n\r\n")
        if b" 100 " in head.splitlines()[0]:
            continue
        fields = [line.lower() for line in head.split(b"\r\n")]
        size = int(next(each for each in fields if each.startswith(b"content-length:"))[15:])
        found.append(answer[:size])
        answer = answer[size:]
    return found


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_request_is_refused_and_its_connection_ends(port: int, name: str) -> None:
    answer = said(port, REFUSED[name] + SMUGGLED)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"smuggled" not in answer
    assert answer.count(b"HTTP/1.1 ") == 1


def test_two_lengths_in_one_are_never_the_beginning_of_another_request(port: int) -> None:
    """Both a length and chunks: whoever goes by the one must not see a request in the other."""
    both = POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED
    answer = said(port, both, GET + b"Connection: close\r\n\r\n")
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 200 "))


@pytest.mark.parametrize("ending", [b"a: b\n\n", b"a: b\n\r\n", b"a: b\r\n c\r\n\r\n"])
def test_lines_that_end_or_go_on_otherwise_hide_no_length(port: int, ending: bytes) -> None:
    """Refused, or read as the field that they are: never as a body that is another's request."""
    answer = said(port, GET + ending + GET + b"Connection: close\r\n\r\n")
    assert b"smuggled" not in answer
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 200 "))


@pytest.mark.parametrize("name", READ)
def test_a_request_is_read_and_so_is_what_comes_behind_it(port: int, name: str) -> None:
    request, body = READ[name]
    last = GET + b"Connection: close\r\n\r\n"
    assert bodies(said(port, request + request + last)) == [body, body, b"a page"]


@pytest.mark.parametrize("name", READ)
def test_a_request_may_come_in_any_parts(port: int, name: str) -> None:
    request, body = READ[name]
    last = GET + b"Connection: close\r\n\r\n"
    whole = request + request + last
    for size in (1, 7, 50):
        parts = [whole[at : at + size] for at in range(0, len(whole), size)]
        assert bodies(said(port, *parts)) == [body, body, b"a page"]


@pytest.mark.parametrize(
    "trailer",
    [b"Host: y", b"Expect: 100-continue", b"Content-Encoding: gzip", b"Content-Length: 9"],
)
def test_trailers_are_no_headers(port: int, trailer: bytes) -> None:
    """One that would say where a body ends is refused."""
    last = GET + b"Connection: close\r\n\r\n"
    answer = said(port, CHUNKS + b"1\r\na\r\n0\r\n" + trailer + b"\r\n\r\n" + last)
    assert bodies(answer) == [b"a", b"a page"] or answer.startswith(b"HTTP/1.1 400 ")


def test_trailers_have_an_end(port: int) -> None:
    trailers = b"0\r\n" + b"a: b\r\n" * HEADERS * 10
    answer = said(port, CHUNKS + b"1\r\na\r\n", trailers)
    assert answer.startswith(b"HTTP/1.1 400 ") or not answer


def test_a_chunk_has_no_extensions_without_an_end(port: int) -> None:
    answer = said(port, CHUNKS + b"1;" + b"a" * 100 * HEADERS)
    assert answer.startswith(b"HTTP/1.1 400 ") or not answer


def test_replies_come_in_the_order_of_requests(port: int) -> None:
    many = b"".join(POST + b"Content-Length: 3\r\n\r\n%03d" % each for each in range(200))
    pages = (GET + b"\r\n") * 3
    answer = said(port, pages + many + pages + GET + b"Connection: close\r\n\r\n")
    page = [b"a page"] * 3
    assert bodies(answer) == [*page, *(b"%03d" % each for each in range(200)), *page, b"a page"]


def test_what_follows_a_close_is_not_read(port: int) -> None:
    closing = POST + b"Connection: close\r\nContent-Length: 1\r\n\r\na"
    answer = said(port, closing + SMUGGLED)
    assert bodies(answer) == [b"a"]
    assert b"connection: close" in answer.lower()


def test_version_1_0_is_answered_once(port: int) -> None:
    answer = said(port, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + GET + b"\r\n")
    assert bodies(answer) == [b"a page"]


def test_a_caller_who_asks_is_told_to_go_on(port: int) -> None:
    head = POST + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: 3\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as one:
        one.sendall(head)
        assert one.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        one.sendall(b"abc")
        answer = b""
        while more := one.recv(65_536):
            answer += more
    assert bodies(answer) == [b"abc"]


def test_a_caller_who_asks_in_vain_is_told_why(port: int) -> None:
    head = POST + b"Expect: 100-continue\r\nContent-Length: 999999\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as one:
        one.sendall(head)
        assert one.recv(65_536).startswith(b"HTTP/1.1 413 ")


def test_head_has_the_headers_alone(port: int) -> None:
    answer = said(port, b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"content-length: 6" in head.lower()
    assert not body


@pytest.mark.parametrize(
    ("line", "status", "allowed"),
    [
        (b"GET /none", b"404", b""),
        (b"GET /say/", b"404", b""),
        (b"GET /say", b"405", b"POST"),
        (b"PUT /say", b"405", b"POST"),
        (b"POST /", b"405", b"GET"),
        (b"OPTIONS *", b"404", b""),
        (b"GET http://elsewhere/", b"404", b""),
    ],
)
def test_what_is_not_served_is_told_so(
    port: int, line: bytes, status: bytes, allowed: bytes
) -> None:
    answer = said(port, line + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 %s " % status)
    assert bodies(answer)[0].startswith(b'{"error":')
    allow = [line for line in answer.split(b"\r\n") if line.lower().startswith(b"allow:")]
    assert all(allowed in line for line in allow)
    assert bool(allow) == bool(allowed)


@pytest.mark.parametrize("upgrade", [b"websocket", b"h2c", b"x"])
def test_an_upgrade_is_refused_by_answering(port: int, upgrade: bytes) -> None:
    asked = GET + b"Connection: upgrade\r\nUpgrade: " + upgrade + b"\r\n\r\n"
    answer = said(port, asked + GET + b"Connection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert bodies(answer) == [b"a page", b"a page"]


def test_a_tunnel_is_refused(port: int) -> None:
    answer = said(port, b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\nConnection: close\r\n\r\n")
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 404 "))


def test_a_request_behind_a_body_of_chunks_is_read_in_slices_too(port: int) -> None:
    """However it comes: chunks behind a plain request, and a plain one behind chunks."""
    chunks = CHUNKS + b"1\r\nx\r\n" * 3000 + b"0\r\n\r\n"
    plain = POST + b"Content-Length: 3\r\n\r\nabc"
    last = GET + b"Connection: close\r\n\r\n"
    assert bodies(said(port, plain + chunks + plain + chunks + last)) == [
        b"abc",
        b"x" * 3000,
        b"abc",
        b"x" * 3000,
        b"a page",
    ]


def heads(reader: Reader) -> int:
    return sum(isinstance(each, Head) for each in reader.read)


def test_of_many_requests_at_once_one_is_read_at_a_time() -> None:
    """However many come in one read of the socket, each would take a hundred times its bytes."""
    reader = Reader(HEADERS)
    reader.left = (GET + b"\r\n") * 5000
    reader.feed()
    assert heads(reader) == 1
    assert len(reader.left) == (len(GET) + 2) * 4999
    reader.read.clear()
    reader.feed()  # the same headers again
    assert heads(reader) == 1


def test_and_behind_chunks_no_more_than_a_slice_has() -> None:
    reader = Reader(HEADERS)
    reader.left = CHUNKS + b"0\r\n\r\n" + (GET + b"\r\n") * 5000
    assert not reader.feed()
    assert reader.feed(), "a slice"
    assert 1 < heads(reader) <= 1 + SLICE // len(GET)


@pytest.mark.parametrize("first", [GET + b"\r\n", POST + b"Content-Length: 3\r\n\r\nabc", SMUGGLED])
def test_headers_that_came_before_mean_the_same_in_any_parts(first: bytes) -> None:
    """Read from their bytes or known by them."""
    told = []
    for size in (1, 5, len(first), 3 * len(first)):
        reader, parts = Reader(HEADERS), list[object]()
        for at in range(0, 3 * len(first), size):
            reader.left += (first * 3)[at : at + size]
            while reader.left:
                reader.feed()
            parts += reader.read
            reader.read.clear()
        body = b"".join(each for each in parts if isinstance(each, bytes))
        told.append(([each for each in parts if not isinstance(each, bytes)], body))
    assert told == [told[0]] * 4


def test_long_headers_are_not_kept() -> None:
    reader = Reader(64 * 1024)
    reader.left = GET + b"a: " + b"b" * KEPT + b"\r\n\r\n"
    reader.feed()
    assert heads(reader) == 1
    assert reader._kept is None
