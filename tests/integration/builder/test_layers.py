"""Keras' layers one by one: the page says what becomes of each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.equality.layers import classes, outcome, row

PAGE = Path(__file__).parents[3] / "docs" / "compiled.md"
SAMPLE = ("Dense", "MaxPooling2D", "GroupNormalization", "CategoryEncoding", "MixUp", "Hashing")


def listed() -> list[str]:
    found = re.search(r"\d+ of \d+ are compiled: ([^.]*)\.", PAGE.read_text())
    assert found is not None
    return [name.strip() for name in found[1].split(",")]


@pytest.mark.parametrize("name", SAMPLE)
def test_the_page_says_what_becomes_of_a_layer(name: str) -> None:
    told = outcome(name)
    if told == "compiled":
        assert name in listed()
    else:
        assert row(name, told) in PAGE.read_text()


def test_the_page_has_every_layer_once() -> None:
    refused = [name for name in classes() if f"| {name} |" in PAGE.read_text()]
    assert sorted([*listed(), *refused]) == sorted(classes())
