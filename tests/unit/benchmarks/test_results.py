from __future__ import annotations

from pathlib import Path

from benchmarks import results
from benchmarks.engine import Cost
from benchmarks.load import MANY
from benchmarks.ratios import ratios
from benchmarks.results import EngineCost, Failure, Results, Spread, Started, rounded
from tests.unit.benchmarks.figures import cell


def run() -> Results:
    found = Results({"date": "today"}, costs=[EngineCost(1, Cost(1, 2.0, 3.0))])
    found.cells = [cell("horngate", MANY, at, cpu_us=us) for at, us in enumerate((9, 1, 4), 1)]
    found.starts = [Started(1, 0.4, 113.0)]
    found.skipped = {"cpp-echo": "building needs g++"}
    return found


def test_a_spread_is_the_median_between_least_and_greatest() -> None:
    assert run().spread("horngate", MANY, "cpu_us") == Spread(4, 1, 9)
    assert run().spread("cpp-echo", MANY, "cpu_us") is None


def test_a_document_is_read_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "results" / "run.json"
    results.write(run(), ratios(run()), path)
    assert results.read(path) == run()


def test_a_document_holds_no_path_of_the_machine(tmp_path: Path) -> None:
    found = run()
    found.failures.append(Failure(1, "a", "b", "no file '/home/someone/x.so' here; 3/4 and a//b"))
    path = tmp_path / "run.json"
    results.write(found, [], path)
    assert "someone" not in path.read_text()
    assert results.read(path).failures[0].reason == "no file '(path)' here; 3/4 and a//b"


def test_floats_are_kept_to_what_counts() -> None:
    assert rounded({"a": [1.23456789, 7], "b": 123456.7}) == {"a": [1.2346, 7], "b": 123460.0}
