"""Joining the rows of several requests into one call, and cutting the answer apart.

Filling up, to a number of rows and to rows of one shape, is bounded; what a run takes of the
server's budget is held while it runs.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from horngate.batching.work import Work
from horngate.errors import Overloaded
from horngate.tensors import STRING_BYTES, Array, Arrays


class RowsDiffer(Exception):
    """An output has not one row for each row that went in: no row can be said to be anyone's."""


def join(batch: Sequence[Work], missing: int) -> Arrays:
    """The inputs of all, row after row in the order of ``batch``, and ``missing`` rows more.

    One work that needs no filling is not copied, unless its arrays lie at odd addresses.
    """
    if len(batch) == 1 and not missing:
        return {
            name: array if array.flags.aligned else array.copy()
            for name, array in batch[0].inputs.items()
        }
    inputs: dict[str, Array] = {}
    free = batch[0].signature.free
    for name in batch[0].inputs:
        parts = [work.inputs[name] for work in batch]
        filled_up = missing or name in free
        inputs[name] = concatenated(parts, missing) if filled_up else np.concatenate(parts)
    return inputs


def cut(batch: Sequence[Work], outputs: dict[str, Array], missing: int) -> list[dict[str, Array]]:
    """Each work's own rows of ``outputs``, as views, in the order of ``batch``.

    Raises:
        RowsDiffer: an output has not one row for each row that went in.
    """
    if len(batch) == 1 and not missing:
        return [outputs]  # whole, whatever its rows: all of it is this caller's
    rows = sum(work.rows for work in batch) + missing
    for name, array in outputs.items():
        if array.ndim == 0 or array.shape[0] != rows:
            raise RowsDiffer(
                f"output {name!r} has shape {list(array.shape)} for a batch of {rows} rows"
            )
    parts: list[dict[str, Array]] = []
    start = 0
    for work in batch:
        end = start + work.rows
        parts.append({name: array[start:end] for name, array in outputs.items()})
        start = end
    return parts


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


@contextlib.contextmanager
def holding(batch: Sequence[Work], rows: int) -> Iterator[None]:
    """Hold them while ``batch`` runs in ``rows`` rows, though its callers may leave meanwhile.

    At least one of ``batch`` is counted. What runs alone was, as it was queued. Members that are
    not worth counting come to a batch that is not either: ``Growth`` bounds what filling up
    makes of it.

    Raises:
        Overloaded: by entering it, where there is no room to join them; each alone still fits.
    """
    shares = [work.share for work in batch if work.share is not None]
    budget = shares[0].budget
    size = run_bytes(batch, rows) if len(batch) > 1 else 0
    if not budget.try_take(size):
        raise Overloaded(
            f"expected room for {size} bytes to join the requests of a batch, found too little; "
            "retry with backoff, or raise max_tensor_bytes_in_flight"
        )
    for share in shares:
        share.keep()
    try:
        yield
    finally:
        for share in shares:
            share.drop()
        budget.give(size)
