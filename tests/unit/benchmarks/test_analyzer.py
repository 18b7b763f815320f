from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.analyzer import LoadFailed, command, find, lent, parse, warm_up
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


def words(load: Load, **more: Any) -> str:
    given = {"model": "m", "address": "h:1", "shapes": ["a:64,2"], "window": 1.5, **more}
    return " ".join(command("pa", load, **given))


def test_each_kind_is_asked_for_in_its_own_words() -> None:
    triton, tfserving = words(Load("triton", 64, 4)), words(Load("tfserving", 64, 4))
    assert "-i grpc" in triton
    assert "-b 64 --async" in triton
    assert "-p 1500" in triton
    assert "--concurrency-range 4" in triton
    assert "--request-count" not in triton
    assert "--service-kind tfserving" in tfserving
    assert "--async" not in tfserving
    assert "-b" not in tfserving.split()
    assert tfserving.endswith("--shape a:64,2")
    binary = words(Load("v2-binary", 64, 4), shapes=[])
    assert "-i http" in binary
    assert "-b 64" in binary
    assert "--async" not in binary


def test_a_subjects_own_flags_come_last() -> None:
    line = words(Load("triton", 1, 1), flags=("--ssl-grpc-use-ssl", "--more"))
    assert line.endswith("--ssl-grpc-use-ssl --more")


def test_json_is_sent_by_our_own_load() -> None:
    v1 = words(Load("v1-json", 1, 16), body=Path("v1.json"))
    assert "benchmarks.http_load h:1 /v1/models/m:predict v1.json --in-flight 16" in v1
    assert "--windows 3" in v1
    assert "/v2/models/m/infer" in words(Load("v2-json", 1, 16), body=Path("v2.json"))


def test_a_slow_model_is_not_warmed_up_for_minutes() -> None:
    assert warm_up(Load("triton", 1, 64, "slow")) < warm_up(Load("triton", 1, 64))


def test_a_program_that_sees_all_files_is_told_the_file_itself(tmp_path: Path) -> None:
    with lent("perf_analyzer", tmp_path / "ca.pem") as name:
        assert name == str(tmp_path / "ca.pem")


def test_the_tool_in_a_tree_of_its_own_gets_a_copy_that_goes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, file = tmp_path / "tree", tmp_path / "run" / "ca.pem"
    for folder in (tree / "tmp", file.parent):
        folder.mkdir(parents=True)
    file.write_text("certificate")
    monkeypatch.setenv("PERF_ANALYZER_ROOT", str(tree))
    with lent("/somewhere/perf-analyzer", file) as name:
        assert (tree / name.removeprefix("/")).read_text() == "certificate"
    assert not list((tree / "tmp").iterdir())


def test_a_program_that_is_named_and_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match="PERF_ANALYZER"):
        find({"PERF_ANALYZER": str(tmp_path / "none")})
