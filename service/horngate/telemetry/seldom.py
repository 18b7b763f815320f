"""How often a line may be told: whoever can cause a line must not fill the disk with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable
from typing import Final

APART: Final = 10.0
"""Seconds between two lines of a kind."""


class Seldom:
    """One line of a kind in ``APART`` seconds; the rest are counted. Thread-safe.

    Kinds come from the program (a method, a place in a source file), never from a caller: each is
    remembered for ever.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[Hashable, float] = {}
        self._unsaid: dict[Hashable, int] = {}

    def unsaid(self, kind: Hashable = None) -> int | None:
        """How many of ``kind`` were left out since the last line; None where this one is, too."""
        now = time.monotonic()
        with self._lock:
            if now - self._last.get(kind, float("-inf")) < APART:
                self._unsaid[kind] = self._unsaid.get(kind, 0) + 1
                return None
            self._last[kind] = now
            return self._unsaid.pop(kind, 0)
