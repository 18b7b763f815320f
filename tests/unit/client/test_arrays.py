import ml_dtypes
import numpy as np
import pytest

from horngate.client.arrays import as_array, own_array
from horngate.errors import InvalidInput
from horngate.tensors import DType, TensorSpec


def spec(dtype: DType) -> TensorSpec:
    return TensorSpec("x", dtype, (None,))


@pytest.mark.parametrize(
    "array", [np.zeros(2), np.zeros(2, np.float32), np.float16(1), np.array([b"a"], "S1")]
)
def test_an_array_keeps_its_dtype(array: np.ndarray) -> None:
    own = own_array(array)
    assert own is not None
    assert own.dtype == array.dtype


@pytest.mark.parametrize("value", [1.5, 1, True, [1, 2], [[0.5]], [], (1, 2), [np.ones(2)]])
def test_numbers_without_a_dtype_are_left_to_the_signature(value: object) -> None:
    assert own_array(value) is None


@pytest.mark.parametrize(
    ("value", "shape"), [("é", ()), (b"a", ()), (["é", b"a"], (2,)), ([["a"], ["b"]], (2, 1))]
)
def test_text_is_a_string_tensor(value: object, shape: tuple[int, ...]) -> None:
    own = own_array(value)
    assert own is not None
    assert own.dtype == object
    assert own.shape == shape


def test_bytes_keep_a_zero_at_their_end() -> None:
    own = own_array([b"a\0"])
    assert own is not None
    assert own.tolist() == [b"a\0"]


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        ([0.1, 1], DType.FLOAT32, np.array([0.1, 1], np.float32)),
        ([1, 2], DType.FLOAT32, np.array([1, 2], np.float32)),
        ([True, False], DType.FLOAT32, np.array([1, 0], np.float32)),
        ([1, 255], DType.UINT8, np.array([1, 255], np.uint8)),
        ([0, 1], DType.BOOL, np.array([False, True])),
        ([1, 2.5j], DType.COMPLEX64, np.array([1, 2.5j], np.complex64)),
        ([float("inf"), float("nan")], DType.FLOAT16, np.array([np.inf, np.nan], np.float16)),
        ([0.5, 2], DType.BFLOAT16, np.array([0.5, 2], ml_dtypes.bfloat16)),
        ([2**63], DType.UINT64, np.array([2**63], np.uint64)),
        ([], DType.INT32, np.array([], np.int32)),
    ],
)
def test_numbers_take_the_dtype_of_the_model(
    value: object, dtype: DType, expected: np.ndarray
) -> None:
    array = as_array("x", value, spec(dtype))
    assert array.dtype == expected.dtype
    np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize(
    ("value", "dtype", "received"),
    [
        ([1.5], DType.INT64, "float64"),
        ([1.0], DType.BOOL, "float64"),
        ([300], DType.UINT8, "fit uint8"),
        ([-1], DType.UINT8, "fit uint8"),
        ([2], DType.BOOL, "fit bool"),
        ([1e10], DType.FLOAT16, "fit float16"),
        ([1e300], DType.FLOAT32, "fit float32"),
        ([1j], DType.FLOAT32, "complex128"),
        (["a"], DType.FLOAT32, "text"),
        ([None], DType.FLOAT32, "NoneType"),
        ([2**70], DType.INT64, "int"),
        ([[1], [2, 3]], DType.FLOAT32, "rows of equal length"),
    ],
)
def test_what_the_dtype_cannot_hold_is_refused(value: object, dtype: DType, received: str) -> None:
    with pytest.raises(InvalidInput, match="input 'x': expected") as caught:
        as_array("x", value, spec(dtype))
    assert received in str(caught.value)
    assert caught.value.name == "x"


def test_without_a_spec_numpy_chooses() -> None:
    assert as_array("x", [1.0], None).dtype == np.float64


def test_a_string_input_takes_text_as_it_is() -> None:
    assert as_array("x", ["a", b"b"], spec(DType.STRING)).tolist() == ["a", b"b"]
