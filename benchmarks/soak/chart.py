"""The chart of a soak: latency and memory over time."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.soak.sampler import Sample

SHADES: Final = {"swaps": "#dce9f7", "storm": "#f7e0d4"}


class Course(NamedTuple):
    """What was seen, by time."""

    latencies: Sequence[tuple[float, str, float]]
    samples: Sequence[Sample]


def draw(course: Course, path: Path) -> None:
    """Write ``path``: latency above, memory below, the phases shaded."""
    import matplotlib as mpl  # noqa: PLC0415 - takes a second, and only the end needs it

    mpl.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415 - after the backend is chosen

    sheet, (above, below) = plt.subplots(2, 1, figsize=(9, 6), layout="constrained")
    _latency(above, course)
    _memory(below, course)
    sheet.savefig(path, dpi=110)
    plt.close(sheet)


def _latency(axis: Any, course: Course) -> None:
    by_second: dict[int, list[float]] = defaultdict(list)
    for at, _, seconds in course.latencies:
        by_second[int(at)].append(seconds * 1000)
    shown = sorted(second for second, times in by_second.items() if len(times) > 1)
    cuts = {second: statistics.quantiles(by_second[second], n=100) for second in shown}
    axis.plot(shown, [cuts[second][98] for second in shown], color="#2f6db3", label="p99")
    axis.plot(shown, [cuts[second][49] for second in shown], color="#8fb4dc", label="p50")
    axis.set_title("latency of good requests, ms", loc="left", fontsize=10)
    axis.set_ylim(bottom=0)
    axis.legend(frameon=False)
    _shade(axis, course)


def _memory(axis: Any, course: Course) -> None:
    axis.plot(
        [sample.at for sample in course.samples],
        [sample.resident for sample in course.samples],
        color="#555",
    )
    axis.set_title("resident memory of the server, MiB", loc="left", fontsize=10)
    axis.set_xlabel("seconds")
    axis.set_ylim(0, 1.2 * max(sample.resident for sample in course.samples))
    _shade(axis, course)


def _shade(axis: Any, course: Course) -> None:
    for phase, colour in SHADES.items():
        times = [sample.at for sample in course.samples if sample.phase == phase]
        if times:
            axis.axvspan(min(times), max(times), color=colour, zorder=0)
            axis.annotate(
                phase, (min(times), 0), xytext=(3, 3), textcoords="offset points", fontsize=8
            )
    axis.spines[["top", "right"]].set_visible(False)
