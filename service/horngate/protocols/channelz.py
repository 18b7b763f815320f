"""Channelz: a look into the gRPC connections that are open, for operators.

It tells the addresses of others, so that it takes what a change of the server takes. What there is
to tell is told by ``Connections``; this module knows no core and no socket.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

from google.protobuf.json_format import Parse
from google.protobuf.message import Message

from horngate.call import Call
from horngate.errors import ConnectionNotFound, HorngateError
from horngate.inference import Inference
from horngate.protocols.method import Method, Status
from horngate.protocols.pb import POOL
from horngate.protocols.pb.grpc.channelz.v1 import channelz_pb2 as pb
from horngate.protocols.service import Service

PROTOCOL: Final = "channelz"
SERVICE: Final = "grpc.channelz.v1.Channelz"


class Connections(Protocol):
    """Tells what is open, as JSON of the responses below, at once. Thread-safe."""

    def servers(self, start: int) -> bytes:
        """``GetServersResponse``, of those numbered ``start`` and above."""

    def server(self, number: int) -> bytes | None:
        """``GetServerResponse``; None where there is no such server."""

    def sockets(self, server: int, start: int, most: int) -> bytes | None:
        """``GetServerSocketsResponse``, of connections numbered ``start`` and above.

        ``most`` of them at most; 0 leaves the number open. None where there is no such server.
        """

    def socket(self, number: int) -> bytes | None:
        """``GetSocketResponse``; None where there is no such connection."""


def methods(inference: Inference, connections: Connections) -> list[Method]:
    """All methods. A server opens no channels: those that ask for them find none."""
    service = Service(PROTOCOL, SERVICE, status)
    asks: tuple[tuple[str, type[Message], Callable[[Any], bytes | None]], ...] = (
        ("GetTopChannels", pb.GetTopChannelsResponse, lambda _: b'{"end": true}'),
        (
            "GetServers",
            pb.GetServersResponse,
            lambda asked: connections.servers(asked.start_server_id),
        ),
        ("GetServer", pb.GetServerResponse, lambda asked: connections.server(asked.server_id)),
        (
            "GetServerSockets",
            pb.GetServerSocketsResponse,
            lambda asked: connections.sockets(
                asked.server_id, asked.start_socket_id, asked.max_results
            ),
        ),
        ("GetChannel", pb.GetChannelResponse, lambda _: None),
        ("GetSubchannel", pb.GetSubchannelResponse, lambda _: None),
        ("GetSocket", pb.GetSocketResponse, lambda asked: connections.socket(asked.socket_id)),
    )
    return [
        service.unary(name, partial(answer, inference, ask, response))
        for name, response, ask in asks
    ]


def status(error: HorngateError) -> Status:
    """How every method answers ``error``: as it says."""
    return Status(error.code, str(error))


def answer(
    inference: Inference,
    ask: Callable[[Any], bytes | None],
    response: type[Message],
    request: Any,
    call: Call,
) -> Message:
    """What ``ask`` tells, as ``response``. Fields of a newer core that it has not are left out.

    Raises:
        PermissionDenied: the caller may not look into others' connections.
        ConnectionNotFound: there is nothing of that number, or not any more.
    """
    inference.check_control(call)
    told = ask(request)
    if told is None:
        field = request.DESCRIPTOR.fields[0].name
        raise ConnectionNotFound(
            f"{field}: expected the number of what is open here, received "
            f"{getattr(request, field)}; GetServers and GetServerSockets list what is"
        )
    return Parse(told, response(), ignore_unknown_fields=True, descriptor_pool=POOL)
