from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from horngate.answer import Ticket
from horngate.errors import Cancelled
from horngate.fronts.http.waker import Waker


def test_answers_of_many_threads_all_arrive() -> None:
    tickets: list[Ticket[int]] = [Ticket() for _ in range(500)]

    def complete(share: list[Ticket[int]]) -> None:
        for number, ticket in enumerate(share):
            ticket.succeed(number)

    async def wait_for_all() -> int:
        waker = Waker(asyncio.get_running_loop())
        waits = [asyncio.create_task(waker.wait(ticket)) for ticket in tickets]
        await asyncio.sleep(0)  # every wait is registered before anything completes
        threads = [threading.Thread(target=complete, args=(tickets[n::5],)) for n in range(5)]
        for thread in threads:
            thread.start()
        await asyncio.wait_for(asyncio.gather(*waits), 10)
        for thread in threads:
            thread.join()
        return sum(ticket.result() for ticket in tickets)

    assert asyncio.run(wait_for_all()) == 5 * sum(range(100))


def test_an_answer_that_is_there_already_is_not_waited_for() -> None:
    async def wait() -> None:
        ticket: Ticket[int] = Ticket()
        ticket.succeed(1)
        await asyncio.wait_for(Waker(asyncio.get_running_loop()).wait(ticket), 5)

    asyncio.run(wait())


def test_one_ring_wakes_the_loop_for_a_whole_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    rings: list[object] = []

    async def wait() -> None:
        loop = asyncio.get_running_loop()
        waker = Waker(loop)
        tickets: list[Ticket[int]] = [Ticket() for _ in range(50)]
        waits = [asyncio.create_task(waker.wait(ticket)) for ticket in tickets]
        await asyncio.sleep(0)
        ring = loop.call_soon_threadsafe

        def counted(*given: Any, **named: Any) -> asyncio.Handle:
            rings.append(given)
            return ring(*given, **named)

        monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
        for ticket in tickets:
            ticket.succeed(1)
        await asyncio.gather(*waits)

    asyncio.run(wait())
    assert len(rings) == 1


def test_cancelling_the_wait_cancels_the_answer() -> None:
    ticket: Ticket[int] = Ticket()

    async def give_up() -> None:
        wait = asyncio.create_task(Waker(asyncio.get_running_loop()).wait(ticket))
        await asyncio.sleep(0)
        wait.cancel()
        with pytest.raises(asyncio.CancelledError):
            await wait

    asyncio.run(give_up())
    with pytest.raises(Cancelled):
        ticket.result()


def test_a_wait_that_its_watch_fails_cancels_the_answer() -> None:
    ticket: Ticket[int] = Ticket()

    def leave(waits: asyncio.Future[None]) -> None:
        waits.set_exception(Cancelled("the caller left"))

    async def left() -> None:
        with pytest.raises(Cancelled, match="left"):
            await Waker(asyncio.get_running_loop()).wait(ticket, leave)

    asyncio.run(left())
    with pytest.raises(Cancelled):
        ticket.result()
