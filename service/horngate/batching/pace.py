"""How long a run of a model takes lately: what a deadline has to leave room for."""

from __future__ import annotations

from typing import Final

WEIGHT: Final = 0.2
"""Of the newest run in the average."""

HALF_LIFE: Final = 1.0
"""Seconds without a run in which what is known counts half as much: where every request is refused
for its deadline, nothing runs that could show that the model has become quick again."""


class Pace:
    """Takes no lock: where two runs end at once, one of them may not count."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._at = 0.0

    def ran(self, seconds: float, now: float) -> None:
        """A run that took ``seconds`` ended."""
        before = self.expected(now)
        self._seconds = before + (seconds - before) * WEIGHT if before else seconds
        self._at = now

    def usual(self) -> float:
        """Seconds that runs took lately; 0 where nothing has run yet."""
        return self._seconds

    def expected(self, now: float) -> float:
        """Seconds that the next run will probably take; 0 where nothing has run yet."""
        quiet = now - self._at
        if quiet < HALF_LIFE:
            return self._seconds
        return float(self._seconds * 0.5 ** (quiet // HALF_LIFE))
