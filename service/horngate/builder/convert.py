"""From a signature of a SavedModel to an ONNX model: the only file that knows tf2onnx."""

from __future__ import annotations

import gc
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import onnx
from onnx import helper, numpy_helper

from horngate.builder.equal_operations import OPSET
from horngate.builder.handlers import HANDLERS
from horngate.builder.inspection import inspect
from horngate.errors import PublishError, in_full
from horngate.tensors import Array


class Frozen(NamedTuple):
    """A signature's graph with its variables turned into constants, as tf2onnx takes it.

    Attributes:
        graph: a ``GraphDef``, with the functions that it calls.
        inputs: names of its tensors.
        outputs: the same.
        tables: keys and values of the look-up tables by their shared names.
        names: of the signature's tensors, by the graph's.
    """

    graph: Any
    inputs: list[str]
    outputs: list[str]
    tables: Mapping[bytes, Any]
    names: Mapping[str, str]


class Form(NamedTuple):
    """A signature's compiled form.

    Attributes:
        content: the ONNX model, serialized.
        apart: operations that answer otherwise where a value is not finite; empty for most models.
    """

    content: bytes
    apart: tuple[str, ...]


def convert(folder: Path, signature: str) -> Form:
    """The compiled form of one signature of the SavedModel in ``folder``.

    Its inputs and outputs have the signature's names, dtypes and free dimensions. Not safe beside
    another conversion: tf2onnx keeps state of the process.

    Raises:
        PublishError: tf2onnx cannot convert it, or it holds what is not known to be equal.
    """
    graph = frozen(folder, signature)
    apart = inspect(graph.graph)
    return Form(to_onnx(graph, signature), apart)


def frozen(folder: Path, signature: str) -> Frozen:
    """The frozen graph of one signature of the SavedModel in ``folder``.

    Raises:
        PublishError: TensorFlow or tf2onnx cannot read it.
    """
    try:
        with _quiet():
            return _frozen(folder, signature)
    except Exception as error:  # it fails in any way, on the graph or in TensorFlow
        raise PublishError("tf2onnx cannot read it", detail=in_full(error)) from error
    finally:
        gc.collect()  # the restored model is full of cycles, and holds its weights


def to_onnx(graph: Frozen, name: str) -> bytes:
    """The ONNX model, serialized, of a frozen graph, whatever operations it has.

    Raises:
        PublishError: tf2onnx cannot convert it.
    """
    with _quiet():
        try:
            model = _converted(graph, name)
            adapt(model.graph)
            unknown = foreign(model.graph)
            content: bytes = model.SerializeToString()
        except Exception as error:  # it fails in any way, on the graph or in TensorFlow
            raise PublishError("tf2onnx cannot convert it", detail=in_full(error)) from error
    if unknown:
        raise PublishError(f"tf2onnx has no ONNX operator for TensorFlow's {', '.join(unknown)}")
    return content


def _frozen(folder: Path, signature: str) -> Frozen:
    # Imported where notices are caught, because its imports warn.
    from tf2onnx import tf_loader  # noqa: PLC0415 - as above

    graph, inputs, outputs, function, _, tables, names = tf_loader.from_saved_model(
        str(folder),
        None,
        None,
        tag=["serve"],
        signatures=[signature],
        return_concrete_func=True,
        return_initialized_tables=True,
        return_tensors_to_rename=True,
    )
    # It takes names of the function's arguments, some of which are in lower case; these are what
    # callers go by, in the order of the inputs.
    known = function._arg_keywords  # noqa: SLF001 - no public name tells it
    if len(known) == len(inputs):
        names.update(zip(inputs, known, strict=True))
    return Frozen(graph, inputs, outputs, tables, names)


def _converted(frozen: Frozen, name: str) -> onnx.ModelProto:
    from tf2onnx import convert as tf2onnx  # noqa: PLC0415 - as above

    # tf2onnx.convert has a way in for Keras models, functions and graphs, and none for what
    # carries look-up tables; its own command line comes in here.
    model: onnx.ModelProto = tf2onnx._convert_common(  # noqa: SLF001 - as above
        frozen.graph,
        name=name,
        opset=OPSET,
        input_names=frozen.inputs,
        output_names=frozen.outputs,
        initialized_tables=frozen.tables,
        tensors_to_rename=frozen.names,
        custom_op_handlers=HANDLERS,
    )[0]
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep notices off the terminal: what matters is raised, or found in the result."""
    # The second is TensorFlow's, with a line for every name that it does not like.
    loggers = [logging.getLogger("tf2onnx"), logging.getLogger("absl")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


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
