"""Inputs made up for a model that came without any, so that its export can be tried."""

from __future__ import annotations

from typing import Final

import numpy as np

from horngate.tensors import Array, DType, Signature, TensorSpec

ROWS: Final = 3
FREE_SIZE: Final = 32
"""Taken for a dimension that is not the batch's and may have any size: enough to halve five times,
as picture models do."""
WORDS: Final = (b"gate", b"horn", b"", b"ivory")


def made_up_inputs(signature: Signature, seed: int = 0) -> dict[str, Array]:
    """Seeded inputs of the right dtypes and shapes, ``ROWS`` rows where there is a batch.

    Integers are 0 or 1, which any vocabulary and any number of classes has; floats lie between 0
    and 1.
    """
    rng = np.random.default_rng(seed)
    return {spec.name: _array(spec, rng) for spec in signature.inputs.values()}


def _array(spec: TensorSpec, rng: np.random.Generator) -> Array:
    shape = [FREE_SIZE if size is None else size for size in spec.shape]
    if spec.batched:
        shape[0] = ROWS
    if spec.dtype is DType.STRING:
        return np.array(rng.choice(np.array(WORDS, object), shape), object)
    if spec.dtype.numpy.kind in "iub":
        return rng.integers(0, 2, shape).astype(spec.dtype.numpy)
    return rng.random(shape).astype(spec.dtype.numpy)
