"""Every error that Horngate raises on purpose, and the canonical code of each.

This module knows no front: ``Code`` has the names and numbers of the canonical status
codes, and ``fronts/`` turns them into gRPC or HTTP. A protocol may answer the same error
with another code where its contract says so; ``protocols/`` holds those tables.

    HorngateError
    ├── RequestError                what one caller sent, or what became of its request
    │   ├── InvalidRequest          INVALID_ARGUMENT     malformed as a whole
    │   │   ├── InvalidInput        INVALID_ARGUMENT     one input: name, dtype, shape, bytes
    │   │   ├── InvalidOutputName   INVALID_ARGUMENT     an output filter names none, or twice
    │   │   └── TooManyRows         INVALID_ARGUMENT     more rows than a request may carry
    │   ├── ModelNotFound           NOT_FOUND
    │   ├── VersionNotFound         NOT_FOUND
    │   ├── LabelNotFound           INVALID_ARGUMENT     no live version carries the label
    │   ├── SignatureNotFound       FAILED_PRECONDITION
    │   ├── RegionNotFound          NOT_FOUND            no shared memory of that name
    │   ├── ConnectionNotFound      NOT_FOUND            no server or connection of that number
    │   ├── RegionExists            ALREADY_EXISTS       shared memory of that name is there
    │   ├── NotAllowed              FAILED_PRECONDITION  what this server was not started for
    │   ├── ModelNotReady           UNAVAILABLE          known, and no version is live (yet)
    │   ├── Overloaded              UNAVAILABLE          no room for it now: retrying is safe
    │   ├── ShuttingDown            UNAVAILABLE          draining: another server may answer
    │   ├── Expired                 DEADLINE_EXCEEDED    the deadline passed before it ran
    │   ├── Cancelled               CANCELLED            the caller went away
    │   ├── Unauthenticated         UNAUTHENTICATED      no token, or an unknown one
    │   ├── PermissionDenied        PERMISSION_DENIED    not for this caller to do
    │   ├── RateLimited             RESOURCE_EXHAUSTED   a client's calls came too fast
    │   ├── ReplyTooLarge           RESOURCE_EXHAUSTED   more bytes than a message may have
    │   ├── Unsupported             UNIMPLEMENTED
    │   ├── EngineStuck             UNAVAILABLE          a run of the model does not come back
    │   └── EngineFailed            INTERNAL             the model raised while it ran
    ├── LoadError                   FAILED_PRECONDITION  a version on disk that cannot go live
    │   └── NoRoom                  FAILED_PRECONDITION  it does not fit into the memory left
    ├── ConfigError                 INVALID_ARGUMENT     names the source and the key
    ├── PublishError                FAILED_PRECONDITION  a model that may not be published
    ├── DataError                   FAILED_PRECONDITION  training data that cannot be had
    └── ConnectionFailed            UNAVAILABLE          the client reached no server

A message says what was expected, what was received and what to do. It is sent to whoever asked, so
that it names no file outside of a model and repeats nothing that an engine said; see ``detail``.
"""

from __future__ import annotations

import difflib
import enum
from collections.abc import Iterable
from typing import ClassVar, Final


class Code(enum.IntEnum):
    """The canonical status codes, by their public names and numbers."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


MOST_TOLD: Final = 2000
"""Characters of a message: gRPC sends it in trailers, of which clients take 8 KiB."""

MOST_DETAIL: Final = 8000


class HorngateError(Exception):
    """The root. ``code`` is the class's canonical code; ``str(error)`` is for people.

    ``detail`` is for operators: logs, and status behind the admin's door. It may name files and
    quote data, an engine's own words say, and is never sent to callers.
    """

    code: ClassVar[Code] = Code.UNKNOWN

    def __init__(self, message: str = "", *, detail: str = "") -> None:
        super().__init__(_printable(message, MOST_TOLD))
        self.detail = _printable(detail, MOST_DETAIL)


_TURNS: Final = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""What has text run the other way."""

_CONTROLS: Final = {
    **{code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))},
    **{code: f"\\u{code:04x}" for code in _TURNS},
}
_BUT_LINES: Final = {code: told for code, told in _CONTROLS.items() if chr(code) not in "\t\n"}


def printable(line: str) -> str:
    """``line`` without what a terminal would obey, or take for another line's beginning."""
    if line.isprintable():
        return line
    return line.translate(_CONTROLS).encode("utf-8", "backslashreplace").decode()


def did_you_mean(name: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """``"did you mean 'x'?"``, with the nearest of the ``known``, else ``otherwise``."""
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"did you mean {near[0]!r}?" if near else otherwise


def _printable(text: str, most: int) -> str:
    """``text`` as any protocol can carry it, and any terminal show it.

    Names out of a model or of its files are told in errors; such a name may be of any length, and
    hold bytes that are no text, or that move a cursor.
    """
    if len(text) > most:
        text = f"{text[: most // 2]} … {text[-most // 2 :]}"
    if not text.isprintable():
        text = text.translate(_BUT_LINES)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def in_full(error: BaseException) -> str:
    """``error`` with all that it says, for operators alone: a ``detail`` is made of it."""
    words = f"{type(error).__name__}: {error}"
    detail = error.detail if isinstance(error, HorngateError) else ""
    return f"{words}; {detail}" if detail else words


def drop_frames(error: Exception) -> None:
    """Let go of the frames that ``error``, and what it was made of, passed through.

    Their variables hold messages and tensors, and often the error too, by way of whatever is to
    tell of it. All of that would stay until the garbage collector comes.
    """
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__


class RequestError(HorngateError):
    """What one caller sent, or what became of it. Never harms another request."""


class InvalidRequest(RequestError):
    """The request is malformed as a whole: no inputs, no model name, contradicting parts."""

    code = Code.INVALID_ARGUMENT


class InvalidInput(InvalidRequest):
    """One input is missing, unknown, of a wrong dtype or shape, or its bytes do not fit.

    ``name`` is the input's name, or "" where the error is about the set of names.
    """

    def __init__(self, message: str, *, name: str = "") -> None:
        super().__init__(message)
        self.name = name


class InvalidOutputName(InvalidRequest):
    """An output filter asks for an output that the signature lacks, or for one twice."""

    def __init__(self, message: str, *, name: str, twice: bool = False) -> None:
        super().__init__(message)
        self.name = name
        self.twice = twice


class TooManyRows(InvalidRequest):
    """The request carries more rows than the model's ``max_request_rows``."""


class ModelNotFound(RequestError):
    """The repository holds no such model. ``version`` is what was asked for, if anything."""

    code = Code.NOT_FOUND

    def __init__(self, message: str, *, model: str, version: int | None = None) -> None:
        super().__init__(message)
        self.model = model
        self.version = version


class VersionNotFound(RequestError):
    """The model is known and the version asked for is not live."""

    code = Code.NOT_FOUND

    def __init__(self, message: str, *, model: str, version: int) -> None:
        super().__init__(message)
        self.model = model
        self.version = version


class LabelNotFound(RequestError):
    """The model is known and no live version of it carries the label asked for."""

    code = Code.INVALID_ARGUMENT

    def __init__(self, message: str, *, model: str, label: str) -> None:
        super().__init__(message)
        self.model = model
        self.label = label


class SignatureNotFound(RequestError):
    """The version has no signature of that name."""

    code = Code.FAILED_PRECONDITION

    def __init__(self, message: str, *, signature: str) -> None:
        super().__init__(message)
        self.signature = signature


class RegionNotFound(RequestError):
    """No shared memory region was registered under that name."""

    code = Code.NOT_FOUND


class ConnectionNotFound(RequestError):
    """No server, or none of its connections, has that number, or has it any more."""

    code = Code.NOT_FOUND


class RegionExists(RequestError):
    """A shared memory region is registered under that name already."""

    code = Code.ALREADY_EXISTS


class NotAllowed(RequestError):
    """A change of the server that it was not started for; the message names the flag."""

    code = Code.FAILED_PRECONDITION


class ModelNotReady(RequestError):
    """The model is known and none of its versions is live: still loading, or failed."""

    code = Code.UNAVAILABLE

    def __init__(self, message: str, *, model: str) -> None:
        super().__init__(message)
        self.model = model


class Overloaded(RequestError):
    """The model's queue, or the server's budget, is full; retrying is safe: it has not run."""

    code = Code.UNAVAILABLE


class ShuttingDown(RequestError):
    """The server or the version is going away and took no new work; retrying is safe."""

    code = Code.UNAVAILABLE


class Expired(RequestError):
    """The deadline passed while the request waited. It cost no engine time."""

    code = Code.DEADLINE_EXCEEDED


class Cancelled(RequestError):
    """The caller went away while the request waited. It cost no engine time."""

    code = Code.CANCELLED


class Unauthenticated(RequestError):
    """The server knows its callers by tokens, and this call brought none that it knows."""

    code = Code.UNAUTHENTICATED


class PermissionDenied(RequestError):
    """The caller may not ask this model, or not change the server."""

    code = Code.PERMISSION_DENIED


class RateLimited(RequestError):
    """The client called faster than it may.

    ``retry_after`` is when to try again, in seconds; 0 where only the message says.
    """

    code = Code.RESOURCE_EXHAUSTED

    def __init__(self, message: str, *, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ReplyTooLarge(RequestError):
    """The reply has ``size`` bytes or more, and may have ``limit``."""

    code = Code.RESOURCE_EXHAUSTED

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            f"the reply is a message larger than max ({size} vs. {limit} bytes); send fewer rows, "
            "ask for fewer outputs, or raise max_message_bytes"
        )


class Unsupported(RequestError):
    """A method or a field that this server does not serve."""

    code = Code.UNIMPLEMENTED


class EngineFailed(RequestError):
    """The model raised while it ran, or answered in shapes that its signature denies."""

    code = Code.INTERNAL


class EngineStuck(RequestError):
    """A run of the model was given up. It may yet come back; another server may answer."""

    code = Code.UNAVAILABLE


class LoadError(HorngateError):
    """A version on disk that cannot go live: incomplete, damaged, or wrong on its goldens."""

    code = Code.FAILED_PRECONDITION


class NoRoom(LoadError):
    """A version that may not be loaded beside what is held now, and may be once that is less."""


class ConfigError(HorngateError):
    """A setting that cannot be used. The message names its source and its key."""

    code = Code.INVALID_ARGUMENT


class PublishError(HorngateError):
    """A model that may not be published: below its floor, unloadable, or wrongly exported."""

    code = Code.FAILED_PRECONDITION


class DataError(HorngateError):
    """Training data that cannot be had or does not fit. Another data set is never taken."""

    code = Code.FAILED_PRECONDITION


class ConnectionFailed(HorngateError):
    """The client reached no server. Nothing is known to have run; retrying is safe."""

    code = Code.UNAVAILABLE
