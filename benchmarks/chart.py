"""The chart of a run: CPU a request and requests a second, by subject."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from benchmarks.catalogue import TITLES
from benchmarks.load import Load
from benchmarks.results import Results
from benchmarks.table import figure

LOADS: Final = (Load("triton", 1, 64), Load("triton", 64, 4))
COLOURS: Final = {"horngate": "#2f6db3", "others": "#d08c3c", "no model, or a sketch": "#b5b5b5"}
BARE: Final = ("cpp-echo", "core-echo", "limit")


def draw(results: Results, path: Path) -> None:
    """Write ``path``: a column for each load, CPU above, requests below."""
    import matplotlib as mpl  # noqa: PLC0415 - takes a second, and only a whole run needs it

    mpl.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415 - after the backend is chosen

    sheet, axes = plt.subplots(2, len(LOADS), figsize=(13, 7.5), layout="constrained")
    for column, load in enumerate(LOADS):
        _bars(axes[0][column], results, load, "cpu_us", "CPU µs a request (shorter is better)")
        _bars(
            axes[1][column], results, load, "requests_per_second", "requests/s (longer is better)"
        )
    machine = results.about.get("machine", {})
    sheet.suptitle(
        f"{results.about.get('model', '')}, {machine.get('cores', '?')} cores, "
        f"{results.about.get('date', '')}: medians, with least to greatest of the rounds"
    )
    sheet.savefig(path, dpi=110)
    plt.close(sheet)


def _bars(axis: Any, results: Results, load: Load, name: str, title: str) -> None:
    found = [
        (subject, values)
        for subject in TITLES
        if (values := results.spread(subject, load, name)) is not None
    ]
    for at, (subject, values) in enumerate(reversed(found)):
        errors = [[values.median - values.low], [values.high - values.median]]
        axis.barh(at, values.median, color=_colour(subject), xerr=errors, ecolor="#444", capsize=3)
        axis.annotate(
            figure(values.median),
            (values.high, at),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    axis.set_yticks(range(len(found)), [TITLES[subject] for subject, _ in reversed(found)])
    axis.set_title(f"{load.words}\n{title}", fontsize=10, loc="left")
    axis.margins(x=0.15)
    axis.set_xlim(left=0)
    axis.spines[["top", "right"]].set_visible(False)


def _colour(subject: str) -> str:
    if subject.startswith("horngate"):
        return COLOURS["horngate"]
    return COLOURS["no model, or a sketch" if subject in BARE else "others"]
