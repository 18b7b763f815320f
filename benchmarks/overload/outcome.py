"""What became of a stretch of load."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Outcome:
    """Of one stretch; times in seconds.

    Attributes:
        load: asked, in what the model sustains.
        offered: requests a second that were asked.
        seconds: how long.
        good: what each answer in time took.
        refused: what each refusal took, by its code.
        quick: what each answer of the neighbour took.
        probes: what each page of the operator took.
        resident: the server's memory at the end, in bytes.
        runs: of the model.
    """

    load: float
    offered: float
    seconds: float
    good: list[float] = field(default_factory=list)
    refused: dict[str, list[float]] = field(default_factory=dict)
    quick: list[float] = field(default_factory=list)
    probes: list[float] = field(default_factory=list)
    resident: int = 0
    runs: int = 0

    @property
    def goodput(self) -> float:
        """Answers in time a second."""
        return len(self.good) / self.seconds

    def plain(self) -> dict[str, Any]:
        """The figures, in milliseconds and MiB."""
        refusals = [seconds for times in self.refused.values() for seconds in times]
        early = [
            seconds
            for code, times in self.refused.items()
            if code != "DEADLINE_EXCEEDED"
            for seconds in times
        ]
        return {
            "load": self.load,
            "offered": round(self.offered, 1),
            "goodput": round(self.goodput, 1),
            "p50_ms": percentile(self.good, 50),
            "p99_ms": percentile(self.good, 99),
            "runs": self.runs,
            "refused": len(refusals),
            "by_code": dict(Counter({code: len(times) for code, times in self.refused.items()})),
            "refusal_p50_ms": percentile(early or refusals, 50),
            "quick_p50_ms": percentile(self.quick, 50),
            "quick_p99_ms": percentile(self.quick, 99),
            "slowest_probe_ms": round(max(self.probes, default=0.0) * 1000, 1),
            "resident_mib": self.resident >> 20,
        }


def percentile(times: list[float], share: int) -> float:
    """Milliseconds within which ``share`` percent of ``times`` lie; 0.0 for fewer than two."""
    if len(times) < 2:
        return 0.0
    return round(statistics.quantiles(times, n=100)[share - 1] * 1000, 2)
