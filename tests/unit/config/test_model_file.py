from __future__ import annotations

import os
from pathlib import Path

import pytest

from horngate.config.model_file import read_model_settings, read_toml
from horngate.errors import ConfigError
from horngate.lifecycle.settings import ModelSettings


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
        trust_rows = true
        [limits]
        max_request_rows = 16
        [build]
        anything = "goes"
        """,
    )
    assert read.versions.specific == (1, 3)
    assert (read.batching.max_batch_size, read.batching.max_queue_delay) == (8, 0)
    assert read.batching.trust_rows
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


def odd_file(path: Path, what: str) -> None:
    """Make of ``path`` what no settings are."""
    match what:
        case "fifo":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "self":
            path.symlink_to(path.name)
        case "nowhere":
            path.symlink_to("nowhere")
        case "folder":
            path.mkdir()
        case "long":
            path.write_bytes(b"#" * 10_000_000)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("fifo", "expected a regular file, received a FIFO"),
        ("device", "expected a regular file, received a symbolic link"),
        ("self", "received a symbolic link"),
        ("nowhere", "received a symbolic link"),
        ("folder", "received a folder"),
        ("long", "expected at most 65536 bytes, received 10000000"),
    ],
)
def test_a_models_settings_are_a_regular_file_of_a_size(
    tmp_path: Path, what: str, said: str
) -> None:
    odd_file(tmp_path / "model.toml", what)
    with pytest.raises(ConfigError, match=rf"model\.toml: .*{said}"):
        read_model_settings(tmp_path / "model.toml")


def test_a_models_settings_are_no_link_to_the_servers_own_files(tmp_path: Path) -> None:
    (tmp_path / "tokens.toml").write_text("[team-vision]\ntoken = 'secret-of-sixteen'")
    (tmp_path / "model.toml").symlink_to("tokens.toml")
    with pytest.raises(ConfigError, match="received a symbolic link") as refused:
        read_model_settings(tmp_path / "model.toml")
    assert "vision" not in str(refused.value)


@pytest.mark.parametrize("key", ["a", '"a b"', "[a"])
def test_a_models_settings_take_no_time_to_parse(tmp_path: Path, key: str) -> None:
    path = tmp_path / "model.toml"
    path.write_text(key + ".a" * 20_000 + " = 1")
    with pytest.raises(ConfigError, match="line 1: expected at most 64 dots"):
        read_model_settings(path)


def test_a_file_that_the_operator_names_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "..data").write_text("port = 1")
    (tmp_path / "horngate.toml").symlink_to("..data")
    assert read_toml(tmp_path / "horngate.toml") == {"port": 1}


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("fifo", "received a FIFO"),
        ("device", "received a character device"),
        ("self", "Too many levels of symbolic links"),
        ("nowhere", "No such file"),
        ("long", "expected at most 1048576 bytes"),
    ],
)
def test_and_is_read_to_a_bound_all_the_same(tmp_path: Path, what: str, said: str) -> None:
    odd_file(tmp_path / "horngate.toml", what)
    with pytest.raises(ConfigError, match=rf"horngate\.toml: .*{said}"):
        read_toml(tmp_path / "horngate.toml")


def test_settings_that_may_not_be_read_are_an_error_of_their_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(ConfigError, match="Permission denied"):
        read_model_settings(tmp_path / "model.toml")
