"""Floods of HTTP/2 frames from one connection without a token: others are answered, none logged.

``pytest -rP`` on this file shows what each flood did to the other callers and to the memory.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.bystander import Bystander
from tests.conftest import Served
from tests.http2 import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Http2,
    block,
    frame,
    literal,
    message,
    opening,
)
from tests.serving import Held, RunningServer

pytestmark = pytest.mark.alone  # what others feel of a flood, and of nothing else

TOKEN = "the-token-of-the-team"  # noqa: S105 - of this test alone
CHECK = "/grpc.health.v1.Health/Check"
INFER = "/inference.GRPCInferenceService/ModelInfer"
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
SECONDS = 5
MAY_GROW = 256
CANCEL = struct.pack(">I", 8)
LIE = b"\0\xff\xff\xff\xff"
"""The head of a message of 4 GiB."""


def _calls(number: int, path: str, *frames: tuple[int, int, bytes]) -> bytes:
    """``number`` calls of one connection, each followed by ``frames``: kind, flags, content."""
    head = block(opening(path))
    return b"".join(
        frame(HEADERS, END_HEADERS, stream, head)
        + b"".join(frame(kind, flags, stream, content) for kind, flags, content in frames)
        for stream in range(1, 2 * number, 2)
    )


def _bombs(number: int) -> bytes:
    """Headers of 16 KiB, most of which refer to one of 3,900 bytes that the server keeps."""
    head = block(opening(CHECK)) + b"\x40" + literal(b"x") + literal(b"a" * 3900) + b"\xbe" * 12_000
    return b"".join(
        frame(HEADERS, END_HEADERS | END_STREAM, stream, head) for stream in range(1, 2 * number, 2)
    )


def _headers(number: int, fields: Sequence[tuple[bytes, bytes]]) -> bytes:
    head = block(opening(CHECK, fields))
    return b"".join(
        frame(HEADERS, END_HEADERS | END_STREAM, stream, head) for stream in range(1, 2 * number, 2)
    )


_OPEN = frame(HEADERS, END_HEADERS, 1, block(opening(REFLECTION)))
_HALF_OPEN = frame(HEADERS, 0, 1, block(opening(CHECK)))

_RESET = (RST_STREAM, 0, CANCEL)
_ASKED = (DATA, END_STREAM, message(0))
_LIED = (DATA, 0, LIE)
_X = [(b"x-%d" % count, b"y" * 20) for count in range(400)]
_MORE = frame(CONTINUATION, 0, 1, block([(b"x", b"a" * 1000)]))

FLOODS = {
    "reset-health-checks": (b"", _calls(20_000, CHECK, _ASKED, _RESET), 1),
    "reset-predictions": (b"", _calls(20_000, INFER, _RESET), 1),
    "reset-what-is-not-served": (b"", _calls(20_000, "/no.Service/Method", _RESET), 1),
    "lengths-that-lie-to-health": (b"", _calls(60_000, CHECK, _LIED), 1),
    "lengths-that-lie-to-a-model": (b"", _calls(60_000, INFER, _LIED), 1),
    "pings": (b"", frame(PING, 0, 0, b"abcdefgh") * 1000, 3000),
    "acknowledged-pings": (b"", frame(PING, ACK, 0, b"abcdefgh") * 1000, 3000),
    "settings": (b"", frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65_535)) * 1000, 1000),
    "empty-settings": (b"", frame(SETTINGS, 0, 0, b"") * 1000, 1000),
    "continuation": (_HALF_OPEN, _MORE * 16, 20_000),
    "empty-continuation": (_HALF_OPEN, frame(CONTINUATION, 0, 1, b"") * 1000, 1000),
    "empty-data": (_OPEN, frame(DATA, 0, 1, b"") * 1000, 1000),
    "windows": (b"", frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1") * 1000, 1000),
    "windows-that-overflow": (b"", frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff") * 10, 100),
    "priorities": (b"", frame(2, 0, 1, b"\0\0\0\0\1") * 1000, 1000),
    "resets-of-no-stream": (b"", frame(RST_STREAM, 0, 1, CANCEL) * 1000, 1000),
    "frames-of-no-kind": (b"", frame(77, 0, 1, b"abcdefgh") * 1000, 1000),
    "goaway": (b"", frame(GOAWAY, 0, 0, bytes(8) + b"x" * 100) * 100, 1000),
    "many-headers": (b"", _headers(2000, _X), 1),
    "long-headers": (b"", _headers(4000, [(b"x-long", b"y" * 16_200)]), 1),
    "headers-that-expand": (b"", _bombs(100), 1),
}
"""What is sent first, what is sent over and over, and how often."""


@pytest.fixture(scope="module")
def locked(
    small_models: Served, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    running = RunningServer(small_models.repository, *with_token(tmp_path_factory.mktemp("tokens")))
    yield running
    assert running.stop() == 0


def with_token(folder: Path) -> tuple[str, str]:
    tokens = folder / "tokens.toml"
    tokens.write_text(f'[team]\ntoken = "{TOKEN}"\npredict = ["*"]\n')
    return "--tokens-file", str(tokens)


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_harms_nobody(locked: RunningServer, name: str) -> None:
    first, again, times = FLOODS[name]
    held = Held(locked)
    before, lines = held.resident(), len(locked.log)
    with Bystander(locked, token=TOKEN) as others:
        client = Http2(locked.grpc_port)
        client.pour(first + again, 1, SECONDS)
        client.pour(again, times - 1, SECONDS)
        client.close()
    grown = held.resident() - before
    others.check(f"{name}: grown by {grown} MiB")
    assert grown < MAY_GROW
    assert locked.log[lines:] == []


@pytest.mark.parametrize("seconds", [0.04, 0.15])
def test_pings_of_one_connection_after_another_harm_nobody(
    locked: RunningServer, seconds: float
) -> None:
    """Each holds whoever reads it, until that is noticed; the next is there by then."""
    pings = frame(PING, 0, 0, b"abcdefgh") * 1000
    over = threading.Event()

    def flood() -> None:
        while not over.is_set():
            client = Http2(locked.grpc_port)
            client.pour(pings, 3000, seconds)
            client.close()

    flooders = [threading.Thread(target=flood) for _ in range(3)]
    with Bystander(locked, token=TOKEN) as others:
        for each in flooders:
            each.start()
        over.wait(SECONDS)
        over.set()
        for each in flooders:
            each.join()
    others.check(f"for {seconds} s each")
