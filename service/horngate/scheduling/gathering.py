"""Running batches on the thread that brought the work, once it has brought all it has.

A transport that receives calls in bursts hands in a whole burst and then runs what came of it:
one batch for many calls, and no hop between threads. What a model that takes long would hold up
goes to the model's own threads instead.
"""

from __future__ import annotations

import threading
from typing import Final

from horngate.scheduling.executor import ThreadExecutor, TurnFunction
from horngate.servable import Clock

QUICK_SECONDS: Final = 0.005
"""A run that takes longer is not for the thread that also has to receive calls."""

_FORGETTING: Final = 0.9
"""How much of the longest run is remembered from run to run, so that a large request now and then
keeps a model away from the receiving thread, and a slow moment does not do so for ever."""


class Gatherer:
    """What each receiving thread has woken and not yet run. Several threads may gather."""

    def __init__(self) -> None:
        self._local = threading.local()

    def begin(self) -> None:
        """From now on this thread only gathers."""
        self._local.woken = {}

    def take(self, executor: GatheringExecutor) -> bool:
        """Whether this thread gathers, and will run ``executor`` when it has all."""
        woken: dict[GatheringExecutor, None] | None = getattr(self._local, "woken", None)
        if woken is None:
            return False
        woken[executor] = None
        return True

    def run(self) -> None:
        """Run what was woken since ``begin``, or hand it on; this thread gathers no longer."""
        woken, self._local.woken = self._local.woken, None
        for executor in woken:
            executor.run()


class GatheringExecutor:
    """Runs batches on a gathering thread while they are quick, else on ``threads``.

    Work that comes from a thread that does not gather goes to ``threads`` as well.
    """

    def __init__(self, gatherer: Gatherer, threads: ThreadExecutor, clock: Clock) -> None:
        self._gatherer = gatherer
        self._threads = threads
        self._clock = clock
        self._longest = 0.0

    def start(self, turn: TurnFunction) -> None:
        self._turn = turn
        self._threads.start(self._timed)

    def wake(self) -> None:
        if not self._gatherer.take(self):
            self._threads.wake()

    def run(self) -> None:
        """Run batches here until none is left, as long as they are quick."""
        wait: float | None = 0.0
        while wait == 0.0 and self._longest <= QUICK_SECONDS:
            wait = self._timed()
        if wait is not None:
            self._threads.wake()

    def stop(self) -> None:
        self._threads.stop()

    def _timed(self) -> float | None:
        started = self._clock()
        wait = self._turn()
        if wait == 0.0:
            self._longest = max(self._clock() - started, self._longest * _FORGETTING)
        return wait
