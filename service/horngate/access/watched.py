"""A file's content, read again when the file changes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

from horngate.errors import ConfigError
from horngate.servable import Clock

T = TypeVar("T")

LOOK_SECONDS: Final = 1.0
"""Time between two looks at the file, at least: a look is a system call or two."""


class Watched(Generic[T]):
    """Thread-safe. What cannot be read later leaves what was read before, and is reported once.

    Args:
        paths: the files that ``read`` reads.
        read: raises ``ConfigError`` where they cannot be used.
        clock: monotonic seconds.
        report: told why a change was not taken.

    Raises:
        ConfigError: they cannot be used at the start.
    """

    def __init__(
        self,
        paths: tuple[Path, ...],
        read: Callable[[], T],
        clock: Clock,
        report: Callable[[Exception], None],
    ) -> None:
        self._paths = paths
        self._read = read
        self._clock = clock
        self._report = report
        self._lock = threading.Lock()
        # Taken before reading: a change while it is read is then seen at the next look.
        self._stamp = self._look()
        self._value = read()
        self._looked = clock()

    def __call__(self) -> T:
        """What the files say, a second ago at most."""
        now = self._clock()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            with self._lock:
                self._read_again()
        return self._value

    def _read_again(self) -> None:
        stamp = self._look()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._value = self._read()
        except ConfigError as error:
            self._report(error)

    def _look(self) -> tuple[object, ...]:
        stamps: list[object] = []
        for path in self._paths:
            try:
                stat = path.stat()
            except OSError as error:
                stamps.append(error.errno)
            else:
                stamps.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
        return tuple(stamps)
