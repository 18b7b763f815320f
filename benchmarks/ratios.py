"""The bounds that the project promises, each a ratio of figures of one run.

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
from benchmarks.load import Load
from benchmarks.results import Results

ONE: Final = Load("triton", 1, 1)
MANY: Final = Load("triton", 1, 64)
LARGE: Final = Load("triton", 64, 4)
MANY_FLOATS: Final = Load("tfserving", 1, 64)


class Missing(LookupError):
    """A figure that a ratio needs was not measured."""


@dataclass(frozen=True)
class Ratio:
    """One bound and what was measured.

    Attributes:
        number: as the documentation counts them.
        title: what is over what.
        sense: whether the value is to be at least or at most ``bound``.
        aim: what is hoped for beyond the bound, None where nothing is.
        value, low, high: median, least and greatest over the rounds, None where not measured.
        reason: why it was not.
    """

    number: int
    title: str
    sense: Literal["at least", "at most"]
    bound: float
    aim: float | None
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

    def cpu(self, subject: str, load: Load) -> float:
        """The server's CPU microseconds a request."""
        return self.cell(subject, load).cpu_us

    def engine(self, name: str, rows: int) -> Cost:
        """What a call of the engine alone cost.

        Raises:
            Missing: it was not measured at this size.
        """
        for each in self.results.costs:
            if (each.round, each.engine, each.cost.rows) == (self.number, name, rows):
                return each.cost
        reason = self.results.skipped.get(f"engine-{name}", f"not measured at {rows} rows")
        raise Missing(f"engine {name}: {reason}")

    def own(self, engine: str, subject: str, load: Load) -> float:
        """The engine's own CPU microseconds a request, at the batches that the server formed.

        A call costs nearly a fixed part and a part for each row, so that the cost of the mean batch
        is the mean cost of the batches.
        """
        formed = self.cell(subject, load).batch_rows
        if formed is None:
            raise Missing(f"{subject}: it counts no batches")
        cost = self.engine(engine, round(formed))
        return cost.cpu_us / cost.rows * load.rows


Measure = Callable[[Round], float]

PROMISES: Final[Sequence[tuple[Ratio, Measure]]] = (
    (
        Ratio(1, "C++ TF_SessionRun ÷ native+onnx, CPU, 1 row x 64", "at least", 3, 5),
        lambda now: now.cpu("cpp-tensorflow", MANY) / now.cpu("native-onnx", MANY),
    ),
    (
        Ratio(2, "native+onnx ÷ C++ echo, CPU, 1 row x 64", "at most", 1.3, 1),
        lambda now: now.cpu("native-onnx", MANY) / now.cpu("cpp-echo", MANY),
    ),
    (
        Ratio(3, "(grpcio+onnx - engine) ÷ grpcio echo, CPU, 1 row x 64", "at most", 1.25, None),
        lambda now: (
            (now.cpu("grpcio-onnx", MANY) - now.own("onnx", "grpcio-onnx", MANY))
            / now.cpu("grpcio-echo", MANY)
        ),
    ),
    (
        Ratio(4, "engine ÷ native+onnx, CPU, 64 rows x 4", "at least", 0.7, 0.85),
        lambda now: now.own("onnx", "native-onnx", LARGE) / now.cpu("native-onnx", LARGE),
    ),
    (
        Ratio(5, "native+onnx ÷ (native echo + engine), p50, 1 row x 1", "at most", 1.3, None),
        lambda now: (
            now.cell("native-onnx", ONE).p50_us
            / (now.cell("native-echo", ONE).p50_us + now.engine("onnx", 1).wall_us)
        ),
    ),
    (
        Ratio(6, "tfserving ÷ triton, native+onnx, CPU, 1 row x 64", "at most", 1.5, None),
        lambda now: now.cpu("native-onnx", MANY_FLOATS) / now.cpu("native-onnx", MANY),
    ),
    (
        Ratio(7, "native+tensorflow ÷ C++ TF_SessionRun, CPU, 1 row x 64", "at most", 1, None),
        lambda now: now.cpu("native-tensorflow", MANY) / now.cpu("cpp-tensorflow", MANY),
    ),
)


def ratios(results: Results) -> list[Ratio]:
    """Every promise with what the run says of it."""
    numbers = sorted({cell.round for cell in results.cells})
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
