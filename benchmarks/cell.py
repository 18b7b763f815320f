"""One measurement: one subject under one load, once."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.analyzer import PASS, LoadFailed, Report, parse
from benchmarks.load import Load
from benchmarks.processes import PROC, Usage, busy_seconds, usage
from benchmarks.subject import Counts, Subject

GIVE_UP_SECONDS = 60.0
"""For a run of perf_analyzer beyond its windows."""


@dataclass(frozen=True)
class Cell:
    """What was measured.

    Attributes:
        requests_per_second, rows_per_second: as the client saw them after its first window.
        p50_us, p99_us: as the client saw them.
        cpu_us: the server's CPU microseconds a request.
        cores: the server's CPU seconds a second.
        batch_rows: the mean number of rows in a run of the model, None where none is counted.
        run_us: the model's runs by the server's own clock, microseconds a request, None where it
            has none.
        counted_per_second: requests a second by the server's own counter, None where it has none.
        others_cores: CPU seconds a second of whatever is neither server nor client: how disturbed
            the measurement was.
        peak_mib: the server's peak of memory since its start.
        errors: failed requests by the server's own counter.
    """

    round: int
    subject: str
    load: str
    requests_per_second: float
    rows_per_second: float
    p50_us: float
    p99_us: float
    cpu_us: float
    cores: float
    batch_rows: float | None
    run_us: float | None
    counted_per_second: float | None
    others_cores: float
    peak_mib: float
    errors: float


class Sample(NamedTuple):
    """The server's counters and the CPU times, each with the moment it was read."""

    counts: Counts | None
    counted_at: float
    usage: Usage
    used_at: float
    client_cpu: float
    machine_cpu: float


def measure(
    subject: Subject, load: Load, command: Sequence[str], window: float, number: int
) -> Cell:
    """Run ``command`` against ``subject``; sample the server while the load is steady.

    The first window is warm-up for what is counted here. Counters and CPU time are sampled when it
    ends and two windows later, while the client still sends.

    Raises:
        LoadFailed: perf_analyzer gave up.
        OSError, ChildFailed: the server has ended.
    """
    lines: list[str] = []
    before = after = None
    client = subprocess.Popen(  # noqa: S603 - the program that was named
        list(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        for line in client.stdout or ():
            lines.append(line)
            seen = PASS.search(line)
            if seen and before is None:
                # perf_analyzer's windows last a fifth longer than they are told to, so that two of
                # the length asked for end while the load is still on.
                before = sample(subject, client.pid, counters_first=True)
                time.sleep(2 * window)
                after = sample(subject, client.pid, counters_first=False)
        client.wait(GIVE_UP_SECONDS)
    finally:
        if client.poll() is None:
            client.kill()
            client.wait()
        if client.stdout is not None:
            client.stdout.close()
    report = parse(lines, load)
    if before is None or after is None:
        raise LoadFailed("perf_analyzer: no window ended")
    return cell(subject.name, load, number, report, before=before, after=after)


def sample(subject: Subject, client: int, *, counters_first: bool) -> Sample:
    """Read all. ``counters_first`` where an interval begins, so that asking is outside of it."""
    asked = _counts(subject) if counters_first else None
    used, used_at = usage(subject.child.pid), time.perf_counter()
    client_cpu = usage(client).cpu_seconds
    machine_cpu = busy_seconds((PROC / "stat").read_text())
    counts, counted_at = asked or _counts(subject)
    return Sample(counts, counted_at, used, used_at, client_cpu, machine_cpu)


def _counts(subject: Subject) -> tuple[Counts | None, float]:
    asked = time.perf_counter()
    counts = subject.counts()
    return counts, (asked + time.perf_counter()) / 2


def cell(
    subject: str, load: Load, number: int, report: Report, *, before: Sample, after: Sample
) -> Cell:
    """The figures of two samples and the client's report.

    Both are turned into rates by their own clocks: CPU seconds a second over requests a second.
    """
    later = report.passes[1:]
    rate = sum(later) / len(later)
    seconds = after.used_at - before.used_at
    cores = (after.usage.cpu_seconds - before.usage.cpu_seconds) / seconds
    client = (after.client_cpu - before.client_cpu) / seconds
    machine = (after.machine_cpu - before.machine_cpu) / seconds
    counted = batch_rows = run_us = None
    errors = 0.0
    if before.counts is not None and after.counts is not None:
        counted_seconds = after.counted_at - before.counted_at
        counted = (after.counts.requests - before.counts.requests) / counted_seconds
        errors = after.counts.errors - before.counts.errors
        if batches := after.counts.batches - before.counts.batches:
            batch_rows = (after.counts.rows - before.counts.rows) / batches
            seconds_running = after.counts.run_seconds - before.counts.run_seconds
            run_us = seconds_running / counted_seconds / counted * 1e6 if counted else None
    return Cell(
        round=number,
        subject=subject,
        load=load.name,
        requests_per_second=rate,
        rows_per_second=rate * load.rows,
        p50_us=report.p50_us,
        p99_us=report.p99_us,
        cpu_us=cores / (counted or rate) * 1e6,
        cores=cores,
        batch_rows=batch_rows,
        run_us=run_us,
        counted_per_second=counted,
        others_cores=max(0.0, machine - cores - client),
        peak_mib=after.usage.peak_mib,
        errors=errors,
    )
