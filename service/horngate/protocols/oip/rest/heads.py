"""Heads of binary requests that came before: the same JSON means the same message.

A client sends the same head again and again, and other tensors behind it. What a head means is
kept as the serialized message with holes for the tensors, and so is how its answer looks: what is
left for the next is to join bytes, which are then taken as ``prepared`` takes a gRPC message.
Nothing here depends on what is served.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

from google.protobuf.message import Message

from horngate.call import Call
from horngate.protocols.http import HttpReply
from horngate.protocols.layout import DATA, Layout, holes
from horngate.protocols.pb.inference.grpc_service_pb2 import ModelInferRequest, ModelInferResponse

MOST_HEADS: Final = 64
"""More are not kept: all go, and those that are still sent are learned again."""

MOST_BYTES: Final = 4096
"""Of a head that is kept; the usual one has some hundreds."""

REPLY_HEADER_LENGTH: Final = "Inference-Header-Content-Length"
"""How many bytes of a reply are JSON."""

Write = Callable[[Call, ModelInferResponse], HttpReply]
Key = tuple[str, str, bytes, int]
"""Model, version, head, and bytes behind it."""

_REQUEST: Final = {7: DATA}
_RESPONSE: Final = {6: DATA}


class _Reply(NamedTuple):
    """What answers look like: their message, where its tensors lie, and the reply made of it."""

    size: int
    layout: Layout
    tensors: list[slice]
    head: bytes
    reply: HttpReply


class Known:
    """What one head means, all of whose tensors are behind it; ``write`` writes its answers."""

    def __init__(self, message: ModelInferRequest, write: Write) -> None:
        data = message.SerializeToString()
        found = list(holes(data, _REQUEST))
        self._layout = Layout(data, found)
        ends = list(accumulate([hole.end - hole.begin for hole in found], initial=0))
        self._tensors = [slice(*each) for each in pairwise(ends)]
        self._write = write
        self._reply: _Reply | None = None

    def message(self, binary: bytes) -> bytes:
        """The message with the tensors in ``binary``."""
        return self._layout.filled([binary[each] for each in self._tensors])

    def reply(self, call: Call, answer: Message | bytes) -> HttpReply:
        """The reply of ``answer``, a ModelInferResponse or one that is serialized."""
        data = answer if isinstance(answer, bytes) else answer.SerializeToString()
        kept = self._reply
        if kept is not None and len(data) == kept.size and kept.layout.fits(data):
            body = b"".join([kept.head, *[data[each] for each in kept.tensors]])
            return HttpReply(body, 200, kept.reply.content_type, kept.reply.headers)
        reply = self._write(call, ModelInferResponse.FromString(data))
        found = list(holes(data, _RESPONSE))
        tensors = [slice(hole.begin, hole.end) for hole in found]
        size = int(reply.headers.get(REPLY_HEADER_LENGTH, -1))
        if size >= 0 and size + sum(hole.end - hole.begin for hole in found) == len(reply.body):
            # All of them are behind its head, and none is written in it.
            head = reply.body[:size]
            self._reply = _Reply(len(data), Layout(data, found), tensors, head, reply)
        return reply


class Heads:
    """The heads that are known: bounded. Thread-safe."""

    def __init__(self) -> None:
        self._known: dict[Key, Known | None] = {}

    def find(self, key: Key) -> Known | None:
        """What the head means; None where it is not known."""
        return self._known.get(key)

    def learn(self, key: Key, message: ModelInferRequest, write: Write) -> None:
        """Remember what a head meant that was answered, where it came before."""
        raw: Sequence[bytes] = message.raw_input_contents
        if not raw or len(key[2]) > MOST_BYTES or sum(map(len, raw)) != key[3]:
            return  # some tensors are in the head itself
        if len(self._known) >= MOST_HEADS:
            self._known = {}
        self._known[key] = Known(message, write) if key in self._known else None
