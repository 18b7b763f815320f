"""The socket that the HTTP port listens on, and what takes connections from it.

Not libuv's own way: out of file handles it gives up one that it keeps, to let a caller go. Where
another thread takes that one meanwhile, it looks for callers again and again without an end.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from horngate.errors import ConfigError
from horngate.fronts.options import PortOptions
from horngate.fronts.tls import HANDSHAKE_SECONDS

BACKLOG: Final = 1024

TAKEN: Final = 64
"""Connections that are taken in one turn of the loop: those that are open have their turn too."""

SHORT_SECONDS: Final = 0.5
"""Between two looks for callers while there is no file handle for one; they wait in the backlog."""


class Listener:
    """Listens from its construction on, so that a port in use is known before models load.

    It takes connections once it was started. All but the construction is for the loop's thread.

    Raises:
        ConfigError: the port cannot be had.
    """

    def __init__(self, options: PortOptions) -> None:
        self._socket = _listen(options)
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self._certificates = options.certificates
        self._beginning: set[asyncio.Task[None]] = set()
        self._again: asyncio.TimerHandle | None = None

    def start(
        self, loop: asyncio.AbstractEventLoop, made: Callable[[], asyncio.BaseProtocol]
    ) -> None:
        """Take connections, each with a protocol that ``made`` makes for it."""
        self._loop, self._made = loop, made
        loop.add_reader(self._socket, self._take)

    def stop(self) -> None:
        """Take no more. Those whose handshake is not over end with the loop."""
        if self._again is not None:
            self._again.cancel()
        self._loop.remove_reader(self._socket)
        self.close()

    def close(self) -> None:
        """Give the port back, of one that was not started, or again."""
        self._socket.close()

    def _take(self) -> None:
        for _ in range(TAKEN):
            try:
                taken, _peer = self._socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError:  # no handle, or no memory, for one more
                self._loop.remove_reader(self._socket)
                self._again = self._loop.call_later(
                    SHORT_SECONDS, self._loop.add_reader, self._socket, self._take
                )
                return
            taken.setblocking(False)
            beginning = self._loop.create_task(self._begin(taken))
            self._beginning.add(beginning)
            beginning.add_done_callback(self._beginning.discard)

    async def _begin(self, taken: socket.socket) -> None:
        # Every handshake is given what the files hold then.
        context = self._certificates().context if self._certificates else None
        try:
            await self._loop.connect_accepted_socket(
                self._made,
                taken,
                ssl=context,
                ssl_handshake_timeout=HANDSHAKE_SECONDS if context else None,
            )
        except OSError:  # it left, or spoke no TLS
            taken.close()


def _listen(options: PortOptions) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _keep_alive(listener, options)
    try:
        listener.bind((options.host, options.port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"http_port: expected a free port on {options.host}, received {options.port}: "
            f"{error.strerror}; choose another, or 0 for any free one"
        ) from error
    listener.listen(BACKLOG)
    return listener


def _keep_alive(listener: socket.socket, options: PortOptions) -> None:
    """Set on the listener, from which Linux has every connection inherit it."""
    silence, patience = options.keepalive_ms
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        (socket.TCP_KEEPIDLE, max(1, silence // 1000)),
        (socket.TCP_KEEPINTVL, max(1, patience // 1000)),
        (socket.TCP_KEEPCNT, 1),
        # Milliseconds for which what was sent may stay unread: a caller that vanished, or does not
        # read its reply, gives its connection and its reply's memory back.
        (socket.TCP_USER_TIMEOUT, silence),
    ):
        listener.setsockopt(socket.IPPROTO_TCP, option, value)
