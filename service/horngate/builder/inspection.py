"""A frozen graph held against what is known: every operation of it has to be equal, or it is told.

This module walks TensorFlow's graph, the bodies of its loops and branches included. What is known
comes from ``equal_operations``; how it was found out, ``tests/equality`` knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import tensor_util
from tensorflow.python.framework.function_def_to_graph import function_def_to_graph

from horngate.builder.equal_operations import Row, Table, read_table
from horngate.errors import PublishError

MOST_REASONS: Final = 3
DIVIDING: Final = {"Reciprocal": 0, "Rsqrt": 0, "RealDiv": 1, "Div": 1}
"""Operations that make an infinity of a zero, with its sign, and which input that is."""

KEEPING_SIGNS: Final = frozenset(
    {"Identity", "StopGradient", "Reshape", "Transpose", "Squeeze", "ExpandDims", "ConcatV2"}
    | {"Pack", "Unpack", "Split", "SplitV", "Slice", "StridedSlice", "GatherV2", "Tile", "Cast"}
    | {"Mul", "Neg", "Sqrt", "Tanh", "Softsign", "Relu", "LeakyRelu", "Maximum", "Minimum", "Max"}
    | {"Min", "MaxPool", "SelectV2", "Select", "Pad", "PadV2", "BroadcastTo", "ReverseV2", "Erf"}
)
"""Operations that may give a zero of the sign of one that they are given. A sum does not."""

_SKIPPED: Final = frozenset({"shape", "shapes", "value", "name", "container", "shared_name"})
"""Attributes that say no more than the tensors do, or name something."""


def types_of(node: tf.Operation) -> str:
    """The dtypes that an operation was made for: ``T=float32, Tidx=int32``."""
    found = {
        attribute.name: tf.as_dtype(node.get_attr(attribute.name)).name
        for attribute in node.op_def.attr
        if attribute.type == "type"
    }
    return ", ".join(f"{name}={found[name]}" for name in sorted(found))


def attributes_of(node: tf.Operation) -> dict[str, Any]:
    """An operation's other attributes, as JSON has values."""
    found: dict[str, Any] = {}
    for attribute in node.op_def.attr:
        if attribute.name in _SKIPPED or attribute.name.startswith("_"):
            continue
        kind = attribute.type.removeprefix("list(").removesuffix(")")
        if kind in ("int", "bool", "string", "float"):
            found[attribute.name] = _plain(node.get_attr(attribute.name))
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value


def inspect(graph_def: Any, table: Table | None = None) -> tuple[str, ...]:
    """Hold the graph against what is known.

    Args:
        graph_def: frozen, with the functions that it calls.
        table: what is known; None for the one that is installed.

    Returns:
        Those of its operations that answer otherwise where a value is not finite.

    Raises:
        PublishError: it is not known to be equal on ONNX Runtime; says why, operation by operation.
    """
    known = table or read_table()
    stale = known.stale()
    if stale:
        raise PublishError(stale)
    reasons: dict[str, None] = {}
    apart: set[str] = set()
    for node in operations(graph_def):
        row, reason = _known(node, known)
        if row is None:
            reasons[reason] = None
        elif _divides_by_a_zero(node, known):
            reasons[
                f"{node.type}: it divides by what may be 0, and of which sign that is the engines "
                "differ"
            ] = None
        elif types_of(node) in row.apart:
            apart.add(node.type)
    told = list(reasons)
    if told:
        more = f"; and {len(told) - MOST_REASONS} more" if len(told) > MOST_REASONS else ""
        raise PublishError("; ".join(told[:MOST_REASONS]) + more)
    return tuple(sorted(apart))


def operations(graph_def: Any) -> Iterator[tf.Operation]:
    """Every operation of the graph, and of the functions that it calls."""
    library = {function.signature.name: function for function in graph_def.library.function}
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(graph_def, name="")
    waiting: list[Any] = [graph]
    seen: set[str] = set()
    while waiting:
        for node in waiting.pop().get_operations():
            yield node
            for name in _functions(node.node_def.attr):
                if name in library and name not in seen:
                    seen.add(name)
                    with graph.as_default():
                        waiting.append(function_def_to_graph(library[name]))


def _functions(attributes: Any) -> Iterator[str]:
    for key in sorted(attributes):
        for each in (attributes[key].func, *attributes[key].list.func):
            if each.name:
                yield each.name
                yield from _functions(each.attr)


def _known(node: tf.Operation, table: Table) -> tuple[Row | None, str]:
    """The row that says that ``node`` is equal, or why there is none."""
    types = types_of(node)
    name = f"{node.type} of {_short(types)}" if types else node.type
    reason = f"{name}: not known to be equal on ONNX Runtime"
    attributes = attributes_of(node)
    for row in table.rows.get(node.type, []):
        wrong = _wrong(node, row, types, attributes)
        if not wrong:
            return row, ""
        if types in row.equal or types in row.unequal:
            reason = f"{name}: {wrong}"
    return None, reason


def _divides_by_a_zero(node: tf.Operation, table: Table) -> bool:
    """Whether a zero whose sign the engines differ in comes to where infinity is made of it."""
    if node.type not in DIVIDING:
        return False
    waiting, seen = [node.inputs[DIVIDING[node.type]].op], set()
    while waiting:
        source = waiting.pop()
        if source.name in seen:
            continue
        seen.add(source.name)
        row, _ = _known(source, table)
        if row is not None and types_of(source) in row.zeros and not _is_above_zero(source):
            return True
        if source.type in KEEPING_SIGNS:
            waiting += [each.op for each in source.inputs]
    return False


def _is_above_zero(node: tf.Operation) -> bool:
    """The larger of something and of a constant above zero."""
    if node.type != "Maximum":
        return False
    values = (_constant(node, index) for index in (0, 1))
    return any(value is not None and bool(np.all(value > 0)) for value in values)


def _wrong(node: tf.Operation, row: Row, types: str, attributes: dict[str, Any]) -> str:
    """Why ``row`` does not say that ``node`` is equal; "" where it does."""
    if types not in row.equal:
        return row.unequal.get(types, "not known for this dtype")
    for key, value in attributes.items():
        if key not in row.free and value not in row.attributes.get(key, ()):
            return f"not known to be equal on ONNX Runtime with {key} = {value!r}"
    for need in row.needs:
        name, _, place = need.partition(":")
        holds, words = NEEDS[name]
        if not holds(node, *(int(each) for each in place.split(",") if each)):
            return words.format(place)
    return ""


def _short(types: str) -> str:
    kinds = dict.fromkeys(part.partition("=")[2] for part in types.split(", "))
    return ", ".join(kinds)


def _constant(node: tf.Operation, index: int) -> np.ndarray[Any, Any] | None:
    value = tensor_util.constant_value(node.inputs[index])
    return None if value is None else np.asarray(value)


def _is_constant(node: tf.Operation, index: int) -> bool:
    return _constant(node, index) is not None


def _divides(node: tf.Operation, index: int) -> bool:
    value = _constant(node, index)
    return value is not None and value.size > 0 and bool(np.all(value > 0))


def _has_plain_texts(node: tf.Operation) -> bool:
    """A constant of texts in UTF-8; the converter cuts a NUL off an end."""
    values = np.ravel(tensor_util.MakeNdarray(node.get_attr("value")))
    try:
        return not any(value.decode().endswith("\0") for value in values)
    except UnicodeDecodeError:
        return False


def _is_exponent(node: tf.Operation, index: int) -> bool:
    """A constant power; of an integer, none below zero, which TensorFlow refuses."""
    value = _constant(node, index)
    if value is None or value.size == 0 or not np.all(np.isfinite(value)):
        return False
    if value.dtype.kind == "f":
        return True
    return bool(np.all(value >= 0))


def _is_size(node: tf.Operation, index: int) -> bool:
    """What cannot be below zero, as it counts something: ``tf.shape(x)[i]``, or a constant."""
    value = _constant(node, index)
    if value is not None:
        return bool(np.all(value >= 0))
    return _counts(node.inputs[index].op)


def _counts(source: tf.Operation) -> bool:
    """Whether an operation gives sizes: of tensors, or what is chosen and joined of such."""
    if source.type in ("Shape", "Size"):
        return True
    if source.type == "Const":
        value = tensor_util.constant_value(source.outputs[0])
        return value is not None and bool(np.all(np.asarray(value) >= 0))
    if source.type in ("Pack", "ConcatV2", "Mul", "Prod"):
        return all(_counts(each.op) for each in source.inputs)
    if source.type in ("Identity", "Cast", "StridedSlice", "GatherV2", "Squeeze", "Reshape"):
        return _counts(source.inputs[0].op)
    return False


def _is_zero(node: tf.Operation, index: int) -> bool:
    value = _constant(node, index)
    return value is not None and not np.any(value)


def _has_elements(node: tf.Operation, index: int, axes: int) -> bool:
    """The reduced axes of the input at ``index`` are known, and none of them can be empty."""
    shape, wanted = node.inputs[index].shape, _constant(node, axes)
    if shape.rank is None or wanted is None:
        return False
    sizes = shape.as_list()
    return all(sizes[int(axis)] for axis in wanted.ravel() if -len(sizes) <= axis < len(sizes))


def _known_rank(node: tf.Operation, index: int) -> bool:
    return node.inputs[index].shape.rank is not None


NEEDS: Final[dict[str, tuple[Callable[..., bool], str]]] = {
    "constant": (_is_constant, "equal on ONNX Runtime only where input {} is a constant"),
    "texts": (
        _has_plain_texts,
        "equal on ONNX Runtime only for texts in UTF-8 that do not end with a NUL",
    ),
    "step": (_divides, "equal on ONNX Runtime only for a constant step above 0"),
    "divisor": (
        _divides,
        "equal on ONNX Runtime only for a constant divisor above 0",
    ),
    "elements": (
        _has_elements,
        "equal on ONNX Runtime only where the axis that is reduced cannot be empty",
    ),
    "exponent": (
        _is_exponent,
        "equal on ONNX Runtime only for a constant exponent, not below 0 where it is an integer",
    ),
    "size": (_is_size, "equal on ONNX Runtime only where input {} is a size"),
    "zero": (_is_zero, "equal on ONNX Runtime only where input {} is 0"),
    "rank": (_known_rank, "equal on ONNX Runtime only where the rank of input {} is known"),
}
"""What a row may ask of a node: how it is seen, and what is said where it does not hold."""
