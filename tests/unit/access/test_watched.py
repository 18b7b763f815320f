from __future__ import annotations

from pathlib import Path

import pytest

from horngate.access.watched import LOOK_SECONDS, Watched
from horngate.errors import ConfigError
from tests.unit.batching.doubles import ManualClock


class Reader:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.reports: list[str] = []
        self.times = 0

    def read(self) -> str:
        self.times += 1
        try:
            text = self.path.read_text()
        except OSError as error:
            raise ConfigError(f"cannot be read: {error.strerror}") from error
        if text == "wrong":
            raise ConfigError("wrong content")
        return text

    def report(self, error: Exception) -> None:
        self.reports.append(str(error))


def test_a_changed_file_is_read_again_at_the_next_look(tmp_path: Path) -> None:
    path, clock = tmp_path / "file", ManualClock()
    path.write_text("one")
    reader = Reader(path)
    watched = Watched((path,), reader.read, clock, reader.report)
    path.write_text("other")
    assert watched() == "one"
    clock.now += LOOK_SECONDS
    assert watched() == "other"
    clock.now += LOOK_SECONDS
    assert watched() == "other"
    assert reader.times == 2


def test_what_cannot_be_used_is_told_once_and_changes_nothing(tmp_path: Path) -> None:
    path, clock = tmp_path / "file", ManualClock()
    path.write_text("one")
    reader = Reader(path)
    watched = Watched((path,), reader.read, clock, reader.report)
    path.write_text("wrong")
    for _ in range(3):
        clock.now += LOOK_SECONDS
        assert watched() == "one"
    assert reader.reports == ["wrong content"]
    path.unlink()
    clock.now += LOOK_SECONDS
    assert watched() == "one"
    assert reader.reports == ["wrong content", "cannot be read: No such file or directory"]
    path.write_text("mended")
    clock.now += LOOK_SECONDS
    assert watched() == "mended"


def test_at_the_start_it_must_be_right(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "file")
    with pytest.raises(ConfigError):
        Watched((reader.path,), reader.read, ManualClock(), reader.report)
