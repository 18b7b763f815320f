from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.peers import environment
from benchmarks.subject import NotHere


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HORNGATE_BENCH_CACHE", str(tmp_path))
    return tmp_path


def test_an_environment_is_made_once(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Sequence[str]] = []

    def run(command: Sequence[str]) -> None:
        ran.append(command)
        if "venv" in command:
            Path(command[-1]).mkdir()

    monkeypatch.setattr(environment, "_run", run)
    said: list[str] = []
    first = environment.interpreter("peer", ("peer==1", "engine==2"), said.append)
    assert environment.interpreter("peer", ("peer==1", "engine==2"), said.append) == first
    assert first.is_relative_to(kept)
    assert [command[-1] for command in ran] == [str(first.parents[1]), "engine==2"]
    assert said == ["installing peer==1, engine==2 into an environment of its own"]
    assert environment.interpreter("peer", ("peer==2",), said.append) != first


def test_what_cannot_be_installed_leaves_nothing_and_says_why(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: Sequence[str]) -> None:
        Path(command[-1]).mkdir()
        raise NotHere("not installed: no such release")

    monkeypatch.setattr(environment, "_run", run)
    with pytest.raises(NotHere, match="no such release"):
        environment.interpreter("peer", ("peer==1",), lambda _: None)
    assert not list(kept.iterdir())
