from __future__ import annotations

from pathlib import Path

import pytest

from horngate.errors import ConfigError
from horngate.repository.layout import (
    STAGING_PREFIX,
    check_model_name,
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
