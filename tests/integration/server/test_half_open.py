"""Peers that vanish without a word: whoever answers no ping, or takes no reply, is let go."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from horngate.client import Client
from tests.clients import PREFACE
from tests.serving import Held, RunningServer, wait_until

SILENCE = 1.5
DEAF = 20
PING, ACK = 6, 1
"""HTTP/2's frame type and flag, RFC 9113, section 6.7."""


@pytest.fixture(scope="module")
def running(quick_models: Path) -> Iterator[RunningServer]:
    with RunningServer(
        quick_models,
        *("--keepalive-seconds", str(SILENCE)),
    ) as server:
        yield server


class Peer:
    """A connection to the gRPC port that answers pings, or none."""

    def __init__(self, port: int, *, answers: bool) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.sendall(PREFACE)
        self._answers = answers
        self._read = b""
        self.pings = 0

    def stays(self, seconds: float) -> bool:
        """Whether the server keeps the connection for so long."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                said = self._socket.recv(4096)
            except TimeoutError:
                return True
            except ConnectionResetError:
                return False
            if not said:
                return False
            self._take(said)
        return True

    def close(self) -> None:
        self._socket.close()

    def _take(self, said: bytes) -> None:
        self._read += said
        while len(self._read) >= 9:
            length = int.from_bytes(self._read[:3])
            kind, flags = self._read[3], self._read[4]
            if len(self._read) < 9 + length:
                return
            frame, self._read = self._read[: 9 + length], self._read[9 + length :]
            if kind == PING and not flags & ACK:
                self.pings += 1
                if self._answers:
                    self._socket.sendall(frame[:4] + bytes([ACK]) + frame[5:])


def test_a_grpc_connection_that_answers_no_ping_is_ended(running: RunningServer) -> None:
    with contextlib.closing(Peer(running.grpc_port, answers=False)) as gone:
        began = time.monotonic()
        assert not gone.stays(20), "nobody answers, so the server has to end it"
        assert time.monotonic() - began > SILENCE, "there is time to answer"
        assert gone.pings >= 1


def test_a_silent_grpc_connection_that_answers_stays(running: RunningServer) -> None:
    with contextlib.closing(Peer(running.grpc_port, answers=True)) as idle:
        assert idle.stays(3 * SILENCE)
        assert idle.pings >= 2


def test_a_silent_client_is_served_again(running: RunningServer) -> None:
    x = {"x": np.ones((1, 1), np.float32)}
    with Client(running.address, retries=0) as client:
        first = client.predict("constant", x)["y"]
        time.sleep(2 * SILENCE)
        assert client.predict("constant", x)["y"] == first


def test_a_reply_that_nobody_takes_ends_its_connection(running: RunningServer) -> None:
    body = json.dumps({"instances": [[1.0]] * 1000}).encode()
    head = b"POST /v1/models/constant:predict HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
    held = Held(running)
    before = held.handles()
    with contextlib.ExitStack() as stack:
        for _ in range(DEAF):
            deaf = stack.enter_context(socket.socket())
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect(("127.0.0.1", running.http_port))
            deaf.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                for _ in range(1000):
                    deaf.sendall(head % len(body) + body)
        wait_until(lambda: held.handles() >= before + DEAF, "the connections to be taken")
        wait_until(lambda: held.handles() <= before, "the server to end them", seconds=30)
