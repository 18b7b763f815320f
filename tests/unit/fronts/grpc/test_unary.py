"""A call of one message each way, event by event."""

from __future__ import annotations

from typing import Any

import pytest

from horngate.calls import Failure
from horngate.errors import Code
from horngate.fronts.grpc.unary import Departure, UnaryCall
from tests.unit.fronts.calls import data, text, unary
from tests.unit.fronts.grpc.wire import Front, Wire, event


class Bench:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, most_in_flight: int = 100) -> None:
        self.front = Front(most_in_flight=most_in_flight)
        self.wire = Wire(monkeypatch)
        self.call = self.another()

    def another(self, deadline: float | None = None) -> UnaryCall:
        front: Any = self.front
        method = unary(self.front.handle)
        call = UnaryCall(front, method, self.front.origin(deadline), self.front.clock())
        call.open()
        return call


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


def test_its_message_is_served_and_its_answer_leaves(bench: Bench) -> None:
    bench.front.clock.now += 5  # its message takes its time, which is not the server's
    bench.wire.message(data("a"), bench.front.duty)
    assert bench.front.duty.asked == [bench.call]
    assert bench.call.burst is bench.front.duty
    bench.front.clock.now += 1
    bench.front.tickets[0].succeed(text("b"))
    assert bench.wire.sent == [data("b")]
    assert bench.front.observer.ended == [("Ask", Code.OK, 1.0)]
    assert len(bench.front.outbox) == 1
    bench.wire.took(bench.front.duty)
    assert len(bench.front.outbox) == 0


def test_no_message_is_no_call(bench: Bench) -> None:
    bench.wire.message(None, bench.front.duty)
    ((code, words, _),) = bench.wire.ended
    assert (code, words) == (3, "expected one message, received none")
    bench.wire.over(bench.front.duty, left=False)
    assert bench.front.observer.codes == [Code.INVALID_ARGUMENT]
    bench.wire.took(bench.front.duty)
    assert len(bench.front.outbox) == len(bench.front.reading) == 0


def test_whoever_leaves_before_the_message_has_come_counts_as_that(bench: Bench) -> None:
    bench.wire.message(None, bench.front.duty)
    assert len(bench.front.observer.open) == 1
    bench.wire.over(bench.front.duty, left=True)
    assert bench.front.observer.codes == [Code.CANCELLED]
    assert bench.front.calls.in_flight == 0


def test_a_failure_has_its_trailers(bench: Bench) -> None:
    bench.call.fail(Failure(Code.UNAVAILABLE, "not now", "Overloaded"))
    assert bench.wire.ended == [(14, "not now", (("horngate-error", "Overloaded"),))]


def test_one_that_was_refused_while_it_was_read_is_not_served_later(bench: Bench) -> None:
    bench.front.clock.now += 60
    bench.front.reading.expire()
    assert [code for code, _, _ in bench.wire.ended] == [4]
    assert bench.front.observer.codes == [Code.DEADLINE_EXCEEDED]
    bench.wire.message(data("late"), bench.front.duty)
    assert not bench.front.asked
    bench.wire.took(bench.front.duty)
    assert len(bench.front.outbox) == 0


def test_so_many_messages_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, most_in_flight=1)
    bench.another()
    assert [code for code, _, _ in bench.wire.ended] == [14]
    assert bench.front.observer.codes == [Code.UNAVAILABLE]
    assert bench.wire.reads == 1


def test_a_departure_gives_up_a_call_that_waits_and_no_other(bench: Bench) -> None:
    bench.wire.message(data("a"), bench.front.duty)
    departure = Departure(bench.front.calls, bench.call)
    departure.event(event(cancelled=False), bench.front.duty)
    assert bench.front.calls.waits(bench.call)
    departure.event(event(cancelled=True), bench.front.duty)
    assert bench.front.tickets[0].done
    assert bench.front.observer.codes == [Code.CANCELLED]
    assert not bench.wire.sent


def test_at_its_deadline_it_is_overdue(bench: Bench) -> None:
    bench.wire.message(data("a"), bench.front.duty)
    late = bench.another(deadline=101.0)
    bench.wire.message(data("b"), bench.front.duty)
    bench.front.clock.now = 101.0
    Departure(bench.front.calls, late).event(event(cancelled=True), bench.front.duty)
    assert bench.front.observer.codes == [Code.DEADLINE_EXCEEDED]


def test_an_answer_that_is_not_taken_is_let_go(bench: Bench) -> None:
    bench.wire.message(data("a"), bench.front.duty)
    bench.front.tickets[0].succeed(text("b"))
    for _ in range(2):
        bench.front.outbox.expire()
    assert bench.wire.cancelled == 1
