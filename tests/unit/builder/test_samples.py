from __future__ import annotations

import numpy as np
import pytest

from horngate.builder.comparison import FREE_SIZE, ROWS, WORDS, made_up_inputs
from horngate.tensors import Array, DType, Shape, Signature, TensorSpec

SHAPES: list[Shape] = [(), (2,), (None,), (None, 3), (None, None, 2)]


def made(dtype: DType, shape: Shape, seed: int = 0) -> Array:
    spec = TensorSpec("x", dtype, shape)
    return made_up_inputs(Signature("s", {"x": spec}, {"y": spec}), seed)["x"]


@pytest.mark.parametrize("dtype", DType)
@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_made_up_fits_the_signature(dtype: DType, shape: Shape) -> None:
    spec = TensorSpec("x", dtype, shape)
    array = made(dtype, shape)
    assert isinstance(array, np.ndarray)
    assert array.dtype == dtype.numpy
    assert spec.accepts_shape(array.shape)


def test_a_batch_has_some_rows_and_other_free_dimensions_one_size() -> None:
    assert made(DType.FLOAT32, (None, None, 2)).shape == (ROWS, FREE_SIZE, 2)
    assert made(DType.FLOAT32, (2, None)).shape == (2, FREE_SIZE)


def test_integers_lie_in_any_vocabulary_and_floats_from_0_to_1() -> None:
    assert set(made(DType.INT64, (None, 100)).ravel().tolist()) == {0, 1}
    floats = made(DType.FLOAT32, (None, 100))
    assert 0 <= floats.min() < 0.1
    assert 0.9 < floats.max() < 1
    assert set(made(DType.STRING, (None, 100)).ravel().tolist()) == set(WORDS)


def test_the_same_seed_makes_up_the_same() -> None:
    first, again, other = (made(DType.FLOAT32, (None, 3), seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_every_input_is_made_up_under_its_name() -> None:
    specs = {
        name: TensorSpec(name, dtype, (None,))
        for name, dtype in (("x-in", DType.FLOAT32), ("ids", DType.INT32))
    }
    inputs = made_up_inputs(Signature("s", specs, specs))
    assert {name: array.dtype for name, array in inputs.items()} == {
        "x-in": np.float32,
        "ids": np.int32,
    }
