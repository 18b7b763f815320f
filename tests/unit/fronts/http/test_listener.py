"""The HTTP port's socket: what its connections inherit, a port that is taken, no handle for one."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvloop

from horngate.errors import ConfigError
from horngate.fronts.http import listener as module
from horngate.fronts.http.listener import Listener
from horngate.fronts.options import PortOptions
from horngate.fronts.tls import watch
from tests.unit.fronts.test_tls import pair


class Greeting(asyncio.Protocol):
    """Says that a connection is there, and keeps its options."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # a stream's
        self.made = transport
        transport.write(b"hello")


@contextlib.contextmanager
def listening(options: PortOptions) -> Iterator[Listener]:
    listener = Listener(options)
    try:
        yield listener
    finally:
        listener.close()


async def greeted(listener: Listener, look: Callable[[Greeting], None]) -> None:
    """Start ``listener``, connect, wait for the greeting, and ``look`` at what was made."""
    protocols: list[Greeting] = []

    def made() -> Greeting:
        protocols.append(Greeting())
        return protocols[-1]

    listener.start(asyncio.get_running_loop(), made)
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    assert await asyncio.wait_for(reader.readexactly(5), 30) == b"hello"
    look(protocols[-1])
    protocols[-1].made.close()
    writer.close()
    await writer.wait_closed()
    listener.stop()


def run(listener: Listener, look: Callable[[Greeting], None] = lambda _: None) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(greeted(listener, look))


def test_every_connection_is_asked_whether_its_peer_is_there() -> None:
    def look(greeting: Greeting) -> None:
        taken = greeting.made.get_extra_info("socket")

        def set_to(option: int) -> int:
            size: int = taken.getsockopt(socket.IPPROTO_TCP, option)
            return size

        assert taken.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert set_to(socket.TCP_KEEPIDLE) == 30
        assert set_to(socket.TCP_KEEPINTVL) == 10
        assert set_to(socket.TCP_KEEPCNT) == 1
        assert set_to(socket.TCP_USER_TIMEOUT) == 30_000
        assert set_to(socket.TCP_NODELAY) == 1

    with listening(PortOptions(keepalive_seconds=30)) as listener:
        run(listener, look)


def test_who_does_not_go_on_with_its_handshake_is_let_go(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def silent(listener: Listener) -> None:
        listener.start(asyncio.get_running_loop(), Greeting)
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()
        listener.stop()

    monkeypatch.setattr(module, "HANDSHAKE_SECONDS", 0.3)
    certificates = watch(pair(tmp_path), time.monotonic, print)
    with (
        listening(PortOptions(certificates=certificates)) as listener,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(silent(listener))


def test_a_port_that_is_taken_is_named() -> None:
    with (
        listening(PortOptions()) as first,
        pytest.raises(ConfigError, match=rf"http_port: .* received {first.port}: .*in use"),
    ):
        Listener(PortOptions(port=first.port))


def test_without_a_handle_it_waits_and_does_not_look_on_and_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = 0
    accept = socket.socket.accept

    def short(taking: socket.socket) -> tuple[socket.socket, object]:
        nonlocal looks
        looks += 1
        if looks < 4:
            raise OSError(errno.EMFILE, "Too many open files")
        return accept(taking)

    monkeypatch.setattr(module, "SHORT_SECONDS", 0.02)
    monkeypatch.setattr(socket.socket, "accept", short)
    with listening(PortOptions()) as listener:
        run(listener)
    assert looks == 5  # three without a handle, the one that took it, and one that found no more
