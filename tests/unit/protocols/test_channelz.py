"""Channelz: what the core tells becomes messages, for operators alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from horngate.access.caller import Caller
from horngate.call import Call
from horngate.errors import Code, PermissionDenied
from horngate.protocols.channelz import methods
from horngate.protocols.method import Status, UnaryMethod
from horngate.protocols.pb.grpc.channelz.v1 import channelz_pb2 as pb
from tests.unit.protocols.doubles import FakeEngine, called, new_call

SERVER = {
    "ref": {"serverId": "7", "name": ""},
    "data": {"callsStarted": "9", "lastCallStartedTimestamp": "2026-01-02T03:04:05.5Z"},
    "ofANewerCore": [1],
}
SOCKET = {
    "ref": {"socketId": "8", "name": "chttp2 ipv4:127.0.0.1:5"},
    "data": {"localFlowControlWindow": "65535", "peerMaxConcurrentStreams": 0},
    "remote": {"tcpipAddress": {"ipAddress": "fwAAAQ==", "port": 5}},
    "security": {"tls": {"standardName": "TLS_AES", "remoteCertificate": "fwAAAQ=="}},
}


class FakeConnections:
    """Server 7 has connection 8; keeps what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, ...]] = []

    def servers(self, start: int) -> bytes:
        self.asked.append((start,))
        return json.dumps({"server": [SERVER], "end": True}).encode()

    def server(self, number: int) -> bytes | None:
        return json.dumps({"server": SERVER}).encode() if number == 7 else None

    def sockets(self, server: int, start: int, most: int) -> bytes | None:
        self.asked.append((server, start, most))
        return json.dumps({"socketRef": [SOCKET["ref"]]}).encode() if server == 7 else None

    def socket(self, number: int) -> bytes | None:
        return json.dumps({"socket": SOCKET}).encode() if number == 8 else None


def ask(name: str, connections: FakeConnections | None = None, **fields: int) -> Any:
    table = methods(FakeEngine(), connections or FakeConnections())
    return called(table, name, getattr(pb, f"{name}Request")(**fields))


def test_every_method_of_the_service_is_there() -> None:
    service = pb.DESCRIPTOR.services_by_name["Channelz"]
    assert [each.name for each in methods(FakeEngine(), FakeConnections())] == [
        method.name for method in service.methods
    ]


def test_servers() -> None:
    connections = FakeConnections()
    told = ask("GetServers", connections, start_server_id=3)
    assert (told.end, told.server[0].ref.server_id) == (True, 7)
    assert told.server[0].data.calls_started == 9
    assert told.server[0].data.last_call_started_timestamp.ToMilliseconds() == 1767323045500
    assert ask("GetServer", server_id=7).server == told.server[0]
    assert connections.asked == [(3,)]


def test_connections() -> None:
    connections = FakeConnections()
    listed = ask("GetServerSockets", connections, server_id=7, start_socket_id=2, max_results=1)
    assert connections.asked == [(7, 2, 1)]
    assert not listed.end
    socket = ask("GetSocket", socket_id=8).socket
    assert [socket.ref] == list(listed.socket_ref)
    assert socket.data.local_flow_control_window.value == 65535
    assert socket.remote.tcpip_address == pb.Address.TcpIpAddress(
        ip_address=b"\x7f\x00\x00\x01", port=5
    )
    assert socket.security.tls.remote_certificate == b"\x7f\x00\x00\x01"


def test_a_server_opens_no_channels() -> None:
    assert ask("GetTopChannels") == pb.GetTopChannelsResponse(end=True)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("GetServer", "server_id"),
        ("GetServerSockets", "server_id"),
        ("GetSocket", "socket_id"),
        ("GetChannel", "channel_id"),
        ("GetSubchannel", "subchannel_id"),
    ],
)
def test_what_is_not_there_is_told_so(name: str, field: str) -> None:
    fields = {field: 99}
    told = ask(name, FakeConnections(), **fields)
    assert told == Status(
        Code.NOT_FOUND,
        f"{field}: expected the number of what is open here, received 99; GetServers and "
        "GetServerSockets list what is",
    )


@pytest.mark.parametrize(
    ("caller", "words"),
    [
        (None, "this call changes the server or looks into others' connections"),
        (Caller("team"), "expected an administrator's token, received that of 'team'"),
    ],
    ids=["nobody", "team"],
)
def test_nothing_is_told_to_others(caller: Caller | None, words: str) -> None:
    engine, connections = closed(), FakeConnections()
    for method in methods(engine, connections):
        assert isinstance(method, UnaryMethod)
        assert not method.open
        with pytest.raises(PermissionDenied, match=words):
            method.handler(method.request(), call_of(caller))
    assert not connections.asked


def test_an_administrator_is_told() -> None:
    operator, connections = Caller("operator", admin=True), FakeConnections()
    for method in methods(closed(), connections):
        if method.name == "GetServers":
            assert isinstance(method, UnaryMethod)
            method.handler(method.request(), call_of(operator))
    assert connections.asked == [(0,)]


def closed() -> FakeEngine:
    engine = FakeEngine()
    engine._open_control = False
    return engine


def call_of(caller: Caller | None) -> Call:
    call = new_call()
    call.caller = caller
    return call
