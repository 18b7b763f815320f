"""protobuf's wire format: the numbers and the fields that a message's bytes are made of.

For what looks into a message without making one; where one is made, protobuf's own parser is
faster. It knows no message.

>>> field_head(5, 300) == bytes([5 << 3 | SIZED]) + as_varint(300)
True
>>> next_field(field_head(5, 2) + b"ab", 0, 4)
(5, 2, 1, 2, 4)
"""

from __future__ import annotations

from typing import Final

NUMBER: Final = 0
SIZED: Final = 2
FIXED: Final = {1: 8, 5: 4}
"""Wire types: a number of any length, a length and so many bytes, and numbers of so many."""

_TAGS: Final = range(8, 1 << 32)
"""A field's number, 1 or more, with its wire type. Some parsers cut what is larger to 32 bits: it
would be another field to them."""


class Unclear(ValueError):
    """The bytes are no message, or none that is laid out as is expected."""


def next_field(data: bytes | memoryview, at: int, end: int) -> tuple[int, int, int, int, int]:
    """The field that begins at ``at``: number, wire type, and three places in ``data``.

    They are where its length stands, or would, where its content begins, and where it ends, at
    ``end`` at the latest. A number is content, too.

    Raises:
        Unclear: there is none; groups are none.
    """
    tag, length = varint(data, at, end)
    wire = tag & 7
    if wire == SIZED:
        size, begin = varint(data, length, end)
        behind = begin + size
    elif wire == NUMBER:
        begin = length
        _, behind = varint(data, begin, end)
    elif wire in FIXED:
        begin, behind = length, length + FIXED[wire]
    else:
        raise Unclear
    if behind > end or tag not in _TAGS:
        raise Unclear
    return tag >> 3, wire, length, begin, behind


def varint(data: bytes | memoryview, at: int, end: int) -> tuple[int, int]:
    """The number that begins at ``at``, and where it ends, before ``end``.

    Raises:
        Unclear: there is none.
    """
    value = shift = 0
    while at < end and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise Unclear


def as_varint(value: int) -> bytes:
    """``value``, which is not negative, as ``varint`` reads it."""
    digits = bytearray()
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    digits.append(value)
    return bytes(digits)


def field_head(number: int, size: int) -> bytes:
    """What stands before the ``size`` bytes of field ``number``."""
    return as_varint(number << 3 | SIZED) + as_varint(size)
