"""``tf.Example``s as the inputs of a signature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from horngate.errors import InvalidInput, InvalidRequest
from horngate.protocols.elements import Expand, MalformedTensor, from_integers
from horngate.protocols.pb.tensorflow.core.example.example_pb2 import Example
from horngate.protocols.pb.tensorflow.core.example.feature_pb2 import Feature
from horngate.protocols.pb.tensorflow_serving.apis.input_pb2 import Input
from horngate.tensors import FLOATS, Array, Arrays, DType, Signature, TensorSpec, format_shape

PREDICT: Final = "tensorflow/serving/predict"
MAX_EXAMPLES: Final = 1 << 16
MAX_COPIED_BYTES: Final = 1 << 26
"""The most examples of a request, and the most bytes that copying a context into them may come to.

Both cost their sender next to nothing: an example without features is two bytes, and so is one that
has a large context's.
"""

MESSAGE_GROWTH: Final = 8
"""What a feature takes in memory for each byte on the wire: small integers take eight for one."""

_INTEGERS: Final = frozenset(
    {
        DType.INT8,
        DType.INT16,
        DType.INT32,
        DType.INT64,
        DType.UINT8,
        DType.UINT16,
        DType.UINT32,
        DType.UINT64,
    }
)


def read_examples(message: Input, hold: Expand | None = None) -> list[Example]:
    """The examples, each with the features of the context that it does not have itself.

    ``hold`` is told how many bytes copying a context takes before it is copied; it may refuse.

    Raises:
        InvalidRequest: there are none, or more than a request may carry.
        RequestError: what ``hold`` raises.
    """
    context: Example | None = None
    examples = message.example_list.examples
    if message.WhichOneof("kind") == "example_list_with_context":
        context = message.example_list_with_context.context
        examples = message.example_list_with_context.examples
    if not examples:
        raise InvalidRequest("Input is empty. Expected at least one example")
    if len(examples) > MAX_EXAMPLES:
        raise InvalidRequest(
            f"expected at most {MAX_EXAMPLES} examples, received {len(examples)}; send several "
            "requests"
        )
    if context is None:
        return list(examples)
    copied = context.ByteSize() * len(examples)
    if copied > MAX_COPIED_BYTES:
        raise InvalidRequest(
            f"expected a context of at most {MAX_COPIED_BYTES} bytes in all examples together, "
            f"received one that comes to {copied} in {len(examples)}; send several requests"
        )
    if hold is not None:
        hold(MESSAGE_GROWTH * copied)
    return [_with_context(example, context) for example in examples]


def to_inputs(examples: Sequence[Example], signature: Signature) -> Arrays:
    """The inputs of ``signature``, one row for each example.

    An input gets the feature of its name. A signature that parses examples itself, whose only
    input is a string for each row, gets them serialized.

    Raises:
        InvalidInput: a feature that is missing, or does not fit its input.
    """
    if _takes_examples(examples, signature):
        (name,) = signature.inputs
        serialized = [example.SerializeToString() for example in examples]
        return {name: np.array([*serialized, None], object)[:-1]}
    return {
        name: _pictures(examples, spec)
        if name in signature.pictures and _of_bytes(examples[0], name)
        else _column(examples, spec)
        for name, spec in signature.inputs.items()
    }


def _of_bytes(example: Example, name: str) -> bool:
    features = example.features.feature
    return name in features and features[name].WhichOneof("kind") == "bytes_list"


def _pictures(examples: Sequence[Example], spec: TensorSpec) -> Array:
    """Encoded, one of each example, in place of numbers."""
    return _column(examples, TensorSpec(spec.name, DType.STRING, (None, 1)))


def _with_context(example: Example, context: Example) -> Example:
    merged = Example()
    merged.CopyFrom(context)
    # Not MergeFrom: lists of the same feature would be joined.
    for name, feature in example.features.feature.items():
        merged.features.feature[name].CopyFrom(feature)
    return merged


def _takes_examples(examples: Sequence[Example], signature: Signature) -> bool:
    if len(signature.inputs) != 1:
        return False
    (spec,) = signature.inputs.values()
    if spec.dtype is not DType.STRING or not (spec.unknown_rank or len(spec.shape) == 1):
        return False
    named = any(spec.name in example.features.feature for example in examples)
    return signature.method != PREDICT or not named


def _column(examples: Sequence[Example], spec: TensorSpec) -> Array:
    row = spec.shape[1:]
    if not spec.batched or sum(size is None for size in row) > 1:
        raise InvalidInput(
            f"input {spec.name!r}: expected rows with at most one free dimension, for which the "
            f"values of a feature can stand, received {format_shape(spec.shape)}; use Predict",
            name=spec.name,
        )
    shape = tuple(-1 if size is None else size for size in row)
    rows = [_row(example, index, spec, shape) for index, example in enumerate(examples)]
    sizes = {values.shape for values in rows}
    if len(sizes) > 1:
        raise InvalidInput(
            f"input {spec.name!r}: expected as many values in every example, received shapes "
            f"{', '.join(sorted(map(format_shape, sizes)))}; ask in several requests",
            name=spec.name,
        )
    return np.stack(rows)


def _row(example: Example, index: int, spec: TensorSpec, shape: tuple[int, ...]) -> Array:
    features = example.features.feature
    where = f"input {spec.name!r}, example {index}"
    if spec.name not in features:
        known = sorted(features)
        more = f" and {len(known) - 20} more" if len(known) > 20 else ""
        raise InvalidInput(
            f"{where}: expected a feature of that name, received "
            f"{', '.join(map(repr, known[:20])) or 'none'}{more}",
            name=spec.name,
        )
    try:
        with np.errstate(over="ignore"):  # what is beyond a narrow dtype's range is infinite there
            values = _values(features[spec.name], spec.dtype)
        return values.reshape(shape)
    except MalformedTensor as error:
        raise InvalidInput(f"{where}: {error}", name=spec.name) from None
    except ValueError:
        raise InvalidInput(
            f"{where}: expected values for a row of shape {format_shape(spec.shape[1:])}, received "
            f"{len(values)}",
            name=spec.name,
        ) from None


def _values(feature: Feature, dtype: DType) -> Array:
    kind = feature.WhichOneof("kind")
    if kind is None:
        return np.empty(0, dtype.numpy)
    values = getattr(feature, kind).value
    if kind == "bytes_list" and dtype is DType.STRING:
        return np.array([*values, None], object)[:-1]
    if kind == "float_list" and dtype in FLOATS:
        return np.array(values, np.float32).astype(dtype.numpy)
    if kind == "int64_list" and dtype in _INTEGERS:
        return from_integers(values, dtype)
    if kind == "int64_list" and (dtype in FLOATS or dtype is DType.BOOL):
        return np.array(values, np.int64).astype(dtype.numpy)
    raise MalformedTensor(f"expected a feature of {dtype.value}, received a {kind}")
