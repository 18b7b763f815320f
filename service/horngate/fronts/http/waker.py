"""From threads that complete answers to the event loop that waits for them.

Waking an event loop from another thread is a system call and a hand-over. A batch completes many
answers at once, so the loop is woken for the first of them and the loop, once awake, takes all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from horngate.answer import Answer

Watch = Callable[[asyncio.Future[None]], None]
"""Given what is waited on, which it fails if the caller leaves first; called on the loop."""


def _unwatched(_: asyncio.Future[None]) -> None:
    """Nobody can leave."""


UNWATCHED: Final[Watch] = _unwatched


class Waker:
    """Bound to one event loop, which alone awaits; answers may complete on any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._arrived: deque[asyncio.Future[None]] = deque()
        self._woken = False

    async def wait(self, answer: Answer[Any], watch: Watch = UNWATCHED) -> None:
        """Return when ``answer`` is done. Cancelling the wait cancels the answer.

        Raises:
            Exception: what ``watch`` failed the wait with; the answer is cancelled.
        """
        future: asyncio.Future[None] = self._loop.create_future()
        watch(future)
        answer.on_done(lambda: self._wake(future))
        try:
            await future
        except BaseException:
            answer.cancel()
            raise

    def _wake(self, future: asyncio.Future[None]) -> None:
        self._arrived.append(future)
        # Two threads may both find it asleep: one wake-up too many, never one too few, because the
        # loop resets the flag before it looks.
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._open)

    def _open(self) -> None:
        self._woken = False
        while self._arrived:
            future = self._arrived.popleft()
            if not future.done():
                future.set_result(None)
