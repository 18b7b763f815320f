"""Arrays of every dtype, for round trips."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from horngate.tensors import Array, DType


def arrays(*dtypes: DType) -> st.SearchStrategy[Array]:
    """Arrays of one of ``dtypes``, of up to three dimensions, empty and scalar ones included."""
    return st.sampled_from(dtypes).flatmap(_of)


def _of(dtype: DType) -> st.SearchStrategy[Array]:
    shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
    if dtype is DType.STRING:
        return hnp.arrays(object, shapes, elements=st.binary(max_size=9), fill=st.nothing())
    if dtype is DType.BFLOAT16:
        bits = hnp.arrays(np.uint16, shapes)
        return bits.map(lambda array: array.view(dtype.numpy))
    return hnp.arrays(dtype.numpy, shapes)


def same(left: Array, right: Array) -> bool:
    """Equal dtype, shape and elements; floats bit by bit, so that NaNs and -0.0 count."""
    if left.dtype == object:
        return left.shape == right.shape and left.tolist() == right.tolist()
    return (
        left.dtype == right.dtype
        and left.shape == right.shape
        and left.tobytes() == right.tobytes()
    )
