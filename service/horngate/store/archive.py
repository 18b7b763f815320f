"""Arrays out of an ``.npz`` file that somebody else wrote.

A file of 4 MiB can say that it holds, and hold, gigabytes: it is compressed, and its headers name
any shape. So what an array takes is worked out from its header, held against what may be taken, and
nothing is made that was not allowed for. numpy's own reader makes it first.
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
from typing import IO, Final

import numpy as np

from horngate.tensors import Array

KINDS: Final = "biufcS"
"""The kinds of dtype that are stored: numbers, and byte strings of one length."""

TEXT_BYTES: Final = 64
"""What a string takes as an object of Python, besides its bytes."""

LISTED: Final = 64 * 1024
"""Bytes of the list of members: each becomes an object many times its size."""

_END: Final = struct.Struct("<4s8xII2x")
"""The end of an archive without a comment: its mark, and the size and the place of the list."""

_END_64: Final = slice(-42, -38)
"""Where an archive of another size says so."""

_COMPRESSIONS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Of these the reader unpacks no more than it is asked for."""


class Archive:
    """An ``.npz`` file of which at most ``room`` bytes of arrays are taken out.

    Raises:
        ValueError, zipfile.BadZipFile: it is no such file.
    """

    def __init__(self, content: bytes, room: int) -> None:
        _hold_list(content)
        self._zip = zipfile.ZipFile(io.BytesIO(content))
        self.room = room

    def array(self, name: str) -> Array:
        """The array ``name``; ``room`` is less by what it takes.

        Raises:
            KeyError: there is none.
            ValueError, zipfile.BadZipFile: it is damaged, too large, or no array of numbers or
                byte strings.
        """
        member = self._zip.getinfo(f"{name}.npy")
        if member.compress_type not in _COMPRESSIONS:
            raise ValueError(f"{name}: expected an array stored or deflated, received another")
        with self._zip.open(member) as file:
            shape, dtype, by_column = _header(file, name)
            size = math.prod(shape)
            taken = size * (dtype.itemsize + (TEXT_BYTES if dtype.kind == "S" else 0))
            if taken > self.room:
                raise ValueError(
                    f"{name}: expected arrays of at most {self.room} more bytes, received one of "
                    f"{taken}"
                )
            self.room -= taken
            data = file.read(size * dtype.itemsize)
            if len(data) < size * dtype.itemsize or file.read(1):
                raise ValueError(f"{name}: expected {size} values, received another number")
        array = np.frombuffer(data, dtype, size)
        return array.reshape(shape, order="F" if by_column else "C")


def _hold_list(content: bytes) -> None:
    mark, size, _ = _END.unpack(content[-_END.size :].rjust(_END.size))
    if mark != b"PK\5\6" or content[_END_64] == b"PK\6\7" or size > LISTED:
        raise ValueError("expected a few arrays as numpy stores them, received another archive")


def _header(file: IO[bytes], name: str) -> tuple[tuple[int, ...], np.dtype[np.generic], bool]:
    # What numpy writes but for records of many fields. A header of later formats may name any
    # length, which numpy reads before it looks at it.
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError(f"{name}: expected numpy's format 1.0, received another")
    shape, by_column, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.kind not in KINDS or not dtype.itemsize or any(extent < 0 for extent in shape):
        raise ValueError(f"{name}: expected an array of numbers or byte strings, received {dtype}")
    return shape, dtype, by_column
