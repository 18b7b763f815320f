"""``model.toml``: one model's settings."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any, Final

from horngate.config.values import Value, construct, unknown_key
from horngate.errors import ConfigError
from horngate.repository.policy import VersionOptions
from horngate.repository.settings import ModelSettings, RuntimeOptions
from horngate.scheduling.options import BatchingOptions, LimitOptions

TABLES: Final[dict[str, type[Any]]] = {
    "versions": VersionOptions,
    "runtime": RuntimeOptions,
    "batching": BatchingOptions,
    "limits": LimitOptions,
}
BUILDERS_TABLE: Final = "build"
"""The builder's own table, which the server leaves to it."""


def read_model_settings(path: Path, batching: BatchingOptions | None = None) -> ModelSettings:
    """The settings in ``path``, the defaults where it does not exist.

    ``batching`` stands where the file leaves a key of its table out.

    Raises:
        ConfigError: naming the file, the table and the key.
    """
    tables = read_toml(path) if path.exists() else {}
    settings: dict[str, Any] = {} if batching is None else {"batching": batching}
    for name, table in tables.items():
        if name == BUILDERS_TABLE:
            continue
        if name not in TABLES:
            raise unknown_key(str(path), name, [*TABLES, BUILDERS_TABLE])
        if not isinstance(table, dict):
            raise ConfigError(f"{path}: {name}: expected a table, received {table!r}")
        source = f"{path}: [{name}]"
        values = {key: Value(raw, source) for key, raw in table.items()}
        if name in settings:
            values = _defaults(settings[name], values)
        settings[name] = construct(TABLES[name], values)
    return ModelSettings(**settings)


def _defaults(options: BatchingOptions, values: dict[str, Value]) -> dict[str, Value]:
    return {
        field.name: Value(getattr(options, field.name), "batching_parameters_file")
        for field in dataclasses.fields(options)
    } | values


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of ``path``.

    Raises:
        ConfigError: it cannot be read, or is not TOML; with the line where it is not.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        # A number of thousands of digits is another error than bad TOML, and tables without end.
        raise ConfigError(f"{path}: expected a readable TOML file; {error}") from error
