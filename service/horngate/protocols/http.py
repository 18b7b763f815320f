"""A protocol over HTTP as a table: verb, route, handler. Knows no server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, NamedTuple, Protocol

from horngate.answer import Answer
from horngate.call import Call
from horngate.errors import Code, HorngateError, InvalidRequest, ReplyTooLarge
from horngate.protocols.json import parse_json, to_json
from horngate.protocols.method import Status, cut

JSON: Final = "application/json"
STATUSES: Final = {
    Code.OK: HTTPStatus.OK,
    Code.CANCELLED: 499,
    Code.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    Code.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
    Code.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.ALREADY_EXISTS: HTTPStatus.CONFLICT,
    Code.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    Code.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    Code.RESOURCE_EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
    Code.FAILED_PRECONDITION: HTTPStatus.BAD_REQUEST,
    Code.UNIMPLEMENTED: HTTPStatus.NOT_IMPLEMENTED,
    Code.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""HTTP's status for a canonical code, the same for both peers; 500 for the rest."""


LEAST_BYTES: Final = 2
"""Of a value in JSON: a digit and a comma."""


class Sized(Protocol):
    """An array."""

    @property
    def size(self) -> int:
        """Its number of values."""


class HttpRequest(NamedTuple):
    """One request: what the route's places held, headers by lower-case name, and the whole body.

    ``most_bytes``: of the reply, which the front holds it to.
    """

    places: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    most_bytes: int = 2**31 - 1


@dataclass(frozen=True, slots=True)
class HttpReply:
    """What goes back."""

    body: bytes = b""
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpMethod:
    """One route. The handler must not block; it may return a promise of the reply.

    ``status`` gives code and words by which this protocol answers an error; it is total. Places in
    ``route`` are written ``{model}``.
    """

    protocol: str
    name: str
    verb: str
    route: str
    handler: Callable[[HttpRequest, Call], HttpReply | Answer[HttpReply]]
    status: Callable[[HorngateError], Status]
    predicts: bool = False
    open: bool = False
    """Whether callers need no token."""
    compressed: bool = True
    """Whether answers are compressed for a caller who takes that."""
    path: str = field(init=False)
    """What its calls are counted under; several routes may share one."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", f"/{self.protocol}/{self.name}")


def check_reply(arrays: Iterable[Sized], most_bytes: int) -> None:
    """Refuse to write arrays as JSON that would come to too much, before any of it is made.

    What comes close to the limit is only known when it is written.

    Raises:
        ReplyTooLarge: at the fewest bytes for each value they are more than ``most_bytes``.
    """
    least = LEAST_BYTES * sum(array.size for array in arrays)
    if least > most_bytes:
        raise ReplyTooLarge(least, most_bytes)


def failed(code: Code, message: str) -> HttpReply:
    """The reply that tells how a request failed."""
    return HttpReply(to_json({"error": cut(message)}), STATUSES.get(code, 500))


def read_json(body: bytes) -> dict[str, Any]:
    """The JSON object in ``body``; NaN and infinities may stand for numbers.

    Raises:
        InvalidRequest: it is something else.
    """
    content = parse_json(body)
    if not isinstance(content, dict):
        raise InvalidRequest(
            f"expected a JSON object as the body, received {type(content).__name__}"
        )
    return content
