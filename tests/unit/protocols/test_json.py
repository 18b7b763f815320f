"""Arrays and messages as JSON and back."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from horngate.errors import InvalidRequest, Unsupported
from horngate.protocols.elements import MalformedTensor
from horngate.protocols.json import (
    MOST_LISTS,
    MOST_SLOW,
    MOST_STRINGS,
    message_to_plain,
    parse_json,
    read_array,
    shown,
    to_json,
    write_array,
)
from horngate.protocols.pb.inference import grpc_service_pb2 as pb
from horngate.protocols.pb.inference import model_config_pb2
from horngate.tensors import Array, DType

NUMERIC = [
    dtype
    for dtype in DType
    if dtype not in {DType.STRING, DType.COMPLEX64, DType.COMPLEX128, DType.BFLOAT16}
]
SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=4)


@st.composite
def numbers(draw: st.DrawFn) -> tuple[DType, Array]:
    dtype = draw(st.sampled_from(NUMERIC))
    return dtype, draw(arrays.arrays(dtype.numpy, draw(SHAPES)))


@given(numbers())
def test_numbers_come_back_as_they_were(pair: tuple[DType, Array]) -> None:
    dtype, array = pair
    back = read_array(parse_json(to_json(write_array(array))), dtype)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


@given(arrays.arrays(np.dtype(object), SHAPES, elements=st.binary(max_size=8)), st.booleans())
def test_strings_come_back_as_they_were(array: Array, as_b64: bool) -> None:
    written = parse_json(to_json(write_array(array, as_b64=as_b64)))
    back = read_array(written, DType.STRING)
    assert back.shape == array.shape
    assert back.tolist() == array.tolist()


def test_bfloat16_is_written_as_numbers() -> None:
    array = np.array([[1.5, -2.0]], ml_dtypes.bfloat16)
    assert json.loads(to_json({"y": write_array(array)})) == {"y": [[1.5, -2.0]]}
    assert read_array([[1.5, -2.0]], DType.BFLOAT16).tolist() == array.tolist()


def test_what_is_no_number_is_written_by_name() -> None:
    rows = [{"a": np.float32(value), "b": np.array([1.0])} for value in (np.nan, np.inf, -np.inf)]
    text = to_json({"predictions": rows}).decode()
    assert text.count("NaN") == 1
    assert text.count("Infinity") == 2
    assert "null" not in text


@pytest.mark.parametrize(
    ("value", "dtype", "said"),
    [
        ([[1], [1, 2]], DType.FLOAT32, "equal lengths"),
        ([["a"], ["a", "b"]], DType.STRING, "equal lengths"),
        ([["a"], "b"], DType.STRING, "equal lengths"),
        ([["a"] * 100_000, *[[] for _ in range(100_000)]], DType.STRING, "equal lengths"),
        (parse_json(b"[" * 65 + b'"a"' + b"]" * 65), DType.STRING, "64 dim"),
        ([1.5], DType.INT32, "expected integers for int32, received float '1.5'"),
        ([1.5, 2**64 - 1], DType.UINT64, "expected integers for uint64"),
        ([True], DType.INT32, "expected integers for int32, received bool 'True'"),
        ([1], DType.BOOL, "expected true and false for bool, received int '1'"),
        ([True], DType.FLOAT32, "expected numbers for float32"),
        ([None], DType.FLOAT32, "received NoneType 'None'"),
        (["1"], DType.FLOAT32, "received str '1'"),
        ([{"b64": "YQ=="}], DType.FLOAT32, "received dict"),
        ([300], DType.UINT8, "expected uint8 values from 0 to 255, received 300"),
        ([-1], DType.UINT64, "from 0 to 18446744073709551615, received -1"),
        ([2**70], DType.INT64, "expected integers for int64"),
        ([1], DType.STRING, "expected strings"),
        ([{"b64": "!"}], DType.STRING, "expected base64"),
        ([{"b64": 1}], DType.STRING, "expected strings"),
        ([1.0], DType.COMPLEX64, "a dtype that JSON can write, received complex64"),
    ],
)
def test_what_does_not_fit(value: Any, dtype: DType, said: str) -> None:
    with pytest.raises(MalformedTensor, match=said):
        read_array(value, dtype)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (["a" * 1_000_000, *[1.5] * 100_000], "received str 'aaaa"),
        ([*[1.5] * 100_000, "a" * 1_000_000], "received str 'aaaa"),
        ([[1], ["a" * 1_000_000], *[[2]] * 100_000], "received str 'aaaa"),
        ([[], ["a" * 1_000_000], *[[]] * 100_000], "received str 'aaaa"),
        ([[[]], [["a" * 1_000_000]], *[[[1]]] * 100_000], "received str 'aaaa"),
        ([10**400, 0.5, "a" * 1_000_000, *[1] * 100_000], "received int '1000"),
    ],
)
def test_one_long_text_takes_no_room_beside_numbers(value: list[Any], said: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(MalformedTensor, match=said):
            read_array(value, DType.FLOAT32)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_numbers_beyond_a_narrow_float_are_infinite() -> None:
    assert read_array([1e30, -(10**9)], DType.FLOAT16).tolist() == [np.inf, -np.inf]


def test_complex_outputs_are_refused_and_not_half_written() -> None:
    with pytest.raises(Unsupported, match="received complex64; ask over gRPC"):
        write_array(np.zeros(1, np.complex64))


def test_a_value_is_shown_by_its_beginning_however_large_or_deep() -> None:
    deep: list[Any] = []
    for _ in range(1000):
        deep = [deep]
    for value in (deep, {"a": deep}, "a" * 1000, [["a" * 1000]] * 1000, 10**4000):
        assert len(shown(value)) <= 80
    assert [shown(value) for value in ("a", 1, 1.5, None, [1, [2]])] == [
        "a",
        "1",
        "1.5",
        "None",
        "[1, [2]]",
    ]


def test_numbers_beyond_63_bits() -> None:
    assert read_array([2**64 - 1, 0], DType.UINT64).tolist() == [2**64 - 1, 0]


def test_an_empty_list_is_an_array_of_nothing() -> None:
    for dtype in (DType.INT32, DType.FLOAT32, DType.BOOL):
        assert read_array([[], []], dtype).shape == (2, 0)


NO_TEXT = [b'"\\ud800"', b'{"\\udC00": 1}', b'"\xed\xa0\x80"', "[1]".encode("utf-16")]


@pytest.mark.parametrize("text", [b"", b"{", b"nan", b"[1,]", b"\xff", b"[" * 100_000, *NO_TEXT])
def test_what_is_no_json(text: bytes) -> None:
    with pytest.raises(InvalidRequest, match="JSON Parse error"):
        parse_json(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"[" + b"[]," * MOST_LISTS + b"[]]", "at most 2097152 lists and objects, received"),
        (b"[" + b"{}," * MOST_LISTS + b"{}]", "at most 2097152 lists and objects, received"),
        (b"[" + b'"",' * MOST_STRINGS + b'""]', "at most 4194304 strings, received 4194305"),
        (b"[" + b"1," * MOST_SLOW + b"NaN, 1]", "among at most 4194304 values"),
    ],
)
def test_what_would_keep_every_other_thread_waiting(text: bytes, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        parse_json(text)


def test_numbers_are_not_counted() -> None:
    numbers = parse_json(b"[" + b"1," * (2 * MOST_LISTS) + b"1]")
    assert len(numbers) == 2 * MOST_LISTS + 1


def test_what_only_looks_like_half_a_pair_and_a_mark_of_utf_8() -> None:
    assert parse_json(b'[NaN, "\\ud83d\\ude00", "\\\\ud800"]')[1:] == ["\U0001f600", "\\ud800"]
    assert parse_json(b"\xef\xbb\xbf[1]") == [1]


def test_a_message_is_plain_with_its_defaults() -> None:
    message = pb.ModelConfigResponse()
    config = message.config
    config.name = "m"
    config.input.add(name="x", data_type=model_config_pb2.TYPE_FP32, dims=[-1, 2**40])
    config.parameters["p"].string_value = "v"
    plain = message_to_plain(config)
    assert plain["name"] == "m"
    assert plain["max_batch_size"] == 0
    assert plain["input"] == [
        {
            "name": "x",
            "data_type": "TYPE_FP32",
            "format": "FORMAT_NONE",
            "dims": [-1, 2**40],
            **dict.fromkeys(
                ("is_shape_tensor", "allow_ragged_batch", "optional", "is_non_linear_format_io"),
                False,
            ),
        }
    ]
    assert plain["parameters"] == {"p": {"string_value": "v"}}
    assert "dynamic_batching" not in plain
