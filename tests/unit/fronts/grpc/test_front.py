"""A real front in this process, and grpcio's own client: calls of every kind, to their end."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import StringValue

from horngate.access.caller import Caller as Known
from horngate.access.caller import Tokens, digest
from horngate.access.gate import Gate
from horngate.answer import Answer, Ticket
from horngate.call import Call
from horngate.errors import Code, ConfigError, Overloaded
from horngate.fronts.grpc import front as module
from horngate.fronts.grpc import reading
from horngate.fronts.grpc.front import GrpcFront
from horngate.fronts.options import PortOptions
from horngate.fronts.tls import watch
from horngate.protocols.method import Method
from tests.serving import wait_until
from tests.unit.batching.doubles import ManualClock
from tests.unit.fronts.calls import data, duplex, listening, text, unary, value
from tests.unit.fronts.grpc.served import SECONDS, Served
from tests.unit.fronts.test_tls import pair


class Handlers:
    """What the methods of this file answer."""

    def __init__(self) -> None:
        self.tickets: dict[str, Ticket[Message]] = {}
        self.calls: list[Call] = []
        self.go_on = threading.Event()
        self.entered = threading.Event()
        self.sends: list[Callable[[Message], None]] = []
        self.stopped: list[int] = []

    def echo(self, request: StringValue, call: Call) -> Message:
        self.calls.append(call)
        return text(request.value + "!")

    def later(self, request: StringValue, call: Call) -> Answer[Message]:
        self.calls.append(call)
        ticket = self.tickets[request.value] = Ticket()
        return ticket

    def refuse(self, request: StringValue, _call: Call) -> Message:
        raise Overloaded(f"not {request.value} now")

    def fail(self, request: StringValue, _call: Call) -> Message:
        raise ZeroDivisionError("secret")

    def large(self, request: StringValue, _call: Call) -> Message:
        return text("y" * int(request.value))

    def block(self, request: StringValue, _call: Call) -> Message:
        self.entered.set()
        assert self.go_on.wait(SECONDS)
        return text(request.value)

    def watch(
        self, request: StringValue, _call: Call, send: Callable[[Message], None]
    ) -> Callable[[], None]:
        if request.value == "refused":
            raise Overloaded("not now")
        self.sends.append(send)
        for number in range(3):
            send(text(f"{request.value} {number}"))
        return lambda: self.stopped.append(1)


@pytest.fixture
def handlers() -> Handlers:
    return Handlers()


@pytest.fixture
def served(handlers: Handlers) -> Iterator[Served]:
    with Served(
        [
            unary(handlers.echo, name="Echo"),
            unary(handlers.later, name="Later"),
            unary(handlers.refuse, name="Refuse"),
            unary(handlers.fail, name="Fail"),
            unary(handlers.large, name="Large"),
            unary(handlers.block, name="Block"),
            unary(handlers.echo, name="Open", public=True),
            duplex(handlers.echo, name="Both"),
            duplex(handlers.later, name="BothLater"),
            listening(handlers.watch, name="Watch"),
        ]
    ) as made:
        yield made
        handlers.go_on.set()
    assert not made.observer.open, "each call that began has ended"


def error_of(ask: Callable[[], Any]) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as told:
        ask()
    return told.value


class Sending:
    """The messages of a client's stream, sent when a test says so."""

    def __init__(self) -> None:
        self._messages: queue.Queue[bytes | None] = queue.Queue()

    def __call__(self, *messages: str) -> None:
        for each in messages:
            self._messages.put(data(each))

    def half_close(self) -> None:
        self._messages.put(None)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._messages.get, None)


def test_a_message_in_and_one_out(served: Served) -> None:
    assert value(served.ask("Echo")(data("a"), timeout=SECONDS)) == "a!"
    assert served.observer.codes == [Code.OK]


def test_many_calls_at_once_each_get_their_own(served: Served) -> None:
    ask = served.ask("Echo")
    waiting = [ask.future(data(str(number)), timeout=SECONDS) for number in range(300)]
    assert [value(each.result()) for each in waiting] == [f"{number}!" for number in range(300)]
    assert served.observer.codes == [Code.OK] * 300


def test_an_answer_from_another_thread(served: Served, handlers: Handlers) -> None:
    waiting = served.ask("Later").future(data("a"), timeout=SECONDS)
    wait_until(lambda: "a" in handlers.tickets, "the call to come in")
    threading.Thread(target=handlers.tickets["a"].succeed, args=(text("b"),)).start()
    assert value(waiting.result()) == "b"


def test_an_error_has_its_code_its_words_and_its_name(served: Served) -> None:
    error: Any = error_of(lambda: served.ask("Refuse")(data("ä"), timeout=SECONDS))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert error.details() == "not ä now"
    assert ("horngate-error", "Overloaded") in [tuple(each) for each in error.trailing_metadata()]
    error = error_of(lambda: served.ask("Fail")(data("x"), timeout=SECONDS))
    assert error.code() is grpc.StatusCode.INTERNAL
    assert error.details() == "Fail failed inside the server; its log says why"
    assert [str(fault) for fault in served.faults] == ["secret"]


def test_a_deadline_is_seen_and_its_call_given_up(served: Served, handlers: Handlers) -> None:
    error: Any = error_of(lambda: served.ask("Later")(data("a"), timeout=0.3))
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    wait_until(lambda: handlers.tickets["a"].done, "the call to be given up")
    wait_until(lambda: bool(served.observer.ended), "the call to end")
    assert served.observer.codes == [Code.DEADLINE_EXCEEDED]
    (call,) = handlers.calls
    assert call.deadline is not None
    assert 0 < call.deadline - call.started <= 0.3 + 0.05


def test_a_call_without_a_deadline_has_none(served: Served, handlers: Handlers) -> None:
    served.ask("Echo")(data("a"))
    assert [call.deadline for call in handlers.calls] == [None]


def test_a_caller_that_leaves_is_seen_while_the_call_waits(
    served: Served, handlers: Handlers
) -> None:
    waiting = served.ask("Later").future(data("a"), timeout=SECONDS)
    other = served.ask("Later").future(data("b"), timeout=SECONDS)
    wait_until(lambda: len(handlers.tickets) == 2, "the calls to come in")
    waiting.cancel()
    wait_until(lambda: handlers.tickets["a"].done, "the call to be given up")
    assert not handlers.tickets["b"].done
    handlers.tickets["b"].succeed(text("its own"))
    assert value(other.result()) == "its own"
    assert sorted(served.observer.codes) == [Code.OK, Code.CANCELLED]


def test_what_is_not_served_is_told_with_its_path(served: Served) -> None:
    error: Any = error_of(lambda: served.ask("Nothing")(data("x"), timeout=SECONDS))
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED
    assert (
        error.details()
        == "/test.Service/Nothing is not served here; server reflection lists what is"
    )
    assert not served.observer.ended


@pytest.mark.parametrize("name", ["Echo", "Open"])
def test_a_message_over_the_limit_is_refused_by_the_core(served: Served, name: str) -> None:
    ask = served.ask(name)
    error: Any = error_of(lambda: ask(b"x" * (1 << 17), timeout=SECONDS))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert value(ask(data("a"), timeout=SECONDS)) == "a!"
    assert not served.faults


def test_an_answer_over_the_limit_is_told_as_such(served: Served) -> None:
    error: Any = error_of(lambda: served.ask("Large")(data("100000"), timeout=SECONDS))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert served.observer.codes == [Code.RESOURCE_EXHAUSTED]
    assert len(value(served.ask("Large")(data("60000"), timeout=SECONDS))) == 60000


def test_headers_over_the_limit_are_refused(served: Served) -> None:
    ask = served.ask("Echo")
    long = [("x-long", "a" * 20_000)]
    error: Any = error_of(lambda: ask(data("a"), metadata=long, timeout=SECONDS))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert value(ask(data("a"), timeout=SECONDS)) == "a!"


def test_no_message_where_one_is_expected(served: Served) -> None:
    error: Any = error_of(lambda: list(served.stream("Echo")(iter(()), timeout=SECONDS)))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "received none" in error.details()
    wait_until(lambda: served.observer.codes == [Code.INVALID_ARGUMENT], "it to be counted")


def test_a_stream_both_ways_ends_with_all_answered(served: Served) -> None:
    replies = served.stream("Both")(map(data, "abc"), timeout=SECONDS)
    assert [value(each) for each in replies] == ["a!", "b!", "c!"]
    assert replies.code() is grpc.StatusCode.OK
    assert served.observer.codes == [Code.OK] * 3


def test_a_stream_is_answered_while_it_is_written(served: Served) -> None:
    send = Sending()
    replies = served.stream("Both")(iter(send), timeout=SECONDS)
    for word in ("a", "b"):
        send(word)
        assert value(next(replies)) == f"{word}!"
    send.half_close()
    assert list(replies) == []


def test_answers_of_a_stream_may_overtake_and_come_after_its_half_close(
    served: Served, handlers: Handlers
) -> None:
    replies = served.stream("BothLater")(map(data, "ab"), timeout=SECONDS)
    wait_until(lambda: len(handlers.tickets) == 2, "the messages to come in")
    handlers.tickets["b"].succeed(text("second"))
    assert value(next(replies)) == "second"
    handlers.tickets["a"].fail(Overloaded("not now"))
    assert value(next(replies)) == "UNAVAILABLE a", "an error is an answer as any other"
    assert list(replies) == []


def test_a_caller_that_leaves_a_stream_gives_all_up(served: Served, handlers: Handlers) -> None:
    send = Sending()
    replies = served.stream("BothLater")(iter(send), timeout=SECONDS)
    send("a", "b")
    wait_until(lambda: len(handlers.tickets) == 2, "the messages to come in")
    replies.cancel()
    wait_until(lambda: all(each.done for each in handlers.tickets.values()), "all to be given up")
    wait_until(lambda: not served.front.streams, "the stream to be over")
    assert served.observer.codes == [Code.CANCELLED] * 2
    assert served.calls.in_flight == 0
    send.half_close()


def test_a_server_stream_ends_with_its_caller(served: Served, handlers: Handlers) -> None:
    replies = served.watch("Watch")(data("a"))
    assert [value(next(replies)) for _ in range(3)] == ["a 0", "a 1", "a 2"]
    handlers.sends[0](text("more"))
    assert value(next(replies)) == "more"
    assert served.calls.in_flight == 0, "no drain waits for it"
    replies.cancel()
    wait_until(lambda: bool(handlers.stopped), "the handler to be told")
    wait_until(lambda: bool(served.observer.ended), "the stream to be counted")
    assert served.observer.codes == [Code.CANCELLED]


def test_an_overdue_server_stream_is_counted_as_such(served: Served) -> None:
    replies = served.watch("Watch")(data("a"), timeout=0.3)
    error: Any = error_of(lambda: list(replies))
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    wait_until(lambda: bool(served.observer.ended), "the stream to be counted")
    assert served.observer.codes == [Code.DEADLINE_EXCEEDED]


def test_a_server_stream_that_is_refused(served: Served) -> None:
    error: Any = error_of(lambda: list(served.watch("Watch")(data("refused"), timeout=SECONDS)))
    assert (error.code(), error.details()) == (grpc.StatusCode.UNAVAILABLE, "not now")
    wait_until(lambda: bool(served.observer.ended), "the stream to be counted")
    assert served.observer.codes == [Code.UNAVAILABLE]


def test_a_server_stream_whose_message_never_came_is_not_counted_as_ended(served: Served) -> None:
    send = Sending()
    left = served.stream("Watch")(iter(send))
    wait_until(lambda: bool(served.front.streams), "the stream to be open")
    left.cancel()
    wait_until(lambda: not served.front.streams, "the stream to be over")
    send.half_close()
    assert value(served.ask("Echo")(data("a"), timeout=SECONDS)) == "a!"
    assert not served.faults
    assert not served.observer.open


@pytest.mark.parametrize("kind", ["unary", "duplex", "listening"])
def test_strangers_that_keep_their_message_give_way(
    handlers: Handlers, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(reading, "MOST_STRANGERS", 1)
    methods: dict[str, Method] = {
        "unary": unary(handlers.echo, name="Open", public=True),
        "duplex": duplex(handlers.echo, name="Open", public=True),
        "listening": listening(handlers.watch, name="Open", public=True),
    }
    sends = [Sending() for _ in range(2)]
    with Served([methods[kind]]) as served:
        first = served.stream("Open")(iter(sends[0]), timeout=SECONDS)
        wait_until(lambda: bool(served.front.reading._strangers), "the first to come in")
        second = served.stream("Open")(iter(sends[1]), timeout=SECONDS)
        error: Any = error_of(lambda: list(first))
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "send both at once" in error.details()
        sends[1]("a")
        assert value(next(second)).startswith("a")
        second.cancel()
        wait_until(lambda: not served.front.streams, "the streams to be over")
        wait_until(lambda: not served.observer.open, "each to be counted")
        assert not served.faults
        if kind == "listening":
            assert served.observer.codes[0] is Code.RESOURCE_EXHAUSTED
        for send in sends:
            send.half_close()


def test_calls_and_streams_beyond_the_limit_are_refused_and_counted(handlers: Handlers) -> None:
    with Served(
        [unary(handlers.later, name="Later"), duplex(handlers.later, name="Both")],
        PortOptions(max_in_flight=2),
        most_in_flight=2,
    ) as served:
        waiting = [served.ask("Later").future(data(each), timeout=SECONDS) for each in "ab"]
        wait_until(lambda: len(handlers.tickets) == 2, "the calls to come in")
        error: Any = error_of(lambda: served.ask("Later")(data("c"), timeout=SECONDS))
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert "at most 2 calls in flight" in error.details()
        assert served.observer.codes == [Code.UNAVAILABLE]
        for each in "ab":
            handlers.tickets[each].succeed(text("x"))
        assert [value(each.result()) for each in waiting] == ["x", "x"]
        sends = [Sending() for _ in range(2)]
        streams = [served.stream("Both")(iter(send), timeout=SECONDS) for send in sends]
        wait_until(lambda: len(served.front.streams) == 2, "the streams to be open")
        error = error_of(lambda: list(served.stream("Both")(iter(()), timeout=SECONDS)))
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert served.observer.codes.count(Code.UNAVAILABLE) == 2
        for send in sends:
            send.half_close()
        assert [list(each) for each in streams] == [[], []]


def test_strangers_are_refused_before_their_message_is_read(handlers: Handlers) -> None:
    tokens = Tokens({digest("the-token-of-the-team"): Known("team", predict=("*",))})
    with Served(
        [
            unary(handlers.echo, name="Echo"),
            duplex(handlers.echo, name="Both"),
            listening(handlers.watch, name="Watch"),
            unary(handlers.echo, name="Open", public=True),
        ],
        gate=Gate(ManualClock(), tokens=lambda: tokens),
    ) as served:
        known = [("authorization", "Bearer the-token-of-the-team")]
        for kind, name in (
            (served.stream, "Echo"),
            (served.stream, "Both"),
            (served.stream, "Watch"),
        ):
            send = Sending()  # nothing
            error: Any = error_of(lambda: list(kind(name)(iter(send), timeout=SECONDS)))  # noqa: B023 - called at once
            assert error.code() is grpc.StatusCode.UNAUTHENTICATED
            send.half_close()
        assert served.observer.codes == [Code.UNAUTHENTICATED] * 3
        assert value(served.ask("Echo")(data("a"), metadata=known, timeout=SECONDS)) == "a!"
        assert value(served.ask("Open")(data("a"), timeout=SECONDS)) == "a!"
        both = served.stream("Both")(map(data, "a"), metadata=known, timeout=SECONDS)
        assert [value(each) for each in both] == ["a!"]
    assert not served.observer.open


def test_a_drain_waits_for_what_is_in_flight_and_nothing_is_lost(
    served: Served, handlers: Handlers
) -> None:
    waiting = served.ask("Later").future(data("a"), timeout=SECONDS)
    send = Sending()
    streamed = served.stream("BothLater")(iter(send), timeout=SECONDS)
    send("b")
    watching = served.watch("Watch")(data("w"))
    assert value(next(watching)) == "w 0"
    wait_until(lambda: len(handlers.tickets) == 2, "the calls to come in")
    stopping = threading.Thread(target=served.drain_and_stop)
    stopping.start()
    assert value(served.ask("Echo")(data("still"), timeout=SECONDS)) == "still!"
    for word in "ab":
        handlers.tickets[word].succeed(text("its own"))
    assert value(waiting.result()) == "its own"
    assert value(next(streamed)) == "its own"
    error: Any = error_of(lambda: list(streamed))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    error = error_of(lambda: list(watching))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    stopping.join(SECONDS)
    assert not stopping.is_alive()
    assert handlers.stopped == [1]
    send.half_close()
    with socket.socket() as one:
        assert one.connect_ex(("127.0.0.1", served.port)) != 0


def test_a_stop_tells_those_that_still_wait(served: Served, handlers: Handlers) -> None:
    waiting = served.ask("Later").future(data("a"), timeout=SECONDS)
    wait_until(lambda: "a" in handlers.tickets, "the call to come in")
    served.front.drain(0.0)
    served.stop()
    error: Any = error_of(waiting.result)
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert ("horngate-error", "ShuttingDown") in [tuple(e) for e in error.trailing_metadata()]
    assert handlers.tickets["a"].done


def test_a_stop_waits_for_no_caller_that_sends_nothing(served: Served) -> None:
    send = Sending()
    waiting = served.stream("Echo")(iter(send))
    wait_until(lambda: len(served.front.reading) == 1, "the call to come in")
    served.stop()
    error_of(lambda: list(waiting))
    send.half_close()


def test_a_held_up_receiving_thread_is_relieved(served: Served, handlers: Handlers) -> None:
    blocked = served.ask("Block").future(data("a"), timeout=SECONDS)
    assert handlers.entered.wait(SECONDS)
    assert value(served.ask("Echo")(data("b"), timeout=SECONDS)) == "b!", "others are heard"
    assert not blocked.done()
    handlers.go_on.set()
    assert value(blocked.result()) == "a"
    wait_until(
        lambda: sum(each.name == "grpc-front" for each in threading.enumerate()) == 1,
        "the thread that was relieved to end",
    )


def test_a_defect_in_the_front_ends_no_thread(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr(module, "Origin", broken)
        waiting = served.ask("Echo").future(data("a"), timeout=SECONDS)
        wait_until(lambda: bool(served.faults), "the defect to be told")
    assert value(served.ask("Echo")(data("b"), timeout=SECONDS)) == "b!"
    waiting.cancel()


@pytest.mark.parametrize("encrypted", [False, True])
def test_who_does_not_say_its_first_words_is_let_go(
    handlers: Handlers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, encrypted: bool
) -> None:
    monkeypatch.setattr(module, "HANDSHAKE_SECONDS", 0.3)
    monkeypatch.setattr(module, "SETTLING_MS", 300)
    certificates = watch(pair(tmp_path), time.monotonic, print) if encrypted else None
    options = PortOptions(certificates=certificates)
    with (
        Served([unary(handlers.echo)], options) as served,
        socket.create_connection(("127.0.0.1", served.port), SECONDS) as silent,
    ):
        while silent.recv(1024):  # its limits, where HTTP/2 is spoken at once
            pass


def test_a_port_in_use_is_said_at_the_start(served: Served) -> None:
    second = GrpcFront(
        [unary(Handlers().echo, name="Echo")], PortOptions(port=served.port), served.calls
    )
    with pytest.raises(
        ConfigError, match=rf"expected a free port on 127.0.0.1, received {served.port}"
    ):
        second.start()
