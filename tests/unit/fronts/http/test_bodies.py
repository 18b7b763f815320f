"""Bodies that are too large, whatever they say and however they are packed."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from horngate.errors import InvalidRequest, Overloaded
from horngate.fronts.http.bodies import STEP, Body, Hold, TooLarge, coding_of, uncompressed

LIMIT = 100_000


def read(body: bytes, limit: int = LIMIT, hold: Hold = lambda _: None, coding: str = "") -> bytes:
    """What arrives in two parts."""
    half = len(body) // 2
    coming = Body(limit, hold)
    coming.take(body[:half])
    coming.take(body[half:])
    whole = coming.whole()
    return uncompressed(whole, coding, limit, hold) if coding else whole


def test_what_a_body_expands_to_is_counted_as_it_does() -> None:
    held: list[int] = []
    body = gzip.compress(bytes(5 * STEP))
    assert len(read(body, 8 * STEP, held.append, coding="gzip")) == 5 * STEP
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
        read(gzip.compress(bytes(50 * STEP)), 64 * STEP, hold, coding="gzip")
    assert sum(held) <= 2 * STEP


def test_a_body_up_to_the_limit() -> None:
    assert read(b"a" * LIMIT) == b"a" * LIMIT
    assert read(gzip.compress(b"a" * LIMIT), coding="gzip") == b"a" * LIMIT
    assert read(zlib.compress(b"a" * LIMIT), coding="deflate") == b"a" * LIMIT


def test_a_length_that_says_too_much_is_enough() -> None:
    Body(LIMIT, lambda _: None).announced(LIMIT)
    with pytest.raises(TooLarge):
        Body(LIMIT, lambda _: None).announced(LIMIT + 1)


def test_a_body_that_is_too_long_is_not_kept() -> None:
    with pytest.raises(TooLarge):
        read(b"a" * (LIMIT + 1))


def test_parts_of_a_byte_take_no_more_than_their_bytes() -> None:
    tracemalloc.start()
    try:
        body = Body(LIMIT, lambda _: None)
        for _ in range(LIMIT // 2):
            body.take(b"ab")
        assert tracemalloc.get_traced_memory()[0] < 2 * LIMIT
    finally:
        tracemalloc.stop()
    assert body.whole() == b"ab" * (LIMIT // 2)


@pytest.mark.parametrize("coding", ["identity", " Identity", ""])
def test_a_body_that_is_not_compressed_may_say_so(coding: str) -> None:
    assert coding_of({"content-encoding": coding}) == ""


def test_a_bomb_is_not_unpacked_beyond_the_limit() -> None:
    bombs = {"gzip": gzip.compress(bytes(50_000_000)), "deflate": zlib.compress(bytes(50_000_000))}
    for coding, bomb in bombs.items():
        tracemalloc.start()
        try:
            with pytest.raises(TooLarge):
                read(bomb, coding=coding)
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
        read(body, coding=coding)
    assert len(str(caught.value)) < 200
