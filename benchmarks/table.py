"""Results as text: Markdown tables, which a terminal shows well enough."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence

from benchmarks.catalogue import TITLES
from benchmarks.load import LOADS, Load
from benchmarks.ratios import Ratio
from benchmarks.results import Results, Spread

NOTHING = "-"
QUIET = 0.1
"""Cores of others up to which a run counts."""


def everything(results: Results) -> Iterator[str]:
    """The lines of every load's table."""
    for load in LOADS:
        rows = [
            [
                TITLES[subject],
                *(
                    spread(results.spread(subject, load, figure))
                    for figure in ("requests_per_second", "rows_per_second")
                ),
                *(
                    spread(results.spread(subject, load, each), 1e3)
                    for each in ("p50_us", "p99_us")
                ),
                spread(results.spread(subject, load, "cpu_us")),
                number(results.spread(subject, load, "batch_rows")),
                number(results.spread(subject, load, "peak_mib")),
                f"{sum(results.values(subject, load, 'errors')):.0f}",
            ]
            for subject in TITLES
            if results.values(subject, load, "cpu_us")
        ]
        if rows:
            head = ["requests/s", "rows/s", "p50 ms", "p99 ms", "CPU µs/request", "rows/batch"]
            yield f"{load.words}:"
            yield from table(["", *head, "peak MiB", "errors"], rows)
            yield ""


def engine(results: Results) -> Iterator[str]:
    """The lines of the engine's table."""
    rows = [
        [str(size), *(spread(results.engine(size, figure)) for figure in ("wall_us", "cpu_us"))]
        for size in sorted({each.cost.rows for each in results.costs})
    ]
    if rows:
        yield "ONNX Runtime alone, one call of the quick model:"
        yield from table(["rows", "wall µs", "CPU µs"], rows)
        yield ""


def promises(ratios: Iterable[Ratio]) -> Iterator[str]:
    """The lines of the ratios' table."""
    rows = []
    for each in ratios:
        bound = f"{each.sense} {each.bound:g}" + (f" (aim {each.aim:g})" if each.aim else "")
        value = NOTHING
        if each.value is not None and each.low is not None and each.high is not None:
            value = f"{each.value:.2f}" + (
                f" ({each.low:.2f}-{each.high:.2f})" if each.low < each.high else ""
            )
        word = {True: "yes", False: "**no**", None: f"not measured: {each.reason}"}[each.reached]
        rows.append([str(each.number), each.title, each.load, value, bound, word])
    yield from table(["", "what", "load", "value", "bound", "reached"], rows)


def by_load(
    results: Results, loads: Sequence[Load], figure: str, unit: float = 1.0
) -> Iterator[str]:
    """A table of one figure: loads down, subjects across."""
    subjects = [each for each in TITLES if each in results.subjects()]
    rows = [
        [load.name, *(number(results.spread(each, load, figure), unit) for each in subjects)]
        for load in loads
        if any(results.values(each, load, figure) for each in subjects)
    ]
    yield from table(["", *subjects], rows)


def disturbed(results: Results) -> bool:
    """Whether other programs took more than the figures bear."""
    others = [cell.others_cores for cell in results.cells]
    return bool(others) and statistics.median(others) > QUIET


def quietness(results: Results) -> Iterator[str]:
    """A line on what else ran on the machine meanwhile."""
    others = [cell.others_cores for cell in results.cells]
    if others:
        yield (
            f"Cores that other programs took meanwhile: {statistics.median(others):.2f} in the "
            f"median, {max(others):.2f} at most. Above {QUIET:g}, measure again."
        )
        yield ""


def spread(values: Spread | None, unit: float = 1.0) -> str:
    """Median and, in parentheses, least to greatest; of ``unit`` each; the median alone if one."""
    if values is None:
        return NOTHING
    if values.low == values.high:
        return figure(values.median / unit)
    median, low, high = (figure(each / unit) for each in values)
    return f"{median} ({low}-{high})"


def number(values: Spread | None, unit: float = 1.0) -> str:
    """The median alone."""
    return NOTHING if values is None else figure(values.median / unit)


def figure(value: float) -> str:
    """Three digits that count, thousands set apart."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A Markdown table with columns of one width; figures to the right."""
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    widths = [max(3, width) for width in widths]
    left = [not any(row[at][:1].isdigit() for row in rows) for at in range(len(head))]
    for row in (head, *rows):
        cells = [
            each.ljust(width) if first else each.rjust(width)
            for each, width, first in zip(row, widths, left, strict=True)
        ]
        yield f"| {' | '.join(cells)} |"
        if row is head:
            rules = (
                "-" * width if first else "-" * (width - 1) + ":"
                for width, first in zip(widths, left, strict=True)
            )
            yield f"| {' | '.join(rules)} |"
