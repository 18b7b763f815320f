"""A run: every subject under every load, once a round, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from benchmarks.analyzer import LoadFailed, command
from benchmarks.cell import measure
from benchmarks.child import ChildFailed
from benchmarks.engine import Engine
from benchmarks.load import LOADS, ROWS, Load
from benchmarks.model import shapes
from benchmarks.results import EngineCost, Failure, Results
from benchmarks.subject import Subject
from horngate.tensors import Signature

T = TypeVar("T")

SETTLE_SECONDS = 0.3
"""Between two measurements: engines' threads spin on for a moment after their last call."""

Say = Callable[[str], None]


@dataclass
class Campaign:
    """What is run, and how."""

    program: str
    model: str
    signature: Signature
    subjects: Sequence[Subject]
    engines: Sequence[Engine]
    window: float
    say: Say
    results: Results = field(default_factory=Results)

    def run(self, rounds: int) -> None:
        """Run them all; what fails is kept as a failure."""
        for number in range(1, rounds + 1):
            self.say(f"round {number} of {rounds}")
            for load, subject in order(LOADS, self.subjects, number):
                self._measure(number, load, subject)
            for engine in rotated(self.engines, number):
                self._cost(number, engine)

    def _measure(self, number: int, load: Load, subject: Subject) -> None:
        line = command(
            self.program,
            load,
            model=self.model,
            address=subject.address,
            shapes=shapes(self.signature, load),
            window=self.window,
        )
        time.sleep(SETTLE_SECONDS)
        try:
            cell = measure(subject, load, line, self.window, number)
        except (LoadFailed, ChildFailed, OSError) as error:
            self.results.failures.append(Failure(number, subject.name, load.name, str(error)))
            self.say(f"  {load.name:16} {subject.name:18} failed: {error}")
            return
        self.results.cells.append(cell)
        self.say(
            f"  {load.name:16} {subject.name:18} {cell.requests_per_second:8.0f}/s "
            f"{cell.cpu_us:8.0f} CPU µs {cell.p50_us / 1e3:7.2f} ms p50"
        )

    def _cost(self, number: int, engine: Engine) -> None:
        """The engine at the sizes of requests, and of the batches that its servers formed."""
        formed = {
            round(cell.batch_rows)
            for cell in self.results.cells
            if cell.round == number and cell.batch_rows and cell.subject.endswith(engine.name)
        }
        for rows in sorted({*ROWS, *formed}):
            cost = engine.cost(rows)
            self.results.costs.append(EngineCost(number, engine.name, cost))
        self.say(f"  engine {engine.name}: {len({*ROWS, *formed})} sizes")


def order(
    loads: Sequence[Load], subjects: Sequence[Subject], number: int
) -> Iterator[tuple[Load, Subject]]:
    """Every subject under every load it takes; another one first in each round and load.

    The subjects of a load follow on each other, so that what is compared was measured within a
    minute.
    """
    for at, load in enumerate(rotated(loads, number)):
        for subject in rotated(subjects, number + at):
            if load.kind in subject.kinds:
                yield load, subject


def rotated(values: Sequence[T], by: int) -> list[T]:
    """``values`` with another one first."""
    by %= max(1, len(values))
    return [*values[by:], *values[:by]]
