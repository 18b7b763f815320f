"""Messages on their way in: those of strangers give way, and none takes for ever."""

from __future__ import annotations

from typing import Any

from horngate.calls import Failure
from horngate.errors import Code
from horngate.fronts.grpc.reading import MOST_STRANGERS, Reading
from tests.unit.batching.doubles import ManualClock
from tests.unit.fronts.calls import unary


def answer(_request: object, _call: object) -> Any:
    raise AssertionError("nobody is asked")


class Slow:
    def __init__(self, clock: ManualClock, *, public: bool) -> None:
        self.method = unary(answer, public=public)
        self.started = clock()
        self.failures: list[Failure] = []

    def fail(self, failure: Failure) -> None:
        self.failures.append(failure)


class Bench:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.reading = Reading(self.clock, seconds=60.0)

    def add(self, *, public: bool) -> Slow:
        call = Slow(self.clock, public=public)
        self.reading.add(call)
        return call


def test_a_message_that_came_is_waited_for_no_more() -> None:
    bench = Bench()
    for public in (False, True):
        call = bench.add(public=public)
        assert len(bench.reading) == 1
        assert bench.reading.remove(call)
        assert not bench.reading.remove(call), "once"
        assert len(bench.reading) == 0


def test_of_too_many_strangers_those_that_have_waited_longest_give_way() -> None:
    bench = Bench()
    known = [bench.add(public=False) for _ in range(20)]
    strangers = [bench.add(public=True) for _ in range(MOST_STRANGERS + 2)]
    bench.reading.limit()
    assert [call.failures[0].code for call in strangers[:2]] == [Code.RESOURCE_EXHAUSTED] * 2
    assert "send both at once" in strangers[0].failures[0].message
    assert not any(call.failures for call in [*strangers[2:], *known])
    assert not bench.reading.remove(strangers[0]), "what comes of it later is nobody's"
    assert len(bench.reading) == MOST_STRANGERS + len(known)


def test_a_message_that_takes_too_long_is_refused() -> None:
    bench = Bench()
    slow = [bench.add(public=public) for public in (False, True)]
    bench.clock.now += 30
    later = [bench.add(public=public) for public in (False, True)]
    bench.clock.now += 29.9
    bench.reading.expire()
    assert not any(call.failures for call in slow)
    bench.clock.now += 0.1
    bench.reading.expire()
    bench.reading.expire()
    assert [call.failures[0].code for call in slow] == [Code.DEADLINE_EXCEEDED] * 2
    assert [len(call.failures) for call in slow] == [1, 1]
    assert "within 60 s" in slow[0].failures[0].message
    assert not any(call.failures for call in later)
    assert len(bench.reading) == 2
