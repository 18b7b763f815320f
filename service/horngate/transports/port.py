"""What every transport of the gRPC port is given and does: where to listen, how a call fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol
from urllib.parse import unquote

from google.protobuf.message import DecodeError, Message

from horngate.errors import (
    Code,
    ConfigError,
    HorngateError,
    InvalidRequest,
    Overloaded,
    ReplyTooLarge,
    Unauthenticated,
    drop_frames,
)
from horngate.protocols.method import Method, Observed, cut
from horngate.protocols.trailers import ERROR
from horngate.transports.options import PortOptions

Report = Callable[[Observed, Exception], None]
"""Told of an error that nobody designed."""


class GrpcTransport(Protocol):
    """Serves a table of methods on the gRPC port. Belongs to the event loop that starts it."""

    async def start(self) -> int:
        """Listen; returns the port, 0 on a Unix socket.

        Raises:
            ConfigError: the port cannot be had.
        """

    async def drain(self, seconds: float) -> None:
        """Return once no call waits for its answer, after ``seconds`` at the latest.

        The port stays open meanwhile: health checks are answered, and what still arrives is told by
        its handler to go elsewhere. Closing first would have gRPC cancel calls that no handler has
        seen, with a code that does not say that retrying is safe (grpc/grpc#41785).
        """

    async def stop(self) -> None:
        """Close the port and end every stream; a call that still runs is cancelled."""


class Failure(NamedTuple):
    """How a failed call ends on the wire."""

    code: Code
    message: str
    trailers: tuple[tuple[str, str], ...]


def failure(method: Method, error: Exception, report: Report) -> Failure:
    """What a caller is told of ``error``; ``report`` is told of one that nobody designed.

    Its frames are let go after that.
    """
    if isinstance(error, HorngateError):
        status = method.status(error)
        drop_frames(error)
        return Failure(status.code, cut(status.message), ((ERROR, type(error).__name__),))
    report(method, error)
    drop_frames(error)
    message = f"{method.name} failed inside the server; its log says why"
    return Failure(Code.INTERNAL, message, ())


def parsed(method: Method, parse: Callable[[bytes], Message], data: bytes) -> Message:
    """``data`` as the method's request.

    Raises:
        InvalidRequest: it cannot be read as one.
    """
    try:
        return parse(data)
    except DecodeError as error:
        raise InvalidRequest(
            f"expected a {method.request.DESCRIPTOR.full_name}, received {len(data)} bytes that "
            "cannot be read as one"
        ) from error


def serialized(reply: Message, limit: int) -> bytes:
    """``reply`` as bytes.

    Raises:
        ReplyTooLarge: they are more than ``limit``. Left to a gRPC library, the call would count as
            served, a stream would end, and each would be a line in the log.
    """
    data = reply.SerializeToString()
    if len(data) > limit:
        raise ReplyTooLarge(len(data), limit)
    return data


def authorization(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """What a caller shows; "" for nothing.

    Raises:
        Unauthenticated: it shows several, of which proxies and servers choose differently.
    """
    shown = [value for key, value in metadata if key == "authorization" and isinstance(value, str)]
    if len(shown) > 1:
        raise Unauthenticated(
            f"expected one 'authorization: Bearer TOKEN', received {len(shown)}; send one"
        )
    return shown[0] if shown else ""


def forwarded(metadata: Iterable[tuple[str, str | bytes]]) -> list[str]:
    """What ``x-forwarded-for`` says, which is a caller's word until ``access.proxies`` says not."""
    return [value for key, value in metadata if key == "x-forwarded-for" and isinstance(value, str)]


def caller_address(peer: str) -> str:
    """The address in gRPC's name of a peer, without its port; "" for a Unix socket.

    >>> caller_address("ipv4:10.0.0.7:51234"), caller_address("ipv6:%5B::1%5D:51234")
    ('10.0.0.7', '::1')
    """
    family, _, rest = peer.partition(":")
    if family not in ("ipv4", "ipv6"):
        return ""
    return unquote(rest).rpartition(":")[0].strip("[]")


def one_too_many(limit: int) -> Overloaded:
    """The refusal of a call beyond the ``limit`` of those in flight."""
    return Overloaded(
        f"expected at most {limit} calls in flight, received one more; retry with backoff, or "
        "raise max_in_flight"
    )


def port_taken(options: PortOptions) -> ConfigError:
    """The error for a port that cannot be had."""
    return ConfigError(
        f"grpc_port: expected a free port on {options.host}, received {options.port}, which is in "
        "use or not allowed; choose another, or 0 for any free one"
    )
