"""The thread and the event loop of the HTTP port, and what is done beside it.

Waking an event loop from another thread is a system call and a hand-over. A batch completes many
answers at once, so the loop is woken for the first of them and the loop, once awake, takes all.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import uvloop

from horngate.batching.executor import Burst
from horngate.servable import Clock

WORKERS: Final = 4
"""Bodies that are read or written at a time. More would not be quicker, since Python runs one of
the threads at a time, and would keep the loop and the pages waiting, whose threads are others."""

PAGES: Final = 8
"""Pages that are made at a time."""

READING: Final = 4
"""Of those that read models' files. A folder that does not answer holds them up, and nobody else:
who looks at the page must not keep a health check waiting."""

STOP_SECONDS: Final = 5.0
"""How long ``stop`` waits for the loop; what it does not end by then is left behind."""

Function = Callable[[], None]
"""It raises nothing."""


class Loop:
    """One event loop on a thread of its own. Any thread may call what says no other."""

    def __init__(self, clock: Clock) -> None:
        self.events = uvloop.new_event_loop()
        self._thread: threading.Thread | None = None
        self._due: deque[Function] = deque()
        self._woken = False
        self._workers = ThreadPoolExecutor(WORKERS, "http-body")
        self._pages = ThreadPoolExecutor(PAGES, "http-page")
        self._reading = ThreadPoolExecutor(READING, "http-files")
        self._burst = Burst(clock)
        self._gathering = False

    def start(self, main: Callable[[], Coroutine[None, None, None]]) -> None:
        """Run ``main`` until it ends."""

        def run() -> None:
            with asyncio.Runner(loop_factory=lambda: self.events) as runner:
                runner.run(main())

        self._thread = threading.Thread(target=run, name="http", daemon=True)
        self._thread.start()

    def stop(self, end: Function) -> None:
        """Call ``end`` on the loop, and wait for what it ends."""
        if self._thread is None:
            self.events.close()
        else:
            self.call(end)
            self._thread.join(STOP_SECONDS)
        for pool in (self._workers, self._pages, self._reading):
            pool.shutdown(wait=False, cancel_futures=True)

    @property
    def here(self) -> bool:
        """Whether this is the loop's thread."""
        return threading.current_thread() is self._thread

    def call(self, function: Function) -> None:
        """Have the loop call ``function`` after those before it; never once the loop is closed."""
        self._due.append(function)
        self._wake()

    def call_here(self, function: Function) -> None:
        """The same, and at once where this is the loop."""
        if self.here:
            function()
        else:
            self.call(function)

    def beside(self, function: Function) -> None:
        """Run ``function``, which is about a body, on a worker once one is free."""
        with contextlib.suppress(RuntimeError):  # the port has stopped, and the call with it
            self._workers.submit(function)

    def beside_bodies(self, function: Function) -> None:
        """The same for a page, which waits for no body."""
        with contextlib.suppress(RuntimeError):
            self._pages.submit(function)

    def beside_pages(self, function: Function) -> None:
        """The same for a page that reads models' files, which no other page waits for."""
        with contextlib.suppress(RuntimeError):
            self._reading.submit(function)

    def burst(self) -> Burst:
        """What comes in this turn of the loop: the model's threads are woken once for all of it.

        On the loop. They run it, and not the loop, which nobody could relieve of a run that does
        not come back.
        """
        if not self._gathering:
            self._gathering = True
            self._burst.open()
            self.events.call_soon(self._gathered)
        return self._burst

    def _gathered(self) -> None:
        self._gathering = False
        self._burst.relieve()

    def _wake(self) -> None:
        # Two threads may both find it asleep: one wake-up too many, never one too few, because the
        # loop resets the flag before it looks.
        if not self._woken:
            self._woken = True
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self.events.call_soon_threadsafe(self._call_all)

    def _call_all(self) -> None:
        self._woken = False
        try:
            while self._due:
                self._due.popleft()()
        finally:
            if self._due:  # one raised, which is for the loop to tell; the others are not to suffer
                self._wake()
