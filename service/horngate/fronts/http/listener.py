"""The socket that the HTTP port listens on."""

from __future__ import annotations

import socket
from typing import Final

from horngate.errors import ConfigError
from horngate.fronts.options import PortOptions

BACKLOG: Final = 1024


def listen(options: PortOptions) -> socket.socket:
    """Listen on the host and port of ``options``.

    Raises:
        ConfigError: the port cannot be had.
    """
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
