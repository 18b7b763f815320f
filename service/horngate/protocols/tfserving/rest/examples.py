"""``examples`` and ``context`` of ``:classify`` and ``:regress`` as ``tf.Example``s."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from horngate.errors import InvalidRequest
from horngate.protocols.elements import MalformedTensor
from horngate.protocols.json import read_array, shown
from horngate.protocols.pb.tensorflow.core.example.example_pb2 import Example
from horngate.protocols.pb.tensorflow_serving.apis.input_pb2 import Input
from horngate.tensors import DType


def write_examples(content: Mapping[str, Any], message: Input) -> None:
    """Write the body's examples, and its context where there is one, into ``message``.

    Raises:
        InvalidRequest: no list of objects, or a feature that is neither a number nor a string nor
            a list of either.
    """
    examples = content.get("examples")
    if not isinstance(examples, list) or not examples:
        raise InvalidRequest("'examples': expected a list of at least one object of features")
    context = content.get("context")
    kind = message.example_list if context is None else message.example_list_with_context
    for index, example in enumerate(examples):
        _write_example(example, kind.examples.add(), f"example {index}")
    if context is not None:
        _write_example(context, message.example_list_with_context.context, "context")


def _write_example(features: Any, message: Example, where: str) -> None:
    if not isinstance(features, dict):
        raise InvalidRequest(
            f"{where}: expected an object of features, received {type(features).__name__}"
        )
    for name, value in features.items():
        values = value if isinstance(value, list) else [value]
        feature = message.features.feature[name]
        if not values:
            feature.SetInParent()
        elif all(isinstance(each, str | dict) for each in values):
            feature.bytes_list.value.extend(_strings(values, f"{where}, feature {name!r}"))
        elif all(type(each) is int for each in values):
            try:
                feature.int64_list.value.extend(values)
            except ValueError:
                raise InvalidRequest(
                    f"{where}, feature {name!r}: expected integers of 64 bits"
                ) from None
        elif all(type(each) in (int, float) for each in values):
            try:
                feature.float_list.value.extend(values)
            except OverflowError:
                raise InvalidRequest(
                    f"{where}, feature {name!r}: expected numbers that a float can be near to"
                ) from None
        else:
            raise InvalidRequest(
                f"{where}, feature {name!r}: expected a number, a string, or a list of numbers or "
                f"of strings, received {shown(value)}"
            )


def _strings(values: list[Any], where: str) -> list[bytes]:
    try:
        return list(read_array(values, DType.STRING))
    except MalformedTensor as error:
        raise InvalidRequest(f"{where}: {error}") from None
