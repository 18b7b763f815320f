from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.analyzer import LoadFailed, command, find, parse
from benchmarks.load import Load

OUTPUT = """\
Request concurrency: 4
  Pass [1] throughput: 42007.7 infer/sec. Avg latency: 5898 usec (std 1025 usec).
  Pass [2] throughput: 44645.6 infer/sec. Avg latency: 5607 usec (std 820 usec).
  Pass [3] throughput: 6.4e+04 infer/sec. Avg latency: 5702 usec (std 862 usec).
  Client:
    Request count: 1049
    Throughput: 37233 infer/sec
    p50 latency: 6769 usec
    p90 latency: 7061 usec
    p99 latency: 8036 usec
"""


def test_a_report_counts_requests_where_perf_analyzer_counts_rows() -> None:
    report = parse(OUTPUT.splitlines(), Load("triton", 64, 4))
    assert report.passes == (42007.7 / 64, 44645.6 / 64, 1000.0)
    assert (report.requests, report.p50_us, report.p99_us) == (1049, 6769, 8036)


def test_rows_in_a_shape_are_unknown_to_perf_analyzer() -> None:
    assert parse(OUTPUT.splitlines(), Load("tfserving", 64, 4)).passes[0] == 42007.7


def test_a_run_without_figures_says_its_last_words() -> None:
    with pytest.raises(LoadFailed, match=r"Pass .* \| failed to connect"):
        parse([*OUTPUT.splitlines()[:2], "failed to connect"], Load("triton", 1, 1))
    with pytest.raises(LoadFailed, match="said nothing"):
        parse([], Load("triton", 1, 1))


def test_the_two_kinds_are_asked_for_in_their_own_words() -> None:
    def words(load: Load) -> str:
        line = command("pa", load, model="m", address="h:1", shapes=["a:64,2"], window=1.5)
        return " ".join(line)

    triton, tfserving = words(Load("triton", 64, 4)), words(Load("tfserving", 64, 4))
    assert "--async -b 64" in triton
    assert "-p 1500" in triton
    assert "--concurrency-range 4" in triton
    assert "--request-count" not in triton
    assert "--service-kind tfserving" in tfserving
    assert "--async" not in tfserving
    assert tfserving.endswith("--shape a:64,2")


def test_a_program_that_is_named_and_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match="PERF_ANALYZER"):
        find({"PERF_ANALYZER": str(tmp_path / "none")})
