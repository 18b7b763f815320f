"""TFRecord files: byte strings, each behind its length, both with a checksum.

The framing is TensorFlow's: length (8 bytes, little-endian), masked CRC-32C of these, the bytes,
masked CRC-32C of the bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import google_crc32c

from horngate.errors import LoadError

_LENGTH: Final = struct.Struct("<Q")
_CHECKSUM: Final = struct.Struct("<I")
_MASK: Final = 0xA282EAD8


def write_records(path: Path, records: Iterable[bytes]) -> None:
    """Write ``records``, in place of what the file held."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for record in records:
            length = _LENGTH.pack(len(record))
            file.write(length + _checksum(length) + record + _checksum(record))


def read_records(content: bytes, name: str, *, most: int) -> Iterator[bytes]:
    """The records of a file, one after another.

    Args:
        content: the file's.
        name: its name, for an error.
        most: how many it may have.

    Raises:
        LoadError: a record that is cut short or damaged, by its number, or more than ``most``.
    """
    rest = memoryview(content)
    number = 0
    while rest:
        if number == most:
            raise LoadError(f"{name}: expected at most {most} records, received more")
        where = f"{name}: record {number}"
        length, rest = _take_checked(rest, _LENGTH.size, where)
        (count,) = _LENGTH.unpack(length)
        record, rest = _take_checked(rest, count, where)
        yield record
        number += 1


def _take_checked(rest: memoryview, count: int, where: str) -> tuple[bytes, memoryview]:
    # Held against the file before anything is made of it: a damaged length may be any number.
    if count + _CHECKSUM.size > len(rest):
        raise LoadError(
            f"{where}: expected {count} bytes and a checksum, received {len(rest)}; the file is "
            "cut short"
        )
    data, ended = bytes(rest[:count]), count + _CHECKSUM.size
    if rest[count:ended] != _checksum(data):
        raise LoadError(f"{where} differs from its checksum; the file is damaged")
    return data, rest[ended:]


def _checksum(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return _CHECKSUM.pack((((crc >> 15) | (crc << 17)) + _MASK) & 0xFFFFFFFF)
