"""Bodies that are too large, whatever they say and however they are packed."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from typing import Any

import pytest
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from horngate.errors import InvalidRequest, Overloaded
from horngate.fronts.http.bodies import STEP, Hold, TooLarge, read_body

LIMIT = 100_000


def read(body: bytes, limit: int = LIMIT, hold: Hold = lambda _: None, **headers: str) -> bytes:
    """What arrives in two parts."""
    half = len(body) // 2
    parts: list[Any] = [
        {"type": "http.request", "body": body[:half], "more_body": True},
        {"type": "http.request", "body": body[half:], "more_body": False},
    ]

    async def receive() -> Any:
        return parts.pop(0)

    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    request = Request({"type": "http", "method": "POST", "headers": named}, receive)
    return asyncio.run(read_body(request, limit, hold, work=run_in_threadpool))


def test_what_a_body_expands_to_is_counted_as_it_does() -> None:
    held: list[int] = []
    body = gzip.compress(bytes(5 * STEP))
    assert len(read(body, 8 * STEP, held.append, content_encoding="gzip")) == 5 * STEP
    assert held[0] == len(body)
    assert (max(held[1:]), sum(held[1:])) == (STEP, 5 * STEP)


def test_a_body_is_counted_as_it_comes() -> None:
    held: list[int] = []

    def hold(size: int) -> None:
        held.append(size)
        raise Overloaded("no room")

    with pytest.raises(Overloaded):
        read(bytes(4 * STEP), 8 * STEP, hold)
    assert held == [2 * STEP]


def test_and_is_made_no_further_than_there_is_room() -> None:
    held: list[int] = []

    def hold(size: int) -> None:
        if sum(held) + size > 2 * STEP:
            raise Overloaded("no room")
        held.append(size)

    with pytest.raises(Overloaded):
        read(gzip.compress(bytes(50 * STEP)), 64 * STEP, hold, content_encoding="gzip")
    assert sum(held) <= 2 * STEP


def test_a_body_up_to_the_limit() -> None:
    assert read(b"a" * LIMIT, content_length=str(LIMIT)) == b"a" * LIMIT
    assert read(gzip.compress(b"a" * LIMIT), content_encoding="gzip") == b"a" * LIMIT
    assert read(zlib.compress(b"a" * LIMIT), content_encoding="deflate") == b"a" * LIMIT


@pytest.mark.parametrize("length", [str(LIMIT + 1), "9" * 5000])
def test_a_length_that_says_too_much_is_enough(length: str) -> None:
    with pytest.raises(TooLarge):
        read(b"", content_length=length)


def test_a_length_that_lies_is_not_believed() -> None:
    with pytest.raises(TooLarge):
        read(b"a" * (LIMIT + 1), content_length="1")


def test_a_bomb_is_not_unpacked_beyond_the_limit() -> None:
    bombs = {"gzip": gzip.compress(bytes(50_000_000)), "deflate": zlib.compress(bytes(50_000_000))}
    for coding, bomb in bombs.items():
        tracemalloc.start()
        try:
            with pytest.raises(TooLarge):
                read(bomb, content_encoding=coding)
            assert tracemalloc.get_traced_memory()[1] < 2_000_000
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    ("body", "coding", "said"),
    [
        (b"{}", "gzip", "received other bytes"),
        (gzip.compress(b"{}", mtime=0)[:-1], "gzip", "received a part of one"),
        (b"", "deflate", "received a part of one"),
        (b"{}", "br" * 4000, "expected a Content-Encoding of gzip, deflate or identity"),
    ],
)
def test_what_is_not_packed_as_it_says(body: bytes, coding: str, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said) as caught:
        read(body, content_encoding=coding)
    assert len(str(caught.value)) < 200
