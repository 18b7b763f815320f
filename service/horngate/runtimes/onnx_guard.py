"""Kernels that end the process over a tensor without elements, guarded in the graph.

A recurrent layer of ONNX Runtime that is given no rows, or no steps, ends the process: and not only
for what was sent, which could be seen before, but for what comes of it on the way, as of a picture
too narrow for the convolutions before the layer. So each input of such a node goes through four
small ones that raise where a size is 0: its shape over itself, times itself, is its shape, and
dividing by 0 is an error. They take 3 µs a run. This module knows the wire format and runs
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from horngate.runtimes.onnx_file import field, fields
from horngate.runtimes.onnx_operations import GIVEN, GUARDED, NO_ZEROS
from horngate.runtimes.onnx_operations import guarded as is_guarded

NAME: Final = "horngate.guard"
"""What the nodes and tensors that are put in are called, with a number behind it."""

_GRAPH: Final = 7
_NODE: Final = 1
_INITIALIZER: Final = 5
_VALUE: Final = 11
_INPUT: Final = 1
_OPERATION: Final = 4
_ATTRIBUTE: Final = 5


def guarded(content: bytes) -> bytes:
    """The model ``content`` with every such node of its outermost graph guarded; itself for none.

    The shapes of guarded tensors are not known before they are there, nor what follows from them.

    Raises:
        Unclear: it is no model.
    """
    pieces: list[bytes | memoryview] = []
    guards = _Guards()
    for number, whole, inner in fields(memoryview(content)):
        if number == _GRAPH:
            graph = b"".join(guards.graph(inner))
            pieces.append(field(_GRAPH, graph))
        else:
            pieces.append(whole)
    return b"".join(pieces) if guards.count else content


class _Guards:
    def __init__(self) -> None:
        self.count = 0
        self._given: set[bytes] = set()

    def graph(self, graph: memoryview) -> Iterator[bytes | memoryview]:
        self._given = _names(graph, _VALUE, 1) - _names(graph, _INITIALIZER, 8)
        for number, whole, inner in fields(graph):
            operation = _operation(inner) if number == _NODE else ""
            takes_none = operation in GUARDED and is_guarded(operation, _attributes(inner))
            if takes_none or operation in GIVEN:
                yield from self._node(inner, operation)
            else:
                yield whole

    def _node(self, node: memoryview, operation: str) -> Iterator[bytes]:
        pieces: list[bytes | memoryview] = []
        place = 0
        for number, whole, inner in fields(node):
            if number != _INPUT:
                pieces.append(whole)
                continue
            no_zeros = place in NO_ZEROS.get(operation, ())
            guarded = place in GUARDED.get(operation, ())
            given = place in GIVEN.get(operation, ()) and bytes(inner) in self._given
            if len(inner) and (no_zeros or guarded or given):
                self.count += 1
                name = f"{NAME}.{self.count}".encode()
                yield from (_value if no_zeros else _elements)(bytes(inner), name)
                pieces.append(field(_INPUT, name))
            else:
                pieces.append(whole)
            place += 1
        yield field(_NODE, b"".join(pieces))


def _elements(tensor: bytes, name: bytes) -> Iterator[bytes]:
    """Nodes that give ``tensor`` the ``name``, and raise where it has no elements."""
    shape, same = name + b".shape", name + b".same"
    yield _written(b"Shape", (tensor,), shape)
    yield from _value(shape, same)
    yield _written(b"Reshape", (tensor, same), name)


def _value(tensor: bytes, name: bytes) -> Iterator[bytes]:
    """Nodes that give the integers of ``tensor`` the ``name``, and raise where one is 0."""
    one = name + b".one"
    yield _written(b"Div", (tensor, tensor), one)
    yield _written(b"Mul", (tensor, one), name)


def _written(operation: bytes, inputs: tuple[bytes, ...], output: bytes) -> bytes:
    parts = [field(_INPUT, each) for each in inputs]
    parts += [field(2, output), field(3, output), field(_OPERATION, operation)]
    return field(_NODE, b"".join(parts))


def _names(graph: memoryview, kind: int, name: int) -> set[bytes]:
    """Of every part of a ``kind``, by the number of the field that has it."""
    return {
        bytes(inner)
        for number, _, part in fields(graph)
        if number == kind
        for field_number, _, inner in fields(part)
        if field_number == name
    }


def _operation(node: memoryview) -> str:
    names = [inner for number, _, inner in fields(node) if number == _OPERATION]
    return bytes(names[-1]).decode() if names else ""


def _attributes(node: memoryview) -> set[str]:
    """What its attributes are called."""
    return {
        bytes(name).decode()
        for number, _, attribute in fields(node)
        if number == _ATTRIBUTE
        for place, _, name in fields(attribute)
        if place == 1
    }
