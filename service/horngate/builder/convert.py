"""From a signature of a SavedModel to an ONNX model: the only file that knows tf2onnx."""

from __future__ import annotations

import gc
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final

import onnx

from horngate.builder.onnx_graph import adapt, foreign
from horngate.errors import PublishError

OPSET: Final = 18
"""The newest that tf2onnx 1.17 writes, and that ONNX Runtime has kernels for throughout."""

TOOLS: Final = ("tf2onnx", "onnx", "onnxruntime", "tensorflow")


def made_with() -> dict[str, str]:
    """The versions that a conversion depends on."""
    return {tool: version(tool) for tool in TOOLS} | {"opset": str(OPSET)}


def convert(folder: Path, signature: str) -> bytes:
    """The ONNX model, serialized, of one signature of the SavedModel in ``folder``.

    Its inputs and outputs have the signature's names, dtypes and free dimensions. Not safe beside
    another conversion: tf2onnx keeps state of the process.

    Raises:
        PublishError: tf2onnx cannot convert it.
    """
    with _quiet():
        try:
            model = _converted(folder, signature)
            adapt(model.graph)
            unknown = foreign(model.graph)
            content: bytes = model.SerializeToString()
        except Exception as error:  # it fails in any way, on the graph or in TensorFlow
            raise PublishError(f"tf2onnx cannot convert it: {str(error) or repr(error)}") from error
        finally:
            gc.collect()  # the restored model is full of cycles, and holds its weights
    if unknown:
        raise PublishError(f"tf2onnx has no ONNX operator for TensorFlow's {', '.join(unknown)}")
    return content


def _converted(folder: Path, signature: str) -> onnx.ModelProto:
    # Imported where notices are caught, because its imports warn.
    from tf2onnx import convert as tf2onnx  # noqa: PLC0415 - as above
    from tf2onnx import tf_loader  # noqa: PLC0415 - as above

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
    model: onnx.ModelProto = tf2onnx._convert_common(  # noqa: SLF001 - as above
        graph,
        name=signature,
        opset=OPSET,
        input_names=inputs,
        output_names=outputs,
        initialized_tables=tables,
        tensors_to_rename=names,
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
