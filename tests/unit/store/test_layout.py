from __future__ import annotations

import os
from pathlib import Path

import pytest

from horngate.errors import ConfigError
from horngate.store import layout
from horngate.store.layout import (
    STAGING_PREFIX,
    check_model_name,
    is_plain,
    model_folders,
    next_version,
    version_folders,
)


@pytest.mark.parametrize("name", ["m", "mnist_cnn", "_private", "3d", "v1.5-small", "A" * 128])
def test_a_plain_name_may_be_a_models(name: str) -> None:
    assert check_model_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        ".hidden",
        "-flag",
        "a/b",
        "../m",
        "a\\b",
        "a b",
        "m\n",
        "m\0",
        "münze",
        "ﬁne",  # a ligature that normalises to two letters
        "m\u0661",  # an Arabic digit, which isdigit() takes for one
        "A" * 129,
    ],
)
def test_a_name_that_could_be_a_path_or_mistaken_for_another_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="name: expected letters, digits"):
        check_model_name(name)


@pytest.mark.parametrize("name", [".git", "lost+found", "münze"])
def test_a_folder_whose_name_may_not_be_a_models_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name / "1").mkdir(parents=True)
    assert model_folders(tmp_path) == {}


def test_versions_are_folders_with_a_number_for_a_name(tmp_path: Path) -> None:
    for name in ("0", "7", "0012", "x", "1.5", "-3", "\u0663", "1" * 19, f"{STAGING_PREFIX}4"):
        (tmp_path / name).mkdir()
    (tmp_path / "9").touch()
    assert version_folders(tmp_path) == {
        0: tmp_path / "0",
        7: tmp_path / "7",
        12: tmp_path / "0012",
    }


def test_of_two_folders_for_one_version_the_plain_number_is_taken(tmp_path: Path) -> None:
    for name in ("7", "007", "07"):
        (tmp_path / name).mkdir()
    assert version_folders(tmp_path) == {7: tmp_path / "7"}


def test_the_next_version_is_one_more_than_the_highest(tmp_path: Path) -> None:
    assert next_version(tmp_path / "absent") == 1
    assert next_version(tmp_path) == 1
    for name in ("2", "0010", f"{STAGING_PREFIX}99"):
        (tmp_path / name).mkdir()
    assert next_version(tmp_path) == 11


def test_an_absent_folder_is_an_error_and_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="absent"):
        model_folders(tmp_path / "absent")
    with pytest.raises(OSError, match="absent"):
        version_folders(tmp_path / "absent")


def test_a_model_may_be_a_link_and_one_that_leads_nowhere_is_none(tmp_path: Path) -> None:
    (tmp_path / "store" / "1").mkdir(parents=True)
    (tmp_path / "models").mkdir()
    for name, target in (("m", "../store"), ("loop", "loop"), ("nowhere", "nothing")):
        (tmp_path / "models" / name).symlink_to(target)
    assert set(model_folders(tmp_path / "models")) == {"m"}


def test_a_model_that_cannot_be_looked_at_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    is_dir = Path.is_dir

    def refuse(path: Path) -> bool:
        if path.name == "a":
            raise PermissionError(13, "Permission denied")
        return is_dir(path)

    monkeypatch.setattr(Path, "is_dir", refuse)
    assert set(model_folders(tmp_path)) == {"a", "b"}


def test_a_link_is_a_version_that_will_be_refused_but_never_in_the_place_of_a_folder(
    tmp_path: Path,
) -> None:
    (tmp_path / "3").mkdir()
    for name, target in (("2", "2"), ("4", "3"), ("03", "elsewhere"), ("latest", "3")):
        (tmp_path / name).symlink_to(target)
    os.mkfifo(tmp_path / "5")
    assert version_folders(tmp_path) == {number: tmp_path / str(number) for number in (2, 3, 4)}


def test_a_model_of_too_many_entries_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "MOST_ENTRIES", 3)
    for name in ("1", "2", "3"):
        (tmp_path / name).mkdir()
    assert len(version_folders(tmp_path)) == 3
    (tmp_path / "4").mkdir()
    with pytest.raises(OSError, match="expected at most 3 entries"):
        version_folders(tmp_path)


@pytest.mark.parametrize("inner", ["model.savedmodel", "model.onnx"])
def test_a_versions_files_may_lie_in_a_folder_of_it(tmp_path: Path, inner: str) -> None:
    (tmp_path / "1" / inner).mkdir(parents=True)
    assert version_folders(tmp_path) == {1: tmp_path / "1" / inner}


def test_but_not_where_a_link_leads(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "model.savedmodel").symlink_to("../elsewhere")
    assert version_folders(tmp_path) == {1: tmp_path / "1"}
    (tmp_path / "2").symlink_to("1")
    assert version_folders(tmp_path)[2] == tmp_path / "2"


def test_a_plain_model_is_one_without_a_saved_model(tmp_path: Path) -> None:
    assert not is_plain(tmp_path)
    (tmp_path / "model.onnx").touch()
    assert is_plain(tmp_path)
    (tmp_path / "saved_model.pb").touch()
    assert not is_plain(tmp_path)
