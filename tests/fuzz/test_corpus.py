"""Every input that was ever hostile, again: none leads to more than an error that was designed."""

from __future__ import annotations

from pathlib import Path

import pytest

from horngate.errors import Code
from tests.fuzz.hostile import hostile
from tests.fuzz.target import CORPUS, measured, unpack

INPUTS = sorted(CORPUS.glob("*.bin"))


@pytest.mark.parametrize("file", INPUTS, ids=lambda file: file.stem)
def test_it_ends_as_calls_may_end(file: Path) -> None:
    outcome = measured(*unpack(file.read_bytes()))
    assert outcome is not None, "its path is served"
    if "-good" in file.stem:
        assert outcome.code is Code.OK, outcome.message


def test_the_corpus_holds_every_input_that_was_made_by_hand() -> None:
    names = [name for name, _ in hostile()]
    assert len(set(names)) == len(names)
    missing = set(names) - {file.stem for file in INPUTS}
    assert not missing, "run python -m tests.fuzz.make_corpus"
