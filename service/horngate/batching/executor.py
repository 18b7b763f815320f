"""Who runs batches: the driver of a scheduler, injected so that a test can be one.

A driver owns no queue. It is given ``turn``, which runs at most one batch and says when to ask
again, and it decides on which thread to call it: on one of the model's own, or on the thread that
brought the calls, once it has brought all that came with them. The second makes one batch of many
calls without a hop between threads; what takes long is not for it.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

from horngate.servable import Clock

TurnFunction: TypeAlias = Callable[[], "float | None"]
"""Runs one batch if there is one. Returns seconds until the next may be ripe, 0 for at once, or
None when nothing waits."""


STOP_SECONDS: Final = 10.0
"""How long ``stop`` waits for a batch that is running; a stuck one is left behind after that."""

QUICK_SECONDS: Final = 0.005
"""A run that takes longer is not for the thread that also has to receive calls."""

_FORGETTING: Final = 0.9
"""How much is remembered from run to run of one that held up a receiving thread."""


class Executor(Protocol):
    """Calls ``turn`` whenever there may be something to do."""

    def start(self, turn: TurnFunction, takes: Callable[[], float]) -> None:
        """Begin, called once; ``takes`` says how many seconds a run of the model usually takes."""

    def wake(self, burst: Burst | None = None) -> None:
        """Work was queued; called from any thread, after the queue's lock was given back.

        ``burst`` is what the work came with, where the thread that brought it can run it.
        """

    def stop(self) -> None:
        """End. Waits for a ``turn`` that is under way, within bounds."""


class ThreadExecutor:
    """Runs batches on threads of its own, one for each instance of the model.

    The front's thread keeps answering health checks and cancellations meanwhile, and while
    one batch runs the next is decoded; the price is one hand-over to this thread and one back
    for each batch, not for each request.
    """

    def __init__(self, instances: int, name: str) -> None:
        self._condition = threading.Condition()
        self._told = False
        self._stopped = False
        self._threads = [
            threading.Thread(target=self._loop, name=f"{name}-{index}", daemon=True)
            for index in range(instances)
        ]

    def start(self, turn: TurnFunction, takes: Callable[[], float]) -> None:  # noqa: ARG002 - it takes runs of any length
        self._turn = turn
        for thread in self._threads:
            thread.start()

    def wake(self, burst: Burst | None = None) -> None:  # noqa: ARG002 - none of its own to run in
        # A thread that was told and has not looked yet will find this work as well. If it looks
        # just now, it looks at the queue after this flag.
        if self._told:
            return
        with self._condition:
            self._told = True
            self._condition.notify()

    def stop(self) -> None:
        with self._condition:
            self._stopped = True
            self._condition.notify_all()
        for thread in self._threads:
            if thread is not threading.current_thread() and thread.ident is not None:
                thread.join(STOP_SECONDS)

    def _loop(self) -> None:
        wait: float | None = None
        while True:
            with self._condition:
                # A wake-up that came while this thread ran a batch is not waited for again.
                if wait is None or wait > 0:
                    ends = None if wait is None else time.monotonic() + wait
                    while not self._told and not self._stopped:
                        left = None if ends is None else ends - time.monotonic()
                        if left is not None and left <= 0:
                            break
                        self._condition.wait(left)
                if self._stopped:
                    return
                self._told = False
            wait = self._turn()


class Burst:
    """The models that the calls of one receiving thread have woken, and that have not run yet.

    It is opened for the calls that came together and run when all of them are in. Belongs to its
    thread, but for ``held_up`` and ``relieve``: one that a run holds up is relieved by another.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._woken: OrderedDict[BurstExecutor, None] = OrderedDict()
        self._running: BurstExecutor | None = None
        self._since: float | None = None
        self._relieved = False
        self._open = False

    def open(self) -> None:
        """Calls are about to come in: what they wake is run together."""
        self._open = True
        self._since = self._clock()

    def add(self, executor: BurstExecutor) -> bool:
        """Run ``executor`` with the rest; False where the burst is not open.

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
        self._since = None
        return False

    def held_up(self, seconds: float) -> bool:
        """Whether one call or one run has taken longer than ``seconds``. Any thread."""
        since = self._since
        return since is not None and self._clock() - since > seconds

    def relieve(self) -> None:
        """Leave what is woken to the models' own threads; this one may never come back."""
        self._relieved = True
        running, since = self._running, self._since
        if running is not None and since is not None:
            running.too_long(self._clock() - since)
        while (executor := self._next()) is not None:
            executor.hand_on()

    def _next(self) -> BurstExecutor | None:
        try:
            return self._woken.popitem(last=False)[0]
        except KeyError:
            return None


class BurstExecutor:
    """Runs batches in the burst that brought them while they are quick, else on ``threads``.

    While a burst runs them, it runs all: another instance on another thread would take Python's
    lock from the thread that receives, at a higher price than a quick run.
    """

    def __init__(self, threads: ThreadExecutor) -> None:
        self._threads = threads
        self._held_up = 0.0
        self._burst_thread = 0

    def start(self, turn: TurnFunction, takes: Callable[[], float]) -> None:
        self._turn = turn
        self._takes = takes
        self._threads.start(turn, takes)

    def wake(self, burst: Burst | None = None) -> None:
        if burst is not None and burst.add(self):
            return
        if threading.get_ident() != self._burst_thread:  # which looks again by itself
            self._threads.wake()

    def run(self) -> bool:
        """Run a batch here if they are quick; whether there may be another."""
        if not self._quick():
            self._held_up *= _FORGETTING
            self._threads.wake()
            return False
        self._burst_thread = threading.get_ident()
        try:
            wait = self._turn()
        finally:
            self._burst_thread = 0
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
        self._held_up = seconds

    def stop(self) -> None:
        self._threads.stop()

    def _quick(self) -> bool:
        return self._held_up <= QUICK_SECONDS and self._takes() <= QUICK_SECONDS
