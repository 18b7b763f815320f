"""A gRPC client that a gRPC library would not be: HTTP/2 frame by frame, headers of any bytes."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Sequence

from tests.clients import PREFACE

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    0, 1, 3, 4, 6, 7, 8, 9
)  # fmt: skip
END_STREAM, END_HEADERS, ACK = 1, 4, 1
INITIAL_WINDOW_SIZE = 4
MOST_IN_A_FRAME = 16_384
SHORT = 127


class Http2:
    """One connection. Calls are numbered 1, 3, 5 …"""

    def __init__(self, port: int, *, window: int | None = None, reads: int | None = None) -> None:
        """``window`` is what may be sent to a call unasked; ``reads`` the bytes that TCP takes."""
        self._socket = socket.socket()
        if reads is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, reads)
        self._socket.settimeout(10)
        self._socket.connect(("127.0.0.1", port))
        self._socket.sendall(PREFACE)
        if window is not None:
            self._frame(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, window))
        self._read = b""
        self._next = 1
        self._initial = 65_535
        self._room = {0: self._initial}
        self.ended: set[int] = set()
        self.goaway: bytes | None = None
        """Why the server takes no more calls on this connection, once it has said so."""

    def close(self) -> None:
        self._socket.close()

    def open(self, path: str, metadata: list[tuple[bytes, bytes]]) -> int:
        """Begin a call; its number."""
        number, self._next = self._next, self._next + 2
        self._room[number] = self._initial
        self._frame(HEADERS, END_HEADERS, number, block(opening(path, metadata)))
        return number

    def pour(self, data: bytes, times: int, seconds: float) -> int:
        """Send ``data`` over and over, and read whatever comes meanwhile; how often it went.

        It ends before ``times`` where the server closes the connection or takes no more within
        ``seconds``.
        """
        view, sent, went = memoryview(data), 0, 0
        ends = time.monotonic() + seconds
        self._socket.setblocking(False)
        try:
            while went < times and time.monotonic() < ends:
                readable, writable, _ = select.select([self._socket], [self._socket], [], 0.1)
                if readable and not self._socket.recv(1 << 20):
                    break
                if writable:
                    sent += self._socket.send(view[sent:])
                    if sent == len(data):
                        sent, went = 0, went + 1
        except OSError:
            pass  # the server has ended it
        return went

    def send(self, number: int, data: bytes, *, last: bool = False) -> int:
        """Send ``data`` as flow control lets it, until the server ends the call; how much went."""
        sent = 0
        while sent < len(data) and number not in self.ended:
            room = min(self._room[0], self._room[number], MOST_IN_A_FRAME, len(data) - sent)
            if room <= 0:
                try:
                    self.receive()
                except TimeoutError:
                    break  # the server wants no more
                continue
            self._frame(DATA, 0, number, data[sent : sent + room])
            sent += room
            self._room[0] -= room
            self._room[number] -= room
        if last and number not in self.ended:
            self._frame(DATA, END_STREAM, number, b"")
        return sent

    def receive(self) -> None:
        """Take one frame of the server's.

        Raises:
            TimeoutError: none comes.
        """
        head = self._take(9)
        size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
        number = int.from_bytes(head[5:], "big")
        payload = self._take(size)
        if kind in (SETTINGS, PING) and not flags & ACK:
            self._settle(payload if kind == SETTINGS else b"")
            self._frame(kind, ACK, 0, payload if kind == PING else b"")
        if kind == WINDOW_UPDATE:
            self._room[number] = self._room.get(number, self._initial) + int.from_bytes(
                payload, "big"
            )
        if kind == GOAWAY:
            self.goaway = payload[8:]
        if kind == RST_STREAM or (kind in (DATA, HEADERS) and flags & END_STREAM):
            self.ended.add(number)

    def write(self, data: bytes) -> None:
        """Send frames as they are."""
        self._socket.sendall(data)

    def wait(self, number: int, seconds: float = 10) -> None:
        """Return once the server has ended the call."""
        self._socket.settimeout(seconds)
        while number not in self.ended:
            self.receive()

    def be_patient(self, seconds: float) -> None:
        """How long ``receive`` waits."""
        self._socket.settimeout(seconds)

    def _settle(self, settings: bytes) -> None:
        """Another room for messages holds for the calls that are open, too."""
        for key, value in struct.iter_unpack(">HI", settings):
            if key == INITIAL_WINDOW_SIZE:
                for number in self._room.keys() - {0}:
                    self._room[number] += value - self._initial
                self._initial = value

    def _take(self, size: int) -> bytes:
        while len(self._read) < size:
            more = self._socket.recv(65_536)
            if not more:
                raise ConnectionError("the server has closed the connection")
            self._read += more
        taken, self._read = self._read[:size], self._read[size:]
        return taken

    def _frame(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        self._socket.sendall(frame(kind, flags, number, payload))


def frame(kind: int, flags: int, number: int, payload: bytes) -> bytes:
    """A frame of HTTP/2 on the stream ``number``."""
    return (
        struct.pack(">I", len(payload))[1:]
        + bytes([kind, flags])
        + struct.pack(">I", number)
        + payload
    )


def opening(path: str, metadata: Sequence[tuple[bytes, bytes]] = ()) -> list[tuple[bytes, bytes]]:
    """The headers that begin a call."""
    return [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", path.encode()),
        (b":authority", b"localhost"),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
        *metadata,
    ]


def block(fields: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Headers as HPACK writes them that keeps none."""
    return b"".join(b"\0" + literal(name) + literal(value) for name, value in fields)


def message(size: int) -> bytes:
    """A gRPC message of so many zeros, with its head."""
    return framed(bytes(size))


def framed(data: bytes) -> bytes:
    """``data`` as a gRPC message, with its head."""
    return b"\0" + struct.pack(">I", len(data)) + data


def literal(text: bytes) -> bytes:
    """A string of HPACK, as it is."""
    if len(text) < SHORT:
        return bytes([len(text)]) + text
    rest, coded = len(text) - SHORT, bytes([SHORT])
    while rest >= 128:
        coded, rest = coded + bytes([rest % 128 + 128]), rest // 128
    return coded + bytes([rest]) + text
