from __future__ import annotations

import pytest

from horngate.wire import FIXED, NUMBER, SIZED, Unclear, as_varint, field_head, next_field, varint


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**32, 2**64 - 1])
def test_a_number_is_read_as_it_is_written(value: int) -> None:
    data = as_varint(value)
    assert varint(data, 0, len(data)) == (value, len(data))
    with pytest.raises(Unclear):
        varint(data, 0, len(data) - 1)


def test_fields_follow_each_other() -> None:
    data = field_head(300, 2) + b"ab" + b"\x08\x05" + b"\x0d" + bytes(4) + b"\x09" + bytes(8)
    found, at = [], 0
    while at < len(data):
        number, wire, _, begin, at = next_field(data, at, len(data))
        found.append((number, wire, at - begin))
    sizes = [(1, wire, size) for wire, size in sorted(FIXED.items(), reverse=True)]
    assert found == [(300, SIZED, 2), (1, NUMBER, 1), *sizes]


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a\x02a",
        b"\x0d\0\0\0",
        b"\x08",
        b"\x0b",
        b"\x02\0",
        b"\x8a\x80\x80\x80\x10\0",
        b"\x08" + b"\xff" * 10,
    ],
    ids=[
        "cut off",
        "a fixed one cut off",
        "no number",
        "a group",
        "of no number",
        "33 bits",
        "without an end",
    ],
)
def test_what_is_no_field_is_unclear(data: bytes) -> None:
    with pytest.raises(Unclear):
        next_field(data, 0, len(data))
