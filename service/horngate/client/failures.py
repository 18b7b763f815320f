"""A failed call's code and message as an error of ``horngate.errors``. Knows no channel."""

from __future__ import annotations

from typing import Final, NamedTuple

from horngate.errors import (
    Cancelled,
    Code,
    ConnectionFailed,
    EngineFailed,
    Expired,
    HorngateError,
    InvalidRequest,
    ModelNotFound,
    ModelNotReady,
    Overloaded,
    PermissionDenied,
    RateLimited,
    RequestError,
    ShuttingDown,
    SignatureNotFound,
    Unauthenticated,
    Unsupported,
    VersionNotFound,
)
from horngate.protocols.tfserving.spec import Target
from horngate.versions import parse_version

_NOT_REACHED: Final = (
    "failed to connect to all addresses",
    "errors resolving",
    "dns resolution failed",
    "name resolution failure",
    "empty address list",
    "no healthy upstream",
    "upstream connect error",
    "socket closed",
    "recvmsg:",
    "sendmsg:",
    "connection reset",
    "connection refused",
    "broken pipe",
    "endpoint closing",
    "goaway",
    "keepalive watchdog timeout",
    "ping timeout",
)
"""How gRPC, or a proxy, words an UNAVAILABLE that no server sent.

Since gRPC 1.80 or so nothing but the words tells the two apart. A wording missing here costs a
caller ``Overloaded`` in place of ``ConnectionFailed``; what is retried is the same.
"""

_SHUTTING_DOWN: Final = ("shutting down", "shut down", "cancelling all calls")
"""How gRPC words it as a server ends."""

_PLAIN: Final[dict[Code, type[RequestError]]] = {
    Code.INVALID_ARGUMENT: InvalidRequest,
    Code.CANCELLED: Cancelled,
    Code.UNIMPLEMENTED: Unsupported,
    Code.INTERNAL: EngineFailed,
    Code.UNAUTHENTICATED: Unauthenticated,
    Code.PERMISSION_DENIED: PermissionDenied,
}
"""The codes that mean one error, and whose message says all of it."""


class Failure(NamedTuple):
    """How one attempt ended on the wire; ``error`` is the class that Horngate named, or ""."""

    code: Code
    details: str
    error: str = ""


class Subject(NamedTuple):
    """What a call was about, for errors: the server, and the model where there is one."""

    server: str
    target: Target | None = None

    def __str__(self) -> str:
        if self.target is None:
            return self.server
        version = "" if self.target.version is None else f" version {self.target.version}"
        return f"{self.target.model}{version} at {self.server}"


def to_error(
    failure: Failure, subject: Subject, *, timeout: float, attempts: int = 1
) -> HorngateError:
    """The error to raise; its message starts with the subject and keeps the server's words.

    Args:
        failure: the last attempt's.
        subject: what the call was about.
        timeout: the seconds that the call had, all attempts together.
        attempts: how many there were.
    """
    tried = f" ({attempts} attempts)" if attempts > 1 else ""
    message = f"{subject}: {failure.details or failure.code.name}{tried}"
    error: HorngateError
    match failure.code:
        case Code.RESOURCE_EXHAUSTED if failure.error == RateLimited.__name__:
            error = RateLimited(message)
        case Code.RESOURCE_EXHAUSTED:
            error = InvalidRequest(
                f"{message}; send fewer rows, or raise the limit: max_message_bytes of the client "
                "and of the server"
            )
        case Code.DEADLINE_EXCEEDED:
            error = Expired(
                f"{message}; expected an answer within {timeout:g} s; allow a longer timeout, or "
                "look at the server's load"
            )
        case Code.NOT_FOUND:
            error = _not_found(message, failure.error, subject)
        case Code.FAILED_PRECONDITION if subject.target is not None:
            error = SignatureNotFound(message, signature=subject.target.signature)
        case Code.UNAVAILABLE:
            error = _unavailable(message, failure, subject)
        case code if code in _PLAIN:
            error = _PLAIN[code](message)
        case code:
            # Nothing that Horngate answers; a proxy between may.
            error = RequestError(f"{subject}: {code.name}: {failure.details}{tried}")
    return error


def _not_found(message: str, named: str, subject: Subject) -> HorngateError:
    if subject.target is None:
        return RequestError(message)
    model, version, _ = subject.target
    # Another server than Horngate does not tell which of the two is missing.
    number = parse_version(version) if isinstance(version, str) else version
    if number is None or named == ModelNotFound.__name__:
        return ModelNotFound(message, model=model, version=number)
    return VersionNotFound(message, model=model, version=number)


def _unavailable(message: str, failure: Failure, subject: Subject) -> HorngateError:
    details = failure.details.lower()
    if failure.error == ModelNotReady.__name__ and subject.target is not None:
        return ModelNotReady(message, model=subject.target.model)
    if failure.error == Overloaded.__name__:
        return Overloaded(message)
    if failure.error == ShuttingDown.__name__:
        return ShuttingDown(message)
    if any(words in details for words in _NOT_REACHED):
        return ConnectionFailed(
            f"{message}; expected a server at {subject.server}; start it, or correct the address"
        )
    if any(words in details for words in _SHUTTING_DOWN):
        return ShuttingDown(message)
    return Overloaded(message)
