"""Messages on their way in: of strangers a few at a time, in turn, and none takes for ever."""

from __future__ import annotations

from typing import Any

import pytest

from horngate.calls import Failure
from horngate.errors import Code
from horngate.fronts.grpc import reading as module
from horngate.fronts.grpc.reading import GRACE_SECONDS, MOST_STRANGERS, Reading
from tests.unit.batching.doubles import ManualClock
from tests.unit.fronts.calls import unary


def answer(_request: object, _call: object) -> Any:
    raise AssertionError("nobody is asked")


class Peer:
    """Stands for a call of the core: ``name`` is of its connection."""

    def __init__(self, name: str) -> None:
        self.name = name

    def peer(self) -> bytes:
        return self.name.encode()


class Slow:
    def __init__(self, clock: ManualClock, connection: str, *, public: bool) -> None:
        self.core = Peer(connection)
        self.method = unary(answer, public=public)
        self.started = clock()
        self.reads = 0
        self.failures: list[Failure] = []

    def read(self) -> None:
        self.reads += 1

    def refuse(self, failure: Failure) -> None:
        self.failures.append(failure)

    @property
    def codes(self) -> list[Code]:
        return [failure.code for failure in self.failures]


class Bench:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.reading = Reading(self.clock, seconds=60.0)

    def add(self, connection: str = "a", *, public: bool = True) -> Slow:
        call = Slow(self.clock, connection, public=public)
        self.reading.add(call)
        return call


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize("public", [False, True])
def test_a_message_that_came_is_waited_for_no_more(bench: Bench, *, public: bool) -> None:
    call = bench.add(public=public)
    assert call.reads == 1
    assert len(bench.reading) == (not public)
    assert bench.reading.remove(call)
    assert not bench.reading.remove(call), "once"
    assert len(bench.reading) == 0


def test_strangers_are_read_a_few_at_a_time_and_callers_at_once(bench: Bench) -> None:
    strangers = [bench.add() for _ in range(MOST_STRANGERS + 2)]
    assert [call.reads for call in strangers] == [1] * MOST_STRANGERS + [0, 0]
    assert [bench.add(public=False).reads for _ in range(20)] == [1] * 20
    assert bench.reading.remove(strangers[0])
    assert [call.reads for call in strangers[-2:]] == [1, 0]
    assert not any(call.failures for call in strangers)


def test_those_that_wait_are_read_one_of_each_connection_in_turn(bench: Bench) -> None:
    first = [bench.add() for _ in range(MOST_STRANGERS)]
    crowd = [bench.add("crowd") for _ in range(3)]
    other = bench.add("other")
    assert bench.reading.remove(first[0])
    assert (other.reads, [call.reads for call in crowd]) == (1, [0, 0, 0])
    for call in first[1:]:
        assert bench.reading.remove(call)
    assert [call.reads for call in crowd] == [1, 1, 1]


def test_one_that_leaves_the_line_is_not_read_later(bench: Bench) -> None:
    first = [bench.add() for _ in range(MOST_STRANGERS)]
    gone, next_one = bench.add("b"), bench.add("b")
    assert bench.reading.remove(gone)
    assert bench.reading.remove(first[0])
    assert (gone.reads, next_one.reads) == (0, 1)


def test_whoever_takes_its_time_gives_way_to_those_that_wait(bench: Bench) -> None:
    slow = [bench.add() for _ in range(MOST_STRANGERS)]
    bench.clock.now += 2 * GRACE_SECONDS
    bench.reading.limit()
    assert not any(call.failures for call in slow), "nobody waits"
    waiting = bench.add("b")
    bench.reading.limit()
    assert slow[0].codes == [Code.RESOURCE_EXHAUSTED]
    assert "send both at once" in slow[0].failures[0].message
    assert not any(call.failures for call in slow[1:]), "as many as wait"
    assert waiting.reads == 1
    assert not bench.reading.remove(slow[0]), "what comes of it later is nobody's"


def test_the_line_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    bench = Bench()
    calls = [bench.add() for _ in range(MOST_STRANGERS + 4)]
    assert [call.codes for call in calls[:-1]] == [[]] * (MOST_STRANGERS + 3)
    assert calls[-1].codes == [Code.RESOURCE_EXHAUSTED]
    newcomer = bench.add("b")
    assert not newcomer.failures, "whoever comes anew is let in"
    assert calls[-2].codes == [Code.RESOURCE_EXHAUSTED]
    assert bench.reading.remove(calls[0])
    assert newcomer.reads == 1


@pytest.mark.parametrize("public", [False, True])
def test_a_message_that_takes_too_long_is_refused(bench: Bench, *, public: bool) -> None:
    slow = bench.add(public=public)
    bench.clock.now += 30
    later = bench.add(public=public)
    bench.clock.now += 29.9
    bench.reading.expire()
    assert not slow.failures
    bench.clock.now += 0.1
    bench.reading.expire()
    bench.reading.expire()
    assert slow.codes == [Code.DEADLINE_EXCEEDED], "once"
    assert "within 60 s" in slow.failures[0].message
    assert not later.failures
    assert bench.reading.remove(later)
