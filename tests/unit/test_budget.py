"""Bytes that requests hold: refused where there is no room, and all given back in the end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from horngate.budget import UNCOUNTED, Budget, Share
from horngate.call import Call
from horngate.errors import Cancelled, Code, InvalidRequest, Overloaded
from horngate.telemetry.calls import CallFigures
from horngate.telemetry.metrics import Metrics

MIB = 1 << 20


def call_of(budget: Budget) -> Call:
    call = Call(0.0)
    call.budget = budget
    return call


def test_what_finds_no_room_is_told_to_come_again() -> None:
    budget = Budget(10 * MIB)
    Share(budget).take(7 * MIB)
    expected = f"room for {4 * MIB} bytes of tensors, found {7 * MIB} of {10 * MIB} held"
    with pytest.raises(Overloaded, match=expected):
        Share(budget).take(4 * MIB)
    assert (budget.used, budget.refused) == (7 * MIB, 1)


def test_what_can_never_fit_is_told_so() -> None:
    budget = Budget(10 * MIB)
    with pytest.raises(InvalidRequest, match=f"at most {10 * MIB} bytes, received one of 1153"):
        Share(budget).take(11 * MIB)
    share = Share(budget)
    share.take(6 * MIB)
    with pytest.raises(InvalidRequest, match=f"received one of {12 * MIB}"):
        share.take(6 * MIB)
    assert budget.used == 6 * MIB


def test_tensors_that_were_announced_are_counted_once() -> None:
    budget = Budget()
    call = call_of(budget)
    call.hold(MIB)
    call.expand(3 * MIB)
    call.hold_tensors(5 * MIB)
    assert budget.used == 6 * MIB
    call.hold_tensors(2 * MIB)
    assert budget.used == 8 * MIB
    with call.room(4 * MIB):
        assert budget.used == 12 * MIB
    call.end()
    assert budget.used == 0


def test_what_is_small_is_not_counted_by_itself() -> None:
    call = call_of(budget := Budget())
    call.hold(UNCOUNTED)
    assert (call.share, budget.used) == (None, 0)
    call.hold(UNCOUNTED + 1)
    call.hold(1)
    assert budget.used == UNCOUNTED + 2


def test_a_call_that_nobody_counts_holds_nothing() -> None:
    call = Call(0.0)
    call.expand(MIB)
    call.hold_tensors(MIB)
    with call.room(MIB):
        call.end()
    assert call.share is None


def test_a_run_holds_on_to_what_its_callers_left() -> None:
    budget = Budget()
    share = Share(budget)
    share.take(MIB)
    share.keep()
    share.drop()
    assert budget.used == MIB
    share.drop()
    assert budget.used == 0


def test_and_to_what_they_left_as_it_began() -> None:
    budget = Budget(MIB)
    share = Share(budget)
    share.take(MIB)
    share.drop()
    share.keep()
    assert budget.used == MIB
    share.drop()
    assert budget.used == 0


def test_a_call_has_the_budget_from_its_start_to_its_end() -> None:
    budget = Budget()
    calls = CallFigures((1.0,), budget)
    method: Any = SimpleNamespace(path="/p", protocol="p", name="n", predicts=False)
    calls.attach([method])
    for code in (Code.OK, Code.CANCELLED, Code.INTERNAL):
        calls.started(method, call := Call(0.0))
        call.hold(MIB)
        assert budget.used == MIB
        calls.finished(method, call, code, 0.1)
        assert (budget.used, call.budget) == (0, None)


def test_the_figures_tell_what_is_held() -> None:
    budget = Budget(10)
    with pytest.raises(InvalidRequest):
        budget.take(11)
    budget.take(3)
    text = Metrics(budget).exposition().decode()
    assert "\nhorngate_tensor_bytes_in_flight 3.0\n" in text
    assert "\nhorngate_tensor_bytes_limit 10.0\n" in text
    assert "\nhorngate_tensor_bytes_refused_total 1.0\n" in text


def test_a_call_that_has_ended_holds_nothing_more() -> None:
    budget = Budget()
    held, idle = call_of(budget), call_of(budget)
    held.hold(MIB)
    for call in (held, idle):
        call.end()
        call.end()
    with pytest.raises(Cancelled):
        held.hold(MIB)
    with pytest.raises(Cancelled):
        held.hold_tensors(MIB)
    idle.hold(MIB)
    assert budget.used == 0


def test_a_call_that_ends_while_another_thread_writes_its_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    budget = Budget()
    call = call_of(budget)

    def made(of: Budget) -> Share:
        share = Share(of)
        call.end()
        return share

    monkeypatch.setattr("horngate.call.Share", made)
    with pytest.raises(Cancelled):
        call.hold(MIB)
    assert budget.used == 0
