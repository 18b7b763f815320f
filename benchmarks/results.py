"""What a run brought: every round, and the medians."""

from __future__ import annotations

import dataclasses
import json
import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.cell import Cell
from benchmarks.engine import Cost
from benchmarks.load import Load

LATEST: Final = Path(__file__).resolve().parent / "results" / "latest.json"
FIGURES: Final = (
    "requests_per_second",
    "rows_per_second",
    "p50_us",
    "p99_us",
    "cpu_us",
    "batch_rows",
    "run_us",
    "whole_cpu_us",
    "peak_mib",
)


PATH: Final = re.compile(r"(?<![\w/:])/(?:[\w.+-]+/)+[\w.+-]*")
"""A path of this machine, which the words of an error may hold."""


class Spread(NamedTuple):
    """A figure over the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of ``values``, at least one."""
        return cls(statistics.median(values), min(values), max(values))


class EngineCost(NamedTuple):
    """What a call of ONNX Runtime cost in a round, without a network."""

    round: int
    cost: Cost


class Started(NamedTuple):
    """A start of Horngate with both reference models: until ready, and memory a second later."""

    round: int
    seconds: float
    resident_mib: float


class Failure(NamedTuple):
    """A measurement that did not come about."""

    round: int
    subject: str
    load: str
    reason: str


@dataclass
class Results:
    """All rounds of one run."""

    about: dict[str, Any] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    costs: list[EngineCost] = field(default_factory=list)
    starts: list[Started] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def values(self, subject: str, load: Load | str, figure: str) -> list[float]:
        """A figure in every round that has it."""
        name = load if isinstance(load, str) else load.name
        found = (
            getattr(cell, figure)
            for cell in self.cells
            if (cell.subject, cell.load) == (subject, name)
        )
        return [value for value in found if value is not None]

    def spread(self, subject: str, load: Load | str, figure: str) -> Spread | None:
        """A figure over the rounds, None where none was measured."""
        values = self.values(subject, load, figure)
        return Spread.of(values) if values else None

    def engine(self, rows: int, figure: str) -> Spread | None:
        """``wall_us`` or ``cpu_us`` of the engine's call over the rounds."""
        values = [
            float(getattr(each.cost, figure)) for each in self.costs if each.cost.rows == rows
        ]
        return Spread.of(values) if values else None

    def subjects(self) -> list[str]:
        """Those measured, in the order they came."""
        return list(dict.fromkeys(cell.subject for cell in self.cells))

    def document(self, ratios: Iterable[Any] = ()) -> dict[str, Any]:
        """All of it as JSON."""
        keys = sorted({(cell.subject, cell.load) for cell in self.cells})
        return {
            **self.about,
            "skipped": self.skipped,
            "failures": [each._asdict() for each in self.failures],
            "medians": [
                {"subject": subject, "load": load}
                | {
                    figure: spread._asdict()
                    for figure in FIGURES
                    if (spread := self.spread(subject, load, figure)) is not None
                }
                for subject, load in keys
            ],
            "ratios": [dataclasses.asdict(each) for each in ratios],
            "rounds": [dataclasses.asdict(cell) for cell in self.cells],
            "engine": [{"round": each.round, **each.cost._asdict()} for each in self.costs],
            "starts": [each._asdict() for each in self.starts],
        }


def raw(path: Path = LATEST) -> dict[str, Any]:
    """The document of a run, as it is written."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def read(path: Path = LATEST) -> Results:
    """Read the document of a run."""
    document = raw(path)
    results = Results()
    results.cells = [Cell(**each) for each in document.pop("rounds")]
    results.costs = [EngineCost(each.pop("round"), Cost(**each)) for each in document.pop("engine")]
    results.starts = [Started(**each) for each in document.pop("starts")]
    results.skipped = document.pop("skipped")
    results.failures = [Failure(**each) for each in document.pop("failures")]
    del document["medians"], document["ratios"]  # they follow from the rounds
    results.about = document
    return results


def write(results: Results, ratios: Iterable[Any], path: Path = LATEST) -> None:
    """Write the document of a run."""
    path.parent.mkdir(exist_ok=True)
    text = lines(rounded(results.document(ratios)))
    path.write_text(PATH.sub("(path)", text) + "\n", encoding="utf-8")


def lines(document: dict[str, Any]) -> str:
    """A document as JSON, with a line for each item of its lists."""
    parts = []
    for key, value in document.items():
        if isinstance(value, list) and value:
            items = ",\n  ".join(json.dumps(each, ensure_ascii=False) for each in value)
            parts.append(f" {json.dumps(key)}: [\n  {items}\n ]")
        else:
            parts.append(f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(parts) + "\n}"


def rounded(value: Any) -> Any:
    """``value`` with every float at five significant digits: more is noise."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, list) else value
