"""Whoever touches the files of a folder is seen."""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path
from typing import Final


class Watch:
    """Sees whoever opens, reads, makes or changes a file of a folder, by Linux's inotify."""

    _EVENT: Final = struct.Struct("iIII")
    _SEEN: Final = 0x1 | 0x2 | 0x20 | 0x100  # accessed, modified, opened, made

    def __init__(self, folder: Path) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._handle = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert self._handle >= 0
        assert self._libc.inotify_add_watch(self._handle, bytes(folder), self._SEEN) >= 0

    def read(self) -> list[str]:
        """The names of the files that were touched since the last time; "" for the folder."""
        try:
            data = os.read(self._handle, 1 << 16)
        except BlockingIOError:
            return []
        names = []
        while data:
            _, _, _, length = self._EVENT.unpack_from(data)
            names.append(data[self._EVENT.size : self._EVENT.size + length].rstrip(b"\0").decode())
            data = data[self._EVENT.size + length :]
        return sorted(set(names))

    def close(self) -> None:
        os.close(self._handle)
