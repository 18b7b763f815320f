"""A look into connections: what the core tells of a port, a bounded part at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import grpc
import pytest

from horngate.call import Call
from horngate.fronts.grpc import connections as module
from horngate.fronts.grpc.connections import Connections
from tests.serving import wait_until
from tests.unit.fronts.calls import text, unary
from tests.unit.fronts.grpc.served import SECONDS, Served
from tests.unit.fronts.grpc.test_core_names import changed

CHANNELZ = changed("what channelz tells")

Connect = Callable[[], Any]


def echo(_request: object, _call: Call) -> Any:
    return text("b")


@pytest.fixture
def served() -> Iterator[Served]:
    with Served([unary(echo)]) as running:
        yield running


@pytest.fixture
def connect(served: Served) -> Iterator[Connect]:
    """Opens one more connection to the port."""
    with ExitStack() as opened:

        def one() -> Any:
            options = [("grpc.use_local_subchannel_pool", 1)]
            channel: Any = grpc.insecure_channel(f"127.0.0.1:{served.port}", options)
            opened.enter_context(closing(channel))
            grpc.channel_ready_future(channel).result(SECONDS)
            return channel

        yield one


@pytest.fixture
def look(served: Served) -> Connections:
    made = Connections()
    made.learn()
    return made


def told(data: bytes | None) -> Any:
    assert data is not None
    return json.loads(data)


def only(look: Connections) -> int:
    """The number of the one server of this process."""
    (server,) = told(look.servers(0))["server"]
    return int(server["ref"]["serverId"])


def listed(look: Connections, start: int = 0, most: int = 0) -> list[int]:
    page = told(look.sockets(only(look), start, most))
    return [int(each["socketId"]) for each in page["socketRef"]]


def test_nothing_is_there_before_a_port_is() -> None:
    assert Connections().count() == 0


def test_a_server_its_connections_and_their_messages(look: Connections, connect: Connect) -> None:
    ask: Any = connect().unary_unary("/test.Service/Ask")
    assert ask(b"", timeout=SECONDS) is not None
    server = told(look.server(only(look)))["server"]
    assert server["data"]["callsStarted"] == "1", CHANNELZ
    (number,) = listed(look)
    socket = told(look.socket(number))["socket"]
    assert socket["data"]["messagesReceived"] == "1", CHANNELZ
    assert socket["remote"]["tcpipAddress"]["ipAddress"] == "fwAAAQ==", CHANNELZ
    listens = int(server["listenSocket"][0]["socketId"])
    assert "listener" in told(look.socket(listens))["socket"]["ref"]["name"]


def test_what_is_not_there_is_none(look: Connections) -> None:
    for number in (0, -1, 2**62):
        assert look.server(number) is None
        assert look.sockets(number, 0, 0) is None
        assert look.socket(number) is None
    assert look.servers(2**62) == b'{"end":true,"server":[]}'


def test_connections_come_page_by_page(
    look: Connections, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    for _ in range(5):
        connect()
    first = listed(look)
    assert len(first) == 2
    assert listed(look, most=1) == first[:1]
    assert listed(look, most=100) == listed(look, most=-1) == first
    rest = listed(look, first[-1] + 1) + listed(look, first[-1] + 3)
    assert len({*first, *rest}) == 5
    assert look.count() == 5


def test_the_number_falls_as_callers_leave(look: Connections, connect: Connect) -> None:
    kept, gone = connect(), connect()
    assert look.count() == 2
    gone.close()
    wait_until(lambda: look.count() == 1, "the connection to be gone")
    kept.close()


def test_of_a_crowded_server_is_told_what_the_core_need_not_look_for(
    look: Connections, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    number = only(look)
    for _ in range(2):
        connect()
    (live,) = told(look.servers(0))["server"]
    assert "data" in live
    assert "data" in told(look.server(number))["server"]
    connect()
    kept = {key: live[key] for key in ("ref", "listenSocket")}
    assert told(look.servers(0)) == {"server": [kept], "end": True}
    assert told(look.server(number)) == {"server": kept}
    assert told(look.servers(number + 1)) == {"server": [], "end": True}
