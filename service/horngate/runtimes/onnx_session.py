"""Sessions of ONNX Runtime, as this server wants them: what ``onnx`` and ``onnx_model`` share."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

import onnxruntime

from horngate.reading import in_memory
from horngate.runtimes.denormals import flushed
from horngate.tensors import DType

DEFAULT_THREADS: Final = 1
"""A second thread costs a small model more in hand-overs than it gains, and takes a core from the
threads that answer callers."""

ELEMENTS: Final = {
    DType.BOOL: "bool",
    DType.INT8: "int8",
    DType.INT16: "int16",
    DType.INT32: "int32",
    DType.INT64: "int64",
    DType.UINT8: "uint8",
    DType.UINT16: "uint16",
    DType.UINT32: "uint32",
    DType.UINT64: "uint64",
    DType.FLOAT16: "float16",
    DType.FLOAT32: "float",
    DType.FLOAT64: "double",
    DType.STRING: "string",
}
"""ONNX Runtime's word for each dtype that its numpy interface takes: no bfloat16, no complex."""

_NO_LOGS: Final = 4

_FOLDER: Final = "session.model_external_initializers_file_folder_path"
_NOWHERE: Final = "/dev/null/none"
"""A form is one file. One that names others for its weights finds none: nothing lies there."""


def session(
    content: bytes, threads: int = 0, *, folder: Path | None = None, as_written: bool = False
) -> onnxruntime.InferenceSession:
    """A session of the model ``content``.

    Args:
        content: one ``ModelProto``.
        threads: within one run; 0 for the default here.
        folder: where files that it names for its tensors lie; None for nowhere.
        as_written: whether its graph is left as it is: then nothing of it is run.

    Raises:
        Exception: of ONNX Runtime's, which share no base class, where it refuses the model.
    """
    options = _options(threads or DEFAULT_THREADS)
    options.add_session_config_entry(_FOLDER, _NOWHERE if folder is None else str(folder))
    if as_written:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    # By a path, because ONNX Runtime takes bytes into three times their memory, and its session
    # keeps one of them.
    make = partial(
        onnxruntime.InferenceSession, providers=["CPUExecutionProvider"], enable_fallback=0
    )
    with in_memory(content) as path:
        made: onnxruntime.InferenceSession = flushed(make)(path, options)
    return made


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _NO_LOGS  # what matters is raised
    # The memory arena stays on: switched off, large batches took longer and the process ended up
    # holding half as much again, because freed blocks of every size were left to malloc.
    # A waiting thread that spins takes the processor from the threads that answer callers.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # As TensorFlow does in its threads. This one reaches those that the session starts;
    # ``flushed`` does it for the calling thread.
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    return options
