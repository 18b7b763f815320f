"""One input in, one well-formed outcome out: what the fuzzers and the corpus drive.

An input is a line with a path and then what a client would send there: for a gRPC method the
message; for a REST route the headers, an empty line and the body, as HTTP writes them. ``feed``
does with it what a front does. It lets only two things pass: a reply that can be written, and
a ``HorngateError`` that the method tells with a known code in a bounded text. All else is a
``Finding``.
"""

from __future__ import annotations

import contextlib
import functools
import tempfile
import tracemalloc
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn, TypeVar

from horngate.access.gate import Gate
from horngate.answer import Answer
from horngate.call import Call
from horngate.calls import Calls
from horngate.errors import Code, HorngateError
from horngate.fronts.http.bodies import Body, coding_of, compressed, uncompressed
from horngate.fronts.http.routes import NotServed, Routes
from horngate.protocols.health import methods as health_methods
from horngate.protocols.http import HttpMethod, HttpReply, HttpRequest, failed
from horngate.protocols.method import (
    DuplexMethod,
    Method,
    Observed,
    Status,
    UnaryMethod,
    parsed,
)
from horngate.protocols.oip.methods import methods as oip_methods
from horngate.protocols.oip.rest.routes import routes as oip_routes
from horngate.protocols.tfserving.methods import methods as tfserving_methods
from horngate.protocols.tfserving.rest.routes import routes as tfserving_routes
from tests.fuzz.engine import make_inference
from tests.unit.batching.doubles import ManualClock
from tests.unit.fronts.calls import Caller, Observer
from tests.unit.protocols.doubles import FakeFigures, FakeLogs

CORPUS: Final = Path(__file__).parent / "corpus"
FINDINGS: Final = Path(__file__).parent / "findings"

MAX_BODY: Final = 1 << 20
"""Bytes of a REST body, uncompressed; a server's limit is far above, and so are real bodies."""

MAX_REPLY_HEADER: Final = 8 * 1024
"""Bytes of headers that a gRPC client takes by default; a longer message never reaches it."""

BASE: Final = 65 << 20
"""Bytes that any input may cost: 64 MiB, which a tensor of repeated values may have, and the
interpreter's own."""

PER_BYTE: Final = 64
"""Bytes that each byte of an input may cost on top."""

T = TypeVar("T")


class Finding(AssertionError):
    """What must not happen."""


class Outcome(NamedTuple):
    """How a call ended."""

    code: Code
    message: str = ""


class Table(NamedTuple):
    """Every gRPC method by its path, and every REST route."""

    methods: Mapping[str, Method]
    routes: Routes[HttpMethod]


@functools.cache
def table() -> Table:
    """Made once: all that a server serves, but for reflection, which knows no model."""
    folder = tempfile.TemporaryDirectory(prefix="horngate-fuzz-")
    inference = make_inference(Path(folder.name))
    folder.cleanup()
    grpc = [
        *tfserving_methods(inference),
        *oip_methods(inference, FakeFigures(), FakeLogs()),
        *health_methods(inference),
    ]
    rest = [*tfserving_routes(inference), *oip_routes(grpc)]
    return Table(
        {method.path: method for method in grpc},
        Routes((each.route, each.verb, each) for each in rest),
    )


def pack(path: str, data: bytes) -> bytes:
    """An input, as the corpus keeps it."""
    return path.encode() + b"\n" + data


def pack_http(path: str, body: bytes, **headers: str) -> bytes:
    """An input for a REST route; ``_`` in a header's name stands for a dash."""
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
    return pack(path, "".join(lines).encode("latin-1") + b"\r\n" + body)


def unpack(packed: bytes) -> tuple[str, bytes]:
    """The path and what is sent there."""
    path, _, data = packed.partition(b"\n")
    return path.decode("latin-1"), data


def split_http(data: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers, by their names in lower case, and body; without an empty line it is all body."""
    head, found, body = data.partition(b"\r\n\r\n")
    if data.startswith(b"\r\n"):
        return [], data[2:]
    if not found:
        return [], data
    lines = (line.partition(b":") for line in head.split(b"\r\n"))
    return [(name.strip().lower(), value.strip()) for name, _, value in lines], body


def feed(path: str, data: bytes) -> Outcome | None:
    """What becomes of ``data`` at ``path``; None where nothing is served there.

    Raises:
        Finding: it ended in another way than calls may end.
    """
    try:
        if path in table().methods:
            return _call(table().methods[path], data)
        for verb in ("POST", "GET"):
            with contextlib.suppress(NotServed):
                method, places = table().routes.find(verb, path)
                return _request(method, places, data)
    except Finding:
        raise
    except Exception as error:
        raise Finding(f"{path}: {type(error).__name__}: {str(error)[:200]}") from error
    return None


def measured(path: str, data: bytes) -> Outcome | None:
    """``feed``, held to its memory.

    Raises:
        Finding: as ``feed``, or more memory at a time than the input's size allows.
    """
    table()  # made once, and nobody's memory
    # What is compressed may come to as much as the body's limit.
    size = len(data) + MAX_BODY * (b"content-encoding" in data[:1000].lower())
    tracemalloc.start()
    try:
        outcome = feed(path, data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    if peak > BASE + PER_BYTE * size:
        raise Finding(f"{path}: {len(data)} bytes of input took {peak} bytes of memory")
    return outcome


def _call(method: Method, data: bytes) -> Outcome:
    call, calls = Caller(method, 100.0), _calls()
    if isinstance(method, UnaryMethod):
        calls.serve(call, method.ask, data)
        return _outcome(call)
    try:
        request = parsed(method, data)
        if isinstance(method, DuplexMethod):
            return _message(method, request, call, calls)
        method.handler(request, call, lambda reply: _written(reply.SerializeToString()))()
    except HorngateError as error:
        call.fail(calls.failure(method, error))
        return _outcome(call)
    return Outcome(Code.OK)


def _message(method: DuplexMethod, request: Any, call: Caller, calls: Calls) -> Outcome:
    """One message of a stream: an error is an answer there."""
    calls.serve(call, method.handler, request)
    if call.failures:
        told = Status(call.told.code, call.told.message)
        _written(method.failed(request, told).SerializeToString())
    return _outcome(call)


def _outcome(call: Caller) -> Outcome:
    """Of a call that must have ended by now."""
    if call.failures:
        return _told(call.method, call.told.code, call.told.message)
    if not call.replies:
        raise Finding(f"{call.method.path}: neither answered nor refused")
    return Outcome(Code.OK)


def _calls() -> Calls:
    """The calls of a port whose gate is open, new for each: a finding leaves its call behind."""
    clock = ManualClock()
    gate = Gate(clock)
    return Calls(gate, Observer(), _unforeseen, clock, most_in_flight=1, most_bytes=2**31 - 1)


def _request(method: HttpMethod, places: Mapping[str, str], data: bytes) -> Outcome:
    fields, body = split_http(data)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(fields)}
    try:
        coming = Body(MAX_BODY, lambda _: None)
        coming.take(body)
        whole, coding = coming.whole(), coding_of(headers)
        if coding:
            whole = uncompressed(whole, coding, MAX_BODY, lambda _: None)
        reply = _result(method.handler(HttpRequest(places, headers, whole), Call(100.0)))
        _reply(headers, reply)
    except HorngateError as error:
        told = method.status(error)
        reply = failed(*told)
        _reply(headers, reply)
        if len(reply.body) > 6 * MAX_REPLY_HEADER:
            raise Finding(f"{method.path}: an error of {len(reply.body)} bytes") from error
        return _told(method, told.code, told.message[:100])
    return Outcome(Code.OK)


def _reply(headers: Mapping[str, str], reply: HttpReply) -> None:
    compressed(headers, reply)
    if not 200 <= reply.status < 600 or reply.status == 500:
        raise Finding(f"answered with {reply.status}")


def _told(method: Observed, code: Code, message: str) -> Outcome:
    """An error that a client can be told; INTERNAL is none that input may lead to here."""
    if code in (Code.OK, Code.UNKNOWN, Code.INTERNAL) or not message:
        raise Finding(f"{method.path}: answered {code.name}: {message[:200]}")
    if not _header_size(message) <= MAX_REPLY_HEADER:
        raise Finding(f"{method.path}: a message of {len(message)} characters fits in no header")
    return Outcome(code, message)


def _header_size(message: str) -> int:
    """Bytes in HTTP/2, where gRPC writes all but plain ASCII as three for each byte."""
    plain = sum(" " <= each <= "~" and each != "%" for each in message)
    return plain + 3 * (len(message.encode()) - plain)


def _unforeseen(method: Observed, error: Exception) -> NoReturn:
    raise Finding(f"{method.path}: {type(error).__name__}: {str(error)[:200]}")


def _written(data: bytes) -> None:
    assert isinstance(data, bytes)


def _result(answer: T | Answer[T]) -> T:
    return answer.result() if isinstance(answer, Answer) else answer
