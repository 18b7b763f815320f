"""What a process and its children used, read from /proc. Linux only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

PROC: Final = Path("/proc")
TICKS: Final = os.sysconf("SC_CLK_TCK")


class Usage(NamedTuple):
    """CPU seconds since the start, in user and kernel mode; the sum of the peaks of memory."""

    cpu_seconds: float
    peak_mib: float


def usage(pid: int, proc: Path = PROC) -> Usage:
    """What ``pid`` and its living descendants used.

    Raises:
        OSError: ``pid`` has ended.
    """
    cpu = peak = 0.0
    for each in family(pid, proc):
        folder = proc / str(each)
        cpu += cpu_seconds((folder / "stat").read_text())
        peak += peak_mib((folder / "status").read_text())
    return Usage(cpu, peak)


def family(pid: int, proc: Path = PROC) -> Iterator[int]:
    """``pid`` and its living descendants."""
    yield pid
    for children in (proc / str(pid) / "task").glob("*/children"):
        for child in children.read_text().split():
            yield from family(int(child), proc)


def cpu_seconds(stat: str, ticks: int = TICKS) -> float:
    """The utime and stime of a ``/proc/PID/stat`` line."""
    # The name, in parentheses, may hold spaces and parentheses of its own.
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / ticks


def busy_seconds(stat: str, ticks: int = TICKS) -> float:
    """The CPU seconds that the whole machine was busy, from ``/proc/stat``."""
    user, nice, system, _idle, _waiting, irq, softirq = map(int, stat.split(None, 8)[1:8])
    return (user + nice + system + irq + softirq) / ticks


def peak_mib(status: str) -> float:
    """``VmHWM`` of a ``/proc/PID/status``, in MiB."""
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0  # a process that is about to end has none
