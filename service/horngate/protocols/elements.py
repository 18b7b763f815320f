"""What both protocols' tensors share: shapes that may lie, and packed numbers.

Nothing here allocates by a shape that has not been held against the bytes received.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np

from horngate.errors import InvalidRequest
from horngate.tensors import Array, DType, format_shape

Expand = Callable[[int], None]
"""Told of bytes before they are made, where they are more than were received: ``Call.expand`` of a
tensor, ``Call.hold`` of anything else."""

MAX_RANK: Final = 64
"""numpy's limit. TensorFlow's own is 254."""

MAX_TENSORS: Final = 1 << 14
"""Inputs or outputs that a request may name. No model has as many, and each costs its sender a few
bytes and the server a few hundred before its name can be found to be none."""

Write = Callable[[Array], bytes]
"""Writes the elements of an output into an answer."""

_MAX_EXTENT: Final = 2**63 - 1
_BY_NUMPY: Final[dict[np.dtype[Any], DType]] = {dtype.numpy: dtype for dtype in DType}


class MalformedTensor(ValueError):
    """A tensor whose parts contradict each other. The codec adds which tensor it is."""


def check_tensors(count: int, what: str) -> None:
    """Hold the number of a request's inputs or outputs against what is read at all.

    Raises:
        InvalidRequest: there are more.
    """
    if count > MAX_TENSORS:
        raise InvalidRequest(
            f"expected at most {MAX_TENSORS} {what}, received {count}; send those that the model's "
            "metadata lists"
        )


def element_count(shape: tuple[int, ...], dtype: DType) -> int:
    """The number of elements of ``shape``.

    Raises:
        MalformedTensor: a negative size, more than ``MAX_RANK`` dimensions, or sizes whose
            product no machine can address (zeros left out, as numpy counts strides).
    """
    if len(shape) > MAX_RANK:
        raise MalformedTensor(
            f"expected at most {MAX_RANK} dimensions, received {len(shape)}; flatten the tensor"
        )
    if shape and min(shape) < 0:
        raise MalformedTensor(
            f"expected sizes of 0 or more, received shape {format_shape(shape)}; "
            "send the tensor's actual shape"
        )
    count = math.prod(shape)
    extent = (count or math.prod(filter(None, shape))) * dtype.numpy.itemsize
    if extent > _MAX_EXTENT:
        raise MalformedTensor(
            f"expected a shape that fits in memory, received {format_shape(shape)}, "
            f"{extent} bytes; send the tensor's actual shape"
        )
    return count


def from_buffer(buffer: bytes, dtype: DType, shape: tuple[int, ...]) -> Array:
    """The numbers in ``buffer`` (row-major, little-endian), without a copy.

    The caller has checked that the buffer's length is that of ``shape``.
    """
    if dtype is DType.BOOL:
        # Any byte but 0 is true; numpy would take a 2 for a third truth value.
        truths: Array = np.ndarray(shape, np.uint8, buffer) != 0
        return truths
    # One call where frombuffer and reshape would be two.
    return np.ndarray(shape, dtype.numpy, buffer)


def from_integers(values: Sequence[int], dtype: DType) -> Array:
    """An integer field as an array of ``dtype`` and shape (n,); ``values`` is wider than it.

    Raises:
        MalformedTensor: a value outside the range of ``dtype``.
    """
    wide = np.uint64 if dtype is DType.UINT64 else np.int64
    try:
        numbers = np.fromiter(values, wide, len(values))
    except OverflowError:
        raise MalformedTensor(
            f"expected {dtype.value} values of 0 or more, received one below; send the tensor in a "
            "signed dtype"
        ) from None
    narrow = numbers.astype(dtype.numpy)
    # Wrapped around is another number; TensorFlow Serving would predict on that in silence.
    if narrow.dtype.itemsize < 8 and not np.array_equal(narrow, numbers):
        wrong = int(numbers[narrow != numbers][0])
        limits = np.iinfo(narrow.dtype)
        raise MalformedTensor(
            f"expected {dtype.value} values from {limits.min} to {limits.max}, received {wrong}; "
            "send the values in range, or the tensor in a wider dtype"
        )
    return narrow


def from_strings(values: Iterable[bytes], count: int) -> Array:
    """An object array of ``bytes`` and shape (count,)."""
    return np.fromiter(values, np.dtype(object), count)


def to_buffer(array: Array, dtype: DType) -> bytes:
    """The elements of a numeric array, row-major and little-endian."""
    return array.astype(dtype.numpy, copy=False).tobytes()


def as_it_lies(array: Array) -> bytes:
    """The elements of ``array`` as they are in memory, row-major."""
    return array.tobytes()


def to_strings(array: Array) -> list[bytes]:
    """The elements of a string array, row-major; text is encoded as UTF-8.

    Raises:
        MalformedTensor: an element is neither ``bytes`` nor ``str``.
    """
    return [_to_bytes(element) for element in array.ravel().tolist()]


def dtype_of(array: Array) -> DType:
    """The type of ``array``.

    Raises:
        MalformedTensor: no model takes or gives it.
    """
    # The name by which DType.of looks up is made anew each time; the usual dtypes skip that.
    usual = _BY_NUMPY.get(array.dtype)
    if usual is not None:
        return usual
    try:
        return DType.of(array)
    except ValueError:
        raise MalformedTensor(
            f"expected one of {', '.join(dtype.value for dtype in DType)}, received numpy dtype "
            f"{array.dtype}; convert the array"
        ) from None


def _to_bytes(element: Any) -> bytes:
    if isinstance(element, bytes):
        return element
    if isinstance(element, str):
        return element.encode()
    raise MalformedTensor(
        f"expected bytes or str elements, received {type(element).__name__}; "
        "convert the array to a numeric dtype or its elements to bytes"
    )
