"""Comparing two engines: inputs made up for it, and whether ONNX Runtime's answer is TensorFlow's.

Within the usual range ``Golden`` decides. At an edge that would call good models wrong:
where a network's sums are of the size 1e30, or a value stands near the one from which ``exp``
overflows, TensorFlow's own answer changes with the last digit of its input, or with the number of
rows beside it. So TensorFlow is asked again with inputs that are a few units in the last place off,
and with each row alone; by as much as its own answers differ, ONNX Runtime's may. Which place holds
a NaN or an infinity, or which integer comes out, is held against it only where all of TensorFlow's
answers agree.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np

from horngate.tensors import Array, Arrays, DType, Signature, TensorSpec

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
        atol: as ``Golden`` has them.
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


ROWS: Final = 3
FREE_SIZE: Final = 32
"""Taken for a dimension that is not the batch's and may have any size: enough to halve five times,
as picture models do."""
WORDS: Final = (b"gate", b"horn", b"", b"ivory")
SCALES: Final = {"tiny": 1e-30, "small": 1e-4, "large": 1e4, "huge": 1e12, "vast": 1e30}
EDGES: Final = (*SCALES, "halves", "ties", "not finite")
"""What ``edge_inputs`` makes: floats of a size, ties, and what is not finite in one row; integers
near the ends of their dtypes, past 2^24, 2^31 and 2^53, below zero, and Unix times."""
_ANY: Final[Mapping[str, int]] = MappingProxyType({})
STRANGE_WORDS: Final = (*WORDS, "größe".encode(), b"no vocabulary has this")


def made_up_inputs(signature: Signature, seed: int = 0) -> dict[str, Array]:
    """Seeded inputs of the right dtypes and shapes, ``ROWS`` rows where there is a batch.

    Integers are 0 or 1, which any vocabulary and any number of classes has; floats lie between 0
    and 1.
    """
    return trial_inputs(signature, {}, rows=ROWS, seed=seed)


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
    draw = _strange if strange else _usual
    return {
        name: draw(spec.dtype, known.get(name), _shape(spec, rows), _rng(name, seed, strange))
        for name, spec in sorted(signature.inputs.items())
    }


def edge_inputs(
    signature: Signature, *, rows: int, edge: str, largest: Mapping[str, int] = _ANY
) -> dict[str, Array]:
    """Inputs at an edge of what their dtypes hold, ``rows`` rows where there is a batch.

    Args:
        signature: whose inputs.
        rows: of a batched input.
        edge: one of ``EDGES``; the same inputs for the same one.
        largest: no integer input of these names is further from zero than that.
    """
    number = EDGES.index(edge)
    inputs: dict[str, Array] = {}
    for name, spec in sorted(signature.inputs.items()):
        rng, shape = _rng(name, number, strange=True), _shape(spec, rows)
        if spec.dtype.numpy.kind in "iu":
            inputs[name] = _edge_integers(spec.dtype, edge, shape, rng, largest.get(name))
        elif spec.dtype.numpy.kind in "fV":
            inputs[name] = _edge_floats(spec.dtype, edge, shape, rng)
        else:
            inputs[name] = _strange(spec.dtype, None, shape, rng)
    return inputs


def _rng(name: str, seed: int, strange: bool) -> np.random.Generator:
    """By the input's name: the maps of a signature have no order."""
    return np.random.default_rng([seed, strange, zlib.crc32(name.encode())])


def _shape(spec: TensorSpec, rows: int) -> list[int]:
    shape = [FREE_SIZE if size is None else size for size in spec.shape]
    if spec.batched:
        shape[0] = rows
    return shape


def _edge_floats(dtype: DType, edge: str, shape: list[int], rng: np.random.Generator) -> Array:
    values = rng.normal(0, 1, shape)
    if edge in SCALES:
        values *= SCALES[edge]
    elif edge == "halves":
        values = np.round(values * 4) / 2
    elif edge == "ties":
        values = np.full(shape, float(np.round(rng.normal(0, 1), 1)))
    elif edge == "not finite":
        # In the first row alone: what one row holds must not be seen in another's answer.
        first = values[:1] if values.ndim else values[None]
        odd = rng.random(first.shape) < 0.3
        first[odd] = rng.choice([np.nan, np.inf, -np.inf], int(odd.sum()))
        values = np.concatenate([first, values[1:]]) if values.ndim else first[0]
    with np.errstate(over="ignore"):
        return np.asarray(values).astype(dtype.numpy)


def _edge_integers(
    dtype: DType, edge: str, shape: list[int], rng: np.random.Generator, most: int | None
) -> Array:
    info = np.iinfo(dtype.numpy)
    pools = {
        "tiny": range(-1, 2),
        "small": range(-9, 10),
        "large": (2**24, 2**24 + 1, -(2**24) - 1, 2**31 - 1, -(2**31), 2**31, 2**32 + 1),
        "huge": (2**53, 2**53 + 1, -(2**53) - 1, 2**62, 2**62 + 1),
        "vast": (info.max, info.max - 1, info.min, info.min + 1),
        "halves": range(1764033601, 1764033605),
        "ties": (1,),
        "not finite": range(100, 130),
    }
    held = [each for each in pools[edge] if info.min <= each <= info.max] or [info.max, info.min]
    if most is not None:
        held = [min(max(each, -most), most) for each in held]
    return np.asarray(rng.choice(np.array(held, dtype.numpy), shape)).astype(dtype.numpy)


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
