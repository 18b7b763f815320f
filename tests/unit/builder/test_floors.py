from __future__ import annotations

import re
from pathlib import Path

import pytest

from horngate.builder.report import hold_against, read_floors
from horngate.errors import ConfigError, PublishError


def settings(folder: Path, text: str) -> Path:
    path = folder / "model.toml"
    path.write_text(text)
    return path


def test_floors_are_read_by_metric(tmp_path: Path) -> None:
    path = settings(tmp_path, "[build.floors]\naccuracy = 0.9\nother = 0\n[versions]\nlatest = 1\n")
    assert read_floors(path) == {"accuracy": 0.9, "other": 0.0}


def test_without_settings_nothing_is_built(tmp_path: Path) -> None:
    path = tmp_path / "model.toml"
    with pytest.raises(
        ConfigError, match=re.escape(f"{path}: expected the model's settings with a table [build.")
    ):
        read_floors(path)


@pytest.mark.parametrize("text", ["", "[build]", "[build.floors]", "build = 1", "build.floors = 1"])
def test_a_missing_table_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(
        ConfigError, match=r"model\.toml: \[build\.floors\]: expected an accuracy for a metric"
    ):
        read_floors(settings(tmp_path, text))


@pytest.mark.parametrize("floor", ["true", '"0.9"', "1.1", "-0.1", "nan", "[0.9]"])
def test_a_floor_that_is_no_share_is_refused_by_name(tmp_path: Path, floor: str) -> None:
    with pytest.raises(
        ConfigError,
        match=r"model\.toml: \[build\.floors\]: accuracy: expected a number from 0 to 1, received",
    ):
        read_floors(settings(tmp_path, f"[build.floors]\naccuracy = {floor}"))


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"model\.toml: expected a readable TOML file"):
        read_floors(settings(tmp_path, "[build"))


def test_a_model_at_its_floor_passes() -> None:
    hold_against({"accuracy": 0.9}, {"accuracy": 0.9, "more": 0.1}, "m")


def test_a_model_below_a_floor_is_refused_with_the_figure() -> None:
    with pytest.raises(
        PublishError,
        match=r"m: not published: b is 0\.7999 on the held-out digits, expected at least 0\.8;",
    ):
        hold_against({"a": 0.5, "b": 0.8}, {"a": 0.5, "b": 0.7999}, "m")


def test_a_floor_for_a_metric_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(ConfigError, match="m: floor 'acuracy': expected one of accuracy, other"):
        hold_against({"acuracy": 0.5}, {"other": 1.0, "accuracy": 1.0}, "m")
