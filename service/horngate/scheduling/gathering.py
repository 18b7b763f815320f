"""Running batches on the thread that brought the work, once it has brought all it has.

A transport that receives calls in bursts hands in a whole burst and then runs what came of it:
one batch for many calls, and no hop between threads. What a model that takes long would hold up
goes to the model's own threads instead.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from horngate.scheduling.executor import ThreadExecutor, TurnFunction
from horngate.servable import Clock

QUICK_SECONDS: Final = 0.005
"""A run that takes longer is not for the thread that also has to receive calls."""

_FORGETTING: Final = 0.9
"""How much of the longest run is remembered from run to run, so that a large request now and then
keeps a model away from the receiving thread, and a slow moment does not do so for ever."""


class Gathering:
    """What one receiving thread has woken and not yet run.

    Belongs to that thread, but for ``relieve``: a thread that a run holds up is relieved by
    another.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._woken: OrderedDict[GatheringExecutor, None] = OrderedDict()
        self._running: GatheringExecutor | None = None
        self._since = 0.0
        self._relieved = False
        self._open = False

    def open(self) -> None:
        """A burst begins: what it wakes is gathered."""
        self._open = True

    def add(self, executor: GatheringExecutor) -> bool:
        """Run ``executor`` with the rest; False where no burst is open.

        What a run wakes is another instance's to take, on a thread of its own.
        """
        if self._open:
            self._woken[executor] = None
        return self._open

    def run(self) -> bool:
        """Run what was woken, a batch of each model in turn; whether some is left for later.

        It is left once ``QUICK_SECONDS`` are over, so that those who call meanwhile are heard:
        a model with a long queue must not make the others wait for all of it.
        """
        self._open = False
        now = self._clock()
        ends = now + QUICK_SECONDS
        while (executor := self._next()) is not None:
            self._since = now
            self._running = executor
            again = executor.run()
            self._running = None
            if again and self._relieved:
                executor.hand_on()
            elif again:
                self._woken[executor] = None
            if self._woken and (now := self._clock()) >= ends:
                return True
        return False

    def held_up(self, seconds: float) -> bool:
        """Whether one run has taken longer than ``seconds``. Any thread."""
        return self._running is not None and self._clock() - self._since > seconds

    def relieve(self) -> None:
        """Leave what is woken to the models' own threads; this one may never come back."""
        self._relieved = True
        running = self._running
        if running is not None:
            running.too_long(self._clock() - self._since)
        while (executor := self._next()) is not None:
            executor.hand_on()

    def _next(self) -> GatheringExecutor | None:
        try:
            return self._woken.popitem(last=False)[0]
        except KeyError:
            return None


class Gatherer:
    """The gatherings of all receiving threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._local = threading.local()

    def begin(self) -> Gathering:
        """Make this thread one that gathers, until it ends."""
        gathering = Gathering(self._clock)
        self._local.gathering = gathering
        return gathering

    def take(self, executor: GatheringExecutor) -> bool:
        """Whether this thread gathers, and will run ``executor`` when it has all."""
        gathering: Gathering | None = getattr(self._local, "gathering", None)
        return gathering is not None and gathering.add(executor)


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

    def run(self) -> bool:
        """Run a batch here if they are quick; whether there may be another."""
        if self._longest > QUICK_SECONDS:
            self._threads.wake()
            return False
        wait = self._timed()
        if wait == 0.0:
            return True
        if wait is not None:
            self._threads.wake()
        return False

    def hand_on(self) -> None:
        """Leave what waits to the threads."""
        self._threads.wake()

    def too_long(self, seconds: float) -> None:
        """A run has taken ``seconds`` already: the next ones are for the threads."""
        self._longest = max(self._longest, seconds)

    def stop(self) -> None:
        self._threads.stop()

    def _timed(self) -> float | None:
        started = self._clock()
        wait = self._turn()
        if wait == 0.0:
            self._longest = max(self._clock() - started, self._longest * _FORGETTING)
        return wait
