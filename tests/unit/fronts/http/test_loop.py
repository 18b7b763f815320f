from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from horngate.fronts.http.loop import Loop


class Running:
    """A loop that runs until its test ends."""

    def __init__(self) -> None:
        self.loop = Loop(time.monotonic)
        self.ends = asyncio.Event()
        self.told: list[BaseException | None] = []
        self.loop.start(self._main)

    async def _main(self) -> None:
        handler = asyncio.get_running_loop().set_exception_handler
        handler(lambda _, context: self.told.append(context.get("exception")))
        await self.ends.wait()

    def do(self, *functions: Callable[[], object]) -> None:
        """Have them called in one turn, and wait for that."""
        done = threading.Event()

        def call_all() -> None:
            for each in functions:
                self.loop.call(each)  # type: ignore[arg-type]  # what it returns is of no interest
            self.loop.call(done.set)

        self.loop.call(call_all)
        assert done.wait(10)


@pytest.fixture
def running() -> Iterator[Running]:
    made = Running()
    yield made
    made.loop.stop(made.ends.set)


def test_what_many_threads_ask_for_is_all_called_on_the_loop(running: Running) -> None:
    called: list[bool] = []

    def ask() -> None:
        for _ in range(100):
            running.loop.call(lambda: called.append(running.loop.here))

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    running.do()
    assert called == [True] * 500
    assert not running.loop.here


def test_one_ring_wakes_the_loop_for_a_whole_batch(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    rings: list[object] = []
    ring = running.loop._wake

    def counted() -> None:
        before = running.loop._woken
        ring()
        if not before:
            rings.append(None)

    monkeypatch.setattr(running.loop, "_wake", counted)
    held = threading.Event()
    running.loop.call(lambda: held.wait(10))  # type: ignore[arg-type]  # what it returns is of no interest
    running.loop.call(rings.clear)
    for _ in range(50):
        running.loop.call(lambda: None)
    held.set()
    running.do()
    assert len(rings) <= 2, "for all of them, and for the end of this test"


def test_one_that_raises_keeps_no_other_from_its_call(running: Running) -> None:
    called: list[str] = []

    def fail() -> None:
        raise KeyError("a defect")

    running.do(fail, lambda: called.append("the other"))
    assert called == ["the other"]
    assert [type(error) for error in running.told] == [KeyError]


def test_a_burst_is_one_turn_of_the_loop(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    seen: list[Any] = []

    def come() -> None:
        burst = running.loop.burst()
        monkeypatch.setattr(burst, "relieve", lambda: told.append("woken"))
        told.append("came")
        seen.append(burst)

    running.do(come, come)
    running.do()
    running.do(come)
    running.do()
    assert told == ["came", "came", "woken", "came", "woken"]
    assert len({id(each) for each in seen}) == 1


def test_a_loop_that_never_ran_calls_nothing() -> None:
    loop = Loop(time.monotonic)
    loop.stop(lambda: pytest.fail("called"))
    loop.call(lambda: pytest.fail("called"))
    loop.beside(lambda: pytest.fail("called"))
