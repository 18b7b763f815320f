"""``model.toml``: one model's settings."""

from __future__ import annotations

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


def read_model_settings(path: Path) -> ModelSettings:
    """The settings in ``path``, the defaults where it does not exist.

    Raises:
        ConfigError: naming the file, the table and the key.
    """
    tables = read_toml(path) if path.exists() else {}
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
        settings[name] = construct(TABLES[name], values)
    return ModelSettings(**settings)


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of ``path``.

    Raises:
        ConfigError: it cannot be read, or is not TOML; with the line where it is not.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: expected a readable TOML file; {error}") from error
