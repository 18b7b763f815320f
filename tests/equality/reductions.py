"""Operations along an axis: sums, extremes, orders, running sums."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import numpy as np
import tensorflow as tf

from horngate.tensors import Array
from tests.equality.probe import Feeds, Probe, Trial, call
from tests.equality.values import FLOATS, INTEGERS, LENGTHS, NUMBERS, drawn, edges, moderate

SUMS: Final = ("Sum", "Mean", "Prod", "EuclideanNorm")
EXTREMES: Final = ("Max", "Min")
INDEX: Final = ("int32", "int64")


def probes() -> Iterator[Probe]:
    for operation in (*SUMS, *EXTREMES):
        for dtype in NUMBERS:
            yield from _reduced(operation, dtype)
    for operation in ("Prod", "Sum"):
        for dtype in INDEX:
            for index in INDEX:
                yield Probe(
                    operation,
                    f"sizes, {dtype} by {index}",
                    partial(_sizes, operation, dtype, index),
                    free=("keep_dims",),
                    needs=("constant:1", "size:0"),
                )
    for operation in ("All", "Any"):
        yield from _reduced(operation, "bool")
    yield from _orders_and_runs()


def _orders_and_runs() -> Iterator[Probe]:
    for operation in ("ArgMax", "ArgMin"):
        for dtype in (*NUMBERS, "bool"):
            for out in INDEX:
                yield Probe(
                    operation,
                    f"{dtype} as {out}",
                    partial(_found, operation, dtype, out),
                    needs=("elements:0,1",),
                )
    for dtype in NUMBERS:
        for index in INDEX:
            yield Probe(
                "TopKV2",
                f"{dtype} as {index}",
                partial(_top, dtype, index),
                needs=("constant:1",),
                free=("sorted",),
            )
        for operation in ("Cumsum", "Cumprod"):
            yield Probe(
                operation,
                dtype,
                partial(_running, operation, dtype),
                needs=("constant:1",),
                largest=operation == "Cumsum",
            )
        yield Probe("L2Loss", dtype, partial(_loss, dtype))
    for dtype in FLOATS:
        for operation in ("Softmax", "LogSoftmax"):
            yield Probe(operation, dtype, partial(_normal, operation, dtype), unit=0.01, rows=True)


def _reduced(operation: str, dtype: str) -> Iterator[Probe]:
    whole = ("constant:1",)
    some = ("constant:1", "elements:0,1")
    largest = operation in SUMS
    rtol = 1e-2 if largest and dtype == "float16" else None
    for index in INDEX:
        yield Probe(
            operation,
            f"{dtype} by {index}, maybe of nothing",
            partial(_reductions, operation, dtype, index, empty=True),
            free=("keep_dims",),
            needs=whole,
            largest=largest,
            rtol=rtol,
        )
        yield Probe(
            operation,
            f"{dtype} by {index}",
            partial(_reductions, operation, dtype, index, empty=False),
            free=("keep_dims",),
            needs=some,
            largest=largest,
            rtol=rtol,
        )


def _sizes(operation: str, dtype: str, index: str) -> Iterator[Trial]:
    """Sizes of tensors, whose product is a number of elements: far from the dtype's end."""
    for keep in (False, True):
        yield Trial(
            lambda x, keep=keep: call(operation, x, tf.constant([0], index), keep_dims=keep),
            [(dtype, [None])],
            lambda: [
                [np.array(each, dtype)]
                for each in ([], [0, 5], [1], [32, 7, 3], [2**10, 2**10, 7], [2**16 - 1, 32767])
            ],
        )


def _reductions(operation: str, dtype: str, index: str, *, empty: bool) -> Iterator[Trial]:
    for axes, keep in (([1], False), ([-1], True), ([0], False), ([0, 1], True), ([], False)):
        yield Trial(
            lambda x, axes=axes, keep=keep: call(
                operation, x, tf.constant(axes, index, [len(axes)]), keep_dims=keep
            ),
            [(dtype, [None, None])],
            lambda: [
                [each]
                for each in _matrices(dtype, sums=operation in SUMS, empty=empty)
                if operation != "Prod" or dtype in INTEGERS or 9 not in each.shape
            ],
        )
    yield Trial(
        lambda x: call(operation, x, tf.constant([1, 2], index)),
        [(dtype, [None, 3, 3, 2])],
        lambda: [[moderate(dtype, (2, 3, 3, 2))]],
    )


def _matrices(dtype: str, *, sums: bool, empty: bool) -> list[Array]:
    """For sums of floats such rows that the order of summation is no matter."""
    found = [moderate(dtype, (3, length), length) for length in (*LENGTHS, 300)]
    if empty:
        found += [moderate(dtype, (3, 0)), moderate(dtype, (0, 4))]
    if dtype == "bool":
        return [*found, np.zeros((3, 4), bool), np.ones((3, 4), bool)]
    if not sums or dtype in INTEGERS:
        each = edges(dtype)
        found += [drawn(dtype, (5, length), length) for length in (1, 2, 7, 33)]
        if dtype in INTEGERS:
            info = np.iinfo(dtype)
            found += [np.full((2, 5), info.max, dtype), np.full((2, 5), info.min, dtype)]
        return [*found, each[None], each[:, None]]
    info_f = np.finfo(dtype)
    rows = [
        [info_f.max] * 3,
        [info_f.max, 1, 2],
        [np.inf, 1, 2],
        [-np.inf, -np.inf, 0],
        [np.inf, -np.inf, 1],
        [np.nan, 1, 2],
        [0.0, -0.0, -0.0],
        [info_f.tiny / 4, info_f.tiny / 4, 0],
        [1e-3, 1e-3, 2e-3],
    ]
    return [*found, np.array(rows).astype(dtype), np.array(rows).T.astype(dtype)]


def _found(operation: str, dtype: str, out: str) -> Iterator[Trial]:
    for axis in (1, 0, -1):
        yield Trial(
            lambda x, axis=axis: call(operation, x, tf.constant(axis), output_type=out),
            [(dtype, [None, None])],
            lambda: [[each] for each in _ties(dtype)],
        )


def _ties(dtype: str) -> list[Array]:
    found = _matrices(dtype, sums=False, empty=False)
    if dtype in FLOATS:
        rows = [[0.0, -0.0, 0.0], [np.nan, 1, 2], [1, np.nan, 2], [-np.inf, -np.inf, -np.inf]]
        rows += [[1, 2, np.nan], [np.inf, np.inf, 0], [0, 1e-40, 0], [np.nan, np.nan, np.nan]]
        found.append(np.array(rows).astype(dtype))
    return found


def _top(dtype: str, index: str) -> Iterator[Trial]:
    for k in (1, 2, 3):
        yield Trial(
            lambda x, k=k: call(
                "TopKV2", x, tf.constant(k, index), sorted=True, index_type=tf.int32
            ),
            [(dtype, [None, None])],
            lambda: [[each] for each in _orders(dtype)],
        )


def _orders(dtype: str) -> list[Array]:
    found = [each for each in _ties(dtype) if each.shape[1] >= 3]
    if dtype not in FLOATS and np.iinfo(dtype).max > 2**31:
        found.append(np.array([[1764033601, 1764033604, 1764033602, 1764033603]], dtype))
    return found


def _running(operation: str, dtype: str) -> Iterator[Trial]:
    for axis in (1, 0, -1):
        for exclusive in (False, True):
            for reverse in (False, True):
                yield Trial(
                    lambda x, axis=axis, exclusive=exclusive, reverse=reverse: call(
                        operation, x, tf.constant(axis), exclusive=exclusive, reverse=reverse
                    ),
                    [(dtype, [None, None])],
                    lambda: [[each] for each in _small(dtype)],
                )


def _small(dtype: str) -> list[Array]:
    found = [moderate(dtype, (3, length), length) for length in LENGTHS]
    if dtype in INTEGERS:
        found += [drawn(dtype, (3, length), length) for length in LENGTHS]
    return found


def _loss(dtype: str) -> Iterator[Trial]:
    yield Trial(partial(call, "L2Loss"), [(dtype, [None])], lambda: [[moderate(dtype, (7,))]])


def _normal(operation: str, dtype: str) -> Iterator[Trial]:
    def feeds() -> Feeds:
        found: list[Any] = [
            [moderate(dtype, (4, length), length) * 3] for length in (*LENGTHS, 300)
        ]
        big = 60000.0 if dtype == "float16" else 1e30
        rows = [
            [0, 0, 0],
            [100, -100, 0],
            [big, -big, big],
            [-big, -big, -big],
            [np.nan, 1, 2],
            [-np.inf, 1, 2],
            [np.inf, 1, 2],
            [-np.inf, -np.inf, -np.inf],
            [1e-40, 0, 0],
        ]
        return [*found, [np.array(rows).astype(dtype)]]

    yield Trial(partial(call, operation), [(dtype, [None, None])], feeds)
    yield Trial(
        partial(call, operation),
        [(dtype, [None, 2, 5])],
        lambda: [[moderate(dtype, (3, 2, 5))]],
    )
