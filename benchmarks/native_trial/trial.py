"""What a case is: a name, a promise it holds or breaks, and what it found."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from benchmarks.native_trial.child import Child


@dataclass(frozen=True)
class Finding:
    """What a case saw; ``held`` is false when what it asks for did not hold."""

    held: bool
    text: str


@dataclass
class Trial:
    """The server that all cases share, and how hard to try."""

    child: Child
    quick: bool = False
    notes: list[str] = field(default_factory=list)

    def scale(self, number: int) -> int:
        """A tenth of the number in a quick trial."""
        return max(1, number // 10) if self.quick else number


@dataclass(frozen=True)
class Case:
    """A named trial; ``must`` fails the run where it does not hold."""

    name: str
    run: Callable[[Trial], Finding]
    must: bool


CASES: Final[dict[str, Case]] = {}


def case(function: Callable[[Trial], Finding]) -> Callable[[Trial], Finding]:
    """Register a case that must hold."""
    CASES[function.__name__] = Case(function.__name__, function, must=True)
    return function


def wish(function: Callable[[Trial], Finding]) -> Callable[[Trial], Finding]:
    """Register a case that the front may fail: a limit to know, not a bar."""
    CASES[function.__name__] = Case(function.__name__, function, must=False)
    return function


def latency(child: Child, calls: int = 20) -> float:
    """Milliseconds of the slowest of some calls, each on a connection of its own."""
    worst = 0.0
    for _ in range(calls):
        began = time.perf_counter()
        child.call("Echo", b"latency")
        worst = max(worst, time.perf_counter() - began)
    return round(worst * 1000, 1)
