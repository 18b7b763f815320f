"""Edits of a converted graph where ONNX's operators mean something else than TensorFlow's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import onnx
from onnx import helper, numpy_helper

from horngate.tensors import Array

INDEXING: Final = {
    "Gather": 1,
    "GatherElements": 1,
    "GatherND": 1,
    "ScatterElements": 1,
    "ScatterND": 1,
    "OneHot": 0,
}
"""Operators that count a negative index from the end, and which of their inputs are indices."""

_PAST_ANY_END: Final = 2**31 - 1


def adapt(graph: onnx.GraphProto) -> None:
    """Edit ``graph``, and the graphs within it, to do as TensorFlow does.

    - An index below zero counts from the end in ONNX; TensorFlow refuses it, and gives it an empty
      row in one_hot. Such indices are led past any end, which both treat alike. Constant ones stay:
      the converter wrote them.
    - ``Erfc``, which Keras' gelu uses and tf2onnx leaves as it is, becomes ``1 - Erf``.
    """
    constant = {tensor.name for tensor in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    guarded: dict[str, str] = {}
    for node in graph.node:
        for body in _bodies(node):
            adapt(body)
        if node.op_type == "Constant":
            constant.add(node.output[0])
        if node.op_type == "Erfc":
            nodes.extend(_erfc(graph, node))
            continue
        position = INDEXING.get(node.op_type)
        if position is not None and node.input[position] not in constant:
            indices = node.input[position]
            if indices not in guarded:
                guarded[indices] = f"{indices}/not_negative"
                nodes.extend(_guard(graph, indices, guarded[indices]))
            node.input[position] = guarded[indices]
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)


def foreign(graph: onnx.GraphProto) -> list[str]:
    """The operators that ONNX does not have: tf2onnx leaves those in that it cannot convert."""
    found: set[str] = set()
    for node in graph.node:
        if not node.domain and not onnx.defs.has(node.op_type):
            found.add(node.op_type)
        for body in _bodies(node):
            found.update(foreign(body))
    return sorted(found)


def _guard(graph: onnx.GraphProto, indices: str, guarded: str) -> list[onnx.NodeProto]:
    below, zero, end = (f"{guarded}/{part}" for part in ("below", "zero", "end"))
    return [
        _like(graph, np.array(0, np.int32), indices, zero),
        _like(graph, np.array(_PAST_ANY_END, np.int32), indices, end),
        helper.make_node("Less", [indices, zero], [below], below),
        helper.make_node("Where", [below, end, indices], [guarded], guarded),
    ]


def _erfc(graph: onnx.GraphProto, node: onnx.NodeProto) -> list[onnx.NodeProto]:
    output = node.output[0]
    erf, one = f"{output}/erf", f"{output}/one"
    return [
        _like(graph, np.array(1, np.float32), node.input[0], one),
        helper.make_node("Erf", [node.input[0]], [erf], erf),
        helper.make_node("Sub", [one, erf], [output], output),
    ]


def _like(graph: onnx.GraphProto, value: Array, other: str, name: str) -> onnx.NodeProto:
    """A constant of the dtype of the tensor ``other``, which the engine knows and folds."""
    graph.initializer.append(numpy_helper.from_array(value, f"{name}/value"))
    return helper.make_node("CastLike", [f"{name}/value", other], [name], name)


def _bodies(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs
