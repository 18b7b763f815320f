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
from horngate.runtimes.onnx_operations import GUARDED

NAME: Final = "horngate.guard"
"""What the nodes and tensors that are put in are called, with a number behind it."""

_GRAPH: Final = 7
_NODE: Final = 1
_INPUT: Final = 1
_OPERATION: Final = 4


def guarded(content: bytes) -> bytes:
    """The model ``content`` with every such node of its outermost graph guarded; itself for none.

    The shapes of guarded tensors are not known before they are there, nor what follows from them.

    Raises:
        IndexError, ValueError: it is no model.
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

    def graph(self, graph: memoryview) -> Iterator[bytes | memoryview]:
        for number, whole, inner in fields(graph):
            operation = _operation(inner) if number == _NODE else ""
            if operation in GUARDED:
                yield from self._node(inner, GUARDED[operation])
            else:
                yield whole

    def _node(self, node: memoryview, most: int) -> Iterator[bytes]:
        pieces: list[bytes | memoryview] = []
        place = 0
        for number, whole, inner in fields(node):
            if number != _INPUT:
                pieces.append(whole)
                continue
            if place < most and len(inner):
                self.count += 1
                name = f"{NAME}.{self.count}"
                yield from _before(bytes(inner), name.encode())
                pieces.append(field(_INPUT, name.encode()))
            else:
                pieces.append(whole)
            place += 1
        yield field(_NODE, b"".join(pieces))


def _before(tensor: bytes, name: bytes) -> Iterator[bytes]:
    """Nodes that give ``tensor`` the ``name``, and raise where it has no elements."""
    shape, one, same = name + b".shape", name + b".one", name + b".same"
    for operation, inputs, output in (
        (b"Shape", (tensor,), shape),
        (b"Div", (shape, shape), one),
        (b"Mul", (shape, one), same),
        (b"Reshape", (tensor, same), name),
    ):
        parts = [field(_INPUT, each) for each in inputs]
        parts += [field(2, output), field(3, output), field(_OPERATION, operation)]
        yield field(_NODE, b"".join(parts))


def _operation(node: memoryview) -> str:
    names = [inner for number, _, inner in fields(node) if number == _OPERATION]
    return bytes(names[-1]).decode() if names else ""
