"""``model.toml``: one model's settings."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from horngate.batching.options import BatchingOptions, LimitOptions
from horngate.config.triton_file import read_triton_file
from horngate.config.values import Value, construct, unknown_key
from horngate.errors import ConfigError
from horngate.lifecycle.settings import ModelSettings, RuntimeOptions, VersionOptions
from horngate.reading import read_file
from horngate.sizes import MODEL_SETTINGS, SETTINGS
from horngate.store.layout import TRITON_FILE

TABLES: Final[dict[str, type[Any]]] = {
    "versions": VersionOptions,
    "runtime": RuntimeOptions,
    "batching": BatchingOptions,
    "limits": LimitOptions,
}
BUILDERS_TABLE: Final = "build"
"""The builder's own table, which the server leaves to it."""

MOST_DOTS: Final = 64
"""In a line of a ``model.toml``."""


def read_model_settings(path: Path, batching: BatchingOptions | None = None) -> ModelSettings:
    """The settings in ``path``, the defaults where nothing is there.

    ``batching`` stands where the file leaves a key of its table out, and so does what a
    ``config.pbtxt`` beside it says. Whoever publishes a model writes this file: it may be no link,
    which could name the server's own files.

    Raises:
        ConfigError: naming the file, the table and the key.
    """
    tables = _parse(path, partial(_read_strangers, path))
    triton = read_triton_file(path.with_name(TRITON_FILE), batching)
    base = triton or ModelSettings(batching=batching or BatchingOptions())
    settings: dict[str, Any] = {}
    for name, table in tables.items():
        if name == BUILDERS_TABLE:
            continue
        if name not in TABLES:
            raise unknown_key(str(path), name, [*TABLES, BUILDERS_TABLE])
        if not isinstance(table, dict):
            raise ConfigError(f"{path}: {name}: expected a table, received {table!r}")
        source = f"{path}: [{name}]"
        values = {key: Value(raw, source) for key, raw in table.items()}
        # Which versions are live is told by one key of several, and so by one file.
        if name != "versions":
            values = _defaults(getattr(base, name), values)
        settings[name] = construct(TABLES[name], values)
    return dataclasses.replace(base, **settings)


def _defaults(options: Any, values: dict[str, Value]) -> dict[str, Value]:
    return {
        field.name: Value(getattr(options, field.name), "batching_parameters_file or config.pbtxt")
        for field in dataclasses.fields(options)
    } | values


def read_toml(path: Path, limit: int = SETTINGS) -> dict[str, Any]:
    """The tables of a file that the operator names, which may be a link.

    Raises:
        ConfigError: it cannot be read, is longer than ``limit`` bytes, or is not TOML; with the
            line where it is not.
    """
    return _parse(path, partial(read_file, path, limit))


def _parse(path: Path, read: Callable[[], bytes]) -> dict[str, Any]:
    try:
        return tomllib.loads(read().decode())
    except (OSError, ValueError, RecursionError) as error:
        # A number of thousands of digits is another error than bad TOML, and tables without end.
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{path}: expected a readable TOML file; {reason}") from error


def _read_strangers(path: Path) -> bytes:
    """The content of a file that whoever publishes a model wrote; nothing where there is none.

    Raises:
        OSError: it is no regular file, or too large.
        ValueError: it would take long to parse.
    """
    try:
        content = read_file(path, MODEL_SETTINGS, follow=False)
    except FileNotFoundError:
        return b""
    for number, line in enumerate(content.splitlines(), 1):
        # The parser takes the square of a key's parts: 60 kB of "a.a.a" took it 15 seconds.
        if line.count(b".") > MOST_DOTS:
            raise ValueError(f"line {number}: expected at most {MOST_DOTS} dots, received more")
    return content
