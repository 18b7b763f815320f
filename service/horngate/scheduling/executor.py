"""Who runs batches: the driver of a scheduler, injected so that a test can be one.

A driver owns no queue. It is given ``turn``, which runs at most one batch and says when to ask
again, and it decides on which thread to call it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

TurnFunction: TypeAlias = Callable[[], "float | None"]
"""Runs one batch if there is one. Returns seconds until the next may be ripe, 0 for at once, or
None when nothing waits."""


STOP_SECONDS: Final = 10.0
"""How long ``stop`` waits for a batch that is running; a stuck one is left behind after that."""


class Executor(Protocol):
    """Calls ``turn`` whenever there may be something to do."""

    def start(self, turn: TurnFunction) -> None:
        """Begin. Called once."""

    def wake(self) -> None:
        """Work was queued; called from any thread, after the queue's lock was given back."""

    def stop(self) -> None:
        """End. Waits for a ``turn`` that is under way, within bounds."""


class ThreadExecutor:
    """Runs batches on threads of its own, one for each instance of the model.

    The transport's thread keeps answering health checks and cancellations meanwhile, and while
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

    def start(self, turn: TurnFunction) -> None:
        self._turn = turn
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
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
