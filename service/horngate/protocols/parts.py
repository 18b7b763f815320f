"""Large messages: their parts are counted before they are read, and they are read in slices.

A part of two bytes takes a hundred in memory, and Python's lock is held for as long as protobuf
reads: a message of 60 MiB that is all parts took 2.8 GiB, and held every other call for 4 s. Knows
messages by their descriptors alone.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from google.protobuf.message import Message

from horngate.errors import InvalidRequest
from horngate.wire import FIXED, NUMBER, SIZED, Unclear, varint

LARGE: Final = 1 << 18
"""Bytes from which parts are counted: whatever they are, a smaller message is read in 50 ms."""

MOST_MESSAGES: Final = 1 << 20
"""Messages within a message, at any depth, that are read in a third of a second."""

MOST_FIELDS: Final = 1 << 22
"""Strings and single numbers within it."""

SLICE: Final = 1 << 14
"""Messages that are read in one go where the message may be cut: between its own fields."""

_GROUPS: Final = (3, 4)
_Messages = dict[int, Any]
"""Their descriptors by the numbers of their fields."""

_ONE_BYTE: Final = 127


def read(kind: type[Message], data: bytes) -> Message:
    """``data`` as a ``kind``.

    Raises:
        DecodeError: it cannot be read as one.
        InvalidRequest: it has more parts than a message may have.
    """
    if len(data) < LARGE:
        return kind.FromString(data)
    message, begin = kind(), 0
    for end in (*cuts(kind, data), len(data)):
        # Of what lies one behind the other, protobuf makes the same as of all at once.
        message.MergeFromString(data[begin:end])
        begin = end
    return message


def cuts(kind: type[Message], data: bytes) -> list[int]:  # noqa: C901, PLR0912 - a call for each part would take longer than all else
    """Where ``data``, a ``kind``, is cut into slices.

    What cannot be read is left to protobuf to tell, and counted up to there.

    Raises:
        InvalidRequest: more parts than a message may have.
    """
    found: list[int] = []
    outer: list[tuple[int, _Messages]] = []
    length = len(data)
    at, end, inner = 0, length, _messages(kind.DESCRIPTOR)
    messages = fields = since = 0
    try:
        while True:
            if messages > MOST_MESSAGES or fields > MOST_FIELDS:
                raise _too_many()
            if at >= end:
                if not outer:
                    return found
                end, inner = outer.pop()
                continue
            if messages - since >= SLICE and not outer:
                found.append(at)
                since = messages
            key = data[at]  # most are one byte, for which a call would take longer than all else
            at += 1
            if key > _ONE_BYTE:
                key, at = varint(data, at - 1, length)
            wire = key & 7
            if wire == SIZED:
                size = data[at]
                at += 1
                if size > _ONE_BYTE:
                    size, at = varint(data, at - 1, length)
                child = inner.get(key >> 3)
                if child is None:
                    fields += 1
                    at += size
                else:
                    messages += 1
                    outer.append((end, inner))
                    end, inner = at + size, _messages(child)
                continue
            fields += 1
            if wire == NUMBER:
                _, at = varint(data, at, length)
            elif wire in FIXED:
                at += FIXED[wire]
            elif wire not in _GROUPS:
                return found
    except (IndexError, Unclear):
        return found


@cache
def _messages(descriptor: Any) -> _Messages:
    """The fields that are messages, by number."""
    return {
        field.number: field.message_type
        for field in descriptor.fields
        if field.message_type is not None
    }


def _too_many() -> InvalidRequest:
    return InvalidRequest(
        f"expected a message of at most {MOST_MESSAGES} messages and {MOST_FIELDS} strings and "
        "single numbers, received more; send several requests, or tensors as bytes"
    )
