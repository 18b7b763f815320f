"""perf_analyzer: the load generator, its command and its report."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.load import JSON, Load

ROOT: Final = Path(__file__).resolve().parents[1]
BESIDE: Final = ROOT.parent / "shared" / "tools" / "perf-analyzer"
REMEDY: Final = "name it in PERF_ANALYZER, or put perf_analyzer (pip install perf-analyzer) on PATH"

WINDOWS: Final = 3
"""The fewest that it reports on."""
TREE: Final = "/var/tmp/perf-analyzer-root"  # noqa: S108 - where the tool beside has it

PASS: Final = re.compile(r"Pass \[(\d+)\] throughput: ([\d.e+]+) infer/sec")
FIGURES: Final = {
    "requests": re.compile(r"Request count: (\d+)"),
    "p50": re.compile(r"p50 latency: (\d+) usec"),
    "p99": re.compile(r"p99 latency: (\d+) usec"),
}


class LoadFailed(RuntimeError):
    """perf_analyzer gave up; the message is its last words."""


class Report(NamedTuple):
    """What a run of perf_analyzer tells.

    Attributes:
        passes: requests a second in each window.
        requests: those counted in all windows.
        p50_us, p99_us: latency over all windows, microseconds.
    """

    passes: tuple[float, ...]
    requests: int
    p50_us: float
    p99_us: float


def find(environment: Mapping[str, str] = os.environ) -> str:
    """The program: ``$PERF_ANALYZER``, else on PATH, else the tool beside the repository.

    Raises:
        LoadFailed: it is nowhere.
    """
    named = environment.get("PERF_ANALYZER")
    found = shutil.which(named or "perf_analyzer")
    if found is None and not named and BESIDE.is_file():
        found = str(BESIDE)
    if found is None:
        raise LoadFailed(f"expected perf_analyzer, found {named or 'none'}; {REMEDY}")
    return found


def version(program: str) -> str:
    """What it calls its version."""
    told = subprocess.run(  # noqa: S603 - the program that was named
        [program, "--version"], capture_output=True, text=True, check=False
    )
    words = (told.stdout + told.stderr).strip().splitlines()
    return words[-1].removeprefix("Perf Analyzer ").strip() if words else "unknown"


def command(
    program: str,
    load: Load,
    *,
    model: str,
    address: str,
    shapes: Iterable[str],
    window: float,
    flags: Sequence[str] = (),
    body: Path | None = None,
) -> list[str]:
    """The command of one measurement; ``body`` is what a request in JSON holds.

    Windows of time, because with a number of requests it divides by whole seconds. No stability is
    asked for: every subject gets the same three windows, and the spread is over our own rounds.
    perf_analyzer sends no JSON of one row quickly, so that ``http_load`` does.
    """
    if load.kind in JSON:
        path = (
            f"/v1/models/{model}:predict" if load.kind == "v1-json" else f"/v2/models/{model}/infer"
        )
        line = [sys.executable, "-m", "benchmarks.http_load", address, path, str(body)]
        line += ["--in-flight", str(load.in_flight), "--seconds", f"{window:g}"]
        return [*line, "--windows", str(WINDOWS), "--warm-up", str(warm_up(load))]
    protocol = "http" if load.kind == "v2-binary" else "grpc"
    arguments = [program, "-v", "-m", model, "-u", address, "-i", protocol]
    arguments += ["--concurrency-range", str(load.in_flight)]
    arguments += ["-p", f"{window * 1000:.0f}", "-s", "1000000", "-r", str(WINDOWS)]
    arguments += ["--warmup-request-count", str(warm_up(load))]
    if load.kind == "tfserving":
        # It has no asynchronous calls and no batches for TensorFlow Serving: a thread for each
        # request in flight, and the rows in the shape.
        arguments += ["--service-kind", "tfserving"]
    else:
        arguments += ["-b", str(load.rows)]
    if load.kind == "triton":
        arguments.append("--async")  # over HTTP it is the slower way
    for shape in shapes:
        arguments += ["--shape", shape]
    return [*arguments, *flags]


def warm_up(load: Load) -> int:
    """Requests sent before the first window."""
    if load.pace == "slow":
        return 2 * load.in_flight + 8
    return 400 if load.rows == 1 else 100


@contextlib.contextmanager
def lent(program: str, file: Path) -> Iterator[str]:
    """A file under the name that the program knows it by, for as long as the context lasts.

    The tool beside the repository runs perf_analyzer in a tree of its own and sees no other files.
    """
    if Path(program).name != BESIDE.name:
        yield str(file)
        return
    inside = f"/tmp/{file.parent.name}-{file.name}"  # noqa: S108 - the tree's own, named by a fresh folder
    copy = Path(os.environ.get("PERF_ANALYZER_ROOT") or TREE) / inside[1:]
    shutil.copyfile(file, copy)
    try:
        yield inside
    finally:
        copy.unlink()


def parse(lines: Iterable[str], load: Load) -> Report:
    """Read its output.

    Raises:
        LoadFailed: a figure is missing.
    """
    text = "\n".join(lines)
    # It multiplies by the -b that it was given, and knows no rows in a shape.
    rows = 1 if load.kind == "tfserving" else load.rows
    passes = tuple(float(each[1]) / rows for each in PASS.findall(text))
    found = {name: pattern.search(text) for name, pattern in FIGURES.items()}
    figures = {name: float(match[1]) for name, match in found.items() if match}
    if len(figures) < len(FIGURES) or len(passes) < WINDOWS:
        words = [line.strip() for line in text.splitlines() if line.strip()]
        raise LoadFailed("perf_analyzer: " + (" | ".join(words[-3:]) or "it said nothing"))
    return Report(passes, int(figures["requests"]), figures["p50"], figures["p99"])
