"""Filling arrays up: to a number of rows, and to rows of one shape; and what that comes to."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from horngate.batching.work import Work
from horngate.tensors import STRING_BYTES, Array

FREE_BYTES: Final = 16 * 1024 * 1024
GROWTH: Final = 2
"""How far filling up may make a batch grow: to so many bytes in any case, and beyond that to so
many times what its requests take by themselves. A row of ten thousand columns and one of ten
thousand lines, a few bytes each, would come to a hundred million elements."""


def concatenated(arrays: Sequence[Array], missing: int) -> Array:
    """The rows of ``arrays``, of equal rank, and ``missing`` rows more, in one new array.

    Rows are grown to the largest size of every dimension. What is added is each array's own first
    element (TensorFlow Serving's rule); one without elements, which has none, gets zeros or empty
    strings. The rows that are missing repeat the first: a row that the model is known to take,
    which zeros need not be.
    """
    sizes = _sizes([array.shape for array in arrays])
    rows = sum(map(len, arrays))
    made = np.empty((rows + missing, *sizes), arrays[0].dtype)
    start = 0
    for array in arrays:
        part = made[start : start + len(array)]
        if array.shape[1:] != sizes:
            part[...] = array.flat[0] if array.size else (b"" if array.dtype == object else 0)
        part[tuple(slice(size) for size in array.shape)] = array
        start += len(array)
    made[rows:] = made[:1]
    return made


def run_bytes(batch: Sequence[Work], rows: int) -> int:
    """What the inputs of ``batch`` take as one, in ``rows`` rows of one shape."""
    size = 0
    for name, first in batch[0].inputs.items():
        sizes = _sizes([work.inputs[name].shape for work in batch])
        size += _element_bytes(first) * math.prod(sizes)
    return rows * size


class Growth:
    """Who may join a batch that is filled up: whoever does not make it far larger than they are.

    ``filled`` gives the rows that a batch of so many is run with.
    """

    def __init__(self, filled: Callable[[int], int]) -> None:
        self._filled = filled
        self._rows = 0
        self._alone = 0
        self._sizes: dict[str, tuple[int, ...]] = {}

    def admits(self, work: Work) -> bool:
        """Take ``work`` in, unless the batch would grow too far. The first is always taken."""
        rows = self._rows + work.rows
        sizes = {name: array.shape[1:] for name, array in work.inputs.items()}
        alone = self._alone + self._run_bytes(work, work.rows, sizes)
        if self._rows:
            sizes = {name: tuple(map(max, size, self._sizes[name])) for name, size in sizes.items()}
            if self._run_bytes(work, rows, sizes) > max(FREE_BYTES, GROWTH * alone):
                return False
        self._rows, self._alone, self._sizes = rows, alone, sizes
        return True

    def _run_bytes(self, work: Work, rows: int, sizes: Mapping[str, tuple[int, ...]]) -> int:
        return self._filled(rows) * sum(
            _element_bytes(array) * math.prod(sizes[name]) for name, array in work.inputs.items()
        )


def _element_bytes(array: Array) -> int:
    return STRING_BYTES if array.dtype.hasobject else array.dtype.itemsize


def _sizes(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The largest size of every dimension but the first."""
    first = shapes[0][1:]
    if all(shape[1:] == first for shape in shapes):
        return first
    return tuple(map(max, zip(*(shape[1:] for shape in shapes), strict=True)))
