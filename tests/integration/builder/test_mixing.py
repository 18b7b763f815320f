"""Which signatures' rows may share runs, found out by running them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from horngate.builder.publish import publish_saved_model
from horngate.runtimes.savedmodel import SavedModelRuntime
from horngate.servable import Servable
from horngate.store.manifest import Hashes, read_checksums, verify_checksums
from horngate.store.rows import establish
from horngate.store.rows_record import RECORD, read_rows
from tests import mixing_models
from tests.conftest import Command, Served
from tests.integration.builder.conftest import Kind

BATCHED = {"serving_default": ""}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is found against each signature of one large model."""
    source = tmp_path_factory.mktemp("source") / "all"
    every = {**mixing_models.ROW_WISE, **mixing_models.MIXING, **mixing_models.REFUSING}
    mixing_models.export(source, *every)
    # Not compiled: at the edges of int64 one of them answers with gigabytes.
    models = tmp_path_factory.mktemp("models")
    published = publish_saved_model(source, models, "all", compiled=False)
    return dict(published.alone)


@pytest.mark.parametrize("name", mixing_models.ROW_WISE)
def test_what_answers_row_by_row_is_batched(name: str, alone: dict[str, str]) -> None:
    assert name not in alone


@pytest.mark.parametrize("name", mixing_models.MIXING)
def test_what_mixes_rows_is_not(name: str, alone: dict[str, str]) -> None:
    assert "refuses" not in alone[name]


def test_the_reason_says_what_was_seen(alone: dict[str, str]) -> None:
    assert alone["words"] == "output 'y' has shape [0] for 1 row"
    assert alone["softmax_over_rows"].startswith(
        "a row's answer changes with the rows beside it: output 'y': differs by up to"
    )
    assert alone["noise"].startswith("the model answers otherwise when it is asked again")
    assert alone["picture_bytes"].startswith("the model refuses every row that was tried; record")
    assert alone["up_to_four"] == "the model refuses 7 rows at once that it takes one by one"


def found_on(servable: Servable) -> dict[str, str]:
    try:
        return establish(servable, {}, {}, lambda: 0.0, seconds=1, largest=64)
    finally:
        servable.close()


def test_every_kind_of_keras_model_is_batched(kind: Kind) -> None:
    assert not kind.published.alone
    assert not found_on(SavedModelRuntime().load(kind.published.folder)), "by made-up rows alone"


def test_the_small_models_are_batched(small_models: Served) -> None:
    for name in ("two_inputs", "words", "constant", "every_dtype"):
        folder = small_models.repository / name / "1"
        record = json.loads((folder / RECORD).read_text())
        for engine in record["engines"].values():
            assert set(engine["signatures"].values()) == {""}, name


@pytest.fixture
def copied(small_models: Served, tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "two_inputs" / "1"
    shutil.copytree(small_models.repository / "two_inputs" / "1", folder)
    yield folder
    verify_checksums(folder)


def recorded(folder: Path, engine: str) -> dict[str, str] | None:
    return read_rows(folder, engine, Hashes(folder))


def test_what_was_found_is_kept_for_each_engine_and_has_its_checksum(copied: Path) -> None:
    assert recorded(copied, "tensorflow") == recorded(copied, "onnx") == BATCHED
    assert str(RECORD) in (read_checksums(copied) or {})


def test_compiling_anew_finds_it_out_anew(copied: Path, horngate: Command) -> None:
    form = next((copied / "assets.extra/horngate/compiled").iterdir())
    damaged = form.read_bytes()[:-1]
    form.write_bytes(damaged)
    assert recorded(copied, "onnx") is None
    assert recorded(copied, "tensorflow") == BATCHED
    form.write_bytes(damaged)
    (copied / "assets.extra/horngate/checksums.json").unlink()
    assert horngate("compile", "two_inputs", "--models", copied.parent.parent).status == 0
    assert recorded(copied, "onnx") == BATCHED


def test_it_is_said_of_a_model_that_is_published(tmp_path: Path, horngate: Command) -> None:
    mixing_models.export(tmp_path / "source", "sorted")
    told = ("publish", tmp_path / "source", "--name", "m", "--models", tmp_path / "out")
    status, out, _ = horngate(*told, "--no-compile")
    line = "m: signature 'sorted' is not batched: a row's answer changes with the rows beside it"
    assert (status, line in out) == (0, True)


@pytest.mark.parametrize("seed", range(3))
def test_trials_are_the_same_every_time(seed: int, tmp_path: Path) -> None:
    """Whatever else has drawn random numbers meanwhile."""
    np.random.seed(seed)
    mixing_models.export(tmp_path / "source", "any_large")
    servable = SavedModelRuntime().load(tmp_path / "source")
    assert found_on(servable) == {
        "any_large": "a row's answer changes with the rows beside it: output 'y': values differ"
    }


def test_examples_are_made_up_for_what_parses_them(small_models: Served) -> None:
    """Nobody published it, and it refuses all texts that are no examples with its features."""
    folder = small_models.repository / "classic" / "1"
    assert not found_on(SavedModelRuntime().load(folder))
