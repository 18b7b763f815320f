"""Edge values of each dtype: extremes, signs, ties, what is not finite, and what rounds."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from horngate.tensors import Array, DType

FLOATS: Final = ("float16", "float32", "float64")
INTEGERS: Final = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
NUMBERS: Final = (*FLOATS, *INTEGERS)
ALL: Final = (*NUMBERS, "bool", "string")
LENGTHS: Final = (1, 2, 3, 7, 16, 33)
"""Kernels compute several elements at a time, and what is left over otherwise."""

_UNIX: Final = 1764033601
_FLOATS: Final = (
    *(0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 2.0, -2.0, 3.0, -3.0, 7.0, -7.0, 0.1, -0.1),
    *(0.3, 0.9999, 1e-3, -1e-3, 1e-7, 10.0, -10.0, 20.0, -20.0, 88.5, -88.5, 90.0, -90.0, 104.0),
    *(-104.0, 100.0, -100.0, 3.1415927, 1.5707964, 127.0, 128.0, 255.0, 256.0, 300.0, -129.0),
    *(1000.0, 2047.5, 32767.0, 32768.0, 65504.0, -65504.0, 65535.0, 16777216.0, 16777218.0),
    *(float(_UNIX), 2147483520.0, 2147483648.0, -2147483648.0, 4294967296.0, 1e10, -1e10),
    *(9.2e18, 9223372036854775808.0, -9223372036854775808.0, 1.8446744073709552e19, 1e20, -1e20),
    *(1e-30, 1e30, -1e30, 1.7e19, -0.0, np.inf, -np.inf, np.nan),
)
_INTEGERS: Final = (
    *(0, 1, -1, 2, -2, 3, -3, 5, 7, -7, 8, 15, 31, 32, 33, 63, 64, 65, 100, 127, 128, -128, -129),
    *(255, 256, 1000, 32767, 32768, -32768, 46341, 65535, 65536, 2**24, 2**24 + 1, -(2**24) - 1),
    *(_UNIX, _UNIX + 1, _UNIX + 2, _UNIX + 3, 2**31 - 1, 2**31, -(2**31), 2**32 - 1, 2**32 + 1),
    *(3037000500, 2**53, 2**53 + 1, -(2**53) - 1, 2**62, 2**63 - 1, -(2**63), -(2**63) + 1, 2**63),
    *(2**64 - 1,),
)
_STRINGS: Final = (
    *(
        b"",
        b"a",
        b"A",
        b"b",
        b"ab",
        b" a  b ",
        b"1",
        b"-7",
        b"1.5",
        b"nan",
        b"\t\n",
        b"a\0b",
        b"\0",
    ),
    *(
        "größe".encode(),
        "GRÖSSE".encode(),
        "日本".encode(),
        "\N{GRINNING FACE}".encode(),
        b"x" * 300,
    ),
)


def edges(dtype: str) -> Array:
    """Each edge value of ``dtype`` once, as one row of elements."""
    if dtype == "string":
        return np.array(_STRINGS, object)
    if dtype == "bool":
        return np.array([False, True])
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return _float_edges(kind)
    info = np.iinfo(kind)
    held = [value for value in _INTEGERS if info.min <= value <= info.max]
    held += [info.max, info.max - 1, info.min, info.min + 1]
    return np.array(list(dict.fromkeys(held)), kind)


def _float_edges(kind: np.dtype[Any]) -> Array:
    info = np.finfo(kind)
    with np.errstate(over="ignore"):
        values = np.array(_FLOATS).astype(kind)
    extremes = [info.max, -info.max, info.tiny, -info.tiny, info.eps, 1 - info.eps, 1 + info.eps]
    denormals = np.array([float(info.tiny) / 4, -float(info.tiny) / 16]).astype(kind)
    known = np.concatenate([values, np.array(extremes, kind), denormals])
    _, first = np.unique(known.view(f"u{kind.itemsize}"), return_index=True)
    return known[np.sort(first)]


def moderate(dtype: str, shape: tuple[int, ...], seed: int = 0) -> Array:
    """Values that a model would compute with: floats around zero, small integers."""
    rng = np.random.default_rng(seed)
    if dtype == "string":
        return np.asarray(rng.choice(np.array(_STRINGS, object), shape), object)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if np.dtype(dtype).kind == "f":
        return rng.normal(0, 1, shape).astype(dtype)
    low = 0 if np.dtype(dtype).kind == "u" else -9
    return rng.integers(low, 10, shape).astype(dtype)


def drawn(dtype: str, shape: tuple[int, ...], seed: int = 0) -> Array:
    """Edge values in any order."""
    rng = np.random.default_rng(seed)
    return np.asarray(rng.choice(edges(dtype), shape)).astype(DType(dtype).numpy)


def pairs(left: Array, right: Array) -> list[Array]:
    """Each of ``left`` with each of ``right``, as two rows of elements."""
    first, second = np.meshgrid(np.arange(left.size), np.arange(right.size), indexing="ij")
    return [left[first.ravel()], right[second.ravel()]]


def cut(rows: list[Array], seed: int = 0) -> list[list[Array]]:
    """The rows whole, and pieces of each of ``LENGTHS`` from anywhere in them."""
    rng = np.random.default_rng(seed)
    total = rows[0].shape[0]
    feeds = [rows]
    for length in LENGTHS:
        for _ in range(2):
            chosen = rng.integers(0, total, length)
            feeds.append([row[chosen] for row in rows])
    return feeds
