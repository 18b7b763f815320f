"""A plain ``model.onnx`` from a version's folder: looked at, then loaded.

What was looked at is what is loaded: the file is read once, and files that its tensors lie in are
copied to a private folder, held against their checksums. It is served under one signature, with the
names, dtypes, shapes and order of its graph.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import onnxruntime

from horngate.errors import LoadError, in_full
from horngate.private import private_folder
from horngate.runtimes.onnx_file import OnnxFile, read_onnx_file, with_outputs
from horngate.runtimes.onnx_guard import guarded
from horngate.runtimes.onnx_session import ELEMENTS, session
from horngate.servable import Files
from horngate.sizes import FORM
from horngate.store.layout import PLAIN
from horngate.tensors import DEFAULT_SIGNATURE, DType, Signature, TensorSpec

_DTYPES: Final = {f"tensor({word})": dtype for dtype, word in ELEMENTS.items()}
_DIVIDED: Final = (DType.INT32, DType.INT64)

_SAID: Final = {
    "Current official support": "its opset is newer than this ONNX Runtime; export it with an "
    "older one, or see what the server's log says",
    "Unsupported model IR version": "its IR version is newer than this ONNX Runtime; save it with "
    "an older onnx, or set its ir_version",
    "Could not find an implementation": "it has an operation for a dtype that ONNX Runtime has no "
    "kernel for; export it in float32",
    "not a registered function/op": "it has an operation that ONNX Runtime does not know",
    "No Op registered": "it has an operation that its opset does not know",
}
"""What ONNX Runtime says of models that it refuses, and what is told of that."""


def load_model(
    files: Files, threads: int, *, trust_operations: bool = False
) -> tuple[Signature, onnxruntime.InferenceSession]:
    """The signature of the model among ``files``, and a session of it.

    Args:
        files: the version's.
        threads: within one run; 0 for the default.
        trust_operations: whether any operation may run that the engine knows.

    Raises:
        LoadError: the model cannot be read, names files that are not the version's, or holds what
            is not served.
    """
    content = files.read(PLAIN, FORM)
    found = read_onnx_file(content, trust_operations=trust_operations)
    with _beside(files, found) as folder:
        try:
            if found.divisors and not trust_operations:
                _hold_divisors(content, found.divisors, folder)
            safe = guarded(content)
            made = session(safe, threads, folder=folder)
            # Shapes that follow from guarded tensors are told by the graph as it was.
            known = made if safe is content else session(content, folder=folder, as_written=True)
        except LoadError:
            raise
        except Exception as error:
            said = str(error)
            told = next((what for word, what in _SAID.items() if word in said), "")
            raise LoadError(
                f"{PLAIN}: ONNX Runtime cannot load it"
                + (f": {told}" if told else "; the server's log has its words; export it again"),
                detail=in_full(error),
            ) from error
    signature = Signature(
        DEFAULT_SIGNATURE,
        inputs=_specs("input", known.get_inputs(), found.shaped),
        outputs=_specs("output", known.get_outputs(), found.shaped),
    )
    return signature, made


@contextlib.contextmanager
def _beside(files: Files, found: OnnxFile) -> Iterator[Path | None]:
    """A private folder with the files that the model's tensors lie in; None where there are none.

    The engine maps them into memory, so that they have to be as long as the tensors say.
    """
    if not found.externals:
        yield None
        return
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(private_folder())
            for name in sorted({external.file for external in found.externals}):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                files.copy(name, folder / name)
        except OSError as error:
            raise LoadError(
                "expected room for a private copy of the model's data, received: "
                f"{error.strerror or error}; make room in the folder for temporary files, or set "
                "TMPDIR to one with some"
            ) from error
        for external in found.externals:
            size = (folder / external.file).stat().st_size
            if external.end > size:
                raise LoadError(
                    f"{external.file!r}: expected at least {external.end} bytes, as {PLAIN} says, "
                    f"received {size}; copy the version again"
                )
        yield folder


def _hold_divisors(content: bytes, names: set[str], folder: Path | None) -> None:
    """Hold what is divided by to be no integers that may be -1.

    The lowest integer divided by that ends the process. The engine says of which dtype they are,
    from a session that runs nothing.
    """
    given = session(with_outputs(content, names), folder=folder, as_written=True).get_outputs()
    for node in given:
        if node.name in names and _DTYPES.get(node.type) in _DIVIDED:
            raise LoadError(
                f"{PLAIN}: expected integers divided by constants other than -1, received Div by "
                f"{node.name[:100]!r}, which may end the process; divide floats, or allow that "
                "with --trust-model-ops"
            )


def _specs(side: str, nodes: list[Any], shaped: set[str]) -> dict[str, TensorSpec]:
    specs: dict[str, TensorSpec] = {}
    for node in nodes:
        where = f"{PLAIN}: {side} {node.name[:100]!r}"
        if not node.type.startswith("tensor("):
            remedy = "; convert the model with zipmap=False" if "map(" in node.type else ""
            raise LoadError(
                f"{where}: expected a tensor, received {node.type}: sequences, maps and optional "
                f"values are not served{remedy}"
            )
        dtype = _DTYPES.get(node.type)
        if dtype is None:
            raise LoadError(
                f"{where}: expected a dtype that can be served, received {node.type}; cast it in "
                "the model"
            )
        shape = tuple(size if isinstance(size, int) and size >= 0 else None for size in node.shape)
        unknown_rank = not shape and node.name not in shaped
        specs[node.name] = TensorSpec(node.name, dtype, shape, unknown_rank, node.name)
    if not specs:
        raise LoadError(f"{PLAIN}: expected at least one {side}, received none")
    return specs
