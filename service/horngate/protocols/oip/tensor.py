"""numpy arrays to and from the protocol's tensors, for server and client alike.

A tensor's description and its data lie apart: name, datatype and shape in the tensor, the
elements in a buffer of ``raw_input_contents`` or ``raw_output_contents``, or else one by one in
``contents``. Arrays that share memory with a message are read-only.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

import numpy as np

from horngate.errors import InvalidInput
from horngate.protocols.elements import (
    Expand,
    MalformedTensor,
    dtype_of,
    element_count,
    from_buffer,
    from_integers,
    from_strings,
    to_buffer,
    to_strings,
)
from horngate.protocols.pb.inference.grpc_service_pb2 import (
    InferTensorContents,
    ModelInferRequest,
    ModelInferResponse,
)
from horngate.protocols.pb.private.packed_pb2 import PackedContents
from horngate.tensors import STRING_BYTES, Array, DType, format_shape

Tensor = ModelInferRequest.InferInputTensor | ModelInferResponse.InferOutputTensor

DATATYPES: Final[dict[DType, str]] = {
    DType.BOOL: "BOOL",
    DType.INT8: "INT8",
    DType.INT16: "INT16",
    DType.INT32: "INT32",
    DType.INT64: "INT64",
    DType.UINT8: "UINT8",
    DType.UINT16: "UINT16",
    DType.UINT32: "UINT32",
    DType.UINT64: "UINT64",
    DType.FLOAT16: "FP16",
    DType.BFLOAT16: "BF16",
    DType.FLOAT32: "FP32",
    DType.FLOAT64: "FP64",
    DType.STRING: "BYTES",
}
"""The protocol's name of each dtype. It has none for complex numbers."""

_DTYPES: Final[dict[str, DType]] = {name: dtype for dtype, name in DATATYPES.items()}
_LENGTH: Final = struct.Struct("<I")


def decode(tensor: Tensor, raw: bytes | None, expand: Expand | None = None) -> Array:
    """The tensor as an array of its own dtype and shape; BYTES as an object array of bytes.

    Args:
        tensor: name, datatype and shape, and ``contents`` where ``raw`` is None.
        raw: the tensor's buffer, row-major and little-endian, or None.
        expand: told how many bytes its strings take before they are cut; may refuse.

    Raises:
        InvalidInput: an unknown datatype, an absurd shape, data that does not fit it, no data
            or both kinds.
        RequestError: what ``expand`` raises.
    """
    try:
        return _decode(tensor, raw, expand)
    except MalformedTensor as error:
        is_input = isinstance(tensor, ModelInferRequest.InferInputTensor)
        what = f"{'input' if is_input else 'output'} {tensor.name!r}"
        raise InvalidInput(f"{what}: {error}", name=tensor.name) from None


def encode(array: Array, tensor: Tensor) -> bytes:
    """Write datatype and shape of ``array``, of any shape, into ``tensor``; return its buffer.

    Raises:
        InvalidInput: a dtype that the protocol lacks (complex numbers among them), or an object
            array of something else than ``bytes`` and ``str``.
    """
    try:
        dtype = dtype_of(array)
        tensor.datatype = datatype(dtype)
        tensor.shape.extend(array.shape)
        return to_raw(array, dtype)
    except MalformedTensor as error:
        raise InvalidInput(f"tensor {tensor.name!r}: {error}", name=tensor.name) from None


def add_contents(array: Array, tensor: Tensor) -> None:
    """Write the elements of ``array`` one by one, where ``contents`` have a field for its dtype."""
    dtype = dtype_of(array)
    if dtype in _READERS:
        # The view's elements are made one after the other, and no list of them all.
        values = to_strings(array) if dtype is DType.STRING else array.ravel().data
        getattr(tensor.contents, _READERS[dtype][0]).extend(values)


def to_raw(array: Array, dtype: DType) -> bytes:
    """The buffer of ``array``, which is of ``dtype``.

    Raises:
        MalformedTensor: an object array of something else than ``bytes`` and ``str``.
    """
    if dtype is DType.STRING:
        return b"".join([_LENGTH.pack(len(each)) + each for each in to_strings(array)])
    return to_buffer(array, dtype)


def datatype(dtype: DType) -> str:
    """The protocol's name of ``dtype``.

    Raises:
        MalformedTensor: it has none.
    """
    if dtype not in DATATYPES:
        raise MalformedTensor(
            f"expected one of {', '.join(_DTYPES)}, received {dtype.value}, which the Open "
            "Inference Protocol lacks; use TensorFlow Serving's API for this model"
        )
    return DATATYPES[dtype]


def _decode(tensor: Tensor, raw: bytes | None, expand: Expand | None) -> Array:
    dtype = _DTYPES.get(tensor.datatype)
    if dtype is None:
        raise MalformedTensor(
            f"expected a datatype of {', '.join(_DTYPES)}, received {tensor.datatype!r}"
        )
    shape = tuple(tensor.shape)
    count = element_count(shape, dtype)
    has_contents = tensor.HasField("contents")
    if raw is not None:
        if has_contents:
            raise MalformedTensor(
                "expected raw contents or contents, received both; send one of them"
            )
        return from_raw(raw, dtype, count, shape, expand)
    if not has_contents and count:
        raise MalformedTensor(
            f"expected {count} elements for shape {format_shape(shape)}, received no data; "
            "send a buffer in raw_input_contents, or contents"
        )
    return _from_contents(tensor.contents, dtype, count, shape).reshape(shape)


def from_raw(
    raw: bytes,
    dtype: DType,
    count: int,
    shape: tuple[int, ...],
    expand: Expand | None = None,
) -> Array:
    """The tensor of ``shape``, with ``count`` elements, whose buffer is ``raw``; as ``decode``.

    Raises:
        MalformedTensor: the buffer is of another length.
    """
    if dtype is DType.STRING:
        return _split(raw, count, expand).reshape(shape)
    expected = count * dtype.numpy.itemsize
    if len(raw) != expected:
        raise MalformedTensor(
            f"expected {expected} bytes for {DATATYPES[dtype]}{format_shape(shape)}, received "
            f"{len(raw)}; send every element once, row-major and without padding"
        )
    return from_buffer(raw, dtype, shape)


def _split(raw: bytes, count: int, expand: Expand | None) -> Array:
    """The BYTES elements of ``raw``: each a length in four bytes, little-endian, and its bytes."""
    received = len(raw)
    if count * _LENGTH.size > received:
        raise MalformedTensor(
            f"expected at least {count * _LENGTH.size} bytes for {count} BYTES elements, "
            f"received {received}; put each element's length before it, in four bytes"
        )
    if expand is not None:
        expand(count * STRING_BYTES)
    elements = []
    offset = 0
    for index in range(count):
        start = offset + _LENGTH.size
        if start > received:
            raise MalformedTensor(
                f"expected {count} BYTES elements, received bytes for {index}; put each "
                "element's length before it, in four bytes"
            )
        (length,) = _LENGTH.unpack_from(raw, offset)
        offset = start + length
        if offset > received:
            raise MalformedTensor(
                f"expected {length} bytes in element {index}, by its length, received "
                f"{received - start}; lengths are four bytes, little-endian"
            )
        elements.append(raw[start:offset])
    if offset != received:
        raise MalformedTensor(
            f"expected {count} BYTES elements in {offset} bytes, received {received} bytes; "
            "send as many elements as the shape has"
        )
    return from_strings(elements, count)


def _from_contents(
    contents: InferTensorContents, dtype: DType, count: int, shape: tuple[int, ...]
) -> Array:
    if dtype not in _READERS:
        if not count:
            return np.empty(0, dtype.numpy)
        raise MalformedTensor(
            f"expected {DATATYPES[dtype]} in raw_input_contents, received contents, which have "
            "no field for it; send a buffer"
        )
    field, read = _READERS[dtype]
    values = read(contents, field, dtype)
    if len(values) != count:
        raise MalformedTensor(
            f"expected {count} values in {field} for shape {format_shape(shape)}, received "
            f"{len(values)}; send every element once"
        )
    return values


def _packed(contents: InferTensorContents, field: str, dtype: DType) -> Array:
    buffer: bytes = getattr(PackedContents.FromString(contents.SerializeToString()), field)
    return from_buffer(buffer, dtype, (len(buffer) // dtype.numpy.itemsize,))


def _integers(contents: InferTensorContents, field: str, dtype: DType) -> Array:
    return from_integers(getattr(contents, field), dtype)


def _strings(contents: InferTensorContents, field: str, _dtype: DType) -> Array:
    values = getattr(contents, field)
    return from_strings(values, len(values))


_READERS: Final[dict[DType, tuple[str, Callable[[InferTensorContents, str, DType], Array]]]] = {
    DType.BOOL: ("bool_contents", _packed),
    DType.INT8: ("int_contents", _integers),
    DType.INT16: ("int_contents", _integers),
    DType.INT32: ("int_contents", _integers),
    DType.INT64: ("int64_contents", _integers),
    DType.UINT8: ("uint_contents", _integers),
    DType.UINT16: ("uint_contents", _integers),
    DType.UINT32: ("uint_contents", _integers),
    DType.UINT64: ("uint64_contents", _integers),
    DType.FLOAT32: ("fp32_contents", _packed),
    DType.FLOAT64: ("fp64_contents", _packed),
    DType.STRING: ("bytes_contents", _strings),
}
