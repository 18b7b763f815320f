"""The HTTP port's socket: what its connections inherit, and a port that is taken."""

from __future__ import annotations

import contextlib
import socket

import pytest

from horngate.errors import ConfigError
from horngate.fronts.http.listener import listen
from horngate.fronts.options import PortOptions


def test_every_connection_is_asked_whether_its_peer_is_there() -> None:
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(listen(PortOptions(keepalive_seconds=30)))
        stack.enter_context(socket.create_connection(listener.getsockname()))
        taken = stack.enter_context(listener.accept()[0])

        def set_to(option: int) -> int:
            return taken.getsockopt(socket.IPPROTO_TCP, option)

        assert taken.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert set_to(socket.TCP_KEEPIDLE) == 30
        assert set_to(socket.TCP_KEEPINTVL) == 10
        assert set_to(socket.TCP_KEEPCNT) == 1
        assert set_to(socket.TCP_USER_TIMEOUT) == 30_000


def test_a_port_that_is_taken_is_named() -> None:
    with listen(PortOptions()) as first:
        port = first.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"http_port: .* received {port}: .*in use"):
            listen(PortOptions(port=port))
