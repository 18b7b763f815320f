"""From a signature of a SavedModel to an ONNX model: the only file that knows tf2onnx."""

from __future__ import annotations

import gc
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import helper, numpy_helper

from horngate.errors import PublishError

OPSET: Final = 18
"""The newest that tf2onnx 1.17 writes, and that ONNX Runtime has kernels for throughout."""

TOOLS: Final = ("tf2onnx", "onnx", "onnxruntime", "tensorflow")

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


def made_with() -> dict[str, str]:
    """The versions that a conversion depends on."""
    return {tool: version(tool) for tool in TOOLS} | {"opset": str(OPSET)}


def convert(folder: Path, signature: str) -> bytes:
    """The ONNX model, serialized, of one signature of the SavedModel in ``folder``.

    Its inputs and outputs have the signature's names, dtypes and free dimensions. Not safe beside
    another conversion: tf2onnx keeps state of the process.

    Raises:
        PublishError: tf2onnx cannot convert it; one line.
    """
    with _quiet() as told:
        try:
            model = _converted(folder, signature)
            _refuse_negative_indices(model.graph)
            unknown = _foreign(model.graph)
            content: bytes = model.SerializeToString()
        except Exception as error:  # it fails in any way, on the graph or in TensorFlow
            raise PublishError(_line(told, error)) from error
        finally:
            gc.collect()  # the restored model is full of cycles, and holds its weights
    if unknown:
        raise PublishError(f"tf2onnx has no ONNX operator for TensorFlow's {', '.join(unknown)}")
    return content


def _converted(folder: Path, signature: str) -> onnx.ModelProto:
    # Imported where notices are caught, because its imports warn.
    from tf2onnx import convert as tf2onnx  # noqa: PLC0415
    from tf2onnx import tf_loader  # noqa: PLC0415

    graph, inputs, outputs, tables, names = tf_loader.from_saved_model(
        str(folder),
        None,
        None,
        tag=["serve"],
        signatures=[signature],
        return_initialized_tables=True,
        return_tensors_to_rename=True,
    )
    # tf2onnx.convert has a way in for Keras models, functions and graphs, and none for what
    # carries look-up tables; its own command line comes in here.
    model: onnx.ModelProto = tf2onnx._convert_common(  # noqa: SLF001
        graph,
        name=signature,
        opset=OPSET,
        input_names=inputs,
        output_names=outputs,
        initialized_tables=tables,
        tensors_to_rename=names,
    )[0]
    return model


def _refuse_negative_indices(graph: onnx.GraphProto) -> None:
    """Have negative indices refused, or lead nowhere, as TensorFlow does; ONNX wraps them.

    They are led past any end. Constant ones stay: the converter writes them.
    """
    constant = {tensor.name for tensor in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    guarded: dict[str, str] = {}
    for node in graph.node:
        for body in _bodies(node):
            _refuse_negative_indices(body)
        if node.op_type == "Constant":
            constant.add(node.output[0])
        position = INDEXING.get(node.op_type)
        if position is not None and node.input[position] not in constant:
            indices = node.input[position]
            if indices not in guarded:
                guarded[indices] = f"{indices}/not_negative"
                nodes.extend(_guard(graph, indices, guarded[indices]))
            node.input[position] = guarded[indices]
        nodes.append(node)
    if guarded:
        del graph.node[:]
        graph.node.extend(nodes)


def _guard(graph: onnx.GraphProto, indices: str, guarded: str) -> list[onnx.NodeProto]:
    nodes = []
    for name, value in (("zero", 0), ("end", _PAST_ANY_END)):
        graph.initializer.append(
            numpy_helper.from_array(np.array(value, np.int32), f"{guarded}/{name}")
        )
        # Of the indices' own type, which is known to the engine and folded there.
        nodes.append(
            helper.make_node("CastLike", [f"{guarded}/{name}", indices], [f"{guarded}/{name}_like"])
        )
    nodes.append(
        helper.make_node("Less", [indices, f"{guarded}/zero_like"], [f"{guarded}/negative"])
    )
    nodes.append(
        helper.make_node(
            "Where", [f"{guarded}/negative", f"{guarded}/end_like", indices], [guarded]
        )
    )
    return nodes


def _foreign(graph: onnx.GraphProto) -> list[str]:
    """The operators that ONNX does not have: tf2onnx leaves those in that it cannot convert."""
    found: set[str] = set()
    for node in graph.node:
        if not node.domain and not onnx.defs.has(node.op_type):
            found.add(node.op_type)
        for body in _bodies(node):
            found.update(_foreign(body))
    return sorted(found)


def _bodies(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


class _Errors(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(record.getMessage())


@contextmanager
def _quiet() -> Iterator[list[str]]:
    """Keep notices off the terminal; yields what the converter logs as an error."""
    logger, errors = logging.getLogger("tf2onnx"), _Errors()
    absl = logging.getLogger("absl")  # TensorFlow's, with a line for every name it does not like
    before = logger.propagate, absl.level
    logger.addHandler(errors)
    logger.propagate = False
    absl.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield errors.told
    finally:
        logger.removeHandler(errors)
        logger.propagate, level = before
        absl.setLevel(level)


def _line(told: list[str], error: Exception) -> str:
    """The converter's reason in one line."""
    reasons: list[Any] = [*told, error]
    words = str(reasons[0]).split() or [type(error).__name__]
    return f"tf2onnx cannot convert it: {' '.join(words)}"[:400]
