"""Channelz as grpcurl and grpcdebug ask it: over the wire, of the connection that asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from horngate.protocols.pb.grpc.channelz.v1 import channelz_pb2 as pb
from tests.clients import look, refused
from tests.serving import RunningServer

SECONDS = 20
METHODS = [method.name for method in pb.DESCRIPTOR.services_by_name["Channelz"].methods]


def opened(server: RunningServer) -> Any:
    """A connection of its own."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    channel: Any = grpc.insecure_channel(server.address, options)
    grpc.channel_ready_future(channel).result(SECONDS)
    return channel


@pytest.fixture
def channel(sharing: RunningServer) -> Iterator[grpc.Channel]:
    with opened(sharing) as made:
        yield made


def sockets(channel: grpc.Channel, server: int) -> set[int]:
    listed = look(channel, "GetServerSockets", server_id=server)
    assert listed.end
    return {each.socket_id for each in listed.socket_ref}


def test_from_the_servers_to_one_connection(sharing: RunningServer, channel: grpc.Channel) -> None:
    servers = look(channel, "GetServers")
    assert servers.end
    (server,) = servers.server
    assert server.data.calls_started >= 1
    assert server.data.last_call_started_timestamp.seconds > 0
    number = server.ref.server_id
    assert look(channel, "GetServer", server_id=number).server.ref == server.ref
    before = sockets(channel, number)
    with opened(sharing) as another:
        (new,) = sockets(channel, number) - before
        look(another, "GetTopChannels")
        socket = look(channel, "GetSocket", socket_id=new).socket
    assert (socket.data.streams_started, socket.data.messages_received) == (1, 1)
    assert socket.remote.tcpip_address.ip_address == b"\x7f\x00\x00\x01"
    assert socket.ref.name.endswith(f"127.0.0.1:{socket.remote.tcpip_address.port}")


def test_what_is_gone_is_not_found(channel: grpc.Channel) -> None:
    code, words = refused(lambda: look(channel, "GetSocket", socket_id=1 << 40))
    assert code is grpc.StatusCode.NOT_FOUND
    assert words.startswith("socket_id: expected the number of what is open here, received 1099")
    assert look(channel, "GetTopChannels").end


@pytest.mark.usefixtures("channel")
def test_connections_are_counted_at_a_scrape(sharing: RunningServer) -> None:
    before = sharing.metric("horngate_grpc_connections")
    assert before >= 1
    with opened(sharing):
        assert sharing.metric("horngate_grpc_connections") == before + 1


@pytest.mark.parametrize("name", METHODS)
def test_it_is_off_unless_it_is_allowed(server: RunningServer, name: str) -> None:
    with grpc.insecure_channel(server.address) as channel:
        code, words = refused(lambda: look(channel, name))
    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert "--tokens-file" in words
    assert "--allow-control" in words
