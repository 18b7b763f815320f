from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.analyzer import ROOT
from benchmarks.load import MANY
from benchmarks.ratios import LARGE, ONE, PROMISES, SOME, ratios
from benchmarks.readme import (
    DOCUMENT,
    PAGES,
    README,
    document,
    figures,
    rewritten,
    section,
    written,
)
from benchmarks.results import Failure, Results, Started
from tests.unit.benchmarks.figures import cell

BEGIN = "<!-- bench:begin -->"
END = "<!-- bench:end -->"


def run() -> Results:
    machine = {"cpu": "X", "cores": 2, "memory_gib": 8.0, "python": "3.11"}
    machine |= {"onnxruntime": "1.3", "tensorflow": "2.2"}
    about = {"command": "make bench", "model": "m version 1", "date": "d", "commit": "c"}
    found = Results({**about, "machine": machine}, skipped={"cpp-echo": "no g++"})
    for number in (1, 2, 3):
        for load in (ONE, SOME, MANY, LARGE):
            found.cells.append(cell("horngate", load, number, cpu_us=100.0 * number, p50_us=150))
            found.cells.append(cell("kserve", load, number, cpu_us=1300.0 * number, p50_us=2700))
    return found


def test_only_what_is_between_the_marks_changes() -> None:
    text = f"# A\n\n{BEGIN}\nold\n{END}\n\nend\n"
    once = rewritten(text, "new\n")
    assert once == f"# A\n\n{BEGIN}\n\nnew\n\n{END}\n\nend\n"
    assert rewritten(once, "new") == once


@pytest.mark.parametrize("text", ["none", f"{END} {BEGIN}", f"{BEGIN}{BEGIN}{END}"])
def test_marks_that_are_not_there_once_are_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="once each"):
        rewritten(text, "new")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_says_what_the_last_run_brought(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == written(page, results.read())


def test_the_first_screen_has_three_figures_and_what_they_mean() -> None:
    found = run()
    found.starts = [Started(number, 0.5, 112.4) for number in (1, 2, 3)]
    cost, alone, start = figures(found)
    assert "**200 µs of a processor**" in cost
    assert "costs KServe's SDK 13.0 times as much." in cost
    assert "**0.15 ms**" in alone
    assert "**0.50 s**" in start
    assert "112 MiB" in start
    assert list(figures(Results({}))) == ["Not measured."]


def test_the_ratios_of_the_last_run_are_those_of_its_rounds() -> None:
    for kept, computed in zip(results.raw()["ratios"], ratios(results.read()), strict=True):
        assert (kept["number"], kept["bound"]) == (computed.number, computed.bound)
        assert kept["value"] == pytest.approx(computed.value, rel=1e-3)


def test_the_readme_compares_in_one_short_table() -> None:
    text = "\n".join(section(run()))
    row = next(line for line in text.splitlines() if "**Horngate**" in line)
    assert [each.strip() for each in row.split("|")[2:-1]] == [
        "200 µs",
        "1.00 times",
        "1.00",
        "0.15 ms",
        "1.00",
    ]
    assert "13.0 times |" in text
    assert "`make bench` on 2 cores (X), 8 GiB, Python 3.11" in text
    assert "medians of 3 rounds" in text
    assert "Not measured: cpp-echo (no g++)." in text


def test_a_failed_measurement_is_named() -> None:
    found = run()
    found.failures = [Failure(1, "pytriton", "triton-1x1", "it ended")]
    assert "Failed measurements: pytriton triton-1x1." in "\n".join(section(found))


def test_the_document_has_every_promise_with_its_bound() -> None:
    text = "\n".join(document(run()))
    for ratio, _ in PROMISES:
        assert re.search(rf"\| +{ratio.number} \| {re.escape(ratio.title)} ", text)
        assert f"{ratio.sense} {ratio.bound:g}" in text
    assert "**no**" in text or "yes" in text


def test_the_pages_are_the_readme_and_the_document_on_benchmarks() -> None:
    assert list(PAGES) == [README, DOCUMENT] == [ROOT / "README.md", ROOT / "docs/benchmarks.md"]
