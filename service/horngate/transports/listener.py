"""The socket that the HTTP port listens on."""

from __future__ import annotations

import socket
from typing import Final

from horngate.errors import ConfigError

BACKLOG: Final = 1024
KEEPALIVE: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    # Milliseconds for which what was sent may stay unread: a caller that vanished, or does not
    # read its reply, gives its connection and its reply's memory back.
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 60_000),
)
"""Set on the listener, from which Linux has every connection inherit them."""


def listen(host: str, port: int) -> socket.socket:
    """Listen on ``host`` and ``port``, 0 for any free one.

    Raises:
        ConfigError: the port cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for level, option, value in KEEPALIVE:
        listener.setsockopt(level, option, value)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"http_port: expected a free port on {host}, received {port}: "
            f"{error.strerror}; choose another, or 0 for any free one"
        ) from error
    listener.listen(BACKLOG)
    return listener
