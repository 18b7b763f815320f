"""What one operation of a SavedModel may do: by its name, what it is told, and where it stands.

``families`` has the lists of names. This module reads nodes and definitions, and runs nothing.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from horngate.runtimes.families import ALLOWED, REFUSED, SAVING, TRAINING
from horngate.runtimes.graph import Graph, Place

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


_FORWARD: Final = frozenset({"RFFT", "RFFT2D", "RFFT3D"})
_SIZED: Final = _FORWARD | {
    *("IRFFT", "IRFFT2D", "IRFFT3D"),
    *("FFTND", "IFFTND", "RFFTND", "IRFFTND"),
}
"""Those that are told their length, as their second input."""

DOES: Final = "ends the process for a length of 0, and its length is no constant above that"


def transforms(place: Place, graph: Graph) -> str | None:
    """What a Fourier transform at ``place`` may do for its length; None where nothing.

    The library that TensorFlow computes them with ends the process for a length of 0, which an
    empty row makes of a length that is worked out from its shape. So lengths have to be constants;
    what has the length of its own input is fine, because nothing is computed of it where that is
    empty.
    """
    node = place.node
    if node.op not in _SIZED:
        return None
    length = graph.before(place, 1)
    if length is None:
        return DOES
    if length.op == "Const":
        return None if _above_zero(length) else DOES
    return None if node.op in _FORWARD and _is_its_own(node, length, place, graph) else DOES


def _is_its_own(node: Any, length: Any, place: Place, graph: Graph) -> bool:
    """Whether ``length`` is a part of the shape of what is transformed, padded or not."""
    if length.op != "StridedSlice":
        return False
    shape = graph.before(Place(length, place.function), 0)
    if shape is None or shape.op != "Shape":
        return False
    given = graph.before(place, 0)
    padded = given is not None and given.op == "Pad" and given.input[0] == shape.input[0]
    return padded or bool(node.input[0] == shape.input[0])


def _above_zero(constant: Any) -> bool:
    tensor = constant.attr["value"].tensor
    content = tensor.tensor_content
    if len(content) % 4:
        return False
    values = np.frombuffer(content, "<i4").tolist() if content else list(tensor.int_val)
    return bool(values) and min(values) > 0


_FIELDS: Final = {
    "string": "s",
    "int": "i",
    "float": "f",
    "bool": "b",
    "type": "type",
    "shape": "shape",
    "tensor": "tensor",
    "func": "func",
}
"""The field of an ``AttrValue``, or of the list in one, for each kind of attribute."""


class _Attribute(NamedTuple):
    name: str
    field: str
    of_a_list: bool
    needed: bool


class Wanted:
    """What the attributes of operations have to be; each definition is read once.

    TensorFlow holds nodes of a graph against their definitions, and those of a function only once
    the function is run. What optimises graphs before that takes it for granted, and ends the
    process where a constant has no value.
    """

    def __init__(self) -> None:
        self._known: dict[str, list[_Attribute]] = {}

    def fault(self, node: Any, definition: Any, *, in_function: bool) -> str | None:
        """What is wrong with an attribute of ``node``, in words; None where nothing is.

        Args:
            node: a ``NodeDef``.
            definition: the ``OpDef`` of its operation.
            in_function: whether an attribute may stand for what the function is given.
        """
        wanted = self._known.get(node.op)
        if wanted is None:
            wanted = self._known[node.op] = [_attribute(each) for each in definition.attr]
        attributes = node.attr
        for name, field, of_a_list, needed in wanted:
            if name not in attributes:
                if needed:
                    return f"has no attribute {name!r}"
                continue
            value = attributes[name]
            found = value.WhichOneof("value")
            if found == "placeholder" and in_function:
                continue
            if of_a_list:
                # An empty list may have been written as nothing.
                fits = found is None or (
                    found == "list" and all(f.name == field for f, _ in value.list.ListFields())
                )
            else:
                fits = found == field
            if not fits:
                return f"has an attribute {name!r} of another kind than it should be"
        return None


def _attribute(definition: Any) -> _Attribute:
    of_a_list = definition.type.startswith("list(")
    kind = definition.type.removeprefix("list(").removesuffix(")")
    needed = not definition.HasField("default_value")
    return _Attribute(definition.name, _FIELDS[kind], of_a_list, needed)
