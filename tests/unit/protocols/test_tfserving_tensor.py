from __future__ import annotations

import re
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given

from horngate.errors import InvalidInput
from horngate.protocols.pb.tensorflow.core.framework import types_pb2
from horngate.protocols.pb.tensorflow.core.framework.tensor_pb2 import TensorProto
from horngate.protocols.pb.tensorflow.core.framework.tensor_shape_pb2 import TensorShapeProto
from horngate.protocols.tfserving.tensor import NUMBERS, decode, encode
from horngate.tensors import Array, DType
from tests.unit.protocols.arrays import arrays, same


def proto(dtype: DType, *shape: int, **fields: Any) -> TensorProto:
    dims = [TensorShapeProto.Dim(size=size) for size in shape]
    shape_proto = TensorShapeProto(dim=dims)
    return TensorProto(dtype=NUMBERS[dtype], tensor_shape=shape_proto, **fields)


@given(arrays(*DType))
def test_what_is_encoded_decodes_to_itself(array: Array) -> None:
    for content in (True, False):
        wire = encode(array, content=content).SerializeToString()
        assert same(decode(TensorProto.FromString(wire), "x"), array)


TYPED = [
    (DType.BOOL, {"bool_val": [True, False]}, [True, False]),
    (DType.INT8, {"int_val": [-128, 127]}, [-128, 127]),
    (DType.INT16, {"int_val": [-32768, 5]}, [-32768, 5]),
    (DType.INT32, {"int_val": [-(2**31), 2**31 - 1]}, [-(2**31), 2**31 - 1]),
    (DType.INT64, {"int64_val": [-(2**63), 2**63 - 1]}, [-(2**63), 2**63 - 1]),
    (DType.UINT8, {"int_val": [0, 255]}, [0, 255]),
    (DType.UINT16, {"int_val": [0, 65535]}, [0, 65535]),
    (DType.UINT32, {"uint32_val": [0, 2**32 - 1]}, [0, 2**32 - 1]),
    (DType.UINT64, {"uint64_val": [0, 2**64 - 1]}, [0, 2**64 - 1]),
    (DType.FLOAT16, {"half_val": [0x3C00, 0xC000]}, [1.0, -2.0]),
    (DType.BFLOAT16, {"half_val": [0x3F80, 0xC000]}, [1.0, -2.0]),
    (DType.FLOAT32, {"float_val": [0.5, -1.5]}, [0.5, -1.5]),
    (DType.FLOAT64, {"double_val": [0.1, -1e300]}, [0.1, -1e300]),
    (DType.COMPLEX64, {"scomplex_val": [1, 2, 3, -4]}, [1 + 2j, 3 - 4j]),
    (DType.COMPLEX128, {"dcomplex_val": [1, 2, 3, -4]}, [1 + 2j, 3 - 4j]),
    (DType.STRING, {"string_val": [b"a\0", b""]}, [b"a\0", b""]),
]


def test_every_dtype_has_a_typed_case() -> None:
    assert {dtype for dtype, _, _ in TYPED} == set(DType)


@pytest.mark.parametrize(("dtype", "fields", "values"), TYPED)
def test_typed_values_decode_and_are_written_so(
    dtype: DType, fields: dict[str, Any], values: list[Any]
) -> None:
    typed = proto(dtype, 2, 1, **fields)
    array = decode(typed, "x")
    assert same(array, np.array(values, dtype.numpy).reshape(2, 1))
    assert encode(array, content=False) == typed


@pytest.mark.parametrize(("dtype", "fields", "values"), TYPED)
def test_fewer_values_repeat_the_last(
    dtype: DType, fields: dict[str, Any], values: list[Any]
) -> None:
    array = decode(proto(dtype, 2, 2, **fields), "x")
    first, last = values
    assert same(array, np.array([first, last, last, last], dtype.numpy).reshape(2, 2))


@pytest.mark.parametrize(("dtype", "fields", "values"), TYPED)
def test_one_value_fills_any_shape(dtype: DType, fields: dict[str, Any], values: list[Any]) -> None:
    ((field, sent),) = fields.items()
    per_element = len(sent) // 2
    one = proto(dtype, 3, 2, **{field: sent[:per_element]})
    assert same(decode(one, "x"), np.array(values[:1] * 6, dtype.numpy).reshape(3, 2))
    scalar = proto(dtype, **{field: sent[:per_element]})
    assert same(decode(scalar, "x"), np.array(values[0], dtype.numpy))


@pytest.mark.parametrize("dtype", DType)
def test_no_values_are_zeros(dtype: DType) -> None:
    expected = np.full(2, b"", object) if dtype is DType.STRING else np.zeros(2, dtype.numpy)
    assert same(decode(proto(dtype, 2), "x"), expected)
    assert decode(proto(dtype, 2, 0), "x").shape == (2, 0)


def test_unpacked_floats_decode_as_packed_ones_do() -> None:
    header = proto(DType.FLOAT32, 2).SerializeToString()
    unpacked = b"".join(b"\x2d" + np.float32(value).tobytes() for value in (1.5, 2.5))
    message = TensorProto.FromString(header + unpacked)
    assert decode(message, "x").tolist() == [1.5, 2.5]


def test_the_buffer_is_not_copied() -> None:
    array = decode(encode(np.ones(1000, np.float32)), "x")
    assert not array.flags.owndata
    assert not array.flags.writeable


def test_any_byte_but_zero_is_true() -> None:
    array = decode(proto(DType.BOOL, 3, tensor_content=b"\x00\x01\x02"), "x")
    assert array.tolist() == [False, True, True]
    assert array.tobytes() == b"\x00\x01\x01"


def test_signed_half_bits_are_bits() -> None:
    array = decode(proto(DType.FLOAT16, 1, half_val=[0xC000 - 0x10000]), "x")
    assert array.tolist() == [-2.0]


ABSURD = [
    (proto(DType.FLOAT32, -1, float_val=[1]), r"expected sizes of 0 or more, .*\[-1\]"),
    (proto(DType.FLOAT32, -(2**63), -2, float_val=[1]), "expected sizes of 0 or more"),
    (proto(DType.FLOAT32, 2**62, 2**62), "fits in memory, received"),
    (proto(DType.FLOAT64, 2**61), "fits in memory, received"),
    (proto(DType.FLOAT32, 0, 2**62, 2**62), "fits in memory, received"),
    (proto(DType.FLOAT32, *[1] * 65), "at most 64 dimensions, received 65"),
    (proto(DType.FLOAT32, *[1] * 300), "at most 64 dimensions, received 300"),
    (proto(DType.FLOAT32, 2**40, float_val=[1.0]), "expected all 1099511627776 values"),
    (proto(DType.FLOAT32, 2**40), "repeated in tensors of up to 16777216 elements only"),
    (proto(DType.STRING, 2**40, string_val=[b"a"]), "expected all 1099511627776 values"),
    (proto(DType.STRING, 2**24), "tensors of up to 8388608 elements only"),
    (proto(DType.COMPLEX128, 2**24, dcomplex_val=[1, 2]), "tensors of up to 4194304 elements only"),
    (proto(DType.FLOAT32, 2**40, tensor_content=b"1234"), "expected 4398046511104 bytes"),
    (proto(DType.FLOAT32, 2, tensor_content=b"1234567"), "expected 8 bytes .* received 7"),
    (proto(DType.FLOAT32, 0, tensor_content=b"1234"), "expected 0 bytes .* received 4"),
    (proto(DType.FLOAT32, 2, float_val=[1, 2, 3]), "expected at most 2 values .* received 3"),
    (proto(DType.STRING, 1, string_val=[b"a", b"b"]), "expected at most 1 values"),
    (proto(DType.STRING, 1, tensor_content=b"\x01a"), "expected strings in string_val"),
    (proto(DType.COMPLEX64, 1, scomplex_val=[1]), "received an odd number"),
    (proto(DType.UINT8, 1, int_val=[256]), "uint8 values from 0 to 255, received 256"),
    (proto(DType.INT8, 2, int_val=[1, -129]), "int8 values from -128 to 127, received -129"),
    (proto(DType.UINT16, 1, int_val=[-1]), "uint16 values from 0 to 65535, received -1"),
    (TensorProto(), "expected a dtype of DT_BOOL, .*, received DT_INVALID"),
    (TensorProto(dtype=20), "received number 20"),  # type: ignore[arg-type]  # DT_RESOURCE
    (TensorProto(dtype=999), "received number 999"),  # type: ignore[arg-type]  # no such dtype
    (
        TensorProto(dtype=types_pb2.DT_FLOAT, tensor_shape=TensorShapeProto(unknown_rank=True)),
        "expected a shape, received unknown_rank",
    ),
]


@pytest.mark.parametrize(("message", "said"), ABSURD)
def test_an_absurd_tensor_is_refused_by_name(message: TensorProto, said: str) -> None:
    with pytest.raises(InvalidInput, match=f"^tensor parsing error: image: .*{said}") as caught:
        decode(message, "image")
    assert caught.value.name == "image"


def test_the_limit_on_repeated_values_is_the_callers() -> None:
    message = proto(DType.INT32, 10, int_val=[7])
    assert decode(message, "x", max_bytes=40).tolist() == [7] * 10
    with pytest.raises(InvalidInput, match="up to 9 elements"):
        decode(message, "x", max_bytes=39)
    whole = proto(DType.INT32, 10, int_val=range(10))
    assert decode(whole, "x", max_bytes=0).tolist() == list(range(10))


def test_other_forms_of_arrays_encode_as_what_they_hold() -> None:
    big_endian = np.array([1, 2], ">i4")
    assert decode(encode(big_endian), "x").tolist() == [1, 2]
    columns = np.arange(6, dtype=np.int64).reshape(2, 3).T
    assert decode(encode(columns), "x").tolist() == columns.tolist()
    text: Array = np.array(["ä", "b"])
    assert decode(encode(text), "x").tolist() == ["ä".encode(), b"b"]
    assert decode(encode(np.array([b"ab", b"c"])), "x").tolist() == [b"ab", b"c"]
    assert decode(encode(np.array(["ä", b"b"], object)), "x").tolist() == ["ä".encode(), b"b"]
    assert encode(np.array(1.5, ml_dtypes.bfloat16)).dtype == types_pb2.DT_BFLOAT16


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.array([1, None], object), "'x': expected bytes or str elements, received int"),
        (np.zeros(1, "M8[s]"), "'x': expected one of bool, .*, received numpy dtype datetime64"),
    ],
)
def test_what_no_model_takes_is_not_encoded(array: Array, said: str) -> None:
    with pytest.raises(InvalidInput, match=re.compile(said)):
        encode(array, name="x")
