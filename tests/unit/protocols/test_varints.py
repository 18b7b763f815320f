"""Integers as protobuf packs them, held against protobuf."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from horngate.protocols.pb.tensorflow.core.framework.tensor_pb2 import TensorProto
from horngate.protocols.varints import FEW, varints
from horngate.tensors import Array
from horngate.wire import field_head

FIELDS: dict[str, tuple[str, int]] = {
    "int8": ("int_val", 7),
    "uint8": ("int_val", 7),
    "int16": ("int_val", 7),
    "uint16": ("half_val", 13),
    "int32": ("int_val", 7),
    "uint32": ("uint32_val", 16),
    "int64": ("int64_val", 10),
    "uint64": ("uint64_val", 17),
    "bool": ("bool_val", 11),
}


def of_protobuf(array: Array) -> bytes:
    field, _ = FIELDS[array.dtype.name]
    values: Any = {field: array.ravel().tolist()}
    return TensorProto(**values).SerializeToString()


def framed(array: Array) -> bytes:
    packed = varints(array)
    return field_head(FIELDS[array.dtype.name][1], len(packed)) + packed if packed else b""


@given(
    st.sampled_from(sorted(FIELDS)).flatmap(
        lambda name: arrays.arrays(name, arrays.array_shapes(min_dims=0, min_side=0, max_side=99))
    )
)
def test_they_are_protobufs_bytes(array: Array) -> None:
    assert framed(array) == of_protobuf(array)


@pytest.mark.parametrize("name", sorted(FIELDS))
@pytest.mark.parametrize("count", [1, FEW, FEW + 1])
def test_at_the_edges_of_every_length(name: str, count: int) -> None:
    if name == "bool":
        edges = [0, 1]
    else:
        limits = np.iinfo(name)
        powers = [2**bits + step for bits in range(0, 64, 7) for step in (-1, 0)]
        edges = [n for n in (*powers, *(-p for p in powers)) if limits.min <= n <= limits.max]
        edges += [limits.min, limits.max]
    for edge in edges:
        assert framed(np.full(count, edge, name)) == of_protobuf(np.full(count, edge, name))
    mixed = np.resize(np.array(edges, name), 3 * FEW)
    assert framed(mixed) == of_protobuf(mixed)
    assert framed(mixed[::2]) == of_protobuf(mixed[::2]), "of a view, too"


def test_a_truth_of_another_byte_is_a_truth() -> None:
    odd = np.array([0, 1, 2, 200], np.uint8).view(np.bool_)
    assert varints(odd) == b"\0\1\1\1"
