from __future__ import annotations

from pathlib import Path

import pytest

from horngate.config.model_file import read_model_settings
from horngate.errors import ConfigError
from horngate.repository.settings import ModelSettings


def settings(tmp_path: Path, text: str) -> ModelSettings:
    path = tmp_path / "model.toml"
    path.write_text(text)
    return read_model_settings(path)


def test_an_absent_file_gives_the_defaults(tmp_path: Path) -> None:
    assert read_model_settings(tmp_path / "model.toml") == ModelSettings()


def test_every_table_is_read_and_the_builders_is_left_to_it(tmp_path: Path) -> None:
    read = settings(
        tmp_path,
        """
        [versions]
        specific = [1, 3]
        [batching]
        max_batch_size = 8
        max_queue_delay = 0
        [limits]
        max_request_rows = 16
        [build]
        anything = "goes"
        """,
    )
    assert read.versions.specific == (1, 3)
    assert (read.batching.max_batch_size, read.batching.max_queue_delay) == (8, 0)
    assert read.limits.max_request_rows == 16


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[batching]\nmax_bach_size = 4",
            r"\[batching\]: max_bach_size: unknown key; did you mean",
        ),
        ("[baching]\n", "baching: unknown key; did you mean 'batching'"),
        (
            "[batching]\nmax_batch_size = 'x'",
            r"\[batching\]: max_batch_size: expected `int \| null`, got",
        ),
        ("[batching]\nmax_batch_size = 0", r"\[batching\]: max_batch_size: expected at least 1"),
        (
            "[batching]\nmax_batch_size = 4\nmax_queue_rows = 3",
            r"max_queue_rows: expected at least max_batch_size",
        ),
        ("[runtime]\nengine = 'jax'", r"\[runtime\]: engine: .*'jax'"),
        ("[runtime]\nthreads = -1", r"\[runtime\]: threads: expected 0 to 1024, received -1"),
        ("[versions]\nlatest = 0", r"\[versions\]: latest: expected at least 1"),
        ("[versions]\nlatest = 1\nall = true", "all: expected one of latest, all, specific"),
        ("batching = 3", "batching: expected a table, received 3"),
        ("[batching", "expected a readable TOML file"),
    ],
)
def test_a_mistake_is_named_with_file_table_and_key(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        settings(tmp_path, text)
    assert str(tmp_path / "model.toml") in str(caught.value)


def test_the_reference_models_settings_are_valid() -> None:
    files = sorted((Path(__file__).parents[3] / "models").glob("*/model.toml"))
    assert [path.parent.name for path in files] == ["mnist_cnn", "mnist_fusion"]
    for path in files:
        assert read_model_settings(path).batching.enabled


@pytest.mark.parametrize("value", ["1" * 5000, "[" * 5000 + "]" * 5000], ids=["digits", "depth"])
def test_what_python_cannot_read_is_told_like_other_bad_toml(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigError, match="expected a readable TOML file"):
        settings(tmp_path, f"[limits]\nmax_request_rows = {value}")
