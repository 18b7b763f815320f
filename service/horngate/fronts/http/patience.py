"""What an HTTP connection may take its time for, and how it ends when it is broken."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from horngate.errors import Cancelled

HEADER_SECONDS: Final = 10.0
"""From a connection's beginning, or from the first byte of a later request, to the end of its
headers. Who sends them drop by drop holds a connection and nothing else, and not for longer."""

BODY_SECONDS: Final = 60.0
"""How long a body may take to come, from the end of the headers."""

REPLY_SECONDS: Final = 60.0
"""How long a reply may take to be taken, however steadily it is read."""

LINGER_SECONDS: Final = 5.0
"""For whoever is told that no more of the body is wanted: time to read that, and to stop."""

SLICE: Final = 1024
"""Bytes of a body in chunks that are read at a time. A chunk of one byte costs as much as a long
one, and what came at once would otherwise keep all others waiting for seconds."""

CONNECTION: Final = "connection"
"""Under which a request's ``state`` names its ``PatientProtocol``."""

_HEAD_END: Final = b"\r\n\r\n"
_CHUNKS: Final = re.compile(rb"transfer-encoding", re.IGNORECASE)
_ALL_CAME: Final = (h11.DONE, h11.MUST_CLOSE)
_TELLS: Final = (h11.IDLE, h11.SEND_RESPONSE)


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with an end to its patience, of which it has no end by itself.

    Three clocks, each for the whole of what it waits for: a byte now and then winds none of them.
    What cannot be read is answered with 400 where an answer is still due, and raises nothing.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._headers, self._body, self._reply = (_Clock(self) for _ in range(3))
        self._left = b""
        self._waits: asyncio.Future[None] | None = None
        self.app_state = {**self.app_state, CONNECTION: self}

    def watch(self, waits: asyncio.Future[None]) -> None:
        """Fail ``waits`` with ``Cancelled`` if the caller leaves before it is done.

        For the request that is being answered, of which a connection has one at a time, once its
        body is read: all that can still come is the connection's end.
        """
        self._waits = waits
        cycle: RequestResponseCycle = self.cycle
        if cycle.disconnected:
            self._leave()
        else:
            self.flow.resume_reading()

    @property
    def has_body(self) -> bool:
        """Whether the body of the request that is being answered has come to its end."""
        return self.conn.their_state in _ALL_CAME

    def _leave(self) -> None:
        waits, self._waits = self._waits, None
        if waits is not None and not waits.done():
            waits.set_exception(Cancelled("the caller left before the answer was ready"))

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        # The transport then says when the last byte of a reply is taken, and not the last but some.
        # Not 0, which a TLS transport reaches with nothing to write, and then waits for itself.
        transport.set_write_buffer_limits(high=1, low=0)
        super().connection_made(transport)
        self._headers.wind(HEADER_SECONDS)

    def data_received(self, data: bytes) -> None:
        if self._left:  # of a body in chunks; it is read as its turn comes
            self._left += data
        else:
            self._left = data
            self._go_on()

    def _go_on(self) -> None:
        """Read what came: of a body in chunks a slice, and the rest after others' turn."""
        while self._left:
            size = SLICE if self._may_be_chunks() else len(self._left)
            part, self._left = self._left[:size], self._left[size:]
            self._read(part)
            if self.transport.is_closing():
                self._left = b""
            elif self._left and self._may_be_chunks() and self.conn.their_state is h11.SEND_BODY:
                self.transport.pause_reading()
                self.loop.call_soon(self._go_on)
                return
        if not (self.flow.read_paused or self.transport.is_closing()):
            self.transport.resume_reading()

    def _may_be_chunks(self) -> bool:
        """Whether the next bytes are a request's beginning, or a body that comes in chunks."""
        if self.conn.their_state is h11.SEND_BODY:
            return any(name == b"transfer-encoding" for name, _ in self.headers)
        return self.conn.their_state is h11.IDLE and not self._has_plain_head()

    def _has_plain_head(self) -> bool:
        """Whether what came begins with whole headers, none of which says chunks."""
        end = self._left.find(_HEAD_END)
        if end < 0 or self.conn.trailing_data[0]:  # of a head, of which this is the rest
            return False
        return _CHUNKS.search(self._left, 0, end) is None

    def _read(self, data: bytes) -> None:
        try:
            super().data_received(data)
        except h11.ProtocolError:
            # Of a request that was answered already: nothing is left to tell.
            self.transport.abort()
        self._look()

    def on_response_complete(self) -> None:
        self._waits = None
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self._body.stop()
            self._body.wind(LINGER_SECONDS)
        else:
            self._look()

    def send_400_response(self, msg: str) -> None:
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            # The handler that waits for the rest is told that it will not come.
            cycle.disconnected = True
            cycle.message_event.set()
            self._leave()
        if self.conn.our_state in _TELLS:
            super().send_400_response(msg)
        else:
            self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reply.wind(REPLY_SECONDS)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._reply.stop()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._leave()
        for clock in (self._headers, self._body, self._reply):
            clock.stop()

    def _look(self) -> None:
        """Wind the clock of what is waited for now, and stop that of what has come."""
        state = self.conn.their_state
        if state is not h11.IDLE:
            self._headers.stop()
        elif self.timeout_keep_alive_task is None:
            self._headers.wind(HEADER_SECONDS)
        if state is not h11.SEND_BODY:
            self._body.stop()
        else:
            self._body.wind(BODY_SECONDS + LINGER_SECONDS)


class _Clock:
    """Ends a connection when it runs down. One that goes is not wound again."""

    def __init__(self, connection: PatientProtocol) -> None:
        self._connection = connection
        self._handle: asyncio.TimerHandle | None = None

    def wind(self, seconds: float) -> None:
        if self._handle is None:
            connection = self._connection
            self._handle = connection.loop.call_later(seconds, connection.transport.abort)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
