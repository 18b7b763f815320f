"""numpy arrays to and from ``TensorProto``, for server and client alike. Knows no model.

Numbers are read in place from ``tensor_content``; packed floats are read as one buffer
(``protos/private/packed.proto``). Arrays that share memory with a message are read-only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from horngate.errors import InvalidInput
from horngate.protocols.elements import (
    Expand,
    MalformedTensor,
    Write,
    as_it_lies,
    dtype_of,
    element_count,
    from_buffer,
    from_integers,
    from_strings,
    to_buffer,
    to_strings,
)
from horngate.protocols.pb.private.packed_pb2 import PackedTensor
from horngate.protocols.pb.tensorflow.core.framework import types_pb2
from horngate.protocols.pb.tensorflow.core.framework.tensor_pb2 import TensorProto
from horngate.protocols.varints import FEW, varints
from horngate.tensors import Array, DType, format_shape
from horngate.wire import field_head

MAX_REPEATED_BYTES: Final = 1 << 26
"""How many bytes of elements a tensor may have that sends fewer values: 16,777,216 of float32.

Such a tensor costs its sender a few bytes and the server all of its elements, so the limit on
message sizes does not bound it. One that sends every value has no other limit than that. A string
counts as the reference that an array holds, since all of them are one.
"""

NUMBERS: Final[dict[DType, types_pb2.DataType]] = {
    DType.BOOL: types_pb2.DT_BOOL,
    DType.INT8: types_pb2.DT_INT8,
    DType.INT16: types_pb2.DT_INT16,
    DType.INT32: types_pb2.DT_INT32,
    DType.INT64: types_pb2.DT_INT64,
    DType.UINT8: types_pb2.DT_UINT8,
    DType.UINT16: types_pb2.DT_UINT16,
    DType.UINT32: types_pb2.DT_UINT32,
    DType.UINT64: types_pb2.DT_UINT64,
    DType.FLOAT16: types_pb2.DT_HALF,
    DType.BFLOAT16: types_pb2.DT_BFLOAT16,
    DType.FLOAT32: types_pb2.DT_FLOAT,
    DType.FLOAT64: types_pb2.DT_DOUBLE,
    DType.COMPLEX64: types_pb2.DT_COMPLEX64,
    DType.COMPLEX128: types_pb2.DT_COMPLEX128,
    DType.STRING: types_pb2.DT_STRING,
}
"""TensorFlow's number of each dtype."""

_DTYPES: Final[dict[int, DType]] = {number: dtype for dtype, number in NUMBERS.items()}


def decode(
    proto: TensorProto,
    name: str,
    *,
    max_bytes: int = MAX_REPEATED_BYTES,
    expand: Expand | None = None,
) -> Array:
    """The tensor as an array of its own dtype and shape; strings as an object array of bytes.

    Fewer values than elements repeat the last one, none at all mean zeros (TensorFlow's
    ``Tensor::FromProto``). More values than elements are refused, where TensorFlow drops them.

    Args:
        proto: one tensor.
        name: what errors call it.
        max_bytes: the most bytes of a tensor that sends fewer values than it has elements.
        expand: told how many bytes such a tensor takes before it is made; may refuse.

    Raises:
        InvalidInput: a dtype that is not served, an absurd shape, or data that does not fit it.
        RequestError: what ``expand`` raises.
    """
    try:
        return _decode(proto, max_bytes, expand)
    except MalformedTensor as error:
        raise InvalidInput(f"tensor parsing error: {name}: {error}", name=name) from None


def encode(
    array: Array, proto: TensorProto | None = None, *, name: str = "", content: bool = True
) -> TensorProto:
    """Write ``array``, of any shape, into ``proto`` or into a new message.

    Numbers go into ``tensor_content``, or into the field of their type where ``content`` is not
    wanted; strings into ``string_val``.

    Raises:
        InvalidInput: a numpy dtype that no model takes, or an object array of something else
            than ``bytes`` and ``str``.
    """
    proto = TensorProto() if proto is None else proto
    try:
        dtype = dtype_of(array)
        if dtype is DType.STRING:
            proto.string_val.extend(to_strings(array))
        elif content:
            proto.tensor_content = to_buffer(array, dtype)
        else:
            _write_values(array, dtype, proto)
    except MalformedTensor as error:
        raise InvalidInput(f"tensor {name!r}: {error}", name=name) from None
    proto.dtype = NUMBERS[dtype]
    dim = proto.tensor_shape.dim
    for size in array.shape:
        dim.add(size=size)
    return proto


def _write_values(array: Array, dtype: DType, proto: TensorProto) -> None:
    """Write numbers into the field of their type, as TensorFlow does."""
    field = _FIELDS[dtype]
    if field in _SAME_BYTES:
        values = np.ascontiguousarray(array, dtype.numpy)
        number = PackedTensor.DESCRIPTOR.fields_by_name[field].number
        # As the field lies on the wire, which is read as fast as bytes are taken.
        proto.MergeFromString(b"".join((field_head(number, values.nbytes), values.data)))
    elif array.size <= FEW:
        numbers = array.view(np.uint16) if field == "half_val" else array
        getattr(proto, field).extend(numbers.ravel().tolist())
    else:
        data = writer(array)(array)
        number = TensorProto.DESCRIPTOR.fields_by_name[field].number
        proto.MergeFromString(field_head(number, len(data)) + data)


def writer(array: Array) -> Write:
    """What writes numbers of the dtype of ``array`` as the field of their type has them packed."""
    field = _FIELDS[dtype_of(array)]
    if field in _SAME_BYTES:
        return as_it_lies
    return _halves_bits if field == "half_val" else varints


def _halves_bits(array: Array) -> bytes:
    return varints(array.view(np.uint16))


def _decode(proto: TensorProto, max_bytes: int, expand: Expand | None) -> Array:
    dtype = _DTYPES.get(proto.dtype)
    if dtype is None:
        raise MalformedTensor(
            f"expected a dtype of {', '.join(map(types_pb2.DataType.Name, _DTYPES))}, "
            f"received {_dtype_name(proto.dtype)}; convert the tensor"
        )
    if proto.tensor_shape.unknown_rank:
        raise MalformedTensor(
            "expected a shape, received unknown_rank; send the tensor's actual shape"
        )
    shape = tuple([dim.size for dim in proto.tensor_shape.dim])
    count = element_count(shape, dtype)
    content = proto.tensor_content
    if content:
        return _from_content(content, dtype, count, shape)
    field = _FIELDS[dtype]
    return _spread(_READERS[field](proto, field, dtype), count, shape, max_bytes, expand)


def _from_content(content: bytes, dtype: DType, count: int, shape: tuple[int, ...]) -> Array:
    if dtype is DType.STRING:
        raise MalformedTensor(
            f"expected strings in string_val, received {len(content)} bytes of tensor_content; "
            "send string_val"
        )
    expected = count * dtype.numpy.itemsize
    if len(content) != expected:
        raise MalformedTensor(
            f"expected {expected} bytes of tensor_content for {dtype.value}"
            f"{format_shape(shape)}, received {len(content)}; send every element once"
        )
    return from_buffer(content, dtype, shape)


def _spread(
    values: Array, count: int, shape: tuple[int, ...], max_bytes: int, expand: Expand | None
) -> Array:
    """``values``, of shape (n,), as ``count`` elements of ``shape``: the last one repeats."""
    received = len(values)
    if received == count:
        return values.reshape(shape)
    if received > count:
        raise MalformedTensor(
            f"expected at most {count} values for shape {format_shape(shape)}, received "
            f"{received}; send every element once"
        )
    size = values.dtype.itemsize
    if count * size > max_bytes:
        raise MalformedTensor(
            f"expected all {count} values for shape {format_shape(shape)}, received {received}; "
            f"values are repeated in tensors of up to {max_bytes // size} elements only"
        )
    if expand is not None:
        expand(count * size)
    if received == 0:
        values = np.array([b""], object) if values.dtype == object else np.zeros(1, values.dtype)
    if received <= 1:
        return np.broadcast_to(values[0:1].reshape((1,) * len(shape)), shape)
    spread = np.empty(count, values.dtype)
    spread[:received] = values
    spread[received:] = values[-1]
    return spread.reshape(shape)


def _packed(proto: TensorProto, field: str, dtype: DType) -> Array:
    buffer: bytes = getattr(PackedTensor.FromString(proto.SerializeToString()), field)
    if len(buffer) % dtype.numpy.itemsize:
        raise MalformedTensor(
            f"expected two numbers for each {dtype.value} in {field}, received an odd number; "
            "send real and imaginary parts in turns"
        )
    return from_buffer(buffer, dtype, (len(buffer) // dtype.numpy.itemsize,))


def _integers(proto: TensorProto, field: str, dtype: DType) -> Array:
    return from_integers(getattr(proto, field), dtype)


def _halves(proto: TensorProto, _field: str, dtype: DType) -> Array:
    # Bits and not numbers: some writers sign-extend them, so the upper half says nothing.
    bits = np.fromiter(proto.half_val, np.int32, len(proto.half_val))
    return bits.astype(np.uint16).view(dtype.numpy)


def _strings(proto: TensorProto, _field: str, _dtype: DType) -> Array:
    return from_strings(proto.string_val, len(proto.string_val))


_FIELDS: Final[dict[DType, str]] = {
    DType.BOOL: "bool_val",
    DType.INT8: "int_val",
    DType.INT16: "int_val",
    DType.INT32: "int_val",
    DType.INT64: "int64_val",
    DType.UINT8: "int_val",
    DType.UINT16: "int_val",
    DType.UINT32: "uint32_val",
    DType.UINT64: "uint64_val",
    DType.FLOAT16: "half_val",
    DType.BFLOAT16: "half_val",
    DType.FLOAT32: "float_val",
    DType.FLOAT64: "double_val",
    DType.COMPLEX64: "scomplex_val",
    DType.COMPLEX128: "dcomplex_val",
    DType.STRING: "string_val",
}
"""Where TensorFlow puts the values of each dtype."""

NUMBER_FIELDS: Final = frozenset(
    TensorProto.DESCRIPTOR.fields_by_name[field].number
    for field in ("tensor_content", *(set(_FIELDS.values()) - {"string_val"}))
)
"""The fields of a message that hold numbers."""

_SAME_BYTES: Final = frozenset(field.name for field in PackedTensor.DESCRIPTOR.fields)
"""Fields whose packed values are an array's bytes."""


_READERS: Final[dict[str, Callable[[TensorProto, str, DType], Array]]] = {
    **dict.fromkeys(_FIELDS.values(), _integers),
    **dict.fromkeys(_SAME_BYTES, _packed),
    "half_val": _halves,
    "string_val": _strings,
}
"""Who reads a field."""


def _dtype_name(number: Any) -> str:
    if number in types_pb2.DataType.values():
        return types_pb2.DataType.Name(number)
    return f"number {number}"
