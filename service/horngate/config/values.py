"""From loosely typed values to a frozen options class, every error naming source and key."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_type_hints

import msgspec

from horngate.errors import ConfigError

T = TypeVar("T")


class Value(NamedTuple):
    """One setting as it was found: where, and whether it is text still to be read as its type."""

    raw: object
    source: str
    text: bool = False


def construct(options: type[T], values: Mapping[str, Value]) -> T:
    """Make ``options``, a dataclass, out of ``values``; keys left out keep their defaults.

    Raises:
        ConfigError: an unknown key (with the nearest known one), a value of the wrong type, or
            one that the class itself refuses.
    """
    hints = get_type_hints(options)
    converted: dict[str, Any] = {}
    for key, value in values.items():
        if key not in hints:
            raise unknown_key(value.source, key, hints)
        try:
            converted[key] = msgspec.convert(
                value.raw, hints[key], strict=not value.text, dec_hook=_path
            )
        except msgspec.ValidationError as error:
            raise ConfigError(f"{value.source}: {key}: {_lower(error)}") from error
    try:
        return options(**converted)
    except ConfigError as error:
        # The class opens its message with the key; only the reader knows where that came from.
        key = str(error).partition(":")[0]
        source = values[key].source if key in values else _sources(values)
        raise ConfigError(f"{source}: {error}") from error


def unknown_key(source: str, key: str, known: Iterable[str]) -> ConfigError:
    """The error for ``key``, with the nearest of the ``known`` ones or the list of them."""
    names = sorted(known)
    near = difflib.get_close_matches(key, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known keys are {', '.join(names)}"
    return ConfigError(f"{source}: {key}: unknown key; {hint}")


def _path(wanted: type[Any], raw: object) -> object:
    if wanted is Path and isinstance(raw, str):
        return Path(raw)
    raise NotImplementedError(wanted)  # msgspec's way to be told "not a type of mine"


def _lower(error: Exception) -> str:
    text = str(error)
    return text[:1].lower() + text[1:]


def _sources(values: Mapping[str, Value]) -> str:
    return ", ".join(dict.fromkeys(value.source for value in values.values())) or "defaults"
