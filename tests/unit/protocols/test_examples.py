"""``tf.Example``s that are too many, too large or do not fit."""

from __future__ import annotations

import numpy as np
import pytest

from horngate.errors import InvalidInput, InvalidRequest
from horngate.protocols.pb.tensorflow.core.example.example_pb2 import Example
from horngate.protocols.pb.tensorflow_serving.apis.input_pb2 import Input
from horngate.protocols.tfserving.examples import (
    MAX_COPIED_BYTES,
    MAX_EXAMPLES,
    read_examples,
    to_inputs,
)
from horngate.tensors import Array, DType, Signature, TensorSpec


def signature(dtype: DType) -> Signature:
    x = TensorSpec("x", dtype, (None, 2))
    return Signature("s", {"x": x}, {"y": TensorSpec("y", DType.FLOAT32, (None, 1))})


def example(**features: list[int] | list[float]) -> Example:
    made = Example()
    for name, values in features.items():
        feature = made.features.feature[name]
        kind = "int64_list" if isinstance(values[0], int) else "float_list"
        getattr(feature, kind).value.extend(values)
    return made


def column(dtype: DType, values: list[int] | list[float]) -> Array:
    return to_inputs([example(x=values)], signature(dtype))["x"]


def test_more_examples_than_a_request_may_carry() -> None:
    message = Input()
    message.example_list.examples.extend([Example()] * MAX_EXAMPLES)
    assert len(read_examples(message)) == MAX_EXAMPLES
    message.example_list.examples.add()
    with pytest.raises(InvalidRequest, match=f"at most {MAX_EXAMPLES} examples, received 65537"):
        read_examples(message)


def test_a_context_is_not_copied_without_bound() -> None:
    message = Input()
    given = message.example_list_with_context
    given.context.CopyFrom(example(x=[1.0] * 50_000))
    fits = MAX_COPIED_BYTES // given.context.ByteSize()
    given.examples.extend([Example()] * 10)
    assert [
        len(each.features.feature["x"].float_list.value) for each in read_examples(message)
    ] == [50_000] * 10
    given.examples.extend([Example()] * fits)
    with pytest.raises(InvalidRequest, match="context of at most 67108864 bytes in all examples"):
        read_examples(message)


def test_integers_that_an_input_does_not_have() -> None:
    with pytest.raises(InvalidInput, match="'x', example 0: expected uint64 values of 0 or more"):
        column(DType.UINT64, [-1, 1])
    with pytest.raises(InvalidInput, match="expected int8 values from -128 to 127"):
        column(DType.INT8, [128, 1])


@pytest.mark.parametrize("values", [[1e30, -1e30], [2**62, -(2**62)]])
def test_numbers_beyond_a_narrow_float_are_infinite(values: list[float]) -> None:
    assert column(DType.FLOAT16, values).tolist() == [[np.inf, -np.inf]]


def test_a_missing_feature_is_told_with_some_of_those_that_are_there() -> None:
    many = example(**{f"f{index:04}": [1] for index in range(1000)})
    with pytest.raises(InvalidInput, match=r"'f0000', .*, 'f0019' and 980 more$"):
        to_inputs([many], signature(DType.FLOAT32))
