"""Parts of a JSON body, each held against what it has to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from horngate.errors import InvalidRequest
from horngate.protocols.json import shown


def read_text(content: Any, name: str, default: str | None = None) -> str:
    """The string ``name`` of an object.

    Raises:
        InvalidRequest: ``content`` is no object, or has something else there.
    """
    value = content.get(name, default) if isinstance(content, dict) else None
    if not isinstance(value, str):
        raise wrong(name, "a string", value)
    return value


def read_number(content: Mapping[str, Any], name: str, default: int | None = None) -> int:
    """The whole number ``name``, 0 or more and of 63 bits.

    Raises:
        InvalidRequest: something else is there.
    """
    value = content.get(name, default)
    if type(value) is not int or not 0 <= value < 2**63:
        raise wrong(name, "a number of 0 or more", value)
    return value


def read_object(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A copy of the object ``name``, empty where it is not there.

    Raises:
        InvalidRequest: something else is there.
    """
    value = content.get(name, {})
    if not isinstance(value, dict):
        raise wrong(name, "an object", value)
    return dict(value)


def read_list(content: Mapping[str, Any], name: str) -> list[Any]:
    """The list ``name``.

    Raises:
        InvalidRequest: something else is there, or nothing.
    """
    value = content.get(name)
    if not isinstance(value, list):
        raise wrong(name, "a list", value)
    return value


def write_parameters(given: Mapping[str, Any], parameters: Any) -> None:
    """Write an object's values into a message's map of parameters.

    Raises:
        InvalidRequest: a value that is no truth, number or string.
    """
    for name, value in given.items():
        if isinstance(value, bool):
            parameters[name].bool_param = value
        elif isinstance(value, int) and -(2**63) <= value < 2**63:
            parameters[name].int64_param = value
        elif (
            isinstance(value, int)
            and 0 < value < 2**64
            and hasattr(parameters[name], "uint64_param")
        ):
            parameters[name].uint64_param = value
        elif isinstance(value, float) and hasattr(parameters[name], "double_param"):
            parameters[name].double_param = value
        elif isinstance(value, str):
            parameters[name].string_param = value
        else:
            raise wrong(f"parameter {name}", "true, false, a number or a string", value)


def wrong(name: str, expected: str, received: object) -> InvalidRequest:
    """The error for what cannot be used."""
    kind = "" if received is None else f"{type(received).__name__} "
    return InvalidRequest(f"{name!r}: expected {expected}, received {kind}{shown(received)!r}")
