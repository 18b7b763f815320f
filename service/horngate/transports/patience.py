"""How long an HTTP connection may take to say what it wants."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS: Final = 10.0
"""From a connection's beginning, or from the first byte of a later request, to the end of its
headers. Who sends them drop by drop holds a connection and nothing else, and not for longer."""


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with an end to its patience: uvicorn waits for headers for ever."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._done()
        elif self._patience is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._done()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._patience = self.loop.call_later(HEADER_SECONDS, self.transport.abort)

    def _done(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
