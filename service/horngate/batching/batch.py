"""Joining the rows of several requests into one call, and cutting the answer apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from horngate.batching.padding import concatenated
from horngate.batching.work import Work
from horngate.tensors import Array, Arrays


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
