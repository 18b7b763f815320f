"""From threads that complete answers to the event loop that waits for them.

Waking an event loop from another thread is a system call and a hand-over. A batch completes many
answers at once, so the loop is woken for the first of them and the loop, once awake, takes all.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable


class Waker:
    """Bound to one event loop; any thread may call."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: deque[Callable[[], None]] = deque()
        self._woken = False

    def call(self, function: Callable[[], None]) -> None:
        """Have the loop call ``function`` after those before it; never once the loop is closed."""
        self._due.append(function)
        self._wake()

    def _wake(self) -> None:
        # Two threads may both find it asleep: one wake-up too many, never one too few, because the
        # loop resets the flag before it looks.
        if not self._woken:
            self._woken = True
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._call_all)

    def _call_all(self) -> None:
        self._woken = False
        try:
            while self._due:
                self._due.popleft()()
        finally:
            if self._due:  # one raised, which is for the loop to tell; the others are not to suffer
                self._wake()
