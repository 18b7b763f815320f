"""RunFigures of one version's model, by their rows: what a histogram cannot tell apart."""

from __future__ import annotations

import threading
import time

from horngate.protocols.figures import Durations


class RunFigures:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers: dict[int, int] = {}
        self._seconds: dict[int, float] = {}
        self._requests = 0
        self._request_seconds = 0.0
        self.last = 0.0

    def add(self, rows: int, requests: int, seconds: float) -> None:
        """One run of ``rows`` rows that answered ``requests`` requests in ``seconds``."""
        with self._lock:
            self._numbers[rows] = self._numbers.get(rows, 0) + 1
            self._seconds[rows] = self._seconds.get(rows, 0.0) + seconds
            self._requests += requests
            self._request_seconds += requests * seconds
            self.last = time.time()

    def batches(self) -> dict[int, Durations]:
        """The runs by their rows."""
        with self._lock:
            return {
                rows: Durations(number, self._seconds[rows])
                for rows, number in self._numbers.items()
            }

    def shared(self) -> Durations:
        """The requests that were answered; a run counts whole for each of them."""
        with self._lock:
            return Durations(self._requests, self._request_seconds)
