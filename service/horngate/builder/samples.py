"""Inputs made up for a model that came without any, so that its export can be tried."""

from __future__ import annotations

from typing import Final

import numpy as np

from horngate.tensors import Array, Arrays, DType, Signature, TensorSpec

ROWS: Final = 3
FREE_SIZE: Final = 32
"""Taken for a dimension that is not the batch's and may have any size: enough to halve five times,
as picture models do."""
WORDS: Final = (b"gate", b"horn", b"", b"ivory")
STRANGE_WORDS: Final = (*WORDS, "größe".encode(), b"no vocabulary has this")


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


def trial_inputs(
    signature: Signature, known: Arrays, *, rows: int, seed: int, strange: bool = False
) -> dict[str, Array]:
    """Seeded inputs by which two engines can be compared, ``rows`` rows where there is a batch.

    Args:
        signature: whose inputs.
        known: values that the model is known to take, by input name; may lack any. Integers and
            strings are taken from among them, floats from their range.
        rows: of a batched input.
        seed: the same inputs for the same seed.
        strange: go beyond what is known: floats around zero, integers that may be negative or past
            an end, strings that no vocabulary has. A model may well refuse those.
    """
    rng = np.random.default_rng([seed, strange])
    inputs = {}
    for name, spec in signature.inputs.items():
        shape = [FREE_SIZE if size is None else size for size in spec.shape]
        if spec.batched:
            shape[0] = rows
        draw = _strange if strange else _usual
        inputs[name] = draw(spec.dtype, known.get(name), shape, rng)
    return inputs


def _usual(dtype: DType, known: Array | None, shape: list[int], rng: np.random.Generator) -> Array:
    kind = dtype.numpy.kind
    if dtype is DType.STRING or kind in "iub":
        pool = np.array(WORDS, object) if dtype is DType.STRING else np.arange(2)
        if known is not None and known.size:
            pool = known.ravel()
        return np.asarray(rng.choice(pool, shape)).astype(dtype.numpy)
    low, high = 0.0, 1.0
    if known is not None and known.size:
        finite = np.nan_to_num(known.astype(np.float64))
        low, high = float(finite.min()), float(finite.max())
    return rng.uniform(low, high if high > low else low + 1, shape).astype(dtype.numpy)


def _strange(
    dtype: DType, known: Array | None, shape: list[int], rng: np.random.Generator
) -> Array:
    if dtype is DType.STRING:
        return np.asarray(rng.choice(np.array(STRANGE_WORDS, object), shape), object)
    if dtype is DType.BOOL:
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.numpy.kind in "iu":
        largest = int(known.max()) if known is not None and known.size else 1
        lowest = 0 if dtype.numpy.kind == "u" else -2
        highest = min(max(largest, 1) + 2, int(np.iinfo(dtype.numpy).max))
        return rng.integers(lowest, highest, shape, endpoint=True).astype(dtype.numpy)
    return rng.normal(0, 3, shape).astype(dtype.numpy)
