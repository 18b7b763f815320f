"""Joining the rows of several requests into one call, and cutting the answer apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from horngate.errors import EngineFailed
from horngate.scheduling.work import Work
from horngate.tensors import Array, Arrays


def join(batch: Sequence[Work]) -> Arrays:
    """The inputs of all, row after row in the order of ``batch``. One work is not copied."""
    if len(batch) == 1:
        return batch[0].inputs
    return {name: np.concatenate([work.inputs[name] for work in batch]) for name in batch[0].inputs}


def cut(batch: Sequence[Work], outputs: dict[str, Array]) -> list[dict[str, Array]]:
    """Each work's own rows of ``outputs``, as views, in the order of ``batch``.

    Raises:
        EngineFailed: an output has not one row for each row that went in, so that no row can
            be said to be anyone's.
    """
    if len(batch) == 1:
        return [outputs]
    total = sum(work.rows for work in batch)
    for name, array in outputs.items():
        if array.ndim == 0 or array.shape[0] != total:
            raise EngineFailed(
                f"output {name!r} has shape {list(array.shape)} for a batch of {total} rows; "
                "a model that mixes rows needs batching.enabled = false in its model.toml"
            )
    parts: list[dict[str, Array]] = []
    start = 0
    for work in batch:
        end = start + work.rows
        parts.append({name: array[start:end] for name, array in outputs.items()})
        start = end
    return parts
