"""Triton's classification extension: the highest values of an output, as text."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from horngate.errors import InvalidRequest
from horngate.tensors import STRING_BYTES, Array

_KEY_BYTES: Final = 16
"""What sorting takes for each value: a key and a place."""


def classified(name: str, array: Array, count: int, *, batched: bool) -> Array:
    """The ``count`` highest values of each row as ``value:index``, highest first.

    Args:
        name: the output's, for the error.
        array: the output, numeric, [n, …] where ``batched``.
        count: how many; all of them where there are fewer.
        batched: whether the first dimension counts rows.

    Returns:
        An object array of ``bytes``, [n, count] or [count].

    Raises:
        InvalidRequest: an output that is not numeric.
    """
    if array.dtype == object or array.dtype.kind in "bc":
        raise InvalidRequest(
            f"output {name!r}: expected numbers to classify by, received {array.dtype.name}"
        )
    number = len(array) if batched else 1
    # Told and not left to numpy, which cannot work out the size of rows of which there are none.
    rows = array.reshape(number, math.prod(array.shape[1:] if batched else array.shape))
    # With every bit turned round integers sort the other way: a float would mix up large ones.
    keys = ~rows if rows.dtype.kind in "iu" else -rows.astype(np.float64)
    order = np.argsort(keys, axis=1, kind="stable")[:, :count]
    texts = np.empty(order.shape, object)
    for row, column in np.ndindex(*order.shape):
        index = int(order[row, column])
        texts[row, column] = f"{_value(rows[row, index])}:{index}".encode()
    return texts if batched else texts[0]


def classification_bytes(array: Array, count: int, *, batched: bool) -> int:
    """What ``classified`` takes with the same arguments."""
    rows = len(array) if batched else 1
    return array.size * _KEY_BYTES + min(array.size, rows * count) * STRING_BYTES


def _value(value: np.generic) -> str:
    return str(int(value)) if value.dtype.kind in "iu" else f"{float(value):f}"
