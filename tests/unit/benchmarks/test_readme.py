from __future__ import annotations

import pytest

from benchmarks.analyzer import ROOT
from benchmarks.ratios import LARGE, MANY, ONE
from benchmarks.readme import BEGIN, END, rewritten, section
from benchmarks.results import Results
from tests.unit.benchmarks.figures import cell


def test_only_what_is_between_the_marks_changes() -> None:
    text = f"# A\n\n{BEGIN}\nold\n{END}\n\nend\n"
    once = rewritten(text, "new\n")
    assert once == f"# A\n\n{BEGIN}\n\nnew\n\n{END}\n\nend\n"
    assert rewritten(once, "new") == once


@pytest.mark.parametrize("text", ["none", f"{END} {BEGIN}", f"{BEGIN}{BEGIN}{END}"])
def test_marks_that_are_not_there_once_are_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="once each"):
        rewritten(text, "new")


def test_the_readme_has_the_marks() -> None:
    rewritten((ROOT / "README.md").read_text(encoding="utf-8"), "")


def test_the_section_names_machine_command_and_what_is_missing() -> None:
    machine = {"cpu": "X", "cores": 2, "memory_gib": 8.0, "kernel": "6", "python": "3.11"}
    about = {"command": "make bench", "model": "m version 1", "date": "d", "commit": "c"}
    found = Results({**about, "machine": machine}, skipped={"cpp-echo": "no g++"})
    found.cells = [
        cell("native-onnx", load, number, cpu_us=100.0 * number, peak_mib=10.0 * number)
        for load in (ONE, MANY, LARGE)
        for number in (1, 2, 3)
    ]
    text = "\n".join(section(found))
    assert "`make bench` on 2 cores (X), 8 GiB, Linux 6, Python 3.11" in text
    assert "medians of 3 rounds" in text
    assert "200 (100-300)" in text
    assert "Not measured: cpp-echo (no g++)." in text
    row = next(line for line in text.splitlines() if "Horngate, native, ONNX" in line)
    assert row.split("|")[-2].strip() == "30.0"
