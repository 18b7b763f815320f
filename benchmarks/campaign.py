"""A run: every subject under every load that it takes, once a round, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from benchmarks.analyzer import WINDOWS, LoadFailed, command
from benchmarks.cell import measure
from benchmarks.child import ChildFailed
from benchmarks.engine import Engine
from benchmarks.load import LARGE, Kind, Load, Pace
from benchmarks.model import Published, shapes
from benchmarks.results import EngineCost, Failure, Results, Started
from benchmarks.start import Start
from benchmarks.subject import Subject
from horngate.tensors import Signature

T = TypeVar("T")

SETTLE_SECONDS: Final = 0.3
"""Between two measurements: engines' threads spin on for a moment after their last call."""
SLOW_SECONDS: Final = 1.0
"""The shortest window for a slow model, so that many of its answers lie in it."""
BESIDE_SECONDS: Final = 1.2
"""A measurement's time beyond its windows: about what starting the client and warming up takes."""

Say = Callable[[str], None]


@dataclass
class Campaign:
    """What is run, and how.

    Attributes:
        models: the quick and the slow one; both have the inputs of ``signature``.
        engine: the engine without a network, None where it is left out.
        start: starts a server once and ends it; None where that is left out.
        bodies: files with what a request in JSON holds.
    """

    program: str
    models: Mapping[Pace, Published]
    signature: Signature
    subjects: Sequence[Subject]
    loads: Sequence[Load]
    engine: Engine | None
    start: Callable[[], Start] | None
    bodies: Mapping[Kind, Path]
    window: float
    say: Say
    results: Results = field(default_factory=Results)

    def run(self, rounds: int) -> None:
        """Run them all; what fails is kept as a failure."""
        if self.start is not None:
            self.start()  # reads from disk what the others find in memory; not counted
        for number in range(1, rounds + 1):
            self.say(f"round {number} of {rounds}")
            for load, subject in order(self.loads, self.subjects, number):
                self._measure(number, load, subject)
            self._cost(number)
            self._start(number)

    def seconds(self, rounds: int) -> float:
        """About how long ``rounds`` last."""
        cells = order(self.loads, self.subjects, 1)
        return rounds * sum(
            self._window(load) * 1.2 * WINDOWS + SETTLE_SECONDS + BESIDE_SECONDS
            for load, _ in cells
        )

    def _window(self, load: Load) -> float:
        return max(self.window, SLOW_SECONDS) if load.pace == "slow" else self.window

    def _measure(self, number: int, load: Load, subject: Subject) -> None:
        line = command(
            self.program,
            load,
            model=self.models[load.pace].name,
            address=subject.address(load),
            shapes=shapes(self.signature, load),
            window=self._window(load),
            flags=subject.flags,
            body=self.bodies.get(load.kind),
        )
        time.sleep(SETTLE_SECONDS)
        try:
            cell = measure(subject, load, line, self._window(load), number)
        except (LoadFailed, ChildFailed, OSError) as error:
            self.results.failures.append(Failure(number, subject.name, load.name, str(error)))
            self.say(f"  {load.name:16} {subject.name:18} failed: {error}")
            return
        self.results.cells.append(cell)
        failed = f" {cell.errors:.0f} errors" if cell.errors else ""
        self.say(
            f"  {load.name:18} {subject.name:18} {cell.requests_per_second:8.0f}/s "
            f"{cell.cpu_us:8.0f} CPU µs {cell.p50_us / 1e3:8.2f} ms p50{failed}"
        )

    def _cost(self, number: int) -> None:
        """The engine at one row, and at the batches that Horngate formed of large requests."""
        if self.engine is None:
            return
        formed = {
            max(1, round(cell.batch_rows))
            for cell in self.results.cells
            if cell.round == number and cell.batch_rows and cell.subject == "horngate"
            if cell.load in {load.name for load in LARGE}
        }
        sizes = sorted({1, 64, *formed})
        try:
            for rows in sizes:
                self.results.costs.append(EngineCost(number, self.engine.cost(rows)))
        except (ChildFailed, OSError) as error:
            self.results.failures.append(Failure(number, "engine", "", str(error)))
        self.say(f"  the engine alone: {len(sizes)} sizes")

    def _start(self, number: int) -> None:
        if self.start is not None:
            start = self.start()
            self.results.starts.append(Started(number, *start))
            self.say(f"  a start: ready after {start.seconds:.2f} s, {start.resident_mib:.0f} MiB")


def order(
    loads: Sequence[Load], subjects: Sequence[Subject], number: int
) -> Iterator[tuple[Load, Subject]]:
    """Every subject under every load it takes; another one first in each round and load.

    The subjects of a load follow on each other, so that what is compared was measured within a
    minute.
    """
    for at, load in enumerate(rotated(loads, number)):
        for subject in rotated([each for each in subjects if each.takes(load)], number + at):
            yield load, subject


def rotated(values: Sequence[T], by: int) -> list[T]:
    """``values`` with another one first."""
    by %= max(1, len(values))
    return [*values[by:], *values[:by]]
