"""Closing the versions that no request uses any more, off the thread that decides.

An engine may hold whoever closes what it has loaded, and a batch that runs whoever waits for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from horngate.lifecycle.observer import RepositoryObserver
from horngate.lifecycle.served import ServedVersion
from horngate.lifecycle.tasks import Continue, Progress, Task, Tasks

CLOSE: Final = "close"


class Closings:
    """Belongs to the loop's thread.

    Args:
        tasks: what runs them.
        observer: told of a version that does not close as it should.
        seconds: how long a closing may take before it counts as stuck.
        wake: called from any thread, when a version may be closed.
        closed: told of each version that was.
    """

    def __init__(
        self,
        tasks: Tasks,
        observer: RepositoryObserver,
        *,
        seconds: float,
        wake: Callable[[], None],
        closed: Callable[[ServedVersion], None],
    ) -> None:
        self._tasks = tasks
        self._observer = observer
        self._seconds = seconds
        self._wake = wake
        self._closed = closed
        self._drained: deque[ServedVersion] = deque()

    def retire(self, version: ServedVersion) -> None:
        """Close ``version`` once its last request has ended."""
        version.retire(partial(self._drained_one, version))

    def begin_drained(self) -> None:
        """Begin to close those whose last request has ended."""
        while self._drained:
            self.begin(self._drained.popleft())

    def begin(self, version: ServedVersion) -> None:
        """Begin to close ``version``, which takes no request any more, or never did."""
        task = Task(CLOSE, version.model, self._seconds, version.number)

        def close(progress: Progress) -> Continue:
            progress.step = "closing"
            version.close()
            return partial(self._closed, version)

        task.work, task.failed = close, partial(self._not_closed, version)
        task.late = partial(self._tasks.give_up, task)
        self._tasks.begin(task)

    def _drained_one(self, version: ServedVersion) -> None:
        # Called where the last request ended: closing is left to another thread.
        self._drained.append(version)
        self._wake()

    def _not_closed(self, version: ServedVersion, error: Exception) -> None:
        self._observer.loop_failed(error)
        self._closed(version)  # it is gone all the same
