"""HTTP/1.1 connections: requests in their order, each answered within its time and its bounds.

Knows no route and no call: whoever answers a request is an ``Exchange``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from math import inf
from typing import Final, Protocol

from horngate.errors import Code
from horngate.fronts.http.reader import BROKEN, Head, Reader
from horngate.protocols.http import HttpReply, failed

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

JOINED: Final = 64 * 1024
"""Bytes of a body up to which it is copied behind its headers, to be one write."""

_GO_ON: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_PHRASES: Final = {each.value: each.phrase for each in HTTPStatus}


class Exchange(Protocol):
    """Answers one request, by ``Connection.reply``. All calls come on the loop."""

    @property
    def reads(self) -> bool:
        """Whether it wants the body; one that does not ignores what it is told of it."""

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


class Connections:
    """Those that are open, on one loop. ``answer`` makes an exchange of a request."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        max_header_bytes: int,
        answer: Callable[[Head, Connection], Exchange],
    ) -> None:
        self.loop = loop
        self.max_header_bytes = max_header_bytes
        self.answer = answer
        self.open: set[Connection] = set()
        self.date = ""

    def made(self) -> Connection:
        """A new one, which is not connected yet."""
        return Connection(self)

    def look(self) -> None:
        """End those that have run out of time, now and again and again."""
        self.date = formatdate(usegmt=True)
        now = self.loop.time()
        for connection in tuple(self.open):
            connection.look(now)
        self.loop.call_later(LOOK_SECONDS, self.look)

    def stop(self) -> None:
        """End each once the request that is being answered is, at once where there is none."""
        for connection in tuple(self.open):
            connection.stop()


class Connection(asyncio.Protocol):
    """Belongs to its loop, and answers one request at a time."""

    def __init__(self, shared: Connections) -> None:
        self._shared = shared
        self._time = shared.loop.time
        self._reader = Reader(shared.max_header_bytes)
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

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # a stream's
        self._transport = transport
        # The transport then says when the last byte of a reply is taken, and not the last but some.
        # Not 0, which a TLS transport reaches with nothing to write, and then waits for itself.
        transport.set_write_buffer_limits(high=1, low=0)
        peer = transport.get_extra_info("peername")
        self.address: str = peer[0] if isinstance(peer, tuple) else ""
        self._comes_by = self._time() + HEADER_SECONDS
        self._shared.open.add(self)

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        if reader.left or reader.read or self._busy:
            reader.left += data
            self._pause()
        else:
            reader.left = data
            self._go_on()

    def pause_writing(self) -> None:
        self._unread = True
        self._taken_by = self._time() + REPLY_SECONDS

    def resume_writing(self) -> None:
        self._unread = False
        self._taken_by = inf
        self._schedule()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's own
        self._shared.open.discard(self)
        self._reader.close()
        self._leave()

    def reply(self, exchange: Exchange, reply: HttpReply) -> None:
        """Answer. Nothing is said where ``exchange`` was left meanwhile, or was answered."""
        head = self._head
        if exchange is not self._exchange or head is None:
            return
        self._exchange = None
        self._closes = self._closes or not head.keeps
        self._send(reply, alone=head.verb == "HEAD")
        if self._coming:
            self._comes_by = self._time() + LINGER_SECONDS
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

    @property
    def _busy(self) -> bool:
        """Whether nothing further is read: a request is being answered, or its reply taken."""
        return self._unread or (self._exchange is not None and not self._coming)

    def _schedule(self) -> None:
        if not self._scheduled and (self._reader.left or self._reader.read or self._paused):
            self._scheduled = True
            self._shared.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        """Read what came up to the end of a request, or a slice of chunks; then others' turn."""
        self._scheduled = False
        reader, transport = self._reader, self._transport
        sliced = False
        while not self._busy and not transport.is_closing():
            if reader.read:
                if self._do(reader.read.popleft()):
                    break
            elif reader.left and not sliced:
                sliced = reader.feed()
            else:
                break
        if transport.is_closing():
            reader.left = b""
            reader.read.clear()
        elif reader.left or reader.read:
            self._pause()
            if not self._busy:
                self._schedule()
        elif self._paused:
            self._paused = False
            transport.resume_reading()
        if reader.begun and not self._heading and not self._busy:
            self._heading = True
            self._comes_by = self._time() + HEADER_SECONDS

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
        elif what is BROKEN:
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
        self._comes_by = self._time() + BODY_SECONDS
        exchange = self._exchange = self._shared.answer(head, self)
        exchange.begin()
        wanted = exchange.reads and exchange is self._exchange
        if head.asks and wanted and not (self._reader.left or self._reader.read):
            self._transport.write(_GO_ON)

    def _rest(self) -> None:
        """A request was answered and has come to its end."""
        self._comes_by = self._time() + IDLE_SECONDS
        if self._closes:
            self._transport.close()

    def _refuse(self) -> None:
        """Answer what cannot be read, where an answer is still due, and end."""
        due = not self._coming or self._exchange is not None
        self._leave()
        if not due:
            self._transport.abort()
            return
        self._closes = True
        what = "expected a request of HTTP/1.1, received something else"
        self._send(failed(Code.INVALID_ARGUMENT, f"{what}; see whether the port is the right one"))
        self._transport.close()

    def _leave(self) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.leave()

    def _send(self, reply: HttpReply, *, alone: bool = False) -> None:
        """Write headers and body, or the headers ``alone``."""
        body = reply.body
        fields = "".join([f"{name.lower()}: {value}\r\n" for name, value in reply.headers.items()])
        close = "connection: close\r\n" if self._closes else ""
        # Of a page that the caller has already, the length is that page's, which is not made.
        length = (
            "" if reply.status == HTTPStatus.NOT_MODIFIED else f"content-length: {len(body)}\r\n"
        )
        head = (
            f"HTTP/1.1 {reply.status} {_PHRASES.get(reply.status, '')}\r\n"
            f"date: {self._shared.date}\r\ncontent-type: {reply.content_type}\r\n"
            f"{length}{fields}{close}\r\n"
        ).encode()
        if alone:
            body = b""
        if len(body) <= JOINED:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))
