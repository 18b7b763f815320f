"""Whether the promises held, and the figures that say so. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from benchmarks.soak.sampler import Sample

P99_RATIO: Final = 2.0
MEMORY_SHARE: Final = 0.05
MEMORY_MIB: Final = 24.0
HANDLES: Final = 8
LONG_ENOUGH: Final = 0.5
"""Of the swaps that were due must have gone live: a run without swaps proves nothing of them."""


class Figures(NamedTuple):
    """What a run came to. Times in milliseconds, memory in MiB."""

    good: int
    mischief: int
    p50: dict[str, float]
    p99: dict[str, float]
    swaps: int
    swaps_due: int
    resident: tuple[float, float]
    handles: tuple[int, int]
    broken: tuple[str, ...]


def judge(tally: dict[str, Any], samples: Sequence[Sample], swaps: int, swaps_due: int) -> Figures:
    """Hold what was seen against what is promised.

    Args:
        tally: as ``Tally.plain`` gives it.
        samples: of the server.
        swaps: versions that went live while swapping.
        swaps_due: versions that were published while swapping.
    """
    phases = sorted({phase for _, phase, _ in tally["latencies"]})
    p50 = {phase: percentile(tally, phase, 50) for phase in phases}
    p99 = {phase: percentile(tally, phase, 99) for phase in phases}
    steady, after = _held(samples, "steady"), _held(samples, "quiet")
    resident = (steady.resident, after.resident)
    handles = (steady.handles, after.handles)
    broken = []
    if tally["wrong"]:
        broken.append(f"expected no wrong answer, received {tally['wrong'][0]}")
    if tally["unexplained"]:
        number = sum(tally["unexplained"].values())
        first = next(iter(tally["unexplained"]))
        broken.append(f"expected no unexplained error, received {number}, such as {first}")
    if p99.get("swaps", 0.0) > P99_RATIO * p99.get("steady", 0.0):
        broken.append(
            f"expected a p99 during swaps within {P99_RATIO:g} times {p99['steady']:.1f} ms, "
            f"received {p99['swaps']:.1f} ms"
        )
    if swaps < LONG_ENOUGH * swaps_due:
        broken.append(f"expected {swaps_due} swaps, received {swaps}")
    allowed = max(MEMORY_SHARE * resident[0], MEMORY_MIB)
    if resident[1] > resident[0] + allowed:
        broken.append(
            f"expected {resident[0]:.0f} MiB and at most {allowed:.0f} more afterwards, received "
            f"{resident[1]:.0f}"
        )
    if handles[1] > handles[0] + HANDLES:
        broken.append(
            f"expected {handles[0]} handles and at most {HANDLES} more afterwards, received "
            f"{handles[1]}"
        )
    return Figures(
        sum(tally["good"].values()),
        sum(tally["mischief"].values()),
        p50,
        p99,
        swaps,
        swaps_due,
        resident,
        handles,
        tuple(broken),
    )


def percentile(tally: dict[str, Any], phase: str, share: int) -> float:
    """Milliseconds within which so many of a hundred good requests of ``phase`` were answered."""
    times: list[float] = [seconds for _, of, seconds in tally["latencies"] if of == phase]
    if len(times) < 2:
        return 0.0
    return statistics.quantiles(times, n=100)[share - 1] * 1000


def _held(samples: Sequence[Sample], phase: str) -> Sample:
    """The medians of the second half of ``phase``: by then what belongs to it is held."""
    of_phase = [sample for sample in samples if sample.phase == phase]
    half = of_phase[len(of_phase) // 2 :]
    if not half:
        raise ValueError(f"expected samples of phase {phase!r}, received none; run for longer")
    return Sample(
        half[0].at,
        phase,
        statistics.median(sample.resident for sample in half),
        round(statistics.median(sample.handles for sample in half)),
        round(statistics.median(sample.threads for sample in half)),
    )
