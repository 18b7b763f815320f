"""The bounds that the project promises, each a ratio or a figure of one run.

A ratio is taken within each round and the median over the rounds is held against the bound: the
pace of a machine drifts by more than the ratios do.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from benchmarks.cell import Cell
from benchmarks.engine import Cost
from benchmarks.load import MANY, Load
from benchmarks.results import Results, Started

ONE: Final = Load("triton", 1, 1)
SOME: Final = Load("triton", 1, 16)
LARGE: Final = Load("triton", 64, 4)
MANY_FLOATS: Final = Load("tfserving", 1, 64)
BINARY: Final = Load("v2-binary", 1, 16)
JSON_V2: Final = Load("v2-json", 1, 16)
JSON_V1: Final = Load("v1-json", 1, 16)


class Missing(LookupError):
    """A figure that a ratio needs was not measured."""


@dataclass(frozen=True)
class Ratio:
    """One bound and what was measured.

    Attributes:
        number: as the documentation counts them.
        title: what is over what.
        load: under what.
        sense: whether the value is to be at least or at most ``bound``.
        aim: what is hoped for beyond the bound, None where nothing is.
        value, low, high: median, least and greatest over the rounds, None where not measured.
        reason: why it was not.
    """

    number: int
    title: str
    load: str
    sense: Literal["at least", "at most"]
    bound: float
    aim: float | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the bound holds, None where not measured."""
        if self.value is None:
            return None
        return self.value >= self.bound if self.sense == "at least" else self.value <= self.bound


class Round(NamedTuple):
    """One round of a run."""

    number: int
    results: Results

    def cell(self, subject: str, load: Load) -> Cell:
        """A measurement.

        Raises:
            Missing: there is none.
        """
        for cell in self.results.cells:
            if (cell.round, cell.subject, cell.load) == (self.number, subject, load.name):
                return cell
        reason = self.results.skipped.get(subject, f"not measured under {load.name}")
        raise Missing(f"{subject}: {reason}")

    def cpu(self, subject: str, load: Load = MANY) -> float:
        """The server's CPU microseconds a request."""
        return self.cell(subject, load).cpu_us

    def p50(self, subject: str) -> float:
        """Microseconds until an answer, of half of the requests that come one at a time."""
        return self.cell(subject, ONE).p50_us

    def engine(self, rows: int) -> Cost:
        """What a call of the engine alone cost.

        Raises:
            Missing: it was not measured at this size.
        """
        for each in self.results.costs:
            if (each.round, each.cost.rows) == (self.number, rows):
                return each.cost
        reason = self.results.skipped.get("engine", f"not measured at {rows} rows")
        raise Missing(f"engine: {reason}")

    def alone(self, load: Load) -> float:
        """The engine's own CPU microseconds a request, at the batches that Horngate formed.

        A call costs nearly a fixed part and a part for each row, so that the cost of the mean batch
        is the mean cost of the batches.
        """
        formed = self.cell("horngate", load).batch_rows
        if formed is None:
            raise Missing("horngate: it counts no batches")
        cost = self.engine(max(1, round(formed)))
        return cost.cpu_us / cost.rows * load.rows

    def running(self, load: Load) -> float:
        """The same by the server's own clock around its runs, under the load itself."""
        running = self.cell("horngate", load).run_us
        if running is None:
            raise Missing("horngate: it times no runs")
        return running

    def start(self) -> Started:
        """How soon it was ready, and what it held then."""
        for each in self.results.starts:
            if each.round == self.number:
                return each
        raise Missing("start: not measured")


Measure = Callable[[Round], float]
MANY_WORDS: Final = "1 row, 64 in flight"
ONE_WORDS: Final = "1 row, 1 in flight"
SOME_WORDS: Final = "1 row, 16 in flight"
LARGE_WORDS: Final = "64 rows, 4 in flight"

PROMISES: Final[Sequence[tuple[Ratio, Measure]]] = (
    (
        Ratio(1, "CPU: C++ TF_SessionRun ÷ Horngate", MANY_WORDS, "at least", 4.5, 6),
        lambda now: now.cpu("cpp-tensorflow") / now.cpu("horngate"),
    ),
    (
        Ratio(
            2, "CPU: C++ TF_SessionRun (plain) ÷ Horngate with TLS", MANY_WORDS, "at least", 4, 5
        ),
        lambda now: now.cpu("cpp-tensorflow") / now.cpu("horngate-tls"),
    ),
    (
        Ratio(3, "CPU: Horngate ÷ limit sketch", MANY_WORDS, "at most", 1.2, 1),
        lambda now: now.cpu("horngate") / now.cpu("limit"),
    ),
    (
        Ratio(4, "p50: Horngate ÷ C++ TF_SessionRun", ONE_WORDS, "at most", 0.5),
        lambda now: now.p50("horngate") / now.p50("cpp-tensorflow"),
    ),
    (
        Ratio(5, "p50: Horngate ÷ (core echo + engine)", ONE_WORDS, "at most", 1.3),
        lambda now: now.p50("horngate") / (now.p50("core-echo") + now.engine(1).wall_us),
    ),
    (
        Ratio(6, "CPU: engine, timed alone ÷ Horngate", LARGE_WORDS, "at least", 0.8),
        lambda now: now.alone(LARGE) / now.cpu("horngate", LARGE),
    ),
    (
        Ratio(7, "engine, timed by the server ÷ CPU of Horngate", LARGE_WORDS, "at least", 0.8),
        lambda now: now.running(LARGE) / now.cpu("horngate", LARGE),
    ),
    (
        Ratio(8, "CPU: `tfserving` ÷ `triton`", MANY_WORDS, "at most", 1.25),
        lambda now: now.cpu("horngate", MANY_FLOATS) / now.cpu("horngate"),
    ),
    (
        Ratio(9, "CPU: KServe SDK ÷ Horngate", MANY_WORDS, "at least", 6, 8),
        lambda now: now.cpu("kserve") / now.cpu("horngate"),
    ),
    (
        Ratio(10, "CPU: PyTriton ÷ Horngate", MANY_WORDS, "at least", 6, 8),
        lambda now: now.cpu("pytriton") / now.cpu("horngate"),
    ),
    (
        Ratio(11, "CPU: REST `/v2` binary ÷ gRPC", SOME_WORDS, "at most", 2.5),
        lambda now: now.cpu("horngate", BINARY) / now.cpu("horngate", SOME),
    ),
    (
        Ratio(12, "CPU: REST `/v2` JSON of one digit ÷ gRPC", SOME_WORDS, "at most", 6),
        lambda now: now.cpu("horngate", JSON_V2) / now.cpu("horngate", SOME),
    ),
    (
        Ratio(13, "CPU: REST `/v1` JSON of one digit ÷ gRPC", SOME_WORDS, "at most", 6),
        lambda now: now.cpu("horngate", JSON_V1) / now.cpu("horngate", SOME),
    ),
    (
        Ratio(14, "CPU: 64 models loaded ÷ 2 models loaded", MANY_WORDS, "at most", 1.05),
        lambda now: now.cpu("horngate-64") / now.cpu("horngate"),
    ),
    (
        Ratio(15, "seconds from start to ready, both reference models", "none", "at most", 0.5),
        lambda now: now.start().seconds,
    ),
    (
        Ratio(16, "MiB resident a second later", "none", "at most", 120),
        lambda now: now.start().resident_mib,
    ),
)


def ratios(results: Results) -> list[Ratio]:
    """Every promise with what the run says of it."""
    numbers = sorted(
        {each.round for each in results.cells} | {each.round for each in results.starts}
    )
    return [_measured(ratio, measure, numbers, results) for ratio, measure in PROMISES]


def _measured(ratio: Ratio, measure: Measure, numbers: Sequence[int], results: Results) -> Ratio:
    values, reason = [], "nothing was measured"
    for number in numbers:
        try:
            values.append(measure(Round(number, results)))
        except Missing as missing:
            reason = str(missing)
    if not values:
        return dataclasses.replace(ratio, reason=reason)
    median = statistics.median(values)
    return dataclasses.replace(ratio, value=median, low=min(values), high=max(values))
