"""Python values as arrays. Knows numpy and dtypes; no message and no server.

An array has a dtype and is sent in it. A Python number has none of its own: what numpy would
give it, float64 or int64, is seldom what a model takes, so that is left to the model's signature.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from horngate.errors import InvalidInput
from horngate.tensors import Array, DType, TensorSpec

_INTEGERS: Final = "biu"
_KINDS: Final = {"b": _INTEGERS, "i": _INTEGERS, "u": _INTEGERS, "c": "biufc"}
"""Which kinds of numbers become a dtype of which kind; floats, the rest, take real numbers."""


def own_array(value: Any) -> Array | None:
    """``value`` as the array that it is by itself, or None where only a signature can tell.

    Arrays, and what turns itself into one (a numpy scalar, a tensor, a data frame's column),
    keep their dtype. Text and bytes, nested or not, become an object array. Python numbers, and
    lists of them, have no dtype of their own.
    """
    if hasattr(value, "__array__"):
        return np.asarray(value)
    leaf = value
    while isinstance(leaf, list | tuple) and leaf:
        leaf = leaf[0]
    return np.array(value, object) if isinstance(leaf, str | bytes) else None


def as_array(name: str, value: Any, spec: TensorSpec | None) -> Array:
    """``value``, Python numbers or anything array-like, in the dtype of ``spec``.

    Nothing is lost in silence: an integer model takes no fractions, and a number that does not
    fit the dtype is refused. Floats are rounded to the precision of the dtype. The shape is
    left as it is. Without a spec numpy chooses the dtype, for the server to judge.

    Raises:
        InvalidInput: not numbers, not of one shape, or numbers that do not fit the dtype.
    """
    if spec is not None and spec.dtype is DType.STRING:
        return np.array(value, object)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise InvalidInput(
            f"input {name!r}: expected rows of equal length, received {error}", name=name
        ) from None
    if spec is None or array.dtype == spec.dtype.numpy:
        return array
    wanted = spec.dtype.numpy
    if array.size and array.dtype.kind not in _KINDS.get(wanted.kind, "biuf"):
        raise InvalidInput(
            f"input {name!r}: expected {spec.dtype.value}, received {_described(array)}; "
            "send numbers that the dtype can hold",
            name=name,
        )
    with np.errstate(over="ignore", invalid="ignore"):
        cast: Array = array.astype(wanted)
    if not _holds(array, cast):
        raise InvalidInput(
            f"input {name!r}: expected numbers that fit {spec.dtype.value}, received one that "
            "does not; scale the values, or use a model with a wider dtype",
            name=name,
        )
    return cast


def _holds(array: Array, cast: Array) -> bool:
    if cast.dtype.kind in _INTEGERS:
        return bool(np.array_equal(array, cast))
    return bool(np.array_equal(np.isfinite(array), np.isfinite(cast)))


def _described(array: Array) -> str:
    if array.dtype.kind in "SU":
        return "text"
    return f"a {type(array.flat[0]).__name__}" if array.dtype == object else array.dtype.name
