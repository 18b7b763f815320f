"""A ``model.onnx`` as a file: what it runs, and what it reads beside itself. Runs nothing of it.

A server has no package with ONNX's messages, so that the wire format is read here, by the numbers
of ``onnx.proto``. Tensors are passed over and never copied. What could be read in two ways is
refused: a message that is there twice where one is expected, a field of another wire type than its
own, which protobuf passes over, and more bits than a number has, of which it drops some. It knows
no engine.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from horngate.errors import LoadError
from horngate.runtimes.onnx_operations import GUARDED, allowed, refusal
from horngate.store.layout import PLAIN
from horngate.wire import NUMBER, SIZED, field_head, next_field, varint

MOST_NODES: Final = 200_000
"""Of a model, bodies of loops and branches included."""

DEEPEST: Final = 16
"""Graphs within each other."""

_INTEGERS: Final = {6: "<i4", 7: "<i8"}
"""Dtypes, as ONNX numbers them, whose lowest value divided by -1 ends the process."""

_BYTES: Final = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8}
"""By a dtype; 16 for every other, which is as much as one takes."""

_AGAIN: Final = "export it again"


class External(NamedTuple):
    """Where a tensor lies in another file: the file, and the end of its part, in bytes."""

    file: str
    end: int


@dataclass
class OnnxFile:
    """What a model holds.

    Attributes:
        externals: the parts of other files that its tensors lie in.
        shaped: inputs and outputs that tell their number of dimensions.
        divisors: tensors of the outermost graph that something is divided by, and which are no
            constant that is known to be harmless. Nothing may be, if they are integers.
    """

    externals: list[External] = dataclasses.field(default_factory=list)
    shaped: set[str] = dataclasses.field(default_factory=set)
    divisors: set[str] = dataclasses.field(default_factory=set)


def read_onnx_file(content: bytes, *, trust_operations: bool = False) -> OnnxFile:
    """Look at all of ``content``; at its operations only where they are not trusted.

    Raises:
        LoadError: it is no ONNX model, or holds what is not served, named.
    """
    try:
        return _Reader(trust_operations).model(_Message(memoryview(content)))
    except ValueError as error:
        raise LoadError(f"{PLAIN}: expected an ONNX model, received something else") from error


def with_outputs(content: bytes, names: set[str]) -> bytes:
    """``content`` with the tensors ``names`` as further outputs, of whatever type they are."""
    graph = b"".join(field(12, field(1, name.encode())) for name in sorted(names))
    return content + field(7, graph)


class _Reader:
    def __init__(self, trust_operations: bool) -> None:
        self._trust_operations = trust_operations
        self._found = OnnxFile()
        self._nodes = 0
        self._refused: dict[str, None] = {}

    def model(self, message: _Message) -> OnnxFile:
        if message.parts(25):
            raise LoadError(
                f"{PLAIN}: expected a model without functions of its own, received one with; "
                "write them out with onnx.inliner.inline_local_functions"
            )
        graph = message.one(7)
        if graph is None:
            raise LoadError(f"{PLAIN}: expected an ONNX model, received one without a graph")
        self._graph(graph, set(), 0)
        self._found.shaped.update(
            value.text(1) for side in (11, 12) for value in graph.parts(side) if _shaped(value)
        )
        if self._refused and not self._trust_operations:
            listed = list(self._refused)
            more = f", and {len(listed) - 5} more" if len(listed) > 5 else ""
            raise LoadError(
                f"{PLAIN}: expected operations that are served, received {', '.join(listed[:5])}"
                f"{more}; docs/models.md has which are; if you trust who made it, allow that with "
                "--trust-model-ops"
            )
        return self._found

    def _graph(self, graph: _Message, known: set[str], depth: int) -> None:
        """Read a graph; ``known`` are constants of those around it that may be divided by."""
        nodes = graph.parts(1)
        self._nodes += len(nodes)
        if depth > DEEPEST or self._nodes > MOST_NODES:
            raise LoadError(
                f"{PLAIN}: expected at most {MOST_NODES} nodes, and {DEEPEST} graphs within each "
                "other, received more"
            )
        if graph.parts(15):
            raise _sparse()
        constants = [(each.text(8), self._divides(each)) for each in graph.parts(5)]
        # What a loop's body is given, or makes, is no constant of the same name around it.
        made = {name for node in nodes for name in node.texts(2)}
        given = {each.text(1) for each in graph.parts(11)} if depth else set()
        harmless = (known - made) | {name for name, divides in constants if divides}
        harmless -= {name for name, divides in constants if not divides} | given
        for node in nodes:
            self._node(node, harmless, depth)

    def _node(self, node: _Message, harmless: set[str], depth: int) -> None:
        operation, domain, inputs = node.text(4), node.text(7), node.texts(1)
        if not allowed(domain, operation):
            self._refused[refusal(domain, operation)] = None
        divides = [self._attribute(each, harmless, depth) for each in node.parts(5)]
        if operation == "Constant" and any(divides):
            harmless.update(node.texts(2))
        if depth and operation in GUARDED:
            self._refused[
                f"{operation} in a loop or branch (where it is given nothing it ends the process)"
            ] = None
        if operation == "Div" and len(inputs) == 2 and inputs[1] not in harmless:
            if depth:
                self._refused[
                    "Div in a loop or branch by what is no constant (of integers it may end the "
                    "process)"
                ] = None
            self._found.divisors.add(inputs[1])

    def _attribute(self, attribute: _Message, harmless: set[str], depth: int) -> bool:
        """Look at an attribute; whether it is a value that may be divided by."""
        if attribute.parts(22) or attribute.parts(23):
            raise _sparse()
        graph, tensor = attribute.one(6), attribute.one(5)
        for each in [*([] if graph is None else [graph]), *attribute.parts(11)]:
            self._graph(each, harmless, depth + 1)
        for each in attribute.parts(10):
            self._divides(each)
        if tensor is not None:
            return self._divides(tensor)
        numbers = [*attribute.numbers(3, packed=False), *attribute.numbers(8)]
        return bool(attribute.has(2) or attribute.has(7) or numbers) and -1 not in numbers

    def _divides(self, tensor: _Message) -> bool:
        """Look at a tensor; whether any may be divided by it."""
        dtype = (tensor.numbers(2, bits=32, packed=False) or [0])[-1]
        dims = tensor.numbers(1)
        entries = [(each.text(1), each.text(2)) for each in tensor.parts(13)]
        if entries:
            self._found.externals.append(
                _external(tensor.text(8), entries, math.prod(dims) * _BYTES.get(dtype, 16))
            )
        if dtype not in _INTEGERS:
            return True
        if entries or -1 in tensor.numbers(5, bits=32) or -1 in tensor.numbers(7):
            return False
        return not any(
            (np.frombuffer(raw, _INTEGERS[dtype]) == -1).any() for raw in tensor.contents(9)
        )


def _shaped(value: _Message) -> bool:
    """Whether an input or output tells its number of dimensions."""
    return any(tensor.has(2) for kind in value.parts(2) for tensor in kind.parts(1))


def _sparse() -> LoadError:
    return LoadError(f"{PLAIN}: expected dense tensors, received a sparse one; {_AGAIN}")


def _external(tensor: str, entries: list[tuple[str, str]], size: int) -> External:
    where = f"{PLAIN}: tensor {tensor[:100]!r}"
    told = dict(entries)
    file = told.get("location", "")
    # Within the folder, and nothing that the engine takes for a place in memory.
    parts = file.split("/")
    if (
        len(told) != len(entries)
        or any(part in ("", ".", "..") for part in parts)
        or set(file) & set("*\\\0")
    ):
        raise LoadError(
            f"{where}: expected one file within the version's folder, received {file[:100]!r}; "
            "write the model again with its data beside it"
        )
    offset, length = (told.get(key) or "0" for key in ("offset", "length"))
    if size < 0 or not all(
        each.isascii() and each.isdigit() and len(each) < 18 for each in (offset, length)
    ):
        raise LoadError(f"{where}: expected numbers of bytes for where it lies in {file[:100]!r}")
    return External(file, int(offset) + max(int(length), size))


class _Message:
    """The fields of one message by number, each as often as it is there."""

    def __init__(self, data: memoryview) -> None:
        self._fields: dict[int, list[int | memoryview | None]] = {}
        for number, whole, inner in fields(data):
            value: int | memoryview | None = None  # a float, which nobody asks for
            wire = whole[0] & 7
            if wire == NUMBER:
                value, _ = varint(inner, 0, len(inner))
            elif wire == SIZED:
                value = inner
            self._fields.setdefault(number, []).append(value)

    def has(self, number: int) -> bool:
        """Whether the field is there."""
        return number in self._fields

    def contents(self, number: int) -> list[memoryview]:
        """A field of bytes."""
        values = self._fields.get(number, [])
        found = [each for each in values if isinstance(each, memoryview)]
        if len(found) != len(values):
            raise ValueError("a number, where bytes are expected")
        return found

    def parts(self, number: int) -> list[_Message]:
        """A field of messages."""
        return [_Message(each) for each in self.contents(number)]

    def one(self, number: int) -> _Message | None:
        """The message in a field that may be there once."""
        parts = self.parts(number)
        if len(parts) > 1:
            raise LoadError(f"{PLAIN}: expected a message once, received it twice; {_AGAIN}")
        return parts[0] if parts else None

    def texts(self, number: int) -> list[str]:
        """A field of texts."""
        return [bytes(each).decode() for each in self.contents(number)]

    def text(self, number: int) -> str:
        """The text of a field: the last, as protobuf has it; "" where there is none."""
        return (self.texts(number) or [""])[-1]

    def numbers(self, number: int, *, bits: int = 64, packed: bool = True) -> list[int]:
        """A field of integers of so many bits; ``packed`` says that they may be."""
        found: list[int] = []
        for value in self._fields.get(number, ()):
            if isinstance(value, int):
                found.append(value)
                continue
            if value is None or not packed:
                raise ValueError("something else, where a number is expected")
            place = 0
            while place < len(value):
                one, place = varint(value, place, len(value))
                found.append(one)
        found = [each - 2**64 if each >= 2**63 else each for each in found]
        most = 2 ** (bits - 1)
        if found and not -most <= min(found) <= max(found) < most:
            raise ValueError("more bits than the number has")
        return found


def field(number: int, content: bytes) -> bytes:
    """A field of bytes, with its number and its length before it."""
    return field_head(number, len(content)) + content


def fields(data: memoryview) -> Iterator[tuple[int, memoryview, memoryview]]:
    """Each field of a message: its number, all of it, and its content, which a number is, too.

    Raises:
        Unclear: it is no message.
    """
    place, end = 0, len(data)
    while place < end:
        start = place
        number, _, _, begin, place = next_field(data, start, end)
        yield number, data[start:place], data[begin:place]
