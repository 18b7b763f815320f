"""Streams as machines: bounded both ways, each answer once, all given up when the caller leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import StringValue

from horngate.call import Call
from horngate.errors import Code, Overloaded
from horngate.fronts.grpc import streams as module
from horngate.fronts.grpc.streams import DuplexStream, Places, ServerStream
from horngate.protocols.method import DuplexMethod
from tests.unit.fronts.calls import data, duplex, listening, text, value
from tests.unit.fronts.grpc.wire import Front, Wire


class Both:
    """A duplex stream whose messages, answers and end a test gives."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        method: DuplexMethod | None = None,
        *,
        deadline: float | None = None,
        **limits: Any,
    ) -> None:
        self.front = Front(**limits)
        self.wire = Wire(monkeypatch)
        front: Any = self.front
        now = self.front.clock()
        origin = front.origin(deadline)
        self.stream = DuplexStream(front, method or self.front.stream, origin, now)
        self.stream.open()

    def send(self, *words: str) -> None:
        """The caller sends them, as far as they are read."""
        for each in words:
            if self.wire.reading is not None:
                self.wire.message(data(each), self.front.duty)

    def half_close(self) -> None:
        self.wire.message(None, self.front.duty)

    def take(self) -> list[str]:
        """The caller takes all that is sent; what it was."""
        while self.wire.sending is not None:
            self.wire.took(self.front.duty)
        return [value(each) for each in self.wire.sent]


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> Both:
    return Both(monkeypatch)


def test_one_answer_is_on_its_way_at_a_time_and_the_first_opens(both: Both) -> None:
    both.send("a", "b")
    for number in (1, 0):
        both.front.tickets[number].succeed(text(str(number)))
    assert [value(each) for each in both.wire.sent] == ["1"]
    assert both.take() == ["1", "0"]
    assert both.wire.first == [True, False]
    both.half_close()
    assert both.wire.ended == [(0, "", ())]
    assert both.wire.first == [True, False, False]
    both.wire.over(both.front.duty, left=False)
    assert not both.front.streams
    assert both.front.observer.codes == [Code.OK, Code.OK]


def test_no_more_is_read_than_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_IN_FLIGHT", 3)
    both = Both(monkeypatch)
    both.send(*"abcde")
    assert len(both.front.tickets) == 3
    for ticket in both.front.tickets:
        ticket.succeed(text("x"))
    assert both.wire.reading is None, "no more until they are taken"
    both.wire.took(both.front.duty)
    both.send("d")
    assert len(both.front.tickets) == 4
    both.take()
    both.send("e")
    for ticket in both.front.tickets:
        ticket.succeed(text("x"))
    assert both.take() == ["x"] * 5
    both.half_close()
    assert both.wire.ended == [(0, "", ())]
    assert both.front.observer.codes == [Code.OK] * 5


def test_nor_more_bytes_than_may_wait_but_for_one_message_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    both = Both(monkeypatch)
    both.send("x" * 500, "x", "x")
    assert len(both.front.tickets) == 1, "larger than all that may wait, and alone"
    both.front.tickets[0].succeed(text("y"))
    both.take()
    both.send("x", "x")
    assert len(both.front.tickets) == 3


def test_an_answers_bytes_take_the_place_of_its_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    both = Both(monkeypatch)
    both.send("a")
    both.front.tickets[0].succeed(text("y" * 200))
    both.send("b")  # what was to be read before that is
    assert both.wire.reading is None
    both.take()
    assert both.wire.reading is not None


def test_a_refusal_is_an_answer_like_another(both: Both) -> None:
    both.front.raises = Overloaded("the queue is full")
    both.send("refused")
    both.front.raises = None
    both.send("good")
    both.front.tickets[0].succeed(text("fine"))
    assert both.take() == ["UNAVAILABLE refused", "fine"]
    assert both.front.observer.codes == [Code.UNAVAILABLE, Code.OK]
    assert not both.front.faults


def test_a_message_beyond_the_calls_in_flight_is_refused_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = Both(monkeypatch, most_in_flight=1)
    both.send("a", "b")
    both.front.tickets[0].succeed(text("fine"))
    assert both.take() == ["UNAVAILABLE b", "fine"]


def test_a_reply_over_the_limit_is_the_error_of_its_message_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = Both(monkeypatch, most_bytes=30)
    both.send("a", "b")
    both.front.tickets[0].succeed(text("y" * 50))
    both.front.tickets[1].succeed(text("fine"))
    assert both.take() == ["RESOURCE_EXHAUSTED a", "fine"]
    assert both.front.observer.codes == [Code.RESOURCE_EXHAUSTED, Code.OK]


def test_an_error_that_repeats_too_much_of_its_message_is_told_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = Both(monkeypatch, most_bytes=30)
    both.front.raises = Overloaded("the queue is full")
    both.send("short", "y" * 50)
    assert both.take() == ["UNAVAILABLE short", "UNAVAILABLE "]


def test_answers_that_nobody_takes_hold_nothing_of_what_is_shared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_IN_FLIGHT", 3)
    both = Both(monkeypatch)
    both.send(*"abcde")
    for ticket in both.front.tickets:
        ticket.succeed(text("x"))
    assert both.front.calls.in_flight == 0
    assert not both.front.observer.open
    assert len(both.front.tickets) == 3, "no more is read until they are"
    assert both.front.streams, "and a stop waits for them"


def test_what_is_no_message_ends_the_stream_after_what_was_asked(both: Both) -> None:
    both.send("good")
    both.wire.message(b"\xff", both.front.duty)
    assert not both.wire.ended
    assert both.wire.reading is None
    both.front.tickets[0].succeed(text("fine"))
    assert both.take() == ["fine"]
    ((code, words, trailers),) = both.wire.ended
    assert (code, trailers) == (3, (("horngate-error", "InvalidRequest"),))
    assert "cannot be read as one" in words
    assert both.front.observer.codes == [Code.OK]


def test_messages_of_an_overdue_stream_are_counted_as_overdue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = Both(monkeypatch, deadline=101.0)
    both.send("a")
    assert both.front.asked == [("a", 101.0)], "and they know the deadline"
    both.front.clock.now = 101.0
    both.wire.over(both.front.duty, left=True)
    assert both.front.observer.codes == [Code.DEADLINE_EXCEEDED]


def test_an_answer_that_could_not_be_sent_is_the_last(both: Both) -> None:
    both.send("a", "b")
    for ticket in both.front.tickets:
        ticket.succeed(text("x"))
    both.wire.took(both.front.duty, success=False)
    assert len(both.wire.sent) == 1
    assert len(both.front.outbox) == 0
    both.wire.over(both.front.duty, left=True)
    assert not both.front.streams


def test_a_drain_reads_no_more_and_ends_when_all_is_answered(both: Both) -> None:
    both.send("a")
    both.stream.drain()
    assert not both.wire.ended
    both.send("b")  # what was to be read before that is
    assert both.wire.reading is None
    for ticket in both.front.tickets:
        ticket.succeed(text("x"))
    assert both.take() == ["x", "x"]
    ((code, words, _),) = both.wire.ended
    assert (code, words) == (14, "the server is shutting down; ask another")


def test_a_stop_sends_what_is_to_be_sent_and_then_ends(both: Both) -> None:
    both.send("a", "b")
    for ticket in both.front.tickets:
        ticket.succeed(text("x"))
    both.stream.shut()
    assert not both.wire.ended
    assert both.take() == ["x", "x"]
    assert [code for code, _, _ in both.wire.ended] == [14]


def test_a_stream_beyond_the_places_is_refused_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    both = Both(monkeypatch, places=1)
    front: Any = both.front
    second = DuplexStream(front, front.stream, front.origin(), front.clock())
    second.open()
    assert [code for code, _, _ in both.wire.ended] == [14]
    assert both.front.observer.codes == [Code.UNAVAILABLE]
    assert second not in both.front.streams
    both.wire.over(both.front.duty, left=True)
    both.half_close()
    third = DuplexStream(front, front.stream, front.origin(), front.clock())
    third.open()
    assert third in both.front.streams


def test_a_stream_too_many_of_those_that_need_no_token_is_told_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = Both(monkeypatch, duplex(lambda request, _: request, public=True), places=1)
    front: Any = both.front
    DuplexStream(front, both.stream.method, front.origin(), front.clock()).open()
    ((code, words, _),) = both.wire.ended
    assert code == Code.RESOURCE_EXHAUSTED
    assert "at most 1 open streams of those that need no token" in words
    assert both.front.observer.codes == [Code.RESOURCE_EXHAUSTED]


def test_streams_that_anybody_may_open_have_places_of_their_own() -> None:
    places = Places(1)
    places.enter(anybody=True)
    places.enter(anybody=False)
    for anybody in (True, False):
        with pytest.raises(Overloaded):
            places.enter(anybody=anybody)
    places.leave(anybody=True)
    with pytest.raises(Overloaded):
        places.enter(anybody=False)
    places.enter(anybody=True)


def test_only_strangers_are_told_to_be_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Both(monkeypatch)
    own.front.clock.now += 1000
    own.front.reading.expire()
    assert not own.wire.ended
    anybodys = Both(monkeypatch, duplex(lambda request, _: request, public=True))
    anybodys.front.clock.now += 30
    anybodys.send("a")
    assert anybodys.take() == ["a"]
    anybodys.front.clock.now += 59
    anybodys.front.reading.expire()
    assert not anybodys.wire.ended, "its time is from message to message"
    anybodys.front.clock.now += 1
    anybodys.front.reading.expire()
    assert [code for code, _, _ in anybodys.wire.ended] == [4]
    assert anybodys.front.observer.codes == [Code.OK, Code.DEADLINE_EXCEEDED], "it is counted"
    anybodys.wire.message(data("late"), anybodys.front.duty)
    assert anybodys.take() == ["a"]


class Listening:
    """A server stream whose handler's changes a test tells."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        *,
        public: bool = False,
    ) -> None:
        self.front = Front()
        self.wire = Wire(monkeypatch)
        self.stopped = 0
        self.raises: Exception | None = None
        front: Any = self.front
        method = listening(self.handle, public=public)
        self.stream = ServerStream(front, method, front.origin(), front.clock())
        self.stream.open()

    def handle(
        self, request: StringValue, call: Call, send: Callable[[Message], None]
    ) -> Callable[[], None]:
        if self.raises is not None:
            raise self.raises
        self.tell = send
        return self.stop

    def stop(self) -> None:
        self.stopped += 1

    def over(self, *, left: bool) -> list[Code]:
        self.wire.over(self.front.duty, left=left)
        assert not self.front.streams
        assert not self.front.observer.open
        return self.front.observer.codes


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Listening:
    return Listening(monkeypatch)


def test_changes_are_told_one_after_another(stream: Listening) -> None:
    stream.wire.message(data("a"), stream.front.duty)
    for each in "abc":
        stream.tell(text(each))
    assert [value(each) for each in stream.wire.sent] == ["a"]
    for _ in range(3):
        stream.wire.took(stream.front.duty)
    assert [value(each) for each in stream.wire.sent] == ["a", "b", "c"]
    assert stream.over(left=True) == [Code.CANCELLED]
    assert stream.stopped == 1


def test_whoever_does_not_take_them_is_told_to_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_UNREAD", 3)
    stream = Listening(monkeypatch)
    stream.wire.message(data("a"), stream.front.duty)
    for _ in range(10):
        stream.tell(text("x"))
    while stream.wire.sending is not None:
        stream.wire.took(stream.front.duty)
    assert len(stream.wire.sent) == 4
    assert [code for code, _, _ in stream.wire.ended] == [8]
    assert stream.over(left=False) == [Code.RESOURCE_EXHAUSTED]


def test_the_first_reason_to_end_is_the_one_that_is_told_and_counted(stream: Listening) -> None:
    stream.raises = Overloaded("not now")
    stream.wire.message(data("a"), stream.front.duty)
    stream.raises = None
    stream.stream.shut()
    stream.stream.shut()
    assert [words for _, words, _ in stream.wire.ended] == ["not now"]
    assert stream.over(left=False) == [Code.UNAVAILABLE]
    assert stream.stopped == 0


def test_one_without_its_message(stream: Listening) -> None:
    stream.wire.message(None, stream.front.duty)
    ((code, words, _),) = stream.wire.ended
    assert (code, words) == (3, "expected one message, received none")
    assert stream.over(left=False) == [Code.INVALID_ARGUMENT]


def test_one_that_is_left_before_its_message_came(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Listening(monkeypatch, public=True)
    assert stream.over(left=True) == [Code.CANCELLED]
    stream.wire.message(None, stream.front.duty)
    assert not stream.wire.ended, "what comes later is nobody's"


def test_what_opens_a_strangers_stream_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Listening(monkeypatch, public=True)
    stream.wire.message(data("x" * module.MOST_OPENING_BYTES), stream.front.duty)
    ((code, words, _),) = stream.wire.ended
    assert code == 3
    assert f"at most {module.MOST_OPENING_BYTES} bytes" in words
    assert stream.over(left=False) == [Code.INVALID_ARGUMENT]
