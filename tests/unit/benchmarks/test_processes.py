from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.processes import busy_seconds, cpu_seconds, peak_mib, usage

STAT = "{pid} (a (b) c) S 1 1 1 0 -1 4194304 100 0 0 0 {user} {system} 0 0 20 0 4 0 12345 1 1"


def process(proc: Path, pid: int, user: int, peak: int, *children: int) -> None:
    task = proc / str(pid) / "task" / str(pid)
    task.mkdir(parents=True)
    (task / "children").write_text(" ".join(map(str, children)))
    (proc / str(pid) / "stat").write_text(STAT.format(pid=pid, user=user, system=50))
    (proc / str(pid) / "status").write_text(f"Name:\tx\nVmHWM:\t{peak} kB\nVmRSS:\t1 kB\n")


def test_cpu_time_is_found_behind_a_name_with_parentheses() -> None:
    assert cpu_seconds(STAT.format(pid=7, user=150, system=50), ticks=100) == 2.0


def test_a_process_is_counted_with_its_descendants(tmp_path: Path) -> None:
    process(tmp_path, 1, 100, 1024, 2)
    process(tmp_path, 2, 200, 2048, 3)
    process(tmp_path, 3, 300, 4096)
    process(tmp_path, 4, 900, 9999)
    ticks = os.sysconf("SC_CLK_TCK")
    used = usage(1, tmp_path)
    assert used.cpu_seconds == pytest.approx((600 + 3 * 50) / ticks)
    assert used.peak_mib == 7.0


def test_an_ended_process_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="stat"):
        usage(5, tmp_path)


def test_an_ending_process_has_no_peak() -> None:
    assert peak_mib("Name:\tx\nState:\tZ (zombie)\n") == 0.0


def test_the_machine_is_busy_when_it_neither_idles_nor_waits() -> None:
    stat = "cpu  100 20 30 5000 600 7 3 0 0 0\ncpu0 1 2 3 4 5 6 7 0 0 0\n"
    assert busy_seconds(stat, ticks=100) == pytest.approx(1.6)
