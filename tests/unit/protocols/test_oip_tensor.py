from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

from horngate.errors import InvalidInput
from horngate.protocols.oip.tensor import DATATYPES, decode, encode
from horngate.protocols.pb.inference.grpc_service_pb2 import (
    InferTensorContents,
    ModelInferRequest,
    ModelInferResponse,
)
from horngate.tensors import Array, DType
from tests.unit.protocols.arrays import arrays, same

InferInputTensor = ModelInferRequest.InferInputTensor


def tensor(datatype: str, *shape: int, **contents: Any) -> InferInputTensor:
    message = InferInputTensor(name="image", datatype=datatype, shape=shape)
    if contents:
        message.contents.CopyFrom(InferTensorContents(**contents))
    return message


@given(arrays(*DATATYPES))
def test_what_is_encoded_decodes_to_itself(array: Array) -> None:
    message = InferInputTensor(name="x")
    raw = encode(array, message)
    assert same(decode(InferInputTensor.FromString(message.SerializeToString()), raw), array)


TYPED = [
    ("BOOL", {"bool_contents": [True, False]}, [True, False]),
    ("INT8", {"int_contents": [-128, 127]}, [-128, 127]),
    ("INT16", {"int_contents": [-32768, 5]}, [-32768, 5]),
    ("INT32", {"int_contents": [-(2**31), 2**31 - 1]}, [-(2**31), 2**31 - 1]),
    ("INT64", {"int64_contents": [-(2**63), 2**63 - 1]}, [-(2**63), 2**63 - 1]),
    ("UINT8", {"uint_contents": [0, 255]}, [0, 255]),
    ("UINT16", {"uint_contents": [0, 65535]}, [0, 65535]),
    ("UINT32", {"uint_contents": [0, 2**32 - 1]}, [0, 2**32 - 1]),
    ("UINT64", {"uint64_contents": [0, 2**64 - 1]}, [0, 2**64 - 1]),
    ("FP32", {"fp32_contents": [0.5, -1.5]}, [0.5, -1.5]),
    ("FP64", {"fp64_contents": [0.1, -1e300]}, [0.1, -1e300]),
    ("BYTES", {"bytes_contents": [b"a\0", b""]}, [b"a\0", b""]),
]


def test_every_datatype_with_contents_has_a_case() -> None:
    raw_only = {"FP16", "BF16"}
    assert {name for name, _, _ in TYPED} == set(DATATYPES.values()) - raw_only


@pytest.mark.parametrize(("datatype", "contents", "values"), TYPED)
def test_contents_decode(datatype: str, contents: dict[str, Any], values: list[Any]) -> None:
    dtype = {name: dtype for dtype, name in DATATYPES.items()}[datatype]
    array = decode(tensor(datatype, 2, 1, **contents), None)
    assert same(array, np.array(values, dtype.numpy).reshape(2, 1))


@pytest.mark.parametrize(("datatype", "contents", "values"), TYPED)
def test_contents_must_be_complete(
    datatype: str, contents: dict[str, Any], values: list[Any]
) -> None:
    with pytest.raises(InvalidInput, match=r"'image': expected 3 values in .* received 2"):
        decode(tensor(datatype, 3, **contents), None)


def test_an_empty_tensor_needs_no_data() -> None:
    for datatype in DATATYPES.values():
        assert decode(tensor(datatype, 0, 2), None).shape == (0, 2)
        assert decode(tensor(datatype, 0, 2), b"").shape == (0, 2)


def test_the_wire_form_of_bytes() -> None:
    message = InferInputTensor(name="x")
    raw = encode(np.array([b"ab", b""], object), message)
    assert raw == b"\x02\x00\x00\x00ab\x00\x00\x00\x00"
    assert (message.datatype, list(message.shape)) == ("BYTES", [2])


def test_the_buffer_is_not_copied() -> None:
    raw = np.ones(10, np.float32).tobytes()
    assert not decode(tensor("FP32", 10), raw).flags.owndata


ABSURD: list[tuple[InferInputTensor, bytes | None, str]] = [
    (tensor("FP32", -1), b"", r"sizes of 0 or more, received shape \[-1\]"),
    (tensor("FP32", 2**62, 2**62), b"1234", "fits in memory"),
    (tensor("FP32", *[1] * 65), b"1234", "at most 64 dimensions, received 65"),
    (tensor("FP32", 2), b"1234", r"expected 8 bytes for FP32\[2\], received 4"),
    (tensor("FP32", 1), b"12345678", r"expected 4 bytes for FP32\[1\], received 8"),
    (tensor("FP32", 2), None, r"expected 2 elements for shape \[2\], received no data"),
    (tensor("FP32", 1, fp32_contents=[1]), b"1234", "received both"),
    (tensor("FP32", 1, int_contents=[1]), None, "1 values in fp32_contents .* received 0"),
    (tensor("FP16", 1, fp32_contents=[1]), None, "expected FP16 in raw_input_contents"),
    (tensor("UINT8", 1, uint_contents=[256]), None, "uint8 values from 0 to 255, received 256"),
    (tensor("FP32", 2**40, fp32_contents=[1]), None, "expected 1099511627776 values"),
    (tensor("BYTES", 2**40), b"\x00\x00\x00\x00", "at least 4398046511104 bytes"),
    (tensor("BYTES", 1), b"\xff\xff\xff\xffab", "expected 4294967295 bytes in element 0"),
    (
        tensor("BYTES", 2),
        b"\x04\x00\x00\x00abcd",
        "expected 2 BYTES elements, received bytes for 1",
    ),
    (tensor("BYTES", 1), b"\x01\x00\x00\x00abc", "1 BYTES elements in 5 bytes, received 7"),
    (tensor("FLOAT", 1), b"1234", "expected a datatype of BOOL, .*, received 'FLOAT'"),
    (tensor("", 1), b"1234", "received ''"),
]


@pytest.mark.parametrize(("message", "raw", "said"), ABSURD)
def test_an_absurd_tensor_is_refused_by_name(
    message: InferInputTensor, raw: bytes | None, said: str
) -> None:
    with pytest.raises(InvalidInput, match=f"^input 'image': .*{said}") as caught:
        decode(message, raw)
    assert caught.value.name == "image"


def test_an_output_is_called_one() -> None:
    output = ModelInferResponse.InferOutputTensor(name="score", datatype="FP32", shape=[1])
    with pytest.raises(InvalidInput, match="output 'score': expected 4 bytes"):
        decode(output, b"")


def test_complex_numbers_are_not_of_this_protocol() -> None:
    with pytest.raises(InvalidInput, match=r"tensor 'x': expected one of .* received complex64"):
        encode(np.zeros(1, np.complex64), InferInputTensor(name="x"))
    assert set(DType) - set(DATATYPES) == {DType.COMPLEX64, DType.COMPLEX128}
