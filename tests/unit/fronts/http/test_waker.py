from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from horngate.fronts.http.waker import Waker


def test_what_many_threads_ask_for_is_all_called_on_the_loop() -> None:
    called: list[threading.Thread] = []

    async def wait_for_all() -> None:
        loop = asyncio.get_running_loop()
        waker, done = Waker(loop), asyncio.Event()

        def call() -> None:
            called.append(threading.current_thread())
            if len(called) == 500:
                done.set()

        def ask() -> None:
            for _ in range(100):
                waker.call(call)

        threads = [threading.Thread(target=ask) for _ in range(5)]
        for thread in threads:
            thread.start()
        await asyncio.wait_for(done.wait(), 10)
        for thread in threads:
            thread.join()

    asyncio.run(wait_for_all())
    assert called == [threading.current_thread()] * 500


def test_one_ring_wakes_the_loop_for_a_whole_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    rings: list[Callable[..., object]] = []

    async def wait() -> None:
        loop = asyncio.get_running_loop()
        waker, done = Waker(loop), asyncio.Event()
        ring = loop.call_soon_threadsafe

        def counted(function: Callable[..., object], *given: Any, **named: Any) -> asyncio.Handle:
            rings.append(function)
            return ring(function, *given, **named)

        monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
        for _ in range(50):
            waker.call(lambda: None)
        waker.call(done.set)
        await asyncio.wait_for(done.wait(), 10)

    asyncio.run(wait())
    assert len(rings) == 1


def test_one_that_raises_keeps_no_other_from_its_call() -> None:
    told: list[BaseException | None] = []

    async def wait() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context.get("exception")))
        waker, done = Waker(loop), asyncio.Event()

        def fail() -> None:
            raise KeyError("a defect")

        waker.call(fail)
        waker.call(done.set)
        await asyncio.wait_for(done.wait(), 10)

    asyncio.run(wait())
    assert [type(error) for error in told] == [KeyError]


def test_a_loop_that_is_closed_calls_nothing() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    Waker(loop).call(lambda: pytest.fail("called"))
