"""Models on ONNX Runtime: compiled forms, and a plain ``model.onnx``.

``builder/compile.py`` has held each form against TensorFlow before it got here. Names, dtypes and
shapes are the SavedModel's own and come from the record. A plain model has been looked at by
``onnx_model``, and its names, dtypes and shapes are its graph's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime

from horngate.errors import InvalidInput, InvalidRequest, LoadError, in_full
from horngate.runtimes.denormals import flushed
from horngate.runtimes.onnx_guard import NAME as GUARD
from horngate.runtimes.onnx_guard import guarded
from horngate.runtimes.onnx_model import load_model
from horngate.runtimes.onnx_session import ELEMENTS, session
from horngate.servable import Files
from horngate.sizes import FORM
from horngate.store.compiled import (
    CompiledSignature,
    read_compiled,
    read_form,
    unusable,
)
from horngate.store.files import VersionFiles
from horngate.store.layout import is_plain
from horngate.store.manifest import Hashes
from horngate.tensors import Array, Arrays, DType, Signature, TensorSpec, format_shape

NAME: Final = "onnx"
_REFUSED: Final = {
    GUARD: "nothing is left of it on the way, no rows or no steps",
    "division by zero": "an integer is divided by zero",
    "modulo by zero": "an integer is divided by zero",
    "out of bounds": "an index past the end of what it points into",
    "out of data bounds": "an index past the end of what it points into",
    "INVALID_ARGUMENT": "an index, a shape or a value that it does not take",
}
"""What it says of values that a kernel refuses, an index past an embedding's end say, and what is
told of that: its own words name the graph's nodes and quote what they hold."""

_KERNEL: Final = "status message:"
"""What it puts before a kernel's own words, and behind a node's name."""

_SHAPES: Final = ("shape", "dimension", "broadcast", "axis", "rank", "channels", "cannot split")
"""Words of kernels that cannot use a shape, which has no code of its own."""

_NO_MEMORY: Final = ("allocate memory", "bad_alloc")


class OnnxRuntime:
    """Loads compiled forms, and plain models where there is no SavedModel.

    See ``servable.Runtime``; ``runtimes.deferred`` stands before it. A plain model with operations
    that nobody has looked at is refused, unless its operations are trusted.
    """

    def __init__(self, *, trust_operations: bool = False) -> None:
        self._trust_operations = trust_operations

    def load(self, folder: Path, threads: int = 0, files: Files | None = None) -> OnnxServable:
        files = files or Hashes(folder)
        if is_plain(folder):
            signature, made = load_model(files, threads, trust_operations=self._trust_operations)
            name = signature.name
            servable = OnnxServable({name: signature}, {name: _program(made, signature)})
            servable.any_shape = (name,)  # the engine holds shapes against the graph's, too
            return servable
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
    """A model in memory. ``run`` is thread-safe, as ``InferenceSession.run`` is."""

    engine = NAME
    any_shape: Collection[str] = ()  # a form was held against TensorFlow by its signatures' shapes

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
            programs[name] = _form(_content(folder, form, files), form.signature, threads)
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
            what = _refused(said)
            if what is None:
                raise
            raise InvalidRequest(
                f"the model refused the values of the inputs: {what}; the server's log has the "
                "engine's words",
                detail=said,
            ) from error
        for index in program.texts_out:
            results[index] = _to_bytes(results[index])
        return dict(zip(program.outputs, results, strict=True))

    def close(self) -> None:
        self._programs.clear()


def _refused(said: str) -> str | None:
    """What the engine does not take, in our words; None where it is no fault of the request's."""
    for word, what in _REFUSED.items():
        if word in said:
            return what
    _, kernel, words = said.lower().rpartition(_KERNEL)
    if not kernel or any(word in words for word in _NO_MEMORY):
        return None
    if any(word in words for word in _SHAPES):
        return "a shape that it cannot use, or shapes that do not go together"
    return None


def _content(folder: Path, form: CompiledSignature, files: Files | None) -> bytes:
    return VersionFiles(folder).read(form.file, FORM) if files is None else read_form(form, files)


def _form(content: bytes, signature: Signature, threads: int) -> _Program:
    where = f"the compiled form of signature {signature.name!r}"
    try:
        made = session(guarded(content), threads)
    except Exception as error:
        raise LoadError(
            f"{where}: ONNX Runtime cannot load it; run `horngate compile` again",
            detail=in_full(error),
        ) from error
    fed, given = made.get_inputs(), made.get_outputs()
    _hold(where, "input", signature.inputs, fed)
    for node in fed:
        _hold_shape(where, signature.inputs[node.name], node)
    # Not the shapes of outputs, of which the converter may know more, or less, than TensorFlow.
    _hold(where, "output", signature.outputs, given)
    return _program(made, signature)


def _program(made: onnxruntime.InferenceSession, signature: Signature) -> _Program:
    outputs = list(signature.outputs)
    return _Program(
        session=made,
        run=flushed(made.run),
        outputs=outputs,
        texts_in=tuple(name for name, spec in signature.inputs.items() if _is_text(spec)),
        texts_out=tuple(i for i, name in enumerate(outputs) if _is_text(signature.outputs[name])),
    )


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
