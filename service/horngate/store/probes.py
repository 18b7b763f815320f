"""Single rows made up to find out whether a model mixes the rows of a batch.

Rows that are known to be taken come first. The others are chosen for what mixes rows only now and
then: texts of none, one and several words, numbers of both signs and several sizes, rows that are
equal, and rows that drown all others where anything is summed or compared over the batch. This
module runs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from horngate.tensors import Array, Arrays, DType, Signature, TensorSpec

KNOWN: Final = 8
"""Rows taken from what is known."""

USUAL: Final = 6
"""Rows of values that most models take."""

FREE_SIZES: Final = (32, 4, 1)
"""Tried in turn for dimensions after the first that may have any size: enough to halve five times,
as picture models do; few; one."""

TEXTS: Final = (
    b"gate", b"", b"horn gate", b"one two three", b"ivory", b"a a", "größe".encode(), b"Horn!",
)  # fmt: skip
NUMERALS: Final = (b"1", b"0", b"2", b"-3", b"0.5", b"1000", b"7", b"12")
LONG_TEXT: Final = b"horn " * 200
LARGE_INTEGER: Final = 1000
"""Larger ones could be taken for sizes, and one row ask for all memory."""

LARGE_FLOATS: Final = (1e6, 3e38)
"""The second drowns what the first does not, and cast to an integer it is no size of anything."""

LARGEST_ROW: Final = 32 * 1024 * 1024
"""Bytes of all inputs of one row that may be made up."""


class Probe(NamedTuple):
    """One row for every input of a signature, [1, …] each.

    ``wild`` rows hold NaN or numbers so large that what a kernel makes of them may depend on where
    in the batch they stand.
    """

    inputs: Arrays
    wild: bool = False


def known_rows(signature: Signature, known: Sequence[Arrays]) -> list[Probe]:
    """Up to ``KNOWN`` different rows of ``known``, spread over it, all of the first one's shape.

    Args:
        signature: whose inputs.
        known: inputs that it takes, [n, …] each; what has no row for each input is left out.
    """
    rows: dict[tuple[object, ...], Arrays] = {}
    shape: tuple[tuple[int, ...], ...] | None = None
    for inputs in known:
        if inputs.keys() != signature.inputs.keys() or any(
            array.ndim == 0 for array in inputs.values()
        ):
            continue
        number = min(len(array) for array in inputs.values())
        shapes = tuple(inputs[name].shape[1:] for name in signature.inputs)
        if number == 0 or shape not in (None, shapes):
            continue
        shape = shapes
        for index in np.unique(np.linspace(0, number - 1, KNOWN).astype(int)).tolist():
            row = {name: inputs[name][index : index + 1] for name in signature.inputs}
            rows.setdefault(identity(row), row)
    return [Probe(row) for row in list(rows.values())[:KNOWN]]


def usual_rows(signature: Signature, known: Sequence[Probe], free: int) -> list[Probe]:
    """Seeded rows: integers, booleans and texts from among the known, floats from their range.

    Where nothing is known, integers are 0 or 1, floats lie between 0 and 1.

    Args:
        signature: whose inputs.
        known: what ``known_rows`` gave; its shapes are kept.
        free: the size of dimensions that may have any, where nothing is known.
    """
    shapes = _shapes(signature, known, free)
    pools = {name: [probe.inputs[name] for probe in known] for name in signature.inputs}
    rows: list[Probe] = []
    for seed in range(USUAL):
        rng = np.random.default_rng(seed)
        rows.append(
            Probe(
                {
                    name: _usual(spec, pools[name], shapes[name], seed, rng)
                    for name, spec in signature.inputs.items()
                }
            )
        )
    return rows


def edge_rows(
    signature: Signature, known: Sequence[Probe], usual: Sequence[Probe], free: int
) -> Iterator[list[Probe]]:
    """Groups of rows at the edges of what dtypes hold: the first that a model takes is enough.

    Each group's first row has every input at an edge; it is the only one needed where the model
    takes it. The others have one input at the edge and the rest as in ``usual``.
    """
    shapes = _shapes(signature, known, free)
    edges = {name: _edges(spec.dtype, shapes[name]) for name, spec in signature.inputs.items()}
    for index in range(max(map(len, edges.values()))):
        at = {name: found[index % len(found)] for name, found in edges.items()}
        rest = usual[index % len(usual)].inputs
        group = [Probe({n: a for n, (a, _) in at.items()}, any(w for _, w in at.values()))]
        if len(at) > 1:
            group += [Probe({**rest, n: a}, wild) for n, (a, wild) in at.items()]
        yield group


def identity(row: Arrays) -> tuple[object, ...]:
    """Equal for equal rows, NaN included."""
    return tuple(
        tuple(array.ravel().tolist()) if array.dtype == object else array.tobytes()
        for array in row.values()
    )


def row_bytes(signature: Signature, known: Sequence[Probe], free: int) -> int:
    """What one made-up row takes, of all inputs; arguments as for ``usual_rows``."""
    shapes = _shapes(signature, known, free)
    return sum(
        math.prod(shapes[name]) * spec.dtype.numpy.itemsize
        for name, spec in signature.inputs.items()
    )


def _shapes(signature: Signature, known: Sequence[Probe], free: int) -> dict[str, tuple[int, ...]]:
    if known:
        return {name: known[0].inputs[name].shape for name in signature.inputs}
    return {
        name: (1, *[free if size is None else size for size in spec.shape[1:]])
        for name, spec in signature.inputs.items()
    }


def _usual(
    spec: TensorSpec,
    pool: Sequence[Array],
    shape: tuple[int, ...],
    seed: int,
    rng: np.random.Generator,
) -> Array:
    dtype = spec.dtype
    if dtype is DType.STRING or dtype.numpy.kind in "iub":
        if pool:
            values = np.concatenate([array.ravel() for array in pool])
        elif dtype is DType.STRING:
            # One after the other, or a row of one text might be the same every time.
            values = np.array(TEXTS[seed : seed + 2], object)
        else:
            values = np.arange(2)
            if np.prod(shape) == 1:
                values = values[seed % 2 :][:1]
        return np.asarray(rng.choice(values, shape)).astype(dtype.numpy)
    low, high = 0.0, 1.0
    if pool and dtype.numpy.kind != "c":
        finite = np.nan_to_num(np.concatenate([array.ravel() for array in pool]).astype(np.float64))
        low, high = float(finite.min(initial=0)), float(finite.max(initial=1))
    return _floats(rng.uniform(low, high if high > low else low + 1, shape), dtype, rng)


def _edges(dtype: DType, shape: tuple[int, ...]) -> list[tuple[Array, bool]]:
    """Rows of one input, each with whether it is wild."""
    rng = np.random.default_rng(97)
    if dtype is DType.STRING:
        alike = [np.full(shape, text, object) for text in (*TEXTS, *NUMERALS, LONG_TEXT)]
        drawn = [np.asarray(rng.choice(np.array(TEXTS, object), shape), object) for _ in range(2)]
        return [(array, False) for array in (*alike, *drawn)]
    kind = dtype.numpy.kind
    if kind == "b":
        drawn = [rng.integers(0, 2, shape) for _ in range(2)]
        return [
            (np.asarray(array).astype(bool), False)
            for array in (np.zeros(shape), np.ones(shape), *drawn)
        ]
    if kind in "iu":
        info = np.iinfo(dtype.numpy)
        values = [0, 1, 2, 3, 7, -1, -5, min(LARGE_INTEGER, int(info.max)), -LARGE_INTEGER]
        rows = [np.full(shape, value) for value in values if info.min <= value <= info.max]
        rows += [rng.integers(0, 10, shape), rng.integers(max(-3, int(info.min)), 4, shape)]
        return [(row.astype(dtype.numpy), False) for row in rows]
    tame = [np.zeros(shape), np.ones(shape), -rng.random(shape), rng.random(shape) * 255]
    tame += [rng.normal(0, 3, shape) for _ in range(2)]
    holes = rng.random(shape)
    holes.flat[:1] = np.nan
    large = [np.full(shape, sign * size) for size in LARGE_FLOATS for sign in (1, -1)]
    wild = [np.full(shape, np.nan), *large, holes, np.full(shape, np.inf)]
    return [(_floats(array, dtype, rng), False) for array in tame] + [
        (_floats(array, dtype, rng), True) for array in wild
    ]


def _floats(array: Array, dtype: DType, rng: np.random.Generator) -> Array:
    if dtype.numpy.kind == "c":
        array = array + 1j * rng.random(array.shape)
    if dtype is DType.FLOAT16:
        array = np.clip(array, -6e4, 6e4)  # NaN stays NaN; beyond that is infinity
    return np.asarray(array).astype(dtype.numpy)
