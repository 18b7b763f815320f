"""The promises of docs/reliability.md about overload, held against what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from benchmarks.overload.outcome import Outcome

LATE: Final = 1.5
"""Of the deadline: an answer in time may be seen late, as the asker shares one loop."""
PROBE_SECONDS: Final = 1.0


def judge(outcomes: Sequence[Outcome], goodput: float, deadline: float) -> list[str]:
    """What is broken.

    Args:
        outcomes: the last is that of the highest load.
        goodput: what must be left there, as a share of the peak.
        deadline: of each request, in seconds.
    """
    broken: list[str] = []
    peak = max(each.goodput for each in outcomes)
    worst = outcomes[-1]
    if worst.goodput < goodput * peak:
        broken.append(
            f"expected {goodput:g} of the peak of {peak:.0f} answers in time a second at "
            f"{worst.load:g} times the load, received {worst.goodput:.0f}"
        )
    slowest = max((max(each.good, default=0.0) for each in outcomes), default=0.0)
    if slowest > LATE * deadline:
        broken.append(f"expected answers within {deadline:g} s, received {slowest:.2f} s")
    probe = max((max(each.probes, default=0.0) for each in outcomes), default=0.0)
    if probe > PROBE_SECONDS:
        broken.append(f"expected probes within a second, received {probe:.2f} s")
    return broken
