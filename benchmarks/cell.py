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
from benchmarks.subject import Counts, Measured

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
        whole_cpu_us: CPU microseconds a request from before the client came until it was gone, by
            the server's own counter; None where it has none. Far from ``cpu_us``, the load was not
            steady.
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
    whole_cpu_us: float | None
    others_cores: float
    peak_mib: float
    errors: float


class Sample(NamedTuple):
    """CPU times while the load is on, with the moment they were read."""

    usage: Usage
    used_at: float
    client_cpu: float
    machine_cpu: float


class Whole(NamedTuple):
    """What the server counted, and the CPU that it used, by a moment without load."""

    counts: Counts | None
    cpu_seconds: float


def measure(
    subject: Measured, load: Load, command: Sequence[str], window: float, number: int
) -> Cell:
    """Run ``command`` against ``subject``; sample the server while the load is steady.

    The first window is warm-up for what is counted here. CPU time is sampled when it ends and two
    windows later, while the client still sends. Counters are read before it comes and after it is
    gone: reading them is work for the server, which would show in the rates of both.

    Raises:
        LoadFailed: perf_analyzer gave up.
        OSError, ChildFailed: the server has ended.
    """
    lines: list[str] = []
    before = after = None
    counts = subject.counts()
    idle = Whole(counts, usage(subject.child.pid).cpu_seconds)
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
                before = sample(subject, client.pid)
                time.sleep(2 * window)
                after = sample(subject, client.pid)
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
    done = Whole(cpu_seconds=usage(subject.child.pid).cpu_seconds, counts=subject.counts())
    return cell(
        subject.name, load, number, report, before=before, after=after, idle=idle, done=done
    )


def sample(subject: Measured, client: int) -> Sample:
    """Read all."""
    used, used_at = usage(subject.child.pid), time.perf_counter()
    client_cpu = usage(client).cpu_seconds
    return Sample(used, used_at, client_cpu, busy_seconds((PROC / "stat").read_text()))


def cell(
    subject: str,
    load: Load,
    number: int,
    report: Report,
    *,
    before: Sample,
    after: Sample,
    idle: Whole,
    done: Whole,
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
    whole_cpu_us = batch_rows = run_us = None
    errors = 0.0
    if idle.counts is not None and done.counts is not None:
        counted = done.counts.since(idle.counts)
        errors = counted.errors
        if counted.requests:
            whole_cpu_us = (done.cpu_seconds - idle.cpu_seconds) / counted.requests * 1e6
            run_us = counted.run_seconds / counted.requests * 1e6
        if counted.batches:
            batch_rows = counted.rows / counted.batches
    return Cell(
        round=number,
        subject=subject,
        load=load.name,
        requests_per_second=rate,
        rows_per_second=rate * load.rows,
        p50_us=report.p50_us,
        p99_us=report.p99_us,
        cpu_us=cores / rate * 1e6,
        cores=cores,
        batch_rows=batch_rows,
        run_us=run_us,
        whole_cpu_us=whole_cpu_us,
        others_cores=max(0.0, machine - cores - client),
        peak_mib=after.usage.peak_mib,
        errors=errors,
    )
