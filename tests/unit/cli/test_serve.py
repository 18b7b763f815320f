"""What a server that has started says on a terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from horngate.cli import serve
from horngate.cli.serve import what_to_try
from horngate.config.server import ServerSettings


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for name in ("mnist_cnn", "mnist_fusion", "own"):
        (tmp_path / name / "1").mkdir(parents=True)
    for name in ("mnist_cnn", "mnist_fusion"):
        (tmp_path / name / "samples").mkdir()
        (tmp_path / name / "samples" / "4.png").touch()
    (tmp_path / "mnist_fusion" / "samples" / "4.json").touch()
    return tmp_path


def gone(models: Path, *names: str) -> ServerSettings:
    for name in names:
        (models / name / "1").rmdir()
    return ServerSettings(models=models)


def test_the_line_to_try_names_a_model_that_is_there(models: Path) -> None:
    sample = models / "mnist_fusion" / "samples" / "4"
    assert what_to_try(gone(models)) == (
        f"predict mnist_fusion --input image=@{sample}.png --input context=@{sample}.json"
    )
    assert what_to_try(gone(models, "mnist_fusion")) == (
        f"predict mnist_cnn --input image=@{models / 'mnist_cnn' / 'samples' / '4.png'}"
    )
    assert what_to_try(gone(models, "mnist_cnn")) == "status own"
    assert what_to_try(gone(models, "own")) == "status"


def test_where_models_are_listed_or_there_is_no_folder_all_are_shown(models: Path) -> None:
    assert what_to_try(ServerSettings(models=models / "nowhere")) == "status"
    assert what_to_try(ServerSettings(models=models, model_config_file=Path("list"))) == "status"


def test_a_server_whose_output_nobody_reads_goes_on(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w") as unread:
        monkeypatch.setattr(sys, "stdout", unread)
        serve._say_how_to_call(ServerSettings(models=models), 8500, 8501)
        monkeypatch.undo()
