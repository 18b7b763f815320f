from __future__ import annotations

from typing import Any

from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import StringValue
from horngate.transports.native.exchange import Exchanges
from horngate.transports.options import PortOptions

from horngate.access.caller import Caller
from horngate.access.gate import Gate
from horngate.access.tokens import Tokens, digest
from horngate.answer import Answer, Ticket
from horngate.errors import Code, HorngateError, Overloaded
from horngate.inference import Call
from horngate.protocols.method import Observed, Status, UnaryMethod
from tests.unit.batching.doubles import ManualClock


class Front:
    def __init__(self) -> None:
        self.replies: list[tuple[int, bytes]] = []
        self.failures: list[tuple[int, int, str, Any]] = []

    def respond(self, number: int, payload: bytes) -> bool:
        self.replies.append((number, payload))
        return True

    def fail(self, number: int, code: int, message: str, trailers: Any) -> bool:
        self.failures.append((number, code, message, trailers))
        return True


class Observer:
    def __init__(self) -> None:
        self.started_calls: list[Call] = []
        self.ended: list[tuple[Code, float]] = []

    def started(self, method: Observed, call: Call) -> None:
        self.started_calls.append(call)

    def finished(self, method: Observed, call: Call, code: Code, seconds: float) -> None:
        self.started_calls.remove(call)
        self.ended.append((code, seconds))


def status(error: HorngateError) -> Status:
    return Status(error.code, str(error))


class Bench:
    """Calls whose answers a test gives."""

    def __init__(self, gate: Gate | None = None) -> None:
        self.gate = gate or Gate(ManualClock())
        self.front, self.observer, self.clock = Front(), Observer(), ManualClock()
        self.tickets: list[Ticket[Message]] = []
        self.asked: list[tuple[str, float | None]] = []
        self.raises: Exception | None = None
        self.faults: list[Exception] = []
        front: Any = self.front
        self.exchanges = Exchanges(
            front,
            options=PortOptions(max_message_bytes=100, max_in_flight=2),
            gate=self.gate,
            observer=self.observer,
            report=lambda method, error: self.faults.append(error),
            clock=self.clock,
        )
        self.method = UnaryMethod(
            protocol="p",
            service="s",
            name="Predict",
            request=StringValue,
            response=StringValue,
            status=status,
            handler=self.handle,
            predicts=True,
        )

    def handle(self, request: StringValue, call: Call) -> Answer[Message]:
        if self.raises is not None:
            raise self.raises
        self.asked.append((request.value, call.deadline))
        self.tickets.append(Ticket())
        return self.tickets[-1]

    def begin(self, number: int = 7, text: str = "x", remaining: float | None = None) -> None:
        data = StringValue(value=text).SerializeToString()
        self.exchanges.begin(number, self.method, data, ((), "ipv4:10.0.0.7:5", remaining))

    def codes(self) -> list[Code]:
        return [code for code, _ in self.observer.ended]


def reply(text: str) -> StringValue:
    return StringValue(value=text)


def test_an_answer_goes_to_its_own_call() -> None:
    bench = Bench()
    bench.begin(1, "one")
    bench.begin(2, "two")
    bench.clock.now += 0.5
    bench.tickets[1].succeed(reply("second"))
    bench.tickets[0].succeed(reply("first"))
    assert bench.front.replies == [
        (2, reply("second").SerializeToString()),
        (1, reply("first").SerializeToString()),
    ]
    assert bench.observer.ended == [(Code.OK, 0.5)] * 2
    assert not bench.observer.started_calls


def test_a_deadline_is_counted_from_the_arrival() -> None:
    bench = Bench()
    bench.begin(remaining=2.0)
    bench.begin()
    assert bench.asked == [("x", bench.clock.now + 2.0), ("x", None)]


def test_an_error_of_ours_has_its_code_and_its_name() -> None:
    bench = Bench()
    bench.begin(3)
    bench.tickets[0].fail(Overloaded("the queue is full"))
    assert bench.front.failures == [
        (3, 14, "the queue is full", (("horngate-error", "Overloaded"),))
    ]
    assert bench.codes() == [Code.UNAVAILABLE]


def test_an_error_of_nobodys_is_reported_and_told_without_its_words() -> None:
    bench = Bench()
    bench.raises = ZeroDivisionError("secret")
    bench.begin(3)
    assert bench.front.failures == [
        (3, 13, "Predict failed inside the server; its log says why", ())
    ]
    assert [str(fault) for fault in bench.faults] == ["secret"]


def test_bytes_that_are_no_request_are_the_callers_mistake() -> None:
    bench = Bench()
    bench.exchanges.begin(4, bench.method, b"\xff\xff", ((), "", None))
    assert [failed[:2] for failed in bench.front.failures] == [(4, 3)]


def test_messages_over_the_limit_are_refused_both_ways() -> None:
    bench = Bench()
    bench.begin(5, "x" * 101)
    assert not bench.asked
    bench.begin(6)
    bench.tickets[0].succeed(reply("y" * 101))
    assert [failed[:2] for failed in bench.front.failures] == [(5, 8), (6, 8)]
    assert all("larger than max" in failed[2] for failed in bench.front.failures)
    assert not bench.front.replies


def test_a_cancelled_call_is_given_up_and_its_late_answer_dropped() -> None:
    bench = Bench()
    bench.begin(8)
    bench.exchanges.cancel(8)
    assert bench.tickets[0].done
    assert not bench.tickets[0].succeed(reply("late"))
    bench.exchanges.cancel(8)
    assert (bench.front.replies, bench.front.failures) == ([], [])
    assert bench.codes() == [Code.CANCELLED]


def test_a_call_given_up_at_its_deadline_is_counted_as_overdue() -> None:
    bench = Bench()
    bench.begin(9, remaining=1.0)
    bench.clock.now += 1.0
    bench.exchanges.cancel(9)
    assert bench.codes() == [Code.DEADLINE_EXCEEDED]


def test_cancelling_an_answered_call_changes_nothing() -> None:
    bench = Bench()
    bench.begin(1)
    bench.tickets[0].succeed(reply("done"))
    bench.exchanges.cancel(1)
    assert bench.codes() == [Code.OK]


def test_whoever_waits_for_the_last_call_is_told() -> None:
    bench = Bench()
    told: list[int] = []
    bench.begin(1)
    bench.begin(2)
    bench.exchanges.on_empty(lambda: told.append(1))
    assert not told
    bench.tickets[0].succeed(reply("a"))
    bench.exchanges.cancel(2)
    assert told == [1]
    bench.exchanges.on_empty(lambda: told.append(2))
    assert told == [1, 2], "at once where none waits"


def test_calls_that_outlast_the_drain_are_sent_elsewhere() -> None:
    bench = Bench()
    bench.begin(1)
    bench.exchanges.end_all()
    assert [failed[:2] for failed in bench.front.failures] == [(1, 14)]
    assert bench.tickets[0].done
    assert bench.codes() == [Code.UNAVAILABLE]


def test_a_call_beyond_those_in_flight_is_refused_and_costs_nothing() -> None:
    bench = Bench()
    for number in (1, 2, 3):
        bench.begin(number)
    assert len(bench.tickets) == 2
    ((number, code, message, _),) = bench.front.failures
    assert (number, code) == (3, Code.UNAVAILABLE)
    assert "at most 2 calls in flight" in message
    bench.tickets[0].succeed(reply("a"))
    bench.begin(4)
    assert len(bench.tickets) == 3


def test_a_call_passes_the_gate_by_its_token_or_its_address() -> None:
    tokens = Tokens({digest("the-token-of-the-team"): Caller("team", predict=("*",))})
    bench = Bench(Gate(ManualClock(), tokens=lambda: tokens))
    data = StringValue(value="x").SerializeToString()
    metadata = (("user-agent", "x"), ("authorization", "Bearer the-token-of-the-team"))
    bench.exchanges.begin(1, bench.method, data, (metadata, "ipv4:10.0.0.7:5", None))
    assert [call.caller.name for call in bench.observer.started_calls if call.caller] == ["team"]
    bench.begin(2)
    assert [failed[:2] for failed in bench.front.failures] == [(2, Code.UNAUTHENTICATED)]

    limited = Bench(Gate(ManualClock(), rate=1))
    limited.begin(1)
    limited.begin(2)
    assert [failed[:2] for failed in limited.front.failures] == [(2, Code.RESOURCE_EXHAUSTED)]
