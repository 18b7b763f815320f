"""A protocol as a table: method path, message types, handler.

Handlers are plain functions from message to message, so that any front can serve them. One
that has to wait for the engine returns an ``Answer`` of the message in place of the message.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final, NamedTuple, Protocol

from google.protobuf.message import DecodeError, Message

from horngate.answer import Answer
from horngate.call import Call
from horngate.errors import Code, HorngateError, InvalidRequest
from horngate.protocols.parts import read

MESSAGE_CHARACTERS: Final = 2000
MESSAGE_BYTES: Final = 6000
"""The most of an error's message that is told, by characters and as gRPC writes them in a header.

Peers bound headers, by 8 KiB all of them together unless they are told otherwise: a message over
that takes the place of the status that it belongs to.
"""


_MOST_BYTES: Final = 12
"""Of one character in a header: four in UTF-8, three for each of them."""


class Status(NamedTuple):
    """How a failed call ends on the wire."""

    code: Code
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Method:
    """What every method has.

    ``status`` gives the status by which this protocol answers an error; it is total.
    """

    protocol: str
    service: str
    name: str
    request: type[Message]
    response: type[Message]
    status: Callable[[HorngateError], Status]
    open: bool = False
    """Whether callers need no token: what an orchestrator asks to know whether to go on."""
    path: str = field(init=False)
    """What HTTP/2 carries: ``/package.Service/Method``."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", f"/{self.service}/{self.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnaryMethod(_Method):
    """One message in, one out. The handler must not block.

    It raises ``HorngateError`` for what it knows at once; what becomes of a prediction later
    is raised by ``Answer.result``.
    """

    handler: Callable[[Any, Call], Message | Answer[Message]]
    predicts: bool = False
    """Whether it runs a model: its figures are then bound to a version as that loads."""
    prepared: Preparing | None = None

    def ask(self, data: bytes, call: Call) -> Message | Answer[Message] | Answer[bytes]:
        """What the handler makes of ``data``, a message of a known kind unread.

        Raises:
            InvalidRequest: it cannot be read.
            HorngateError: as the handler.
        """
        prepared = self.prepared
        if prepared is None:
            return self.handler(parsed(self, data), call)
        known = prepared.answer(data, call)
        if known is not None:
            return known
        message = parsed(self, data)
        answer = self.handler(message, call)
        prepared.learn(data, message, call)
        return answer


class Preparing(Protocol):
    """Answers what it has learned the meaning of, without parsing it."""

    def answer(self, data: bytes, call: Call) -> Answer[bytes] | None:
        """As the handler would; None where it has not.

        Raises:
            RequestError: as the handler.
        """

    def learn(self, data: bytes, message: Any, call: Call) -> None:
        """Told of what the handler has answered in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamMethod(_Method):
    """One message in, any number out.

    The handler gets ``send``, callable from any thread, and returns what the front calls,
    once, when the stream ends.
    """

    handler: Callable[[Any, Call, Callable[[Message], None]], Callable[[], None]]
    predicts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplexMethod(_Method):
    """Messages in and one answer out for each, as soon as it is there: answers may overtake.

    ``handler`` is as a unary method's and called for each message. An error of one message ends
    nothing: ``failed`` makes the answer that tells it.
    """

    handler: Callable[[Any, Call], Message | Answer[Message]]
    failed: Callable[[Any, Status], Message]
    predicts: bool = False


Method = UnaryMethod | StreamMethod | DuplexMethod


def parsed(method: Method, data: bytes) -> Message:
    """``data`` as the method's request.

    Raises:
        InvalidRequest: it cannot be read as one, or has too many parts.
    """
    try:
        return read(method.request, data)
    except DecodeError as error:
        raise InvalidRequest(
            f"expected a {method.request.DESCRIPTOR.full_name}, received {len(data)} bytes that "
            "cannot be read as one"
        ) from error


def cut(message: str) -> str:
    """``message`` up to what is told of it; a client's own text in it may be of any length."""
    short = message[:MESSAGE_CHARACTERS]
    if len(short) * _MOST_BYTES <= MESSAGE_BYTES:
        return short
    return short[: bisect_right(list(accumulate(map(_header_bytes, short))), MESSAGE_BYTES)]


def _header_bytes(character: str) -> int:
    """What gRPC makes of it: each byte of UTF-8 is written ``%XX``, but for plain text."""
    plain = " " <= character <= "~" and character != "%"
    return 1 if plain else 3 * len(character.encode("utf-8", "replace"))


class Observed(Protocol):
    """A method as figures know it: gRPC's and HTTP's alike."""

    @property
    def protocol(self) -> str:
        """Whose it is."""

    @property
    def name(self) -> str:
        """Its name, from the table and never from a client."""

    @property
    def path(self) -> str:
        """What its calls are counted under."""

    @property
    def predicts(self) -> bool:
        """Whether it runs a model: its figures are then bound to a version as that loads."""


class Served(Observed, Protocol):
    """A method as the life of its calls knows it: gRPC's and HTTP's alike."""

    @property
    def open(self) -> bool:
        """Whether callers need no token."""

    @property
    def status(self) -> Callable[[HorngateError], Status]:
        """By which its protocol answers an error; it is total."""


class CallObserver(Protocol):
    """Told of every call by the front that carries it. Must not raise or block."""

    def started(self, method: Observed, call: Call) -> None:
        """A call arrived."""

    def finished(self, method: Observed, call: Call, code: Code, seconds: float) -> None:
        """The call ended with ``code``; ``call.subject`` says whose it was, where known."""
