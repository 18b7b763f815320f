"""Servers whose repository a test may change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import RunningServer, put


@pytest.fixture
def adder(adders: Path, tmp_path: Path) -> Iterator[RunningServer]:
    """Serves version 1 of ``adder`` from a folder of its own, at which it looks often."""
    put(adders / "1", tmp_path / "adder" / "1")
    with RunningServer(tmp_path, "--poll-seconds", "0.05") as running:
        yield running
