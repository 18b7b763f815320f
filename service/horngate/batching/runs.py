"""Runs of a model: those under way, those that do not come back, and how long they take lately."""

from __future__ import annotations

from typing import Final

from horngate.batching.work import Work


class Run:
    """One batch in the engine, since ``started``."""

    __slots__ = ("batch", "given_up", "started")

    def __init__(self, batch: list[Work], started: float) -> None:
        self.batch = batch
        self.started = started
        self.given_up = False


class Runs:
    """Not thread-safe: the scheduler's lock guards it.

    A run that was given up still holds its instance, until it comes back if it ever does.
    ``number`` is how many are under way, and ``stuck`` how many of them were given up: plain
    attributes, because every request asks for both.
    """

    def __init__(self) -> None:
        self._under_way: set[Run] = set()
        self.number = 0
        self.stuck = 0

    def begin(self, batch: list[Work], now: float) -> Run:
        """A batch goes into the engine."""
        run = Run(batch, now)
        self._under_way.add(run)
        self.number += 1
        return run

    def end(self, run: Run) -> None:
        """It came back."""
        self._under_way.discard(run)
        self.number -= 1
        if run.given_up:
            self.stuck -= 1

    def give_up(self, since: float) -> list[Run]:
        """Those that began at ``since`` or before and were not given up yet; now they are."""
        late = [run for run in self._under_way if run.started <= since and not run.given_up]
        for run in late:
            run.given_up = True
            self.stuck += 1
        return late


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
