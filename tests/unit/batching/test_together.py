from __future__ import annotations

import pytest

from horngate.answer import Ticket, Together
from horngate.errors import Cancelled, EngineFailed


def test_it_is_done_when_the_last_is_and_keeps_the_order() -> None:
    first, second = Ticket[int](), Ticket[int]()
    both = Together([first, second])
    calls: list[list[int]] = []
    both.on_done(lambda: calls.append(both.result()))
    second.succeed(2)
    assert calls == []
    first.succeed(1)
    assert calls == [[1, 2]]


def test_answers_that_are_there_already_are_done_at_once() -> None:
    ticket = Ticket[int]()
    ticket.succeed(1)
    calls: list[int] = []
    Together([ticket]).on_done(lambda: calls.append(1))
    assert calls == [1]


def test_the_first_that_failed_is_the_error() -> None:
    tickets = [Ticket[int](), Ticket[int](), Ticket[int]()]
    tickets[0].succeed(1)
    tickets[1].fail(EngineFailed("one"))
    tickets[2].fail(EngineFailed("two"))
    with pytest.raises(EngineFailed, match="one"):
        Together(tickets).result()


def test_cancelling_cancels_all() -> None:
    tickets = [Ticket[int](), Ticket[int]()]
    Together(tickets).cancel()
    for ticket in tickets:
        with pytest.raises(Cancelled):
            ticket.result()
