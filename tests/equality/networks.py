"""Operations of networks: products, convolutions, pools, norms, resizing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import numpy as np
import tensorflow as tf

from horngate.tensors import Array
from tests.equality.probe import Probe, Trial, call
from tests.equality.values import FLOATS, INTEGERS, moderate

Make = Callable[..., Any]
PADDINGS: Final = ("SAME", "VALID")


def probes() -> Iterator[Probe]:
    for dtype in (*FLOATS, *INTEGERS):
        for operation in ("MatMul", "BatchMatMul", "BatchMatMulV2", "Einsum"):
            yield Probe(
                operation,
                dtype,
                partial(_product, operation, dtype),
                largest=True,
                free=("transpose_a", "transpose_b", "adj_x", "adj_y", "equation", "N"),
            )
    for dtype in FLOATS:
        yield from _convolutions(dtype)
        yield from _pools(dtype)
        yield from _norms(dtype)
    for dtype in (*FLOATS, "uint8", "int32"):
        for operation in ("ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic", "ResizeArea"):
            yield Probe(operation, dtype, partial(_resized, operation, dtype), largest=True)


def _special(array: Array) -> list[Array]:
    """As it is, then with what is not finite, very large and very small in it."""
    found = [array]
    if array.dtype.kind == "f" and array.size:
        for value in (np.nan, np.inf, -np.inf):
            other = array.copy()
            other.flat[0] = value
            found.append(other)
        found += [array * array.dtype.type(1e3), array * array.dtype.type(1e-4)]
        if array.dtype != np.float16:
            found += [array * array.dtype.type(1e30), array * array.dtype.type(1e-30)]
    return found


def _product(operation: str, dtype: str) -> Iterator[Trial]:
    batched = operation.startswith("Batch")
    for rows, inner, columns in ((1, 1, 1), (2, 3, 4), (7, 5, 3), (16, 33, 7), (3, 128, 10)):
        for left in (False, True):
            for right in (False, True):
                first: tuple[int, ...] = (inner, rows) if left else (rows, inner)
                second: tuple[int, ...] = (columns, inner) if right else (inner, columns)
                x, y = moderate(dtype, first, 1), moderate(dtype, second, 2)
                if batched:
                    x, y = np.stack([x, x, -x]), np.stack([y, -y, y])
                feeds = [[each, y] for each in _special(x)]
                if operation == "MatMul":
                    make: Make = partial(call, operation, transpose_a=left, transpose_b=right)
                elif batched:
                    make = partial(call, operation, adj_x=left, adj_y=right)
                else:
                    equation = f"{'ba' if left else 'ab'},{'cb' if right else 'bc'}->ac"
                    make = partial(_summed, equation)
                lead = [None] * (x.ndim - 1)
                yield Trial(
                    make, [(dtype, [*lead, x.shape[-1]]), (dtype, y.shape)], partial(list, feeds)
                )
    if operation == "MatMul":
        weights = moderate(dtype, (5, 4), 3)
        yield Trial(
            lambda x: call("MatMul", x, tf.constant(weights)),
            [(dtype, [None, 5])],
            lambda: [[each] for each in _special(moderate(dtype, (3, 5), 4))],
        )
        yield Trial(
            partial(call, "MatMul"),
            [(dtype, [None, None]), (dtype, [None, 4])],
            lambda: [[np.zeros((2, 0), dtype), np.zeros((0, 4), dtype)]],
        )
    if operation == "BatchMatMulV2":
        yield Trial(
            partial(call, operation),
            [(dtype, [None, 2, 3, 4]), (dtype, [4, 5])],
            lambda: [[moderate(dtype, (3, 2, 3, 4)), moderate(dtype, (4, 5))]],
        )
    if operation == "Einsum":
        for equation, first, second in EQUATIONS:
            yield Trial(
                partial(_summed, equation),
                [(dtype, [None, *first[1:]]), (dtype, second)],
                lambda first=first, second=second: [
                    [moderate(dtype, first, 1), moderate(dtype, second, 2)]
                ],
            )


EQUATIONS: Final = (
    ("abc,cd->abd", (2, 3, 4), (4, 5)),
    ("abc,cde->abde", (2, 3, 4), (4, 2, 5)),
    ("abcd,cde->abe", (2, 3, 2, 4), (2, 4, 5)),
    ("aecd,abcd->acbe", (2, 3, 2, 4), (2, 5, 2, 4)),
    ("acbe,aecd->abcd", (2, 2, 5, 3), (2, 3, 2, 4)),
    ("BTNH,BSNH->BNTS", (2, 3, 2, 4), (2, 5, 2, 4)),
    ("BNTS,BSNH->BTNH", (2, 2, 3, 5), (2, 5, 2, 4)),
    ("abc,ab->ac", (2, 3, 4), (2, 3)),
    ("ab,ab->a", (2, 3), (2, 3)),
)


def _summed(equation: str, *tensors: Any) -> Any:
    return tf.raw_ops.Einsum(inputs=list(tensors), equation=equation)


def _filtered(operation: str, x: Any, filters: Array, **attributes: Any) -> Any:
    return call(operation, x, tf.constant(filters), **attributes)


def _convolutions(dtype: str) -> Iterator[Probe]:
    free = ("strides", "dilations", "explicit_paddings", "use_cudnn_on_gpu")
    for padding in PADDINGS:
        for operation, flat in (("Conv2D", 2), ("DepthwiseConv2dNative", 2), ("Conv3D", 3)):
            yield Probe(
                operation,
                f"{dtype} {padding}",
                partial(_convolved, operation, dtype, padding, flat),
                free=free,
                needs=("rank:0", "constant:1"),
                largest=True,
            )
        for operation, flat in (("Conv2DBackpropInput", 2), ("Conv3DBackpropInputV2", 3)):
            yield Probe(
                operation,
                f"{dtype} {padding}",
                partial(_upwards, operation, dtype, padding, flat),
                free=free,
                needs=("constant:1",),
                largest=True,
            )


def _convolved(operation: str, dtype: str, padding: str, flat: int) -> Iterator[Trial]:
    data = "NHWC" if flat == 2 else "NDHWC"
    for side in (3, 7) if flat == 3 else (3, 4, 7, 16):
        for kernel in (1, 2, 3):
            for stride, dilation in ((1, 1), (2, 1), (1, 2)):
                if (kernel - 1) * dilation + 1 > side or (flat == 3 and dilation > 1):
                    continue
                filters = moderate(dtype, (*([kernel] * flat), 3, 2), kernel)
                shape = (*([side] * flat), 3)
                yield Trial(
                    partial(
                        _filtered,
                        operation,
                        filters=filters,
                        strides=[1, *([stride] * flat), 1],
                        dilations=[1, *([dilation] * flat), 1],
                        padding=padding,
                        data_format=data,
                    ),
                    [(dtype, [None, *shape])],
                    lambda shape=shape: [
                        [each] for each in _special(moderate(dtype, (2, *shape), 1))
                    ],
                )
    filters = moderate(dtype, (*([3] * flat), 2, 2), 3)
    yield Trial(
        partial(
            _filtered,
            operation,
            filters=filters,
            strides=[1] * (flat + 2),
            padding=padding,
            data_format=data,
        ),
        [(dtype, [None, *([None] * flat), 2])],
        lambda: [[moderate(dtype, (1, *([size] * flat), 2), size)] for size in (4, 5, 8)],
    )


def _upwards(operation: str, dtype: str, padding: str, flat: int) -> Iterator[Trial]:
    data = "NHWC" if flat == 2 else "NDHWC"
    for side in (2, 5):
        for kernel in (2, 3):
            for stride in (1, 2):
                out = side * stride + (max(kernel - stride, 0) if padding == "VALID" else 0)
                filters = moderate(dtype, (*([kernel] * flat), 2, 3), kernel)
                yield Trial(
                    lambda x, out=out, filters=filters, stride=stride: call(
                        operation,
                        tf.concat([tf.shape(x)[:1], [*([out] * flat), 2]], 0),
                        tf.constant(filters),
                        x,
                        strides=[1, *([stride] * flat), 1],
                        padding=padding,
                        data_format=data,
                    ),
                    [(dtype, [None, *([side] * flat), 3])],
                    lambda side=side: [
                        [each] for each in _special(moderate(dtype, (2, *([side] * flat), 3), 1))
                    ],
                )


def _pools(dtype: str) -> Iterator[Probe]:
    for padding in PADDINGS:
        for operation, flat in (("MaxPool", 2), ("AvgPool", 2), ("MaxPool3D", 3), ("AvgPool3D", 3)):
            yield Probe(
                operation,
                f"{dtype} {padding}",
                partial(_pooled, operation, dtype, padding, flat),
                free=("ksize", "strides", "explicit_paddings"),
                largest=operation.startswith("Avg"),
                apart=operation.startswith("Max"),
            )


def _pooled(operation: str, dtype: str, padding: str, flat: int) -> Iterator[Trial]:
    data = "NHWC" if flat == 2 else "NDHWC"
    for side in (2, 3, 7) if flat == 3 else (2, 3, 5, 8):
        for size in (1, 2, 3):
            for stride in (1, 2, 3):
                if size > side:
                    continue
                shape = (*([side] * flat), 3)
                yield Trial(
                    partial(
                        call,
                        operation,
                        ksize=[1, *([size] * flat), 1],
                        strides=[1, *([stride] * flat), 1],
                        padding=padding,
                        data_format=data,
                    ),
                    [(dtype, [None, *shape])],
                    lambda shape=shape: [
                        [each] for each in _special(moderate(dtype, (2, *shape), 1))
                    ],
                )


def _norms(dtype: str) -> Iterator[Probe]:
    yield Probe(
        "FusedBatchNormV3",
        dtype,
        partial(_normal, dtype),
        free=("epsilon", "exponential_avg_factor"),
        largest=True,
    )
    for radius in (1, 5):
        yield Probe("LRN", f"{dtype} {radius}", partial(_local, dtype, radius), rtol=1e-4)


def _normal(dtype: str) -> Iterator[Trial]:
    rng = np.random.default_rng(1)
    scale, offset, mean = (rng.normal(0, 1, 3).astype(np.float32) for _ in range(3))
    for variance in (rng.uniform(0.1, 2, 3), np.zeros(3), np.full(3, 1e10)):
        for epsilon in (1e-3, 1e-5):
            yield Trial(
                lambda x, variance=variance, epsilon=epsilon: (
                    tf.raw_ops.FusedBatchNormV3(
                        x=x,
                        scale=scale,
                        offset=offset,
                        mean=mean,
                        variance=variance.astype(np.float32),
                        epsilon=epsilon,
                        is_training=False,
                    ).y
                ),
                [(dtype, [None, 4, 4, 3])],
                lambda: [[each] for each in _special(moderate(dtype, (2, 4, 4, 3), 1))],
            )


def _local(dtype: str, radius: int) -> Iterator[Trial]:
    yield Trial(
        lambda x: call("LRN", x, depth_radius=radius),
        [(dtype, [None, 4, 4, 7])],
        lambda: [[moderate(dtype, (2, 4, 4, 7), 1)]],
    )


def _resized(operation: str, dtype: str) -> Iterator[Trial]:
    for corners, centers in ((False, True), (False, False), (True, False)):
        for before, after in (
            ((4, 4), (8, 8)),
            ((5, 7), (10, 14)),
            ((8, 8), (4, 4)),
            ((3, 5), (7, 4)),
        ):
            extra = {} if operation == "ResizeArea" else {"half_pixel_centers": centers}
            yield Trial(
                lambda x, after=after, corners=corners, extra=extra: call(
                    operation, x, tf.constant(after), align_corners=corners, **extra
                ),
                [(dtype, [None, *before, 2])],
                lambda before=before: [[moderate(dtype, (2, *before, 2), 1)]],
            )
