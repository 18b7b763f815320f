from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from horngate.builder.keras_file import load_keras
from horngate.errors import PublishError
from horngate.store.goldens import read_goldens
from horngate.store.manifest import read_provenance
from tests.conftest import Command, Said
from tests.integration.builder.models import pictures, sequential


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "classifier.keras"
    sequential().save(path)
    return path


Publish = Callable[..., Said]


@pytest.fixture
def publish(horngate: Command) -> Publish:
    return lambda source, models, *more: horngate(
        "publish", source, "--name", "m", "--models", models, *more
    )


def test_a_keras_file_is_published_and_it_is_said_where(
    saved: Path, tmp_path: Path, publish: Publish
) -> None:
    status, out, _ = publish(saved, tmp_path)
    assert status == 0
    assert f"m: version 1 published in {tmp_path / 'm' / '1'}\n" in out
    golden = read_goldens(tmp_path / "m" / "1")["serving_default"]
    assert (list(golden.inputs), list(golden.outputs)) == (["features"], ["scores"])


def test_a_folder_is_published_as_a_saved_model(
    saved: Path, tmp_path: Path, publish: Publish
) -> None:
    load_keras(saved).export(str(tmp_path / "exported"), verbose=False)
    assert publish(tmp_path / "exported", tmp_path, "--version", 3).status == 0
    assert read_provenance(tmp_path / "m" / "3")["source"] == "exported"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("absent.keras", "expected a .keras or .h5 file or a SavedModel folder; not found"),
        ("text.keras", "text.keras: expected a Keras model; Keras says: "),
        ("text.txt", "text.txt: expected a Keras model; Keras says: "),
        ("folder", "expected a SavedModel, a folder with saved_model.pb in it, or a .keras file"),
    ],
)
def test_what_is_no_model_is_refused_in_words(
    tmp_path: Path, publish: Publish, name: str, sentence: str
) -> None:
    (tmp_path / "folder").mkdir()
    for text in ("text.keras", "text.txt"):
        (tmp_path / text).write_text("no model")
    status, _, told = publish(tmp_path / name, tmp_path / "models")
    assert status == 1
    assert told.startswith("horngate publish: ")
    assert sentence in told
    assert not (tmp_path / "models").exists()


def test_a_taken_version_is_refused(saved: Path, tmp_path: Path, publish: Publish) -> None:
    assert publish(saved, tmp_path, "--version", 2).status == 0
    status, _, err = publish(saved, tmp_path, "--version", 2)
    assert status == 1
    assert "version: expected a number above 0 that 'm' does not have" in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(["--name", "a/b"], "name: expected letters"), (["--version", "0"], "version: expected a")],
)
def test_name_and_version_are_checked_before_a_model_is_read(
    tmp_path: Path, publish: Publish, arguments: list[str], sentence: str
) -> None:
    (tmp_path / "text.keras").write_text("no model")
    status, out, told = publish(tmp_path / "text.keras", tmp_path / "models", *arguments)
    assert (status, out) == (1, "")
    assert told.startswith(f"horngate publish: {sentence}")


def test_a_publish_whose_output_nobody_reads_is_done_all_the_same(
    saved: Path, tmp_path: Path
) -> None:
    command = ["publish", str(saved), "--name", "m", "--models", str(tmp_path), "--no-compile"]
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "wb") as unread:
        ran = subprocess.run(
            [sys.executable, "-m", "horngate", *command],
            stdout=unread,
            stderr=subprocess.PIPE,
            timeout=120,
            check=False,
        )
    assert (ran.returncode, ran.stderr) == (128 + signal.SIGPIPE, b"")
    assert (tmp_path / "m" / "1" / "saved_model.pb").exists()


def test_a_file_that_is_no_keras_model_is_a_publish_error(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    path.write_bytes(b"PK\x05\x06" + bytes(18))
    with pytest.raises(PublishError, match=r"m\.keras: expected a Keras model; Keras says"):
        load_keras(path)


def test_pictures_and_labels_are_told_by_flags(tmp_path: Path, publish: Publish) -> None:
    pictures([]).save(tmp_path / "m.keras")
    flags = ("--pixels=-1..1", "--image-input", "photo", "--labels", "cat,dog,fox")
    status, out, _ = publish(tmp_path / "m.keras", tmp_path, *flags)
    assert status == 0
    assert "m: input 'photo' takes pictures, JPEG or PNG, as 8x8 RGB, pixels -1..1\n" in out
    status, _, err = publish(tmp_path / "m.keras", tmp_path, "--labels", "cat,dog")
    assert status == 1
    assert "labels: output 'kind': expected 3 labels, one for each class, received 2" in err
    with pytest.raises(SystemExit):
        publish(tmp_path / "m.keras", tmp_path, "--pixels", "255")
