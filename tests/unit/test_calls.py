"""The life of a call: begun, admitted, limited, answered or failed or cancelled, exactly once."""

from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from horngate.access.caller import Caller as Known
from horngate.access.caller import Tokens, digest
from horngate.access.gate import Gate
from horngate.answer import Ticket
from horngate.call import Call
from horngate.calls import Failure
from horngate.errors import Code, InvalidRequest, Overloaded
from tests.unit.batching.doubles import ManualClock
from tests.unit.fronts.calls import Bench, Caller, data, duplex, text, unary


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_an_answer_goes_to_its_own_call(bench: Bench) -> None:
    one, two = bench.ask("one"), bench.ask("two")
    bench.clock.now += 0.5
    bench.tickets[1].succeed(text("second"))
    bench.tickets[0].succeed(text("first"))
    assert (one.replies, two.replies) == ([data("first")], [data("second")])
    assert bench.observer.ended == [("Ask", Code.OK, 0.5)] * 2
    assert not bench.observer.open
    assert bench.calls.in_flight == 0


def test_an_answer_that_is_there_at_once_ends_the_call(bench: Bench) -> None:
    method = unary(lambda request, _: text(request.value.upper()))
    call = Caller(method, bench.clock())
    bench.calls.serve(call, method.ask, data("abc"))
    assert call.replies == [data("ABC")]
    assert not bench.calls.waits(call)
    assert bench.observer.codes == [Code.OK]


def test_an_answer_may_be_bytes_already(bench: Bench) -> None:
    ticket: Ticket[bytes] = Ticket()

    class Prepared:
        learned = 0

        def answer(self, sent: bytes, call: Call) -> Ticket[bytes] | None:
            return ticket if sent == data("known") else None

        def learn(self, sent: bytes, message: object, call: Call) -> None:
            self.learned += 1

    prepared = Prepared()
    method = dataclasses.replace(bench.method, prepared=prepared)
    call, other = Caller(method, 0.0), Caller(method, 0.0)
    bench.calls.serve(call, method.ask, data("known"))
    ticket.succeed(b"written")
    assert call.replies == [b"written"]
    assert not bench.asked
    bench.calls.serve(other, method.ask, data("unknown"))
    assert [asked for asked, _ in bench.asked] == ["unknown"]
    assert prepared.learned == 1


def test_a_handler_knows_the_deadline(bench: Bench) -> None:
    bench.ask(remaining=2.0)
    bench.ask()
    assert bench.asked == [("x", bench.clock.now + 2.0), ("x", None)]


def test_an_error_of_ours_has_its_code_and_its_name(bench: Bench) -> None:
    call = bench.ask()
    bench.tickets[0].fail(Overloaded("the queue is full"))
    assert call.told == Failure(Code.UNAVAILABLE, "the queue is full", "Overloaded")
    assert call.told.trailers == (("horngate-error", "Overloaded"),)
    assert bench.observer.codes == [Code.UNAVAILABLE]


def test_an_error_that_a_handler_raises_is_told_the_same(bench: Bench) -> None:
    bench.raises = InvalidRequest("expected more")
    assert bench.ask().told == Failure(Code.INVALID_ARGUMENT, "expected more", "InvalidRequest")
    assert bench.calls.in_flight == 0
    assert bench.observer.codes == [Code.INVALID_ARGUMENT]


def test_an_error_of_nobodys_is_reported_and_told_without_its_words(bench: Bench) -> None:
    bench.raises = ZeroDivisionError("secret")
    call = bench.ask()
    assert call.told == Failure(Code.INTERNAL, "Ask failed inside the server; its log says why")
    assert call.told.trailers == ()
    assert [str(fault) for fault in bench.faults] == ["secret"]
    bench.raises = None
    later = bench.ask()
    bench.tickets[0].fail(KeyError("secret too"))
    assert later.told.code is Code.INTERNAL
    assert "secret" not in later.told.message


def test_bytes_that_are_no_request_are_the_callers_mistake(bench: Bench) -> None:
    call = Caller(bench.method, bench.clock())
    bench.calls.serve(call, bench.method.ask, b"\xff\xff")
    assert call.told.code is Code.INVALID_ARGUMENT
    assert "received 2 bytes that cannot be read as one" in call.told.message
    assert bench.observer.codes == [Code.INVALID_ARGUMENT]


def test_a_reply_over_the_limit_is_an_error_and_not_served(bench: Bench) -> None:
    call = bench.ask()
    bench.tickets[0].succeed(text("y" * 101))
    assert call.told.code is Code.RESOURCE_EXHAUSTED
    assert not call.replies
    assert bench.observer.codes == [Code.RESOURCE_EXHAUSTED]


def test_a_cancelled_call_is_given_up_and_its_late_answer_dropped(bench: Bench) -> None:
    call = bench.ask()
    bench.calls.cancel(call)
    assert bench.tickets[0].done
    assert not bench.tickets[0].succeed(text("late"))
    bench.calls.cancel(call)
    bench.calls.fail(call, Overloaded("late"))
    assert (call.replies, call.failures) == ([], [])
    assert bench.observer.codes == [Code.CANCELLED]
    assert not bench.calls.end(call, Code.OK)


def test_a_call_that_is_left_at_its_deadline_is_counted_as_overdue(bench: Bench) -> None:
    call = bench.ask(remaining=1.0)
    bench.clock.now += 1.0
    bench.calls.cancel(call)
    assert bench.observer.codes == [Code.DEADLINE_EXCEEDED]


def test_cancelling_an_answered_call_changes_nothing(bench: Bench) -> None:
    call = bench.ask()
    bench.tickets[0].succeed(text("done"))
    bench.calls.cancel(call)
    assert bench.observer.codes == [Code.OK]
    assert call.replies == [data("done")]


def test_a_call_ends_once_whichever_threads_end_it() -> None:
    bench = Bench(most_in_flight=1000)
    calls = [bench.ask() for _ in range(200)]
    barrier = threading.Barrier(3)

    def answer() -> None:
        barrier.wait(10)
        for ticket in bench.tickets:
            ticket.succeed(text("a"))

    def cancel() -> None:
        barrier.wait(10)
        for call in calls:
            bench.calls.cancel(call)

    def end() -> None:
        barrier.wait(10)
        bench.calls.end_all()

    with ThreadPoolExecutor(3) as threads:
        for each in [threads.submit(each) for each in (answer, cancel, end)]:
            each.result(30)
    assert len(bench.observer.ended) == len(calls)
    assert not bench.observer.open
    for call in calls:
        assert len(call.replies) + len(call.failures) <= 1
    assert bench.observer.codes.count(Code.OK) == sum(len(call.replies) for call in calls)


def test_a_drain_ends_with_the_last_call(bench: Bench) -> None:
    bench.ask()
    call = bench.ask()
    done: list[bool] = []
    thread = threading.Thread(target=lambda: done.append(bench.calls.drain(60)))
    thread.start()
    bench.tickets[0].succeed(text("a"))
    assert not done
    bench.calls.cancel(call)
    thread.join(30)
    assert done == [True]


def test_a_drain_ends_with_its_time(bench: Bench) -> None:
    bench.ask()
    assert not bench.calls.drain(0.0)


def test_calls_that_outlast_the_drain_are_sent_elsewhere(bench: Bench) -> None:
    call = bench.ask()
    bench.calls.end_all()
    assert call.told.code is Code.UNAVAILABLE
    assert call.told.kind == "ShuttingDown"
    assert bench.tickets[0].done, "and its run is not waited for"
    assert bench.observer.codes == [Code.UNAVAILABLE]


def test_a_call_beyond_those_in_flight_is_refused_and_costs_nothing(bench: Bench) -> None:
    bench.ask()
    bench.ask()
    third = bench.ask()
    assert len(bench.tickets) == 2
    assert third.told.code is Code.UNAVAILABLE
    assert "at most 2 calls in flight" in third.told.message
    assert bench.observer.codes == [Code.UNAVAILABLE], "it is counted"
    bench.tickets[0].succeed(text("a"))
    bench.ask()
    assert len(bench.tickets) == 3


def test_one_counter_holds_calls_and_messages_of_streams(bench: Bench) -> None:
    bench.ask()
    streamed = Caller(bench.stream, bench.clock())
    bench.calls.serve(streamed, bench.stream.handler, text("x"))
    assert bench.calls.in_flight == 2
    assert bench.ask().told.code is Code.UNAVAILABLE
    refused = Caller(bench.stream, bench.clock())
    bench.calls.serve(refused, bench.stream.handler, text("x"))
    assert refused.told.code is Code.UNAVAILABLE
    assert bench.observer.codes == [Code.UNAVAILABLE] * 2


def test_what_is_open_to_everybody_is_not_held_to_the_limit_nor_the_gate() -> None:
    clock = ManualClock()
    bench = Bench(Gate(clock, tokens=lambda: Tokens({}), rate=1))
    for method in (
        unary(bench.handle, public=True),
        duplex(bench.handle, public=True),
    ):
        for _ in range(3):
            call = Caller(method, clock())
            assert bench.calls.may_send(call, 1000)
            bench.calls.begin(call)
            bench.calls.enter(call)
            assert call.caller is None
    assert bench.calls.in_flight == 6


def test_a_call_passes_the_gate_by_its_token_or_its_address() -> None:
    tokens = Tokens({digest("the-token-of-the-team"): Known("team", predict=("*",))})
    bench = Bench(Gate(ManualClock(), tokens=lambda: tokens))
    call = bench.ask(shows="Bearer the-token-of-the-team")
    assert call.caller is not None
    assert call.caller.name == "team"
    assert bench.ask().told.code is Code.UNAUTHENTICATED

    limited = Bench(Gate(ManualClock(), rate=1))
    assert not limited.ask().failures
    assert limited.ask().told.code is Code.RESOURCE_EXHAUSTED
    assert not limited.ask(address="10.0.0.8").failures


def test_messages_of_streams_pass_the_same_gate() -> None:
    bench = Bench(Gate(ManualClock(), rate=1))
    first, second = Caller(bench.stream, 0.0), Caller(bench.stream, 0.0)
    bench.calls.serve(first, bench.stream.handler, text("x"))
    bench.calls.serve(second, bench.stream.handler, text("x"))
    assert not first.failures
    assert second.told.code is Code.RESOURCE_EXHAUSTED


def test_whoever_shows_no_token_may_send_no_message() -> None:
    tokens = Tokens({digest("the-token-of-the-team"): Known("team", predict=("*",))})
    bench = Bench(Gate(ManualClock(), tokens=lambda: tokens))
    for method in (bench.method, bench.stream):
        stranger = Caller(method, bench.clock())
        assert not bench.calls.may_send(stranger, 0)
        assert stranger.told.code is Code.UNAUTHENTICATED
        known = Caller(method, bench.clock(), shows="Bearer the-token-of-the-team")
        assert bench.calls.may_send(known, 0)
    assert bench.observer.codes == [Code.UNAUTHENTICATED] * 2, "each refusal is counted"
    assert not bench.observer.open


def test_so_many_messages_are_waited_for_and_the_refused_are_counted(bench: Bench) -> None:
    for method in (bench.method, bench.stream):
        assert bench.calls.may_send(Caller(method, 0.0), 1)
        refused = Caller(method, bench.clock())
        assert not bench.calls.may_send(refused, 2)
        assert refused.told.code is Code.UNAVAILABLE
    assert bench.observer.codes == [Code.UNAVAILABLE] * 2


@pytest.mark.parametrize("public", [False, True])
def test_a_rate_is_not_counted_before_the_message_is_read(*, public: bool) -> None:
    bench = Bench(Gate(ManualClock(), rate=1))
    method = unary(bench.handle, public=public)
    for _ in range(5):
        assert bench.calls.may_send(Caller(method, 0.0), 0)
    call = Caller(method, 0.0)
    bench.calls.serve(call, method.ask, data("x"))
    assert not call.failures


def test_what_only_listens_is_counted_and_no_drain_waits_for_it(bench: Bench) -> None:
    call = Caller(bench.method, bench.clock())
    bench.calls.opened(call)
    assert bench.calls.in_flight == 0
    assert bench.calls.drain(60)
    bench.clock.now += 3
    bench.calls.closed(call, Code.OK)
    assert bench.observer.ended == [("Ask", Code.OK, 3.0)]
