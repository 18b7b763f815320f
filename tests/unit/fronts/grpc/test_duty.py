"""What the thread that watches sees of the one that receives."""

from __future__ import annotations

import errno
import time

import pytest

from horngate.fronts.grpc.duty import READING_SECONDS, Duty
from tests.unit.batching.doubles import ManualClock


@pytest.fixture
def spent(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the thread has had of a processor so far, in seconds."""
    told = [0.0]
    monkeypatch.setattr(time, "clock_gettime", lambda _: told[0])
    return told


@pytest.fixture
def duty(spent: list[float]) -> Duty:
    made = Duty(ManualClock())
    made.begin()
    made.look()
    return made


def test_who_waits_for_events_is_idle_and_not_held_up(duty: Duty) -> None:
    for _ in range(10):
        duty.look()
        assert duty.idle
        assert not duty.held_up(0.05)


def test_who_reads_and_takes_nothing_is_held_up_at_the_second_look(
    duty: Duty, spent: list[float]
) -> None:
    spent[0] += READING_SECONDS
    duty.look()
    assert not duty.idle
    assert not duty.held_up(0.05)
    spent[0] += READING_SECONDS
    duty.look()
    assert duty.held_up(0.05)


def test_who_takes_events_is_not(duty: Duty, spent: list[float]) -> None:
    for _ in range(10):
        spent[0] += 10 * READING_SECONDS
        duty.taken += 1
        duty.look()
        assert not duty.idle
        assert not duty.held_up(0.05)


def test_one_that_was_not_begun_is_idle() -> None:
    duty = Duty(ManualClock())
    duty.look()
    assert duty.idle
    assert not duty.held_up(0.05)


def test_a_thread_that_has_ended_is_no_error(duty: Duty, monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(_: int) -> float:
        raise OSError(errno.EINVAL, "no such clock")

    monkeypatch.setattr(time, "clock_gettime", ended)
    duty.look()
    assert not duty.held_up(0.05)
