"""Prepared requests: what was learned from the first message of a kind serves the next of it.

A client sends the same bytes again and again, but for its tensors and the request's id. Where the
bytes of those lie, whether the rest is right and what it asks for is learned from the first message
and kept under that rest, its fixed bytes. A message whose fixed bytes are the same, byte for byte,
needs neither parsing nor checking: it means what the first one meant. Answers likewise.

Knows no protocol: a ``Form`` tells where a message has its tensors, and what is learned comes from
the handler that parses. With it and without it every message has the same outcome.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from google.protobuf.message import Message

from horngate.answer import Answer
from horngate.batching.scheduler import SchedulerClosed
from horngate.batching.work import Work
from horngate.call import Call
from horngate.errors import RequestError
from horngate.inference import Inference, admitted, respond, submit
from horngate.lifecycle.served import Handle
from horngate.protocols.elements import Write, as_it_lies
from horngate.protocols.layout import DATA, ID, Form, Frame, Hole, Layout, holes
from horngate.tensors import Array, Arrays, Request, Response
from horngate.wire import Unclear

MOST_KINDS: Final = 64
"""More are not kept: all go, and those that are still sent are learned again."""

MOST_OF_A_LENGTH: Final = 4
MOST_LENGTHS: Final = 1024
MOST_FIXED: Final = 4096
"""Bytes of a message that are kept; the usual one has some dozens."""


class _Tensor(NamedTuple):
    """A tensor of a message; ``at`` is where an input's bytes begin."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    at: int


class _Reply(NamedTuple):
    """What the answers to a kind look like, whose outputs are on the wire as they are in memory."""

    layout: Layout
    tensors: tuple[_Tensor, ...]


class _Varied(NamedTuple):
    """The same where an output takes more or fewer bytes by its values."""

    frame: Frame
    tensors: tuple[tuple[_Tensor, Write], ...]


class _Kind:
    """What messages of the same fixed bytes mean.

    ``reply``, or ``varied``, is known after the first answer.
    """

    __slots__ = ("extra", "handle", "id", "layout", "reply", "request", "rows", "tensors", "varied")

    def __init__(
        self,
        layout: Layout,
        *,
        request: Request,
        extra: Any,
        handle: Handle,
        rows: int,
        tensors: tuple[_Tensor, ...],
        identity: Hole | None,
    ) -> None:
        self.layout = layout
        self.request = request
        self.extra = extra
        self.handle = weakref.ref(handle)  # it keeps no version in memory
        self.rows = rows
        self.tensors = tensors
        self.id = None if identity is None else slice(identity.begin, identity.end)
        self.reply: _Reply | None = None
        self.varied: _Varied | None = None


class Codec(Protocol):
    """A protocol's messages, to whoever prepares them."""

    @property
    def form(self) -> Form:
        """Of a request."""

    @property
    def reply_form(self) -> Form:
        """Of its answer."""

    def writer(self, array: Array) -> Write:
        """What writes outputs of its dtype; ``as_it_lies`` where those take their own bytes."""

    def read(self, message: Any) -> tuple[Request, Any] | None:
        """What a message asks for, and what ``write`` needs to know of it.

        None where it means more than its fixed bytes and its tensors say.
        """

    def write(self, identity: str, extra: Any, response: Response) -> Message:
        """The answer."""


class Prepared:
    """The kinds of one method's messages: bounded, and forgotten with every change of what is live.

    Thread-safe.
    """

    def __init__(self, inference: Inference, codec: Codec) -> None:
        self._inference = inference
        self._codec = codec
        self._kinds: dict[int, tuple[_Kind, ...]] = {}
        self._tries: dict[int, int] = {}
        inference.on_change(self.forget)

    def forget(self) -> None:
        """Learn anew."""
        self._kinds = {}
        self._tries = {}

    def answer(self, data: bytes, call: Call) -> Answer[bytes] | None:
        """Queue a message of a known kind; None for any other.

        Raises:
            RequestError: as the handler would.
        """
        for kind in self._kinds.get(len(data), ()):
            if kind.layout.fits(data):
                break
        else:
            return None
        if kind.id is not None and not data[kind.id].isascii():
            return None  # perhaps no text at all: that is for protobuf to say
        request = kind.request
        handle = self._inference.open(request.model, request.version, request.signature, call)
        if handle is not kind.handle():
            self.forget()
            return None
        inputs: dict[str, Array] = {}
        for name, shape, dtype, at in kind.tensors:
            inputs[name] = np.ndarray(shape, dtype, data, at)
        try:
            work = submit(handle, inputs, kind.rows, request.priority, call)
        except SchedulerClosed:
            return None
        return _PreparedAnswer(self, kind, handle, data, work)

    def learn(self, data: bytes, message: Message, call: Call) -> None:
        """Remember what ``data``, which was parsed as ``message`` and queued, is a kind of.

        Only where as long a message came before, and a few times for each length: what is never
        sent twice is not worth it.
        """
        tries = self._tries.get(len(data), 0)
        if tries > MOST_OF_A_LENGTH:
            return
        if len(self._tries) >= MOST_LENGTHS:
            self._tries = {}
        self._tries[len(data)] = tries + 1
        if not tries:
            return
        kind = self._kind(data, message, call)
        if kind is None:
            return
        kinds = self._kinds if len(self._kinds) < MOST_KINDS else {}
        self._kinds = {**kinds, len(data): (*kinds.get(len(data), ()), kind)}

    def reply(self, kind: _Kind, handle: Handle, data: bytes, outputs: dict[str, Array]) -> bytes:
        """The answer to a message of ``kind``."""
        identity = b"" if kind.id is None else data[kind.id]
        reply = kind.reply
        if reply is not None:
            changing = [] if kind.id is None else [identity]
            for name, shape, dtype, _ in reply.tensors:
                array = outputs[name]
                if array.shape != shape or array.dtype != dtype:
                    break
                changing.append(array.tobytes())
            else:
                return reply.layout.filled(changing)
        elif kind.varied is not None:
            parts = _parts(kind.varied, outputs)
            if parts is not None:
                return kind.varied.frame.filled(parts)
        response = respond(handle, kind.request.outputs, outputs)
        written = self._codec.write(identity.decode(), kind.extra, response).SerializeToString()
        self._learn_reply(kind, written, response)
        return written

    def _kind(self, data: bytes, message: Message, call: Call) -> _Kind | None:
        read = self._codec.read(message)
        if read is None:
            return None
        request, extra = read
        arrays = request.inputs
        if len(data) - sum(array.nbytes for array in arrays.values()) > MOST_FIXED:
            return None
        # Truths may be sent in other bytes than 0 and 1, and stand for those.
        writers = {name: as_it_lies for name, array in arrays.items() if array.dtype.kind != "b"}
        found = _found(data, self._codec.form, list(arrays), arrays, writers)
        if found is None:
            return None
        identity, tensors = found
        changing = sorted([*identity, *tensors.values()], key=lambda hole: hole.begin)
        try:
            handle = self._inference.open(request.model, request.version, request.signature, call)
            rows, misfit = admitted(handle, request)
        except RequestError:  # the handler found another signature, or what is live has changed
            return None
        if misfit is not None:  # what becomes of it is the engine's to say
            return None
        return _Kind(
            Layout(data, changing),
            request=request._replace(inputs={}),
            extra=extra,
            handle=handle,
            rows=rows,
            tensors=tuple(_tensor(name, arrays[name], hole) for name, hole in tensors.items()),
            identity=identity[0] if identity else None,
        )

    def _learn_reply(self, kind: _Kind, written: bytes, response: Response) -> None:
        kind.reply = kind.varied = None
        outputs = response.outputs
        writers = {name: self._codec.writer(array) for name, array in outputs.items()}
        names = list(kind.request.outputs or response.signature.outputs)
        found = _found(written, self._codec.reply_form, names, outputs, writers)
        if found is None:
            return
        identity, lying = found
        ordered = sorted(lying.items(), key=lambda each: each[1].begin)
        changing = [*identity, *(hole for _, hole in ordered)]
        if len(identity) != (kind.id is not None) or changing != sorted(changing, key=_begin):
            return
        tensors = tuple(_tensor(name, outputs[name], hole) for name, hole in ordered)
        if all(write is as_it_lies for write in writers.values()):
            kind.reply = _Reply(Layout(written, changing), tensors)
        elif not identity:
            with contextlib.suppress(Unclear):
                frame = Frame(written, changing)
                kind.varied = _Varied(frame, tuple((each, writers[each.name]) for each in tensors))


class _PreparedAnswer(Answer[bytes]):
    """The answer to a prepared request, written by whoever asks for it."""

    __slots__ = ("_data", "_handle", "_kind", "_prepared", "_work")

    def __init__(
        self, prepared: Prepared, kind: _Kind, handle: Handle, data: bytes, work: Work
    ) -> None:
        self._prepared = prepared
        self._kind = kind
        self._handle = handle
        self._data = data
        self._work = work

    def on_done(self, callback: Callable[[], None]) -> None:
        self._work.on_done(callback)

    def result(self) -> bytes:
        outputs = self._work.result()
        return self._prepared.reply(self._kind, self._handle, self._data, outputs)

    def size(self) -> int:
        return self._work.size()

    def cancel(self) -> None:
        self._work.cancel()


def _found(
    data: bytes,
    form: Form,
    names: Sequence[str],
    arrays: Arrays,
    writers: Mapping[str, Write],
) -> tuple[list[Hole], dict[str, Hole]] | None:
    """At most one id, and where each array lies as its writer has it; None where one does not.

    Tensors are told apart by the keys of their map, or else by their order, that of ``names``.
    """
    try:
        found = list(holes(data, form))
    except Unclear:
        return None
    identity = [hole for hole in found if hole.kind == ID]
    lying = [hole for hole in found if hole.kind == DATA]
    if len(identity) > 1 or len(lying) != len(arrays):
        return None
    keyed = [hole.key.decode("utf-8", "replace") for hole in lying if hole.key]
    tensors = dict(zip(keyed or names, lying, strict=False))
    if not tensors.keys() == arrays.keys() == writers.keys():
        return None
    for name, hole in tensors.items():
        array = arrays[name]
        if array.dtype.kind in "OSU" or writers[name](array) != data[hole.begin : hole.end]:
            return None
    return identity, tensors


def _parts(varied: _Varied, outputs: Arrays) -> list[bytes] | None:
    """The outputs as they are written; None where one is not as those before."""
    parts = []
    for (name, shape, dtype, _), write in varied.tensors:
        array = outputs[name]
        if array.shape != shape or array.dtype != dtype:
            return None
        parts.append(write(array))
    return parts


def _tensor(name: str, array: Array, hole: Hole) -> _Tensor:
    return _Tensor(name, array.shape, array.dtype, hole.begin)


def _begin(hole: Hole) -> int:
    return hole.begin
