"""Bodies of HTTP requests and replies: bounded, and compressed where the caller wants that."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Mapping
from typing import Final

from horngate.errors import Code, InvalidRequest, RequestError
from horngate.protocols.http import HttpReply

WORTH: Final = 1024
"""Bytes from which on compressing a reply is worth its time."""

LEVEL: Final = 1
"""Of 9: most of what compressing wins, at a fraction of the time."""

STEP: Final = 1024 * 1024
"""Bytes that are uncompressed at a time, and at most before they are counted."""

Hold = Callable[[int], None]
"""Told of bytes that are held until the call ends: ``Call.hold``."""

_WINDOW: Final = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": 0}
_RULED_OUT: Final = re.compile(r"\s*q\s*=\s*0(\.0*)?\s*")


class TooLarge(RequestError):
    """The body has more bytes than the limit."""

    code = Code.RESOURCE_EXHAUSTED


class TooSlow(RequestError):
    """The body did not come in time."""

    code = Code.DEADLINE_EXCEEDED


class Body:
    """A body as it comes, of at most ``limit`` bytes; ``hold`` is told of each ``STEP`` of them."""

    def __init__(self, limit: int, hold: Hold) -> None:
        self._limit = limit
        self._hold = hold
        self._first = b""
        self._more = bytearray()  # and no list: parts of a byte would take many times their size
        self._size = self._held = 0

    def announced(self, size: int) -> None:
        """So many bytes will come.

        Raises:
            TooLarge: they are more than the limit.
        """
        if size > self._limit:
            raise too_large(self._limit)

    def take(self, part: bytes) -> None:
        """Some of it.

        Raises:
            TooLarge: it has more than the limit.
            RequestError: what ``hold`` raises.
        """
        if self._size:
            self._more += part
        else:
            self._first = part
        self._size += len(part)
        self.announced(self._size)
        if self._size - self._held >= STEP:
            self._count()

    def whole(self) -> bytes:
        """All of it, once.

        Raises:
            RequestError: what ``hold`` raises.
        """
        self._count()
        return self._first + self._more if self._more else self._first

    def _count(self) -> None:
        self._hold(self._size - self._held)
        self._held = self._size


def coding_of(headers: Mapping[str, str]) -> str:
    """How a body is compressed; "" where it is not."""
    coding = headers.get("content-encoding", "").strip().lower()
    return "" if coding == "identity" else coding


def compressed(headers: Mapping[str, str], reply: HttpReply) -> tuple[bytes, Mapping[str, str]]:
    """The reply's body and headers, compressed if the caller takes that and it is worth it."""
    if len(reply.body) < WORTH:
        return reply.body, reply.headers
    accepted = _accepted(headers.get("accept-encoding", ""))
    if "gzip" in accepted:
        return gzip.compress(reply.body, LEVEL), {**reply.headers, "Content-Encoding": "gzip"}
    if "deflate" in accepted:
        return zlib.compress(reply.body, LEVEL), {**reply.headers, "Content-Encoding": "deflate"}
    return reply.body, reply.headers


def _accepted(codings: str) -> set[str]:
    """Those that an Accept-Encoding names, and does not rule out by ``q=0``."""
    parts = [part.partition(";") for part in codings.lower().split(",")]
    return {coding.strip() for coding, _, weight in parts if not _RULED_OUT.fullmatch(weight)}


def uncompressed(body: bytes, coding: str, limit: int, hold: Hold) -> bytes:
    """``body``, which is compressed by ``coding``, as it was.

    Raises:
        RequestError: what ``hold`` raises, which is told of the bytes as they come.
        TooLarge: they are more than ``limit``; the rest is not made.
        InvalidRequest: it is compressed in another way than it says, or than is known here.
    """
    if coding not in _WINDOW:
        raise InvalidRequest(
            f"expected a Content-Encoding of gzip, deflate or identity, received {coding[:40]!r}"
        )
    reader = zlib.decompressobj(_WINDOW[coding] or zlib.MAX_WBITS)
    parts: list[bytes] = []
    size = 0
    try:
        # One byte more than allowed says enough; what it would all come to is never made.
        while size <= limit and not reader.eof:
            part = reader.decompress(body, min(STEP, limit + 1 - size))
            if not part:
                break
            hold(len(part))
            parts.append(part)
            size += len(part)
            body = reader.unconsumed_tail
    except zlib.error as error:
        raise InvalidRequest(
            f"expected a body in {coding}, received other bytes: {error}"
        ) from None
    if size > limit:
        raise too_large(limit)
    if not reader.eof:
        raise InvalidRequest(f"expected a whole body in {coding}, received a part of one")
    return b"".join(parts)


def too_large(limit: int) -> TooLarge:
    """The refusal of a body beyond ``limit``."""
    return TooLarge(
        f"expected a body of at most {limit} bytes, received more; send fewer rows, or raise "
        "max_message_bytes"
    )
