"""Operations that move elements: shapes, slices, joins, look-ups by index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import numpy as np
import tensorflow as tf

from horngate.tensors import Array
from tests.equality.probe import Probe, Trial, call
from tests.equality.values import ALL, NUMBERS, drawn, edges, moderate

Make = Callable[..., Any]
MATRIX: Final = [None, 4]
LISTS: Final = ("int32", "int64")


def probes() -> Iterator[Probe]:
    for dtype in ALL:
        yield from _moved(dtype)
        for out in LISTS:
            yield from _moved_by(dtype, out)
        yield from _indexed(dtype)
    for dtype in (*NUMBERS, "bool"):
        for out in LISTS:
            yield Probe(
                "OneHot", f"{dtype} by {out}", partial(_one_hot, dtype, out), free=("axis",)
            )
    for dtype in ("int32", "int64", "float32", "float64"):
        needs = ("zero:0", "size:1", "step:2")
        yield Probe("Range", dtype, partial(_range, dtype), needs=needs)
    yield Probe("Where", "bool", partial(_where, "bool"))
    yield Probe("InvertPermutation", "int32", _inverted)
    for dtype in ("float32", "float64"):
        yield Probe("LinSpace", dtype, partial(_lin_space, dtype), rtol=1e-5)


def _one(
    make: Make, dtype: str, shape: list[int | None], *sizes: tuple[int, ...]
) -> Iterator[Trial]:
    """One tensor in: drawn edge values of each of the ``sizes``."""
    yield Trial(
        make, [(dtype, shape)], lambda: [[drawn(dtype, size, n)] for n, size in enumerate(sizes)]
    )


def _several(dtype: str, *makes: Make) -> Iterator[Trial]:
    for make in makes:
        yield from _one(make, dtype, MATRIX, (3, 4), (1, 4), (0, 4))
        yield from _one(make, dtype, [None, None], (5, 4))


def _list(values: Any, dtype: str = "int32") -> tf.Tensor:
    return tf.constant(values, dtype)


def _moved(dtype: str) -> Iterator[Probe]:
    def probe(operation: str, *makes: Make, free: tuple[str, ...] = (), label: str = "") -> Probe:
        return Probe(operation, f"{dtype}{label}", lambda: _several(dtype, *makes), free=free)

    yield probe("Rank", lambda x: call("Rank", x))
    yield probe("IdentityN", lambda x: tf.raw_ops.IdentityN(input=[x, x]))
    yield probe(
        "Squeeze",
        lambda x: call("Squeeze", x[:, :1], axis=[1]),
        lambda x: call("Squeeze", x[:1], axis=[0]),
        free=("squeeze_dims",),
    )
    yield probe(
        "Split",
        lambda x: tf.raw_ops.Split(axis=_list(1), value=x, num_split=2),
        lambda x: tf.raw_ops.Split(axis=_list(-1), value=x, num_split=4),
        free=("num_split",),
    )
    yield probe(
        "Pack",
        *(lambda x, axis=axis: call_list("Pack", [x, x], axis=axis) for axis in (0, 1, -1)),
        lambda x: call_list("Pack", [x], axis=1),
        free=("N", "axis"),
    )
    yield probe(
        "Unpack",
        lambda x: tf.raw_ops.Unpack(value=x, num=4, axis=1),
        lambda x: tf.raw_ops.Unpack(value=x, num=4, axis=-1),
        free=("num", "axis"),
    )
    yield Probe(
        "Const",
        dtype,
        lambda: _several(dtype, lambda x: [x, _constants(dtype)]),
        needs=("texts",) if dtype == "string" else (),
    )
    yield probe("Placeholder", lambda x: x)
    yield probe("NoOp", lambda x: _after(x, tf.raw_ops.NoOp))
    yield probe("EnsureShape", lambda x: call("EnsureShape", x, shape=[None, 4]))
    for size in (2,):
        for operation, shape in (("DepthToSpace", (2, 3, 2, 8)), ("SpaceToDepth", (2, 4, 6, 2))):
            yield Probe(
                operation,
                dtype,
                lambda operation=operation, shape=shape, size=size: _one(
                    lambda x: call(operation, x, block_size=size, data_format="NHWC"),
                    dtype,
                    [None, *shape[1:]],
                    shape,
                ),
                free=("block_size",),
            )


def _moved_by(dtype: str, out: str) -> Iterator[Probe]:
    """With shapes, axes or indices of the dtype ``out``."""

    def probe(operation: str, *makes: Make, free: tuple[str, ...] = (), label: str = "") -> Probe:
        return Probe(operation, f"{dtype}{label}", lambda: _several(dtype, *makes), free=free)

    yield probe("Shape", lambda x: call("Shape", x, out_type=out), label=f" as {out}")
    yield probe("Size", lambda x: call("Size", x, out_type=out), label=f" as {out}")
    yield probe(
        "Reshape",
        lambda x: call("Reshape", x, _list([-1], out)),
        lambda x: call("Reshape", x, _list([-1, 2, 2], out)),
        lambda x: call("Reshape", x, tf.concat([tf.shape(x, out)[:1], _list([2, 2], out)], 0)),
        label=f" by {out}",
    )
    yield probe("Transpose", lambda x: call("Transpose", x, _list([1, 0], out)), label=f" by {out}")
    yield probe(
        "ExpandDims",
        *(lambda x, axis=axis: call("ExpandDims", x, _list(axis, out)) for axis in (0, 1, -1)),
        label=f" by {out}",
    )
    yield probe(
        "Tile",
        lambda x: call("Tile", x, _list([2, 3], out)),
        lambda x: call("Tile", x, _list([1, 0], out)),
        lambda x: call("Tile", x, tf.shape(x, out)),
        label=f" by {out}",
    )
    yield probe(
        "BroadcastTo",
        lambda x: call("BroadcastTo", x, tf.concat([[2], tf.shape(x, out)], 0)),
        label=f" by {out}",
    )
    yield probe(
        "Slice",
        lambda x: call("Slice", x, _list([0, 1], out), _list([-1, 2], out)),
        lambda x: call("Slice", x, _list([0, 0], out), _list([0, 4], out)),
        label=f" by {out}",
    )
    yield probe(
        "Fill",
        lambda x: call("Fill", tf.shape(x, out), tf.constant(edges(dtype)[1], DTYPES[dtype])),
        label=f" by {out}",
    )
    yield probe(
        "ReverseV2",
        *(lambda x, axes=axes: call("ReverseV2", x, _list(axes, out)) for axes in ([0], [1, 0])),
        label=f" by {out}",
    )
    yield probe(
        "Pad",
        lambda x: call("Pad", x, _list([[0, 0], [1, 2]], out)),
        lambda x: call("Pad", x, _list([[2, 1], [0, 0]], out)),
        label=f" by {out}",
    )
    yield probe(
        "PadV2",
        lambda x: call(
            "PadV2",
            x,
            _list([[1, 0], [1, 2]], out),
            tf.constant(edges(dtype)[-1], DTYPES[dtype]),
        ),
        label=f" by {out}",
    )
    yield probe(
        "MirrorPad",
        *(
            lambda x, mode=mode: call("MirrorPad", x, _list([[0, 0], [2, 1]], out), mode=mode)
            for mode in ("REFLECT", "SYMMETRIC")
        ),
        label=f" by {out}",
    )
    yield probe(
        "ConcatV2",
        lambda x: call_list("ConcatV2", [x, x], axis=_list(0, out)),
        lambda x: call_list("ConcatV2", [x, x[:, :2], x], axis=_list(-1, out)),
        lambda x: (
            call_list("ConcatV2", [x, tf.zeros_like(x)], axis=_list(1, out))
            if dtype != "string"
            else call_list("ConcatV2", [x, x], axis=_list(1, out))
        ),
        free=("N",),
        label=f" by {out}",
    )
    yield probe(
        "SplitV",
        lambda x: tf.raw_ops.SplitV(
            value=x, size_splits=_list([1, 3], out), axis=_list(1), num_split=2
        ),
        free=("num_split",),
        label=f" by {out}",
    )
    yield probe(
        "StridedSlice",
        *(lambda x, cut=cut: _strided(x, cut, out) for cut in STRIDED),
        free=(*("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"),),
        label=f" by {out}",
    )


DTYPES: Final = {dtype: tf.as_dtype(dtype) for dtype in ALL}
STRIDED: Final[tuple[Any, ...]] = (
    (slice(None), slice(1, 3)),
    (slice(None), 2),
    (slice(None), -1),
    (slice(None), slice(None, None, 2)),
    (slice(None), slice(None, None, -1)),
    (slice(-1, None),),
    (slice(0, 1), Ellipsis),
    (Ellipsis, slice(-3, -1)),
    (slice(None), None, slice(0, 100)),
    (Ellipsis, None),
    (slice(None), slice(3, 1)),
    (slice(None, None, -2), slice(3, 0, -1)),
)


def _strided(x: tf.Tensor, cut: tuple[Any, ...], dtype: str) -> tf.Tensor:
    """As ``x[cut]``, with indices of ``dtype``."""
    begin: list[int] = []
    end: list[int] = []
    step: list[int] = []
    masks = dict.fromkeys(
        ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0
    )
    for place, part in enumerate(cut):
        bit = 1 << place
        start, stop, stride = 0, 0, 1
        if part is Ellipsis:
            masks["ellipsis_mask"] |= bit
        elif part is None:
            masks["new_axis_mask"] |= bit
        elif isinstance(part, slice):
            masks["begin_mask"] |= bit if part.start is None else 0
            masks["end_mask"] |= bit if part.stop is None else 0
            start, stop, stride = part.start or 0, part.stop or 0, part.step or 1
        else:
            masks["shrink_axis_mask"] |= bit
            start, stop = part, part + 1
        begin.append(start)
        end.append(stop)
        step.append(stride)
    return tf.raw_ops.StridedSlice(
        input=x,
        begin=_list(begin, dtype),
        end=_list(end, dtype),
        strides=_list(step, dtype),
        **masks,
    )


def _constants(dtype: str) -> tf.Tensor:
    values = edges(dtype).tolist()
    if dtype == "string":
        values = [value for value in values if not value.endswith(b"\0")]
    return tf.constant(values, DTYPES[dtype])


def call_list(operation: str, tensors: list[Any], **others: Any) -> Any:
    """An operation that takes a list as ``values``."""
    return getattr(tf.raw_ops, operation)(values=tensors, **others)


def _after(x: tf.Tensor, make: Make) -> tf.Tensor:
    with tf.control_dependencies([make()]):
        return tf.identity(x)


def _indexed(dtype: str) -> Iterator[Probe]:
    for index in LISTS:
        label = f"{dtype} by {index}"
        for axis in LISTS:
            yield Probe(
                "GatherV2",
                f"{label} and {axis}",
                lambda index=index, axis=axis: _gathered(dtype, index, axis),
                free=("batch_dims",),
            )
        yield Probe("Gather", label, lambda index=index: _plainly_gathered(dtype, index))
        yield Probe("GatherNd", label, lambda index=index: _gathered_nd(dtype, index))
        yield Probe("ScatterNd", label, lambda index=index: _scattered(dtype, index))
        yield Probe("TensorScatterUpdate", label, lambda index=index: _updated(dtype, index))
        yield Probe(
            "ReverseSequence",
            label,
            lambda index=index: _reversed(dtype, index),
            free=("seq_dim", "batch_dim"),
        )


def _some_indices(index: str) -> list[Array]:
    lists: tuple[list[int], ...] = (
        [0, 1, 2],
        [2, 2, 0, 1, 1, 0, 2],
        [-1],
        [3],
        [0, -3],
        [-4],
        [2**31 - 1],
        [-(2**31)],
        [],
    )
    return [np.array(each, index) for each in lists]


def _gathered(dtype: str, index: str, kind: str) -> Iterator[Trial]:
    values = drawn(dtype, (3, 3))
    for axis in (0, 1, -1):
        yield Trial(
            lambda x, i, axis=axis: call("GatherV2", x, i, _list(axis, kind)),
            [(dtype, [3, 3]), (index, [None])],
            lambda: [[values, each] for each in _some_indices(index)],
        )
    yield Trial(
        lambda x, i: call("GatherV2", x, i, _list(0, kind)),
        [(dtype, [3]), (index, [None, 2])],
        lambda: [[drawn(dtype, (3,)), np.array([[0, 1], [2, 2]], index)]],
    )
    yield Trial(
        lambda x, i: call("GatherV2", x, i, _list(1, kind), batch_dims=1),
        [(dtype, [None, 3, 2]), (index, [None, None])],
        lambda: [
            [drawn(dtype, (2, 3, 2)), np.array(each, index)]
            for each in ([[0, 1], [2, 2]], [[0], [-1]], [[3], [0]])
        ],
    )


def _plainly_gathered(dtype: str, index: str) -> Iterator[Trial]:
    yield Trial(
        partial(call, "Gather"),
        [(dtype, [3, 2]), (index, [None])],
        lambda: [[drawn(dtype, (3, 2)), each] for each in _some_indices(index)],
    )


def _gathered_nd(dtype: str, index: str) -> Iterator[Trial]:
    lists = ([[0, 0], [2, 1]], [[1, 1]], [[3, 0]], [[0, -1]], [[-1, 0]], [[0, 2]])
    yield Trial(
        partial(call, "GatherNd"),
        [(dtype, [3, 2]), (index, [None, 2])],
        lambda: [[drawn(dtype, (3, 2)), np.array(each, index)] for each in lists],
    )
    yield Trial(
        partial(call, "GatherNd"),
        [(dtype, [3, 2]), (index, [None, 1])],
        lambda: [
            [drawn(dtype, (3, 2)), np.array(each, index)] for each in ([[2], [0]], [[3]], [[-1]])
        ],
    )


def _scattered(dtype: str, index: str) -> Iterator[Trial]:
    lists = ([[0], [2]], [[1], [1]], [[4], [0]], [[-1], [0]])
    yield Trial(
        lambda i, x: call("ScatterNd", i, x, _list([4, 2], index)),
        [(index, [None, 1]), (dtype, [None, 2])],
        lambda: [[np.array(each, index), moderate(dtype, (2, 2), 1)] for each in lists],
    )


def _updated(dtype: str, index: str) -> Iterator[Trial]:
    lists = ([[0], [2]], [[1], [0]], [[3], [0]], [[-1], [0]])
    yield Trial(
        partial(call, "TensorScatterUpdate"),
        [(dtype, [3, 2]), (index, [None, 1]), (dtype, [None, 2])],
        lambda: [
            [drawn(dtype, (3, 2)), np.array(each, index), drawn(dtype, (2, 2), 1)] for each in lists
        ],
    )


def _reversed(dtype: str, index: str) -> Iterator[Trial]:
    for sequence, batch, sizes in ((1, 0, ([1, 3, 4], [0, 4, 2], [5, 1, 1], [-1, 1, 1])),):
        yield Trial(
            lambda x, n, sequence=sequence, batch=batch: call(
                "ReverseSequence", x, n, seq_dim=sequence, batch_dim=batch
            ),
            [(dtype, [None, 4, 2]), (index, [None])],
            lambda sizes=sizes: [
                [drawn(dtype, (3, 4, 2)), np.array(each, index)] for each in sizes
            ],
        )


def _one_hot(dtype: str, index: str) -> Iterator[Trial]:
    kind = DTYPES[dtype]
    for axis in (-1, 0):
        yield Trial(
            lambda i, axis=axis: tf.raw_ops.OneHot(
                indices=i,
                depth=_list(3),
                on_value=tf.constant(1, kind),
                off_value=tf.constant(0, kind),
                axis=axis,
            ),
            [(index, [None])],
            lambda: [[each] for each in _some_indices(index)],
        )


def _range(dtype: str) -> Iterator[Trial]:
    kind = DTYPES[dtype]
    for low, step in ((0, 1), (0, 3)):
        yield Trial(
            lambda x, low=low, step=step: call(
                "Range", tf.constant(low, kind), x, tf.constant(step, kind)
            ),
            [(dtype, [])],
            lambda: [[np.array(end, dtype)] for end in (0, 1, 5, 17)],
        )


def _where(dtype: str) -> Iterator[Trial]:
    for shape in ((7,), (3, 4)):
        yield Trial(
            partial(call, "Where"),
            [(dtype, [None, *shape[1:]])],
            lambda shape=shape: [[drawn(dtype, shape)], [np.zeros(shape, dtype)]],
        )


def _inverted() -> Iterator[Trial]:
    yield Trial(
        partial(call, "InvertPermutation"),
        [("int32", [None])],
        lambda: [
            [np.array(each, "int32")] for each in ([0], [2, 0, 1], [0, 0], [3, 0, 1], [-1, 0])
        ],
    )


def _lin_space(dtype: str) -> Iterator[Trial]:
    for number in (1, 2, 7):
        yield Trial(
            lambda low, high, number=number: call("LinSpace", low, high, _list(number)),
            [(dtype, []), (dtype, [])],
            lambda: [
                [np.array(low, dtype), np.array(high, dtype)] for low, high in ((0, 1), (-3, 7.5))
            ],
        )
