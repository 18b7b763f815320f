"""From loosely typed values to a frozen options class, every error naming source and key.

A class whose fields are ``Annotated`` with their bounds, a ``msgspec.Meta``, and a text that says
what they are for tells each of its settings once: ``described`` gives it to whoever tells it on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from horngate.errors import ConfigError, did_you_mean

T = TypeVar("T")

OR_ZERO: Final = {"or_zero": True}
"""For ``extra`` of a ``Meta``: 0 is allowed beside what its bounds say."""


class Value(NamedTuple):
    """One setting as it was found: where, and whether it is text still to be read as its type."""

    raw: object
    source: str
    text: bool = False


class Setting(NamedTuple):
    """One field of an options class; its purpose in sentences without the last full stop."""

    key: str
    default: object
    kind: Any
    meta: msgspec.Meta
    purpose: str

    @property
    def sentence(self) -> str:
        """The first of its purpose."""
        return self.purpose.partition(". ")[0]

    @property
    def standard(self) -> str:
        """Its default as a file of settings has it, "" for none."""
        if isinstance(self.default, bool):
            return str(self.default).lower()
        return (
            f"{self.default:g}"
            if isinstance(self.default, float)
            else ""
            if self.default is None
            else str(self.default)
        )

    @property
    def allowed(self) -> str:
        """Which values, "" where the type says no more than that it is text or a path."""
        if self.kind is bool:
            return "true, false"
        if get_origin(self.kind) is Literal:
            return ", ".join(get_args(self.kind))
        if self.meta.ge is None or self.meta.le is None:
            return ""
        return f"{self.meta.ge} to {self.meta.le}{', or 0' if self._or_zero else ''}"

    def check(self, value: Any) -> None:
        """Hold ``value`` to the bounds.

        Raises:
            ConfigError: it is outside.
        """
        low, high = self.meta.ge, self.meta.le
        if low is None or high is None or (self._or_zero and value == 0):
            return
        if not low <= value <= high:
            raise ConfigError(f"{self.key}: expected {self.allowed}, received {value}")

    @property
    def _or_zero(self) -> bool:
        return self.meta.extra == OR_ZERO


def described(options: type[Any]) -> tuple[Setting, ...]:
    """The settings of ``options``, a dataclass whose every field is annotated."""
    hints = get_type_hints(options, include_extras=True)
    settings = []
    for field in dataclasses.fields(options):
        kind, *bounds, purpose = get_args(hints[field.name])
        meta = bounds[0] if bounds else msgspec.Meta()
        settings.append(Setting(field.name, field.default, kind, meta, purpose))
    return tuple(settings)


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
            text = str(error)
            raise ConfigError(f"{value.source}: {key}: {text[:1].lower()}{text[1:]}") from error
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
    hint = did_you_mean(key, names, otherwise=f"known keys are {', '.join(names)}")
    return ConfigError(f"{source}: {key}: unknown key; {hint}")


def _path(wanted: type[Any], raw: object) -> object:
    if wanted is Path and isinstance(raw, str):
        return Path(raw)
    raise NotImplementedError(wanted)  # msgspec's way to be told "not a type of mine"


def _sources(values: Mapping[str, Value]) -> str:
    return ", ".join(dict.fromkeys(value.source for value in values.values())) or "defaults"
