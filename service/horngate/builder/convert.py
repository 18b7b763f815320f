"""From a signature of a SavedModel to an ONNX model: the only file that knows tf2onnx."""

from __future__ import annotations

import gc
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import onnx

from horngate.builder.equal_operations import OPSET
from horngate.builder.handlers import HANDLERS
from horngate.builder.inspection import inspect
from horngate.builder.onnx_graph import adapt, foreign
from horngate.errors import PublishError, in_full


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

    return Frozen(
        *tf_loader.from_saved_model(
            str(folder),
            None,
            None,
            tag=["serve"],
            signatures=[signature],
            return_initialized_tables=True,
            return_tensors_to_rename=True,
        )
    )


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
