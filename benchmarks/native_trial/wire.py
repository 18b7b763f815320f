"""HTTP/2 by hand (RFC 9113, RFC 7541): enough to send what a library would not."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Self

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, WINDOW, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
LARGE: Final = 2**31 - 1

_BITS: Final = (  # RFC 7541, appendix B
    "100110 101100 101011 00100 010110 01000 01001 00011 101101 "
    "00000 00001 00010 011001 011010 011011 011100 011101 011110 011111"
)
_HUFFMAN: Final = dict(zip("grpc-stau0123456789", _BITS.split(" "), strict=True))


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """Return one frame."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def number(value: int, prefix_bits: int, first: int = 0) -> bytes:
    """Return an HPACK integer behind the bits of ``first``."""
    most = 2**prefix_bits - 1
    if value < most:
        return bytes([first | value])
    out, value = [first | most], value - most
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes([*out, value])


def literal(name: str, value: str, kind: int = 0x00) -> bytes:
    """Return a header field written out; kind 0x40 puts it into the dynamic table."""
    texts = (text.encode() for text in (name, value))
    return bytes([kind]) + b"".join(number(len(text), 7) + text for text in texts)


def request(
    path: str,
    *extra: tuple[str, str],
    method: str = "POST",
    content_type: str | None = "application/grpc",
    te: str | None = "trailers",
) -> bytes:
    """Return the header block of a gRPC request, or of something like one."""
    pairs: list[tuple[str, str | None]] = [
        (":method", method),
        (":scheme", "http"),
        (":path", path),
        (":authority", "trial"),
        ("content-type", content_type),
        ("te", te),
    ]
    known = [(name, value) for name, value in pairs if value is not None]
    return b"".join(literal(name, value) for name, value in [*known, *extra])


def message(payload: bytes, length: int | None = None, flag: int = 0) -> bytes:
    """Return a gRPC message, its length prefix honest unless ``length`` is given."""
    return struct.pack(">BI", flag, len(payload) if length is None else length) + payload


def _string(text: str) -> bytes:
    bits = "".join(_HUFFMAN[letter] for letter in text)
    bits += "1" * (-len(bits) % 8)
    packed = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return number(len(packed), 7, 0x80) + packed


def grpc_status(block: bytes) -> int | None:
    """Find grpc-status in a header block, the first one of a connection to hold it."""
    for name in (_string("grpc-status"), literal("", "grpc-status")[2:]):
        at = block.find(name)
        if at >= 0:
            rest = block[at + len(name) :]
            for code in range(16, -1, -1):
                plain = literal("", str(code))[2:]
                if rest.startswith((_string(str(code)), plain)):
                    return code
    return None


def http_status(block: bytes) -> int | None:
    """Read :status, which comes first."""
    known = {0x88: 200, 0x8B: 304, 0x8C: 400, 0x8D: 404, 0x8E: 500}
    if block[:1] and block[0] in known:
        return known[block[0]]
    plain = block[2:5]
    if block[:2] == b"\x48\x03" and plain.isdigit():
        return int(plain)
    for code in (405, 408, 413, 415, 431, 503):
        if block[1:].startswith(_string(str(code))):
            return code
    return None


@dataclass
class Answer:
    """What came back on one stream, and to the connection."""

    http: int | None = None
    grpc: int | None = None
    body: int = 0
    reset: int | None = None
    goaway: int | None = None
    closed: bool = False
    seconds: float = 0.0

    def __str__(self) -> str:
        parts = [f"HTTP {self.http}"] if self.http not in (None, 200) else []
        parts += [f"grpc-status {self.grpc}"] if self.grpc is not None else []
        parts += [f"RST_STREAM {self.reset}"] if self.reset is not None else []
        parts += [f"GOAWAY {self.goaway}"] if self.goaway is not None else []
        parts += ["closed"] if self.closed else []
        return ", ".join(parts) or ("no answer" if self.http is None else f"HTTP {self.http}")


@dataclass
class Wire:
    """A connection; ``polite`` answers settings and opens its windows wide."""

    port: int
    preface: bool = True
    receive_window: int = LARGE
    window: int = 65535
    stream_window: int = 65535
    settings: dict[int, int] = field(default_factory=dict)
    windows: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pending = b""
        if self.preface:
            own = struct.pack(">HI", 4, self.receive_window)
            self.send(PREFACE + frame(SETTINGS, 0, 0, own))
            if self.receive_window == LARGE:
                self.send(frame(WINDOW, 0, 0, struct.pack(">I", LARGE - 65535)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket, with nothing said."""
        self.socket.close()

    def send(self, *parts: bytes) -> bool:
        """Send; false when the server has closed or takes nothing for ten seconds."""
        try:
            self.socket.sendall(b"".join(parts))
        except OSError:
            return False
        return True

    def start(self, stream: int, block: bytes, end: bool = False) -> bool:
        """Open a stream."""
        flags = END_HEADERS | (END_STREAM if end else 0)
        return self.send(frame(HEADERS, flags, stream, block))

    def call(self, stream: int, path: str, payload: bytes, *extra: tuple[str, str]) -> bool:
        """Make one whole request, small enough for a frame."""
        body = frame(DATA, END_STREAM, stream, message(payload))
        return self.start(stream, request(path, *extra)) and self.send(body)

    def begin_message(self, stream: int, path: str, length: int, *extra: tuple[str, str]) -> None:
        """Open a stream and send the prefix of a message, and nothing of the message."""
        self.start(stream, request(path, *extra))
        self.send(frame(DATA, 0, stream, message(b"", length)))
        self.window -= 5
        self.windows[stream] = -5

    def read(self, seconds: float) -> Iterable[tuple[int, int, int, bytes]]:
        """Yield the frames that arrive within the time; acknowledge settings, keep windows."""
        end = time.monotonic() + seconds
        while True:
            while len(self._pending) >= 9:
                size = int.from_bytes(self._pending[:3], "big")
                if len(self._pending) < 9 + size:
                    break
                kind, flags, stream = struct.unpack(">BBI", self._pending[3:9])
                body, self._pending = self._pending[9 : 9 + size], self._pending[9 + size :]
                self._note(kind, flags, stream, body)
                yield kind, flags, stream, body
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return
            try:
                more = self.socket.recv(262144)
            except OSError:
                more = b""
            if not more:
                yield -1, 0, 0, b""
                return
            self._pending += more

    def _note(self, kind: int, flags: int, stream: int, body: bytes) -> None:
        if kind == SETTINGS and not flags & ACK:
            self.settings |= dict(struct.iter_unpack(">HI", body))
            self.stream_window = self.settings.get(4, 65535)
            self.send(frame(SETTINGS, ACK))
        elif kind == WINDOW and stream == 0:
            self.window += int.from_bytes(body, "big")
        elif kind == WINDOW:
            self.windows[stream] = self.windows.get(stream, 0) + int.from_bytes(body, "big")

    def pour(self, stream: int, size: int, seconds: float = 60.0) -> int:
        """Send zero bytes on a stream as its windows allow; return how many were sent."""
        self.windows.setdefault(stream, 0)
        sent, end = 0, time.monotonic() + seconds
        while sent < size and time.monotonic() < end:
            room = min(self.window, self.stream_window + self.windows[stream], 16384, size - sent)
            if room <= 0:
                if any(kind in (RST, GOAWAY, -1) for kind, *_ in self.read(0.02)):
                    break
                continue
            if not self.send(frame(DATA, 0, stream, bytes(room))):
                break
            sent, self.window = sent + room, self.window - room
            self.windows[stream] -= room
        return sent

    def answer(self, stream: int = 1, seconds: float = 3.0) -> Answer:
        """Read until the stream or the connection ends."""
        said, began = Answer(), time.monotonic()
        for kind, flags, on, body in self.read(seconds):
            said.closed |= kind == -1
            said.goaway = int.from_bytes(body[4:8], "big") if kind == GOAWAY else said.goaway
            if on == stream and kind == HEADERS:
                said.http = said.http or http_status(body)
                said.grpc = said.grpc if said.grpc is not None else grpc_status(body)
            if on == stream and kind == DATA:
                said.body += len(body)
            if on == stream and kind == RST:
                said.reset = int.from_bytes(body, "big")
            ended = on == stream and kind in (DATA, HEADERS) and flags & END_STREAM
            if ended or said.closed or said.reset is not None:
                break
        said.seconds = round(time.monotonic() - began, 2)
        return said
