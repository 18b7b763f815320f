"""Small lies told by chance: what both the random fuzzer and the properties change an input by."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

INTERESTING: Final = (
    b"\x00",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\xff" * 9 + b"\x01",
    b"\x80" * 9 + b"\x01",
    b"\xed\xa0\x80",
    b"NaN",
    b"1e400",
    b"-1",
    b"18446744073709551616",
    b"\\ud800",
    b"[" * 70,
    b'"',
)


def mutated(data: bytes, others: Sequence[bytes], luck: random.Random) -> bytes:
    """``data`` after one to four changes; parts of ``others`` may be spliced in."""
    for _ in range(luck.randint(1, 4)):
        data = _changed(bytearray(data), others, luck)
    return data


def _changed(data: bytearray, others: Sequence[bytes], luck: random.Random) -> bytes:
    at = luck.randint(0, len(data))
    end = min(len(data), at + luck.choice((1, 2, 4, 16, 256)))
    match luck.randrange(6):
        case 0 if data:
            data[luck.randrange(len(data))] ^= 1 << luck.randrange(8)
        case 1:
            del data[at:]
        case 2:
            del data[at:end]
        case 3:
            data[at:at] = data[at:end] * luck.choice((1, 2, 100))
        case 4 if others:
            other = luck.choice(others)
            start = luck.randint(0, len(other))
            data[at:end] = other[start : start + luck.choice((4, 16, 64, 1024))]
        case _:
            lie = luck.choice(INTERESTING)
            data[at : at + luck.choice((0, len(lie)))] = lie
    return bytes(data)
