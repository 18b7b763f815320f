"""Sees runs that do not come back, so that their callers, and whoever asks for health, are told.

A model that computes for ever cannot be interrupted, only left: the version takes no more requests,
and other models never wait for it.
"""

from __future__ import annotations

import threading
from typing import Final

from horngate.lifecycle.repository import Repository

LOOKS: Final = 4
"""Looks in the time after which a run counts as stuck."""

LONGEST_WAIT: Final = 1.0
"""Seconds between two looks, at most."""


class Watchdog:
    """Looks at every live version of ``repository`` on a thread of its own.

    Args:
        repository: what is served.
        seconds: how long a run may take.
    """

    def __init__(self, repository: Repository, seconds: float) -> None:
        self._repository = repository
        self._seconds = seconds
        self._stuck: frozenset[tuple[str, int]] = frozenset()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()

    def look(self) -> None:
        """Give up what takes too long; tell the repository's listeners what that changed."""
        stuck: set[tuple[str, int]] = set()
        for model in self._repository.held().values():
            for number, version in model.live.items():
                version.scheduler.give_up(self._seconds)
                if version.stuck:
                    stuck.add((model.name, number))
        if stuck != self._stuck:
            self._stuck = frozenset(stuck)
            self._repository.tell_change()

    def _watch(self) -> None:
        while not self._stopping.wait(min(self._seconds / LOOKS, LONGEST_WAIT)):
            self.look()
