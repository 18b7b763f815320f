"""What became of every call, told apart by what it was meant to be."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

SAMPLES: Final = 20
"""Messages of each kind of trouble that are kept."""


@dataclass
class Tally:
    """Counts of one load process. ``latencies`` are (seconds since its start, phase, seconds)."""

    began: float = field(default_factory=time.monotonic)
    phase: str = ""
    latencies: list[tuple[float, str, float]] = field(default_factory=list)
    good: Counter[str] = field(default_factory=Counter)
    mischief: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    unexplained: Counter[str] = field(default_factory=Counter)
    versions: set[int] = field(default_factory=set)

    def answered(
        self, kind: str, began: float, version: int, received: float, wanted: float
    ) -> None:
        """A good request was answered; ``wanted`` is the answer of the version that it names."""
        now = time.monotonic()
        self.latencies.append((now - self.began, self.phase, now - began))
        self.versions.add(version)
        if received == wanted:
            self.good[kind] += 1
        elif len(self.wrong) < SAMPLES:
            self.wrong.append(f"{kind}: version {version} answered {received}, not {wanted}")

    def expected(self, kind: str, outcome: str) -> None:
        """A call that was not meant to be answered well ended as such calls may."""
        self.mischief[f"{kind}: {outcome}"] += 1

    def surprised(self, kind: str, what: object) -> None:
        """A call ended as it may not."""
        key = f"{kind}: {str(what)[:300]}"
        if key in self.unexplained or len(self.unexplained) < SAMPLES:
            self.unexplained[key] += 1
        else:
            self.unexplained["others"] += 1

    def plain(self) -> dict[str, Any]:
        """The tally as JSON takes it."""
        return {
            "latencies": self.latencies,
            "good": dict(self.good),
            "mischief": dict(self.mischief),
            "wrong": self.wrong,
            "unexplained": dict(self.unexplained),
            "versions": len(self.versions),
        }
