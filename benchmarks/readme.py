"""``python -m benchmarks.readme``: the last run's figures, into the README and the docs."""

from __future__ import annotations

import statistics
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from benchmarks import results, table
from benchmarks.analyzer import ROOT
from benchmarks.load import LOADS, MANY
from benchmarks.ratios import LARGE, ONE, ratios
from benchmarks.results import Results

README: Final = ROOT / "README.md"
DOCUMENT: Final = ROOT / "docs" / "benchmarks.md"
BENCH: Final = "bench"
FIGURES: Final = "figures"
"""Marks, between whose begin and end the lines stand."""

ROWS: Final = {
    "horngate": "**Horngate**",
    "horngate-tls": "**Horngate with TLS**",
    "kserve": "KServe SDK on ONNX Runtime",
    "pytriton": "PyTriton (Triton) on ONNX Runtime",
    "cpp-tensorflow": "C++ server, one TensorFlow run a request (TensorFlow Serving's least)",
    "cpp-echo": "C++ server without a model: gRPC alone",
}
"""What the README compares, in its words."""
BESIDE: Final = {
    "kserve": "KServe's SDK",
    "pytriton": "PyTriton",
    "cpp-tensorflow": "a C++ server that runs TensorFlow",
}
"""What the first figure is beside."""

HEAD: Final = ("", "CPU a request", "beside Horngate", "requests/s", "answer alone", "rows/s")


def section(found: Results) -> Iterator[str]:
    """The README's lines: what a prediction costs, beside what."""
    ours = found.spread("horngate", MANY, "cpu_us")
    rows = []
    for subject, words in ROWS.items():
        cpu = found.spread(subject, MANY, "cpu_us")
        if cpu is None:
            continue
        times = table.NOTHING if ours is None else f"{table.figure(cpu.median / ours.median)} times"
        rows.append(
            [
                words,
                f"{table.number(cpu)} µs",
                times,
                table.number(found.spread(subject, MANY, "requests_per_second")),
                f"{table.number(found.spread(subject, ONE, 'p50_us'), 1e3)} ms",
                table.number(found.spread(subject, LARGE, "rows_per_second")),
            ]
        )
    yield from table.table(HEAD, rows)
    yield ""
    yield (
        "Each server listens on an open port and serves the same model (two inputs, a digit), on "
        "one machine, in one run. CPU and requests/s: 64 requests of one row in flight. Answer "
        "alone: one request at a time, half are faster. Rows/s: four requests of 64 rows in flight."
    )
    yield ""
    yield wrapped(made(found))
    if table.disturbed(found):
        yield ""
        yield from table.quietness(found)
    yield from missing(found)


def figures(found: Results) -> Iterator[str]:
    """The lines of the README's first screen: three figures, and what they mean."""
    ours = found.spread("horngate", MANY, "cpu_us")
    alone = found.spread("horngate", ONE, "p50_us")
    if ours is None or alone is None or not found.starts:
        yield "Not measured."
        return
    seconds = statistics.median(each.seconds for each in found.starts)
    memory = statistics.median(each.resident_mib for each in found.starts)
    beside = ", ".join(
        f"{words} {table.figure(theirs.median / ours.median)} times as much"
        for subject, words in BESIDE.items()
        if (theirs := found.spread(subject, MANY, "cpu_us")) is not None
    )
    yield (
        f"- **{table.number(ours)} µs of a processor** is what a prediction costs, 64 in flight on "
        f"an open port. The same model costs {beside}."
    )
    yield (
        f"- **{table.number(alone, 1e3)} ms** from question to answer for one caller alone; half "
        "are faster."
    )
    yield (
        f"- **{table.figure(seconds)} s** from the start until both reference models answer, in "
        f"{memory:.0f} MiB of memory."
    )


def made(found: Results) -> str:
    """How, when and on what the figures were made."""
    about, machine = found.about, found.about["machine"]
    rounds = len({cell.round for cell in found.cells})
    return (
        f"`{about['command']}` on {machine['cores']} cores ({machine['cpu']}), "
        f"{machine['memory_gib']:g} GiB, Python {machine['python']}, "
        f"ONNX Runtime {machine['onnxruntime']}, TensorFlow {machine['tensorflow']}; "
        f"medians of {rounds} round{'s' if rounds != 1 else ''}, {about['date']}, "
        f"commit {about['commit']}. Server and load generator share the cores."
    )


def wrapped(text: str) -> str:
    """``text`` in lines that an editor shows whole."""
    return textwrap.fill(text, 118, break_long_words=False, break_on_hyphens=False)


def missing(found: Results) -> Iterator[str]:
    """What was not measured, and why."""
    for name, reason in found.skipped.items():
        yield ""
        yield f"Not measured: {name} ({reason})."
    if found.failures:
        failed = sorted({f"{each.subject} {each.load}" for each in found.failures})
        yield ""
        yield f"Failed measurements: {', '.join(failed)}."


def document(found: Results) -> Iterator[str]:
    """The lines of docs/benchmarks.md: the ratios with their bounds, and CPU by load."""
    yield wrapped(made(found))
    yield ""
    yield from table.quietness(found)
    yield from table.promises(ratios(found))
    yield ""
    yield "CPU µs a request (medians), by load:"
    yield ""
    yield from table.by_load(found, LOADS, "cpu_us")
    yield ""
    yield "Requests/s (medians), by load:"
    yield ""
    yield from table.by_load(found, LOADS, "requests_per_second")
    yield ""
    yield "p50, ms (medians), by load:"
    yield ""
    yield from table.by_load(found, LOADS, "p50_us", 1e3)
    yield from missing(found)


def rewritten(text: str, lines: str, mark: str = BENCH) -> str:
    """``text`` with ``lines`` between the marks, and nothing else changed.

    Raises:
        ValueError: the marks are not there once each, in their order.
    """
    begin, end = f"<!-- {mark}:begin -->", f"<!-- {mark}:end -->"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ValueError(f"expected {begin} and after it {end}, once each")
    before, after = text[: text.index(begin)], text[text.index(end) :]
    return f"{before}{begin}\n\n{lines.strip()}\n\n{after}"


PAGES: Final[dict[Path, dict[str, Callable[[Results], Iterator[str]]]]] = {
    README: {FIGURES: figures, BENCH: section},
    DOCUMENT: {BENCH: document},
}
"""What stands between which marks."""


def written(page: Path, found: Results) -> str:
    """The text of ``page`` with the figures of ``found``.

    Raises:
        ValueError: as ``rewritten``.
    """
    text = page.read_text(encoding="utf-8")
    for mark, lines in PAGES[page].items():
        text = rewritten(text, "\n".join(lines(found)), mark)
    return text


def main() -> int:
    """Rewrite both pages."""
    try:
        found = results.read()
        texts = {page: written(page, found) for page in PAGES}
    except (OSError, ValueError) as error:
        print(f"benchmarks.readme: {error}", file=sys.stderr)
        return 1
    for page, text in texts.items():
        page.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
