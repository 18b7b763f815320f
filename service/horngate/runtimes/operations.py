"""What one operation of a SavedModel may do, by its name and what it is told.

``families`` has the lists. This module knows neither graphs nor TensorFlow.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from horngate.runtimes.families import ALLOWED, REFUSED, SAVING, TRAINING

Definitions = Callable[[str], Any]
"""The engine's own registry: the ``OpDef`` of an operation's name, None where it has none."""

RESTORING: Final = {"Restore": 0, "RestoreV2": 0, "RestoreSlice": 0}
"""Allowed where variables are restored, by the input that names the file, which has to be the one
that the loader gives: the model's own."""

FILLING: Final = {"InitializeTableFromTextFile": 1, "InitializeTableFromTextFileV2": 1}
"""Allowed where tables are filled as the model loads, likewise: vocabularies are its assets."""

LEFT_OUT: Final = re.compile(
    "|".join([*SAVING.split(), *RESTORING, "InitializeTableFromTextFileV2", TRAINING])
)
"""What every SavedModel, or one that was trained further, carries beside what is served. It is no
reason to refuse one where nothing that is run leads to it, because TensorFlow is then not given it.
All of it keeps a state, or works on one: importing a graph evaluates no such operation."""

HANDLES: Final = frozenset({20, 21, 120, 121})
"""Dtypes, as TensorFlow numbers them, whose values stand for an object of the running engine: made
from bytes they would be one that nothing in the model has made."""

NOBODY: Final = "nobody has looked at what it does"
UNWRITTEN: Final = "gives memory that nobody has written"

_ALLOWED: Final = frozenset(name for names in ALLOWED.values() for name in names.split())
_REFUSED: Final = {does: re.compile(pattern) for does, pattern in REFUSED.items()}

_STREAMS: Final = (b"", b"stdout", b"stderr", b"log(info)", b"log(warning)", b"log(error)")
_TRANSFORM: Final = {
    "interpolation": (b"NEAREST", b"BILINEAR"),
    "fill_mode": (b"CONSTANT", b"REFLECT", b"WRAP", b"NEAREST"),
}


def named(operation: str) -> str | None:
    """What an operation of this name does beyond the model; None where it is allowed."""
    return None if operation in _ALLOWED else _refusal(operation)


def told(node: Any) -> str | None:
    """What the allowed operation of a ``NodeDef`` does by its attributes; None where nothing."""
    look = _LOOKS.get(node.op)
    return None if look is None else look(node.attr)


@functools.lru_cache(maxsize=4096)
def _refusal(operation: str) -> str:
    for does, pattern in _REFUSED.items():
        if pattern.fullmatch(operation):
            return does
    return NOBODY


def _prints(attributes: Any) -> str | None:
    # Within a function it may stand for what the caller gives.
    stream = attributes.get("output_stream")
    if stream is None or (not stream.placeholder and stream.s in _STREAMS):
        return None
    return "reads or writes files"


def _writes_all(attribute: str, *, otherwise: bool) -> Callable[[Any], str | None]:
    """Only with ``attribute`` set is every output written; unset it is ``otherwise``."""

    def look(attributes: Any) -> str | None:
        value = attributes.get(attribute)
        written = otherwise if value is None else value.b
        return None if written else UNWRITTEN

    return look


def _transforms(attributes: Any) -> str | None:
    """With a mode that it does not know it writes nothing, and does not say so."""
    for name, known in _TRANSFORM.items():
        value = attributes.get(name)
        if value is not None and value.s not in known:
            return UNWRITTEN
    return None


def _parses(attributes: Any) -> str | None:
    kind = attributes.get("out_type")
    plain = kind is not None and kind.type and kind.type not in HANDLES
    return None if plain else "makes handles of a caller's bytes"


_LOOKS: Final[Mapping[str, Callable[[Any], str | None]]] = {
    "PrintV2": _prints,
    "ParseTensor": _parses,
    "Empty": _writes_all("init", otherwise=False),
    "Eig": _writes_all("compute_v", otherwise=True),
    "SelfAdjointEigV2": _writes_all("compute_v", otherwise=True),
    "Svd": _writes_all("compute_uv", otherwise=True),
    "ImageProjectiveTransformV2": _transforms,
    "ImageProjectiveTransformV3": _transforms,
}
