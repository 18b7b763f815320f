"""``python -m benchmarks.readme``: the last run's figures, written into README.md."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks import results, table
from benchmarks.analyzer import ROOT
from benchmarks.catalogue import TITLES
from benchmarks.load import Load
from benchmarks.ratios import ratios
from benchmarks.results import Results

README: Final = ROOT / "README.md"
BEGIN: Final = "<!-- bench:begin -->"
END: Final = "<!-- bench:end -->"
ONE, MANY, LARGE = Load("triton", 1, 1), Load("triton", 1, 64), Load("triton", 64, 4)
HEAD: Final = (
    "",
    "requests/s, 1 row x 64",
    "CPU µs/request, 1 row x 64",
    "p99 ms, 1 row x 64",
    "p50 ms, 1 row x 1",
    "rows/s, 64 rows x 4",
    "peak MiB",
)


def section(found: Results) -> Iterator[str]:
    """The lines between the marks."""
    about, machine = found.about, found.about["machine"]
    rounds = len({cell.round for cell in found.cells})
    yield (
        f"`{about['command']}` on {machine['cores']} cores ({machine['cpu']}), "
        f"{machine['memory_gib']:g} GiB, Linux {machine['kernel']}, Python {machine['python']}; "
        f"{about['model']}; medians of {rounds} round{'s' if rounds != 1 else ''}, "
        f"{about['date']}, commit {about['commit']}. "
        'Server and load generator share the cores. "1 row x 64" is requests of one row, 64 in '
        "flight."
    )
    yield ""
    rows = [
        [
            TITLES[subject],
            table.number(found.spread(subject, MANY, "requests_per_second")),
            table.spread(found.spread(subject, MANY, "cpu_us")),
            table.number(found.spread(subject, MANY, "p99_us"), 1e3),
            table.number(found.spread(subject, ONE, "p50_us"), 1e3),
            table.number(found.spread(subject, LARGE, "rows_per_second")),
            table.number(_last_peak(found, subject)),
        ]
        for subject in TITLES
        if subject in found.subjects()
    ]
    yield from table.table(HEAD, rows)
    yield ""
    yield from table.quietness(found)
    yield from table.promises(ratios(found))
    for name, reason in found.skipped.items():
        yield ""
        yield f"Not measured: {name} ({reason})."


def _last_peak(found: Results, subject: str) -> results.Spread | None:
    peaks = [cell.peak_mib for cell in found.cells if cell.subject == subject]
    return results.Spread.of([max(peaks)]) if peaks else None


def rewritten(text: str, lines: str) -> str:
    """``text`` with ``lines`` between the marks, and nothing else changed.

    Raises:
        ValueError: the marks are not there once each, in their order.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"expected {BEGIN} and after it {END}, once each")
    before, after = text[: text.index(BEGIN)], text[text.index(END) :]
    return f"{before}{BEGIN}\n\n{lines.strip()}\n\n{after}"


def main(readme: Path = README) -> int:
    """Rewrite the section."""
    try:
        text = rewritten(readme.read_text(encoding="utf-8"), "\n".join(section(results.read())))
    except (OSError, ValueError) as error:
        print(f"benchmarks.readme: {error}", file=sys.stderr)
        return 1
    readme.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
