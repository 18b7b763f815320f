"""Whether ONNX Runtime's answer is TensorFlow's, at the edges of what a model can be asked.

Within the usual range ``extras.Golden`` decides. At an edge that would call good models wrong:
where a network's sums are of the size 1e30, or a value stands near the one from which ``exp``
overflows, TensorFlow's own answer changes with the last digit of its input, or with the number of
rows beside it. So TensorFlow is asked again with inputs that are a few units in the last place off,
and with each row alone; by as much as its own answers differ, ONNX Runtime's may. Which place holds
a NaN or an infinity, or which integer comes out, is held against it only where all of TensorFlow's
answers agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from horngate.tensors import Array, Arrays

UNITS: Final = 4
"""By how many units in the last place the inputs are moved."""


def moved(inputs: Arrays) -> list[dict[str, Array]]:
    """The inputs with their floats a little larger, and a little smaller; none without floats."""
    if not any(array.dtype.kind in "fV" for array in inputs.values()):
        return []
    return [{name: _scaled(array, sign) for name, array in inputs.items()} for sign in (1.0, -1.0)]


def _scaled(array: Array, sign: float) -> Array:
    if array.dtype.kind not in "fV":
        return array
    unit = float(np.finfo(array.dtype).eps) if array.dtype.kind == "f" else 2.0**-7
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(array * array.dtype.type(1 + sign * UNITS * unit)).astype(array.dtype)


def mismatch(
    expected: Arrays, others: Sequence[Arrays], received: Arrays, *, rtol: float, atol: float
) -> str | None:
    """What is wrong with ``received``, in words; None where nothing is.

    Args:
        expected: TensorFlow's answers, by output.
        others: what it answers to almost the same, of the same shapes.
        received: ONNX Runtime's answers.
        rtol: see ``atol``.
        atol: as ``extras.Golden`` has them.
    """
    for name, wanted in expected.items():
        got = received[name]
        if got.shape != wanted.shape or got.dtype != wanted.dtype:
            return f"output {name!r}: expected {wanted.dtype}{wanted.shape}, received {got.shape}"
        wrong = _wrong(wanted, [other[name] for other in others], got, rtol=rtol, atol=atol)
        if wrong.any():
            place = np.unravel_index(int(np.argmax(wrong)), wrong.shape) if wrong.shape else ()
            return f"output {name!r}: expected {wanted[place]}, received {got[place]}"
    return None


def _wrong(
    wanted: Array, others: Sequence[Array], got: Array, *, rtol: float, atol: float
) -> Array:
    if wanted.dtype.kind != "f":
        stable = np.ones(wanted.shape, bool)
        for other in others:
            stable &= np.asarray(other == wanted)
        return np.asarray(stable & np.asarray(got != wanted))
    left, right = wanted.astype(np.float64), got.astype(np.float64)
    stable, noise = np.ones(left.shape, bool), np.zeros(left.shape)
    with np.errstate(invalid="ignore", over="ignore"):
        for each in others:
            other = each.astype(np.float64)
            stable &= _kind(other) == _kind(left)
            noise = np.maximum(noise, np.nan_to_num(np.abs(other - left), nan=0.0, posinf=0.0))
        finite = np.isfinite(left)
        size = float(np.max(np.abs(left[finite]), initial=0.0))
        allowed = atol * max(1.0, size) + rtol * np.abs(left) + UNITS * noise
        near = np.abs(right - left) <= allowed
    same = _kind(left) == _kind(right)
    # Of a row that has a NaN in it, TensorFlow's own kernels differ in how many they make.
    rows = np.isnan(left).any(axis=tuple(range(1, left.ndim)), keepdims=True)
    spread = np.isnan(right) & (rows if left.ndim else np.isnan(left))
    return np.asarray(stable & ~(same & (near | ~finite)) & ~spread)


def _kind(values: Array) -> Array:
    """0 where finite, else which of the three."""
    return np.where(np.isnan(values), 3, np.where(np.isposinf(values), 1, np.isneginf(values) * 2))
