from __future__ import annotations

import pytest

from benchmarks.analyzer import Report
from benchmarks.cell import Cell, Sample, Whole, cell
from benchmarks.load import Load
from benchmarks.processes import Usage
from benchmarks.subject import Counts

REPORT = Report((500.0, 900.0, 1100.0), 2500, 2000.0, 9000.0)


def measured(before: Counts | None, after: Counts | None) -> Cell:
    """One CPU second in two seconds, of 1.6 from before the load until after it."""
    return cell(
        "horngate",
        Load("triton", 64, 4),
        2,
        REPORT,
        before=Sample(Usage(10.0, 80.0), 10.0, 3.0, 100.0),
        after=Sample(Usage(11.0, 90.0), 12.0, 3.5, 102.0),
        idle=Whole(before, 9.7),
        done=Whole(after, 11.3),
    )


def test_cpu_a_request_is_one_rate_over_the_other() -> None:
    found = measured(None, None)
    assert found.cores == pytest.approx(0.5)
    assert found.cpu_us == pytest.approx(500)


def test_the_servers_own_counters_are_of_the_whole_load() -> None:
    found = measured(Counts(100, 1, 10, 640, 2.0), Counts(3300, 3, 30, 3200, 2.8))
    assert found.cpu_us == pytest.approx(500)
    assert found.whole_cpu_us == pytest.approx(1.6 / 3200 * 1e6)
    assert found.batch_rows == pytest.approx(128)
    assert found.run_us == pytest.approx(0.8 / 3200 * 1e6)
    assert found.errors == 2


def test_the_first_window_is_warm_up() -> None:
    found = measured(None, None)
    assert found.requests_per_second == 1000
    assert found.rows_per_second == 64000


def test_a_server_without_counters_has_no_figures_of_its_own() -> None:
    found = measured(None, None)
    assert found.whole_cpu_us is None
    assert found.batch_rows is None
    assert found.run_us is None
    assert found.errors == 0


def test_what_neither_server_nor_client_used_is_others() -> None:
    assert measured(None, None).others_cores == pytest.approx((2.0 - 1.0 - 0.5) / 2)
    assert measured(None, None).peak_mib == 90.0
