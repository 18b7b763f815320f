"""Bodies of HTTP requests and replies: bounded, and compressed where the caller wants that."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Any, Final

from starlette.requests import Request

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

Work = Callable[..., Awaitable[Any]]
"""Runs a function with arguments elsewhere than on the loop."""

_DIGITS: Final = 19
_WINDOW: Final = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": 0}


class TooLarge(RequestError):
    """The body has more bytes than the limit."""

    code = Code.RESOURCE_EXHAUSTED


class TooSlow(RequestError):
    """The body did not come in time."""

    code = Code.DEADLINE_EXCEEDED


async def read_body(
    request: Request, limit: int, hold: Hold, *, seconds: float | None = None, work: Work
) -> bytes:
    """The whole body, uncompressed.

    Args:
        request: whose body it is.
        limit: the most bytes, compressed or not.
        hold: told of the bytes that come, ``STEP`` by ``STEP``, and of those that they expand to
            as they do.
        seconds: how long it may take to come.
        work: runs what takes its time.

    Raises:
        RequestError: what ``hold`` raises.
        TooSlow: it was not there after ``seconds``.
        TooLarge: it has more than ``limit`` bytes; the rest is not read.
        InvalidRequest: it is compressed in another way than it says, or than is known here.
    """
    announced = request.headers.get("content-length", "")
    # Python reads no number of thousands of digits.
    if announced.isdecimal() and (len(announced) > _DIGITS or int(announced) > limit):
        raise _too_large(limit)
    try:
        async with nullcontext() if seconds is None else asyncio.timeout(seconds):
            body = await _received(request, limit, hold)
    except TimeoutError:
        raise TooSlow(
            f"expected the whole body within {seconds:g} s; send it faster, or in parts"
        ) from None
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    return body if coding == "identity" else await work(_uncompressed, body, coding, limit, hold)


async def _received(request: Request, limit: int, hold: Hold) -> bytes:
    parts: list[bytes] = []
    size = held = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        if size - held >= STEP:
            hold(size - held)
            held = size
    hold(size - held)
    return b"".join(parts)


def compressed(request: Request, reply: HttpReply) -> tuple[bytes, dict[str, str]]:
    """The reply's body and headers, compressed if the caller takes that and it is worth it."""
    headers = dict(reply.headers)
    if len(reply.body) < WORTH:
        return reply.body, headers
    accepted = {
        part.partition(";")[0].strip().lower()
        for part in request.headers.get("accept-encoding", "").split(",")
    }
    if "gzip" in accepted:
        return gzip.compress(reply.body, LEVEL), headers | {"Content-Encoding": "gzip"}
    if "deflate" in accepted:
        return zlib.compress(reply.body, LEVEL), headers | {"Content-Encoding": "deflate"}
    return reply.body, headers


def _uncompressed(body: bytes, coding: str, limit: int, hold: Hold) -> bytes:
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
        raise _too_large(limit)
    if not reader.eof:
        raise InvalidRequest(f"expected a whole body in {coding}, received a part of one")
    return b"".join(parts)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"expected a body of at most {limit} bytes, received more; send fewer rows, or raise "
        "max_message_bytes"
    )
