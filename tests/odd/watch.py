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
    _IS_FOLDER: Final = 0x40000000

    def __init__(self, folder: Path) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._handle = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert self._handle >= 0
        assert self._libc.inotify_add_watch(self._handle, bytes(folder), self._SEEN) >= 0

    def read(self) -> list[str]:
        """What was touched since the last time: files by their names, folders with a ``/``."""
        try:
            data = os.read(self._handle, 1 << 16)
        except BlockingIOError:
            return []
        names = []
        while data:
            _, mask, _, length = self._EVENT.unpack_from(data)
            name = data[self._EVENT.size : self._EVENT.size + length].rstrip(b"\0").decode()
            names.append(f"{name}/" if mask & self._IS_FOLDER else name)
            data = data[self._EVENT.size + length :]
        return sorted(set(names))

    def close(self) -> None:
        os.close(self._handle)
