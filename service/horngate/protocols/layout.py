"""Where a serialized message has what changes from one to the next, and what never does.

Knows no message.

>>> data = bytes([10, 1, 109, 26, 2, 105, 100, 58, 4]) + b"data"
>>> [hole[:3] for hole in holes(data, {3: ID, 7: DATA})]
[('id', 5, 7), ('data', 9, 13)]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from horngate.wire import SIZED, Unclear, as_varint, next_field

ID: Final = "id"
KEY: Final = "key"
DATA: Final = "data"

Form: TypeAlias = Mapping[int, "str | Form"]
"""What is in a message's fields, by number: what changes from one message to the next, or more
fields. ``KEY`` is what the entry of a map that it stands in is called."""

MOST_HEADS: Final = 64
"""Of a part of a message, by its length. Answers of few numbers come in fewer."""


class Hole(NamedTuple):
    """Bytes that change; ``key`` is what the entry of a map that they lie in is called.

    ``around`` are the fields that they lie in, outermost first and their own last: where its length
    stands, where its content begins and ends.
    """

    kind: str
    begin: int
    end: int
    key: bytes
    around: tuple[tuple[int, int, int], ...] = ()


def holes(data: bytes, form: Form) -> Iterator[Hole]:
    """Where ``data``, a serialized message, has what changes, in its order.

    Raises:
        Unclear: it holds what no message holds today, or a map's entry without a key before.
    """
    yield from _holes(data, 0, len(data), form)


def _holes(data: bytes, at: int, end: int, form: Form) -> Iterator[Hole]:
    named, key = KEY in form.values(), b""
    while at < end:
        number, wire, length, begin, at = next_field(data, at, end)
        inside = form.get(number)
        if inside is None:
            continue
        if wire != SIZED:
            raise Unclear  # numbers that are not packed
        if inside == KEY:
            key = data[begin:at]
        elif named and not key:
            raise Unclear  # whose it is comes behind it
        elif isinstance(inside, str):
            yield Hole(inside, begin, at, key, ((length, begin, at),))
        else:
            for hole in _holes(data, begin, at, inside):
                around = ((length, begin, at), *hole.around)
                yield hole._replace(key=key if named else hole.key, around=around)


class Layout:
    """A serialized message without what changes in it.

    >>> layout = Layout(b"m:id:data", [Hole(ID, 2, 4, b""), Hole(DATA, 5, 9, b"")])
    >>> layout.fits(b"m:ID:atad"), layout.filled([b"42", b"more"])
    (True, b'm:42:more')
    """

    __slots__ = ("_first", "_rest", "size")

    def __init__(self, data: bytes, changing: Sequence[Hole]) -> None:
        pieces: list[tuple[int, bytes]] = []
        at = 0
        for hole in changing:
            pieces.append((at, data[at : hole.begin]))
            at = hole.end
        pieces.append((at, data[at:]))
        self._first = pieces[0][1]
        self._rest = pieces[1:]
        self.size = sum(len(piece) for _, piece in pieces)

    def fits(self, data: bytes) -> bool:
        """Whether ``data``, which is as long, is the same but for what changes."""
        if not data.startswith(self._first):
            return False
        for at, piece in self._rest:  # noqa: SIM110 - all() makes a generator, at twice the cost
            if not data.startswith(piece, at):
                return False
        return True

    def filled(self, changing: Sequence[bytes]) -> bytes:
        """The message with ``changing`` in its holes."""
        parts = [self._first]
        for (_, piece), data in zip(self._rest, changing, strict=True):
            parts += (data, piece)
        return b"".join(parts)


class Frame:
    """A serialized message of which parts come in other lengths, which are told before them.

    Each part is alone in the fields around it. Thread-safe.

    >>> whole = bytes([8, 1, 18, 8, 10, 1, 109, 18, 3]) + b"old"
    >>> frame = Frame(whole, list(holes(whole, {2: {1: KEY, 2: DATA}})))
    >>> frame.filled([b"newer"]) == bytes([8, 1, 18, 10, 10, 1, 109, 18, 5]) + b"newer"
    True
    """

    __slots__ = ("_end", "_parts")

    def __init__(self, data: bytes, changing: Sequence[Hole]) -> None:
        parts: list[_Part] = []
        at = 0
        for hole in changing:
            length, _, end = hole.around[0]
            if length < at:
                raise Unclear  # within the fields of the one before
            parts.append(_Part(data, at, hole))
            at = end
        self._parts = parts
        self._end = data[at:]

    def filled(self, changing: Sequence[bytes]) -> bytes:
        """The message with ``changing`` in its holes."""
        parts: list[bytes] = []
        for part, data in zip(self._parts, changing, strict=True):
            parts += (part.before, part.heads.get(len(data)) or part.head(len(data)))
            parts += (data, part.behind)
        parts.append(self._end)
        return b"".join(parts)


class _Part:
    """What stands around one hole, from where the part before it ended.

    ``heads`` are the lengths around data of so many bytes, with what is between them.
    """

    __slots__ = ("_between", "before", "behind", "heads")

    def __init__(self, data: bytes, at: int, hole: Hole) -> None:
        outer, inner = hole.around[0], hole.around[-1]
        self.before = data[at : outer[0]]
        self.behind = data[inner[2] : outer[2]]
        # Innermost first: what stands before the length within, and how much behind the data.
        self._between = [
            (data[begin:within], end - inner[2])
            for (_, begin, end), (within, _, _) in zip(
                hole.around[-2::-1], hole.around[:0:-1], strict=True
            )
        ]
        self.heads: dict[int, bytes] = {}

    def head(self, size: int) -> bytes:
        """Of data of ``size`` bytes."""
        head = as_varint(size)
        for between, behind in self._between:
            head = between + head
            head = as_varint(len(head) + size + behind) + head
        if len(self.heads) < MOST_HEADS:
            self.heads[size] = head
        return head
