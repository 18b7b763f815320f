"""Compiled forms on ONNX Runtime: the only file that knows it.

``builder/compile.py`` has held each form against TensorFlow before it got here. Names, dtypes and
shapes are the SavedModel's own and come from the record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime

from horngate.errors import InvalidInput, InvalidRequest, LoadError, in_full
from horngate.reading import in_memory
from horngate.runtimes.denormals import flushed
from horngate.servable import Files
from horngate.sizes import FORM
from horngate.store.compiled import (
    CompiledSignature,
    read_compiled,
    read_form,
    unusable,
)
from horngate.store.files import VersionFiles
from horngate.store.manifest import Hashes
from horngate.tensors import Array, Arrays, DType, Signature, TensorSpec, format_shape

NAME: Final = "onnx"
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

_REFUSED: Final = {
    "division by zero": "an integer is divided by zero",
    "out of bounds": "an index past the end of what it points into",
    "out of data bounds": "an index past the end of what it points into",
    "INVALID_ARGUMENT": "an index, a shape or a value that it does not take",
}
"""What it says of values that a kernel refuses, an index past an embedding's end say, and what is
told of that: its own words name the graph's nodes and quote what they hold."""

_NO_LOGS: Final = 4

_NO_FOLDER: Final = (
    "session.model_external_initializers_file_folder_path",
    "/dev/null/none",
)
"""A form is one file. One that names others for its weights finds none: nothing lies there."""


class OnnxRuntime:
    """Loads compiled forms; see ``servable.Runtime``. ``runtimes.deferred`` stands before it."""

    def load(self, folder: Path, threads: int = 0, files: Files | None = None) -> OnnxServable:
        files = files or Hashes(folder)
        record = read_compiled(folder, files)
        if record is None:
            raise LoadError("expected a compiled form, received none; run `horngate compile`")
        wrong = unusable(folder, record, files, leave_forms=True)
        if wrong is not None:
            raise LoadError(wrong, detail=record.detail)
        return OnnxServable.of(folder, record.signatures, threads, files)


@dataclass(frozen=True, slots=True)
class _Program:
    """One signature and the session that runs it."""

    session: onnxruntime.InferenceSession
    run: Callable[..., list[Any]]
    outputs: list[str]
    texts_in: tuple[str, ...]
    texts_out: tuple[int, ...]


class OnnxServable:
    """A compiled form in memory. ``run`` is thread-safe, as ``InferenceSession.run`` is."""

    engine = NAME
    any_shape = ()  # it was held against TensorFlow by the shapes of its signatures

    def __init__(
        self, signatures: Mapping[str, Signature], programs: Mapping[str, _Program]
    ) -> None:
        self._signatures = dict(signatures)
        self._programs = dict(programs)

    @classmethod
    def of(
        cls,
        folder: Path,
        forms: Mapping[str, CompiledSignature],
        threads: int = 0,
        files: Files | None = None,
    ) -> OnnxServable:
        """Load ``forms``, which lie within ``folder``.

        ``files`` holds each against its checksum; where it is None nothing is looked at.

        Raises:
            LoadError: ONNX Runtime refuses one, or it is not of its signature's shape.
        """
        signatures = {name: form.signature for name, form in forms.items()}
        programs: dict[str, _Program] = {}
        for name, form in forms.items():
            # By a path, because ONNX Runtime takes bytes into three times their memory, and its
            # session keeps one of them.
            with in_memory(_content(folder, form, files)) as path:
                programs[name] = _program(Path(path), form.signature, threads or DEFAULT_THREADS)
        return cls(signatures, programs)

    @property
    def signatures(self) -> Mapping[str, Signature]:
        return self._signatures

    def run(self, signature: str, inputs: Arrays) -> dict[str, Array]:
        program = self._programs[signature]
        feeds = _feeds(program, inputs) if program.texts_in else inputs
        try:
            results: list[Any] = program.run(program.outputs, feeds)
        except Exception as error:
            # Its exceptions share no base class, and their names are not public.
            said = str(error)
            for word, what in _REFUSED.items():
                if word in said:
                    raise InvalidRequest(
                        f"the model refused the values of the inputs: {what}; the server's log has "
                        "the engine's words",
                        detail=said,
                    ) from error
            raise
        for index in program.texts_out:
            results[index] = _to_bytes(results[index])
        return dict(zip(program.outputs, results, strict=True))

    def close(self) -> None:
        self._programs.clear()


def _content(folder: Path, form: CompiledSignature, files: Files | None) -> bytes:
    return VersionFiles(folder).read(form.file, FORM) if files is None else read_form(form, files)


def _program(path: Path, signature: Signature, threads: int) -> _Program:
    where = f"the compiled form of signature {signature.name!r}"
    try:
        session = flushed(_session)(path, threads)
    except Exception as error:
        raise LoadError(
            f"{where}: ONNX Runtime cannot load it; run `horngate compile` again",
            detail=in_full(error),
        ) from error
    fed, given = session.get_inputs(), session.get_outputs()
    _hold(where, "input", signature.inputs, fed)
    for node in fed:
        _hold_shape(where, signature.inputs[node.name], node)
    # Not the shapes of outputs, of which the converter may know more, or less, than TensorFlow.
    _hold(where, "output", signature.outputs, given)
    outputs = list(signature.outputs)
    return _Program(
        session=session,
        run=flushed(session.run),
        outputs=outputs,
        texts_in=tuple(name for name, spec in signature.inputs.items() if _is_text(spec)),
        texts_out=tuple(i for i, name in enumerate(outputs) if _is_text(signature.outputs[name])),
    )


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(
        str(path), _options(threads), providers=["CPUExecutionProvider"], enable_fallback=0
    )


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _NO_LOGS  # what matters is raised
    # The memory arena stays on: switched off, large batches took longer and the process ended up
    # holding half as much again, because freed blocks of every size were left to malloc.
    # A waiting thread that spins takes the processor from the threads that answer callers.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry(*_NO_FOLDER)
    # As TensorFlow does in its threads. This one reaches those that the session starts;
    # ``flushed`` does it for the calling thread.
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    return options


def _hold(where: str, side: str, specs: Mapping[str, TensorSpec], nodes: list[Any]) -> None:
    """Hold the session's tensors against the signature's names and dtypes."""
    names = {node.name for node in nodes}
    if names != specs.keys():
        raise LoadError(
            f"{where}: expected the {side}s {', '.join(sorted(specs))}, received "
            f"{', '.join(sorted(names))}"
        )
    for node in nodes:
        spec = specs[node.name]
        if node.type != f"tensor({ELEMENTS.get(spec.dtype)})":
            raise LoadError(f"{where}: {side} {node.name!r}: expected {spec}, received {node.type}")


def _hold_shape(where: str, spec: TensorSpec, node: Any) -> None:
    """Hold an input's shape: the form may leave free what the signature fixes, and no more."""
    shape = tuple(size if isinstance(size, int) else None for size in node.shape)
    if len(shape) != len(spec.shape) or any(
        size is not None and size != told for size, told in zip(shape, spec.shape, strict=True)
    ):
        raise LoadError(
            f"{where}: input {node.name!r}: expected {spec}, received {format_shape(shape)}"
        )


def _is_text(spec: TensorSpec) -> bool:
    return spec.dtype is DType.STRING


def _feeds(program: _Program, inputs: Arrays) -> dict[str, Array]:
    feeds = dict(inputs)
    for name in program.texts_in:
        feeds[name] = _to_text(name, feeds[name])
    return feeds


def _to_text(name: str, array: Array) -> Array:
    """Our ``bytes`` as the ``str`` that the engine takes."""
    try:
        texts = [
            text.decode() if isinstance(text, bytes) else str(text)
            for text in array.ravel().tolist()
        ]
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"input {name!r}: expected strings in UTF-8, received bytes that are not; "
            'set engine = "tensorflow" in model.toml for a model that takes any bytes',
            name=name,
        ) from error
    return np.array(texts, object).reshape(array.shape)


def _to_bytes(array: Array) -> Array:
    texts = [str(text).encode() for text in np.asarray(array).ravel().tolist()]
    return np.array(texts, object).reshape(np.shape(array))
