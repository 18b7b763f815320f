"""The promises of docs/reliability.md about overload, held against what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from benchmarks.overload.outcome import Outcome

GOODPUT: Final = 0.9
LATE: Final = 1.2
"""Of the deadline: an answer that left in time may take a little to arrive."""
PROBE_SECONDS: Final = 1.0


def judge(outcomes: Sequence[Outcome], deadline: float) -> list[str]:
    """What is broken. The last of ``outcomes`` is that of the highest load."""
    broken: list[str] = []
    peak = max(each.goodput for each in outcomes)
    worst = outcomes[-1]
    if worst.goodput < GOODPUT * peak:
        broken.append(
            f"expected {GOODPUT:g} of the peak of {peak:.0f} answers in time a second at "
            f"{worst.load:g} times the load, received {worst.goodput:.0f}"
        )
    slowest = max((max(each.good, default=0.0) for each in outcomes), default=0.0)
    if slowest > LATE * deadline:
        broken.append(f"expected answers within {deadline:g} s, received {slowest:.2f} s")
    probe = max((max(each.probes, default=0.0) for each in outcomes), default=0.0)
    if probe > PROBE_SECONDS:
        broken.append(f"expected probes within a second, received {probe:.2f} s")
    return broken
