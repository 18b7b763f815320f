"""One HTTP/1.1 connection: its requests in their order, each read within its time and its bounds.

llhttp reads, by httptools, and takes nothing that another could read otherwise; what it leaves to
its caller is refused here. Knows no route and no call: whoever answers is an ``Exchange``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from math import inf
from typing import Final, NamedTuple, Protocol
from urllib.parse import unquote

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

HEADER_SECONDS: Final = 10.0
"""From a connection's beginning, or from the first byte of a later request, to the end of its
headers. Who sends them drop by drop holds a connection and nothing else, and not for longer."""

IDLE_SECONDS: Final = 5.0
"""From a reply to the first byte of the next request."""

BODY_SECONDS: Final = 60.0
"""How long a body may take to come, from the end of the headers."""

REPLY_SECONDS: Final = 60.0
"""How long a reply may take to be taken, however steadily it is read."""

LINGER_SECONDS: Final = 5.0
"""For whoever is told that no more of the body is wanted: time to read that, and to stop."""

LOOK_SECONDS: Final = 0.25
"""Between two looks at what has run out of time."""

SLICE: Final = 1024
"""Bytes of a body in chunks that are read at a time. A chunk of one byte costs as much as a long
one, and what came at once would otherwise keep all others waiting for seconds."""

KEPT: Final = 1024
"""Bytes of headers up to which a connection keeps the last: callers send the same again and again,
and what was read once needs no reading."""

_HEAD_END: Final = b"\r\n\r\n"
_GO_ON: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_END: Final = None
_BROKEN: Final = False

Fields = tuple[tuple[str, str], ...]


class Malformed(Exception):
    """No request that is answered here."""


class Head(NamedTuple):
    """A request without its body.

    ``fields`` are all headers and ``headers`` the first of each name, in lower case. ``length`` is
    the body's, None where it comes in chunks. ``keeps``: the connection may have another request.
    ``asks``: the caller waits to be told that its body is wanted.
    """

    verb: str
    path: str
    fields: Fields
    headers: Mapping[str, str]
    length: int | None
    keeps: bool
    asks: bool


class Exchange(Protocol):
    """Answers one request, by ``Connection.reply``. All calls come on the loop."""

    reads: bool
    """Whether it wants the body; one that does not is not told of it."""

    def begin(self) -> None:
        """The headers are there."""

    def take(self, part: bytes) -> None:
        """A part of the body came."""

    def whole(self) -> None:
        """The body has come to its end."""

    def too_slow(self, seconds: float) -> None:
        """It did not within ``seconds``."""

    def leave(self) -> None:
        """The caller is gone, or what it sends cannot be read; no reply is taken any more."""


class Connection(asyncio.Protocol):
    """Belongs to its loop. ``others`` are all open ones; whoever has them calls ``look``."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        others: set[Connection],
        max_header_bytes: int,
        answer: Callable[[Head, Connection], Exchange],
        refusal: Callable[[], bytes],
    ) -> None:
        self._loop = loop
        self._others = others
        self._max_header_bytes = max_header_bytes
        self._answer = answer
        self._refusal = refusal
        self._parser = HttpRequestParser(self)
        # What the parser has: the request whose body it is in, what is missing of that, the bytes
        # since the beginning of the headers or the last of the body, and the last three of all.
        self._inside: Head | None = None
        self._missing = 0
        self._fed = 0
        self._tail = b""
        # The headers that came last, and whether they came again, which the parser does not know.
        self._kept: tuple[bytes, Head] | None = None
        self._known = False
        # What came and was not read, and what was read and had no turn yet.
        self._left = b""
        self._read: deque[Head | bytes | bool | None] = deque()
        self._scheduled = False
        self._paused = False
        # The request that is answered, whether its body is still to come, and whether the reply to
        # the last is not taken yet.
        self._head: Head | None = None
        self._exchange: Exchange | None = None
        self._coming = False
        self._unread = False
        self._closes = False
        self._heading = True
        self._comes_by = self._taken_by = inf

    # What the transport says.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # a stream's
        self._transport = transport
        # The transport then says when the last byte of a reply is taken, and not the last but some.
        # Not 0, which a TLS transport reaches with nothing to write, and then waits for itself.
        transport.set_write_buffer_limits(high=1, low=0)
        peer = transport.get_extra_info("peername")
        self.address: str = peer[0] if isinstance(peer, tuple) else ""
        self._comes_by = self._loop.time() + HEADER_SECONDS
        self._others.add(self)

    def data_received(self, data: bytes) -> None:
        if self._left or self._read or self._busy:
            self._left += data
            self._pause()
        else:
            self._left = data
            self._go_on()

    def pause_writing(self) -> None:
        self._unread = True
        self._taken_by = self._loop.time() + REPLY_SECONDS

    def resume_writing(self) -> None:
        self._unread = False
        self._taken_by = inf
        self._schedule()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's own
        self._others.discard(self)
        self._left = b""
        self._read.clear()
        self._leave()
        del self._parser  # it holds this connection, as this holds it

    # What the front says.

    def reply(self, exchange: Exchange, status: bytes, fields: bytes, body: bytes) -> None:
        """Answer with a status line, lines of headers that end, and a body.

        Nothing is said where ``exchange`` was left meanwhile, or was answered.
        """
        head = self._head
        if exchange is not self._exchange or head is None:
            return
        self._exchange = None
        self._closes = self._closes or not head.keeps
        close = b"connection: close\r\n\r\n" if self._closes else b"\r\n"
        start = b"%b%bcontent-length: %d\r\n%b" % (status, fields, len(body), close)
        if head.verb == "HEAD":
            body = b""
        if len(body) < SLICE * 64:
            self._transport.write(start + body)
        else:
            self._transport.writelines((start, body))
        if self._coming:
            self._comes_by = self._loop.time() + LINGER_SECONDS
        else:
            self._rest()
        self._schedule()

    def stop(self) -> None:
        """End once the request that is being answered is, at once where there is none."""
        self._closes = True
        if self._exchange is None:
            self._transport.close()

    def look(self, now: float) -> None:
        """End what has run out of time."""
        if now >= self._taken_by:
            self._transport.abort()
        elif now >= self._comes_by:
            if self._exchange is not None and self._coming:
                self._comes_by = now + LINGER_SECONDS
                self._exchange.too_slow(BODY_SECONDS)
            elif self._coming or self._heading:
                self._transport.abort()
            else:
                self._transport.close()

    # What the parser says.

    def on_message_begin(self) -> None:
        self._fed += 1
        self._target = b""
        self._fields: list[tuple[bytes, bytes]] = []

    def on_url(self, part: bytes) -> None:
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name, value))  # trailers too, which nobody asks for

    def on_headers_complete(self) -> None:
        parser = self._parser
        head = _head(parser.get_method(), self._target, self._fields, parser)
        self._inside, self._missing = head, head.length or 0
        self._read.append(head)

    def on_body(self, part: bytes) -> None:
        self._fed = 0
        self._missing -= len(part)
        if self._read and isinstance(before := self._read[-1], bytes):
            self._read[-1] = before + part  # of a slice of tiny chunks
        else:
            self._read.append(part)

    def on_message_complete(self) -> None:
        self._fed = 0
        self._inside, self._known = None, False
        self._read.append(_END)

    # Reading what came, in its order.

    @property
    def _busy(self) -> bool:
        """Whether nothing further is read: a request is being answered, or its reply taken."""
        return self._unread or (self._exchange is not None and not self._coming)

    def _schedule(self) -> None:
        if not self._scheduled and (self._left or self._read or self._paused):
            self._scheduled = True
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        """Read what came up to the end of a request, or a slice of chunks; then others' turn."""
        self._scheduled = False
        sliced = False
        while not self._busy and not self._transport.is_closing():
            if self._read:
                if self._do(self._read.popleft()):
                    break
            elif self._left and not sliced:
                sliced = self._feed()
            else:
                break
        if self._transport.is_closing():
            self._left = b""
            self._read.clear()
        elif self._left or self._read:
            self._pause()
            if not self._busy:
                self._schedule()
        elif self._paused:
            self._paused = False
            self._transport.resume_reading()
        if self._fed and not self._inside and not self._heading and not self._busy:
            self._heading = True
            self._comes_by = self._loop.time() + HEADER_SECONDS

    def _pause(self) -> None:
        if not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def _do(self, what: Head | bytes | bool | None) -> bool:
        """Hand on what was read; whether it was the end of a request."""
        if isinstance(what, bytes):
            if self._exchange is not None:
                self._exchange.take(what)
        elif isinstance(what, Head):
            self._begin(what)
        elif what is _BROKEN:
            self._refuse()
        else:
            self._coming = False
            if self._exchange is None:
                self._rest()
            else:
                self._comes_by = inf
                self._exchange.whole()
            return True
        return False

    def _begin(self, head: Head) -> None:
        self._head = head
        self._coming, self._heading = True, False
        self._comes_by = self._loop.time() + BODY_SECONDS
        exchange = self._exchange = self._answer(head, self)
        exchange.begin()
        wanted = exchange.reads and exchange is self._exchange
        if head.asks and wanted and not (self._left or self._read):
            self._transport.write(_GO_ON)

    def _rest(self) -> None:
        """A request was answered and has come to its end."""
        self._comes_by = self._loop.time() + IDLE_SECONDS
        if self._closes:
            self._transport.close()

    def _refuse(self) -> None:
        """Answer what cannot be read, where an answer is still due, and end."""
        told = self._coming and self._exchange is None
        self._leave()
        if told:
            self._transport.abort()
            return
        self._transport.write(self._refusal())
        self._transport.close()

    def _leave(self) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.leave()

    def _feed(self) -> bool:
        """Have a part of what came read: headers, a body, or a slice of chunks; whether a slice."""
        left, inside, first = self._left, self._inside, not self._fed
        if (inside is None or self._known) and self._again(left):
            return False
        if inside is None:
            found = (self._tail + left).find(_HEAD_END)
            size = found + len(_HEAD_END) - len(self._tail) if found >= 0 else len(left)
        else:
            size = SLICE if inside.length is None else self._missing
        part, self._left = left[:size], left[size:]
        self._tail = (self._tail + part[-3:])[-3:]
        if inside is None or inside.length is None:
            self._fed += len(part)
        if self._fed > self._max_header_bytes:
            self._read.append(_BROKEN)
            return False
        try:
            self._parser.feed_data(part)
        except HttpParserUpgrade as upgrade:
            self._left = part[upgrade.args[0] :] + self._left
            self._stay()
        except HttpParserError:
            self._read.append(_BROKEN)
        if first and len(part) <= KEPT and self._read and isinstance(self._read[0], Head):
            head = self._read[0]
            if inside is None and head.length is not None and part.endswith(_HEAD_END):
                self._kept = part, head
        return inside is not None and inside.length is None

    def _again(self, left: bytes) -> bool:
        """Take headers that are those of the last request, byte for byte, and then its body."""
        if self._known:
            size = self._missing
            self._left = left[size:]
            self.on_body(left[:size])
        elif self._kept is None or self._fed or not left.startswith(self._kept[0]):
            return False
        else:
            raw, head = self._kept
            self._left = left[len(raw) :]
            self._read.append(head)
            self._inside, self._missing, self._known = head, head.length or 0, True
        if not self._missing:
            self.on_message_complete()
        return True

    def _stay(self) -> None:
        """Read on as HTTP/1.1: the parser leaves a body to the protocol that was asked for."""
        while not isinstance(head := self._read.pop(), Head):
            pass  # an end, for which it takes that of the headers
        self._read.append(head)
        self._parser = HttpRequestParser(self)
        if head.length == 0:
            self._read.append(_END)
            return
        length = "transfer-encoding: chunked"
        if head.length is not None:
            length = f"content-length: {head.length}"
        self._parser.feed_data(f"POST / HTTP/1.1\r\nhost: x\r\n{length}\r\n\r\n".encode())
        self._read.pop()  # which only the parser needed to know


def _head(
    verb: bytes, target: bytes, fields: list[tuple[bytes, bytes]], parser: HttpRequestParser
) -> Head:
    """What the parser found, if it is a request that is answered here.

    Raises:
        Malformed: another version, a tunnel, no host or several, or a body whose end two readers
            could see in different places.
    """
    version = parser.get_http_version()
    named = tuple(
        [(name.decode("ascii").lower(), value.decode("latin-1").strip()) for name, value in fields]
    )
    headers = dict(reversed(named))
    names = [name for name, _ in named]
    hosts, codings = names.count("host"), names.count("transfer-encoding")
    if version not in ("1.1", "1.0") or verb == b"CONNECT":
        raise Malformed
    if hosts > 1 or (version == "1.1" and not hosts):
        raise Malformed
    length: int | None = 0
    if codings:
        chunks = headers["transfer-encoding"].lower() == "chunked"
        if codings > 1 or not chunks or version == "1.0" or "content-length" in headers:
            raise Malformed
        length = None
    elif "content-length" in headers:
        length = int(headers["content-length"])
    path = target.partition(b"?")[0].decode("ascii")
    return Head(
        verb.decode("ascii"),
        unquote(path) if "%" in path else path,
        named,
        headers,
        length,
        version == "1.1" and parser.should_keep_alive(),
        headers.get("expect", "").lower() == "100-continue",
    )
