from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from horngate.batching.executor import QUICK_SECONDS, Burst, BurstExecutor, ThreadExecutor
from horngate.batching.options import BatchingOptions
from horngate.batching.scheduler import Scheduler
from horngate.batching.work import Work
from tests.unit.batching.doubles import DOUBLING, DoublingServable, ManualClock, Recorder


class Setting:
    """A scheduler on a burst executor, with a servable that notes the thread it runs on."""

    def __init__(self, options: BatchingOptions | None = None) -> None:
        self.clock = ManualClock()
        self.servable = DoublingServable()
        self.ran_on: list[int] = []
        self.seconds = 0.0
        self.servable.during = self.note
        threads = ThreadExecutor(1, "test")
        self.executor = BurstExecutor(threads)
        self.scheduler = Scheduler(
            self.servable,
            options or BatchingOptions(),
            self.executor,
            self.clock,
            Recorder(),
            alone={},
        )

    def note(self) -> None:
        self.ran_on.append(threading.get_ident())
        self.clock.now += self.seconds

    def submit(self, value: float = 1.0, burst: Burst | None = None) -> Work:
        x = np.array([[value]], np.float32)
        return self.scheduler.submit(DOUBLING, {"x": x}, 1, None, burst=burst)

    def burst(self, calls: int = 1) -> list[Work]:
        burst = Burst(self.clock)
        burst.open()
        works = [self.submit(value, burst) for value in range(calls)]
        while burst.run():
            pass
        return works

    def close(self) -> None:
        self.executor.stop()


@pytest.fixture
def setting() -> Iterator[Setting]:
    made = Setting()
    yield made
    made.close()


def finished(work: Work) -> bool:
    arrived = threading.Event()
    work.on_done(arrived.set)
    return arrived.wait(10)


def test_a_burst_is_one_batch_on_the_thread_that_brought_it(setting: Setting) -> None:
    works = setting.burst(5)
    assert [work.result()["y"].item() for work in works] == [0, 2, 4, 6, 8]
    assert setting.servable.calls == [(5, 1)]
    assert setting.ran_on == [threading.get_ident()]


def test_a_burst_of_more_rows_than_a_batch_runs_to_its_end() -> None:
    setting = Setting(BatchingOptions(max_batch_size=2))
    assert all(work.done for work in setting.burst(5))
    assert setting.servable.calls == [(2, 1), (2, 1), (1, 1)]
    setting.close()


def test_work_from_a_thread_that_brings_no_burst_runs_on_the_models_own(setting: Setting) -> None:
    assert finished(setting.submit())
    assert setting.ran_on != [threading.get_ident()]


def test_a_model_that_takes_long_runs_on_its_own_threads_from_then_on(setting: Setting) -> None:
    setting.seconds = 2 * QUICK_SECONDS
    setting.burst()
    (slow,) = setting.burst()
    assert finished(slow)
    assert setting.ran_on[0] == threading.get_ident()
    assert setting.ran_on[1] != threading.get_ident()


def test_a_model_that_is_quick_again_comes_back(setting: Setting) -> None:
    setting.seconds = 2 * QUICK_SECONDS
    setting.burst()
    setting.seconds = 0.0
    for _ in range(20):
        (work,) = setting.burst()
        assert finished(work)
    assert setting.ran_on[-1] == threading.get_ident()


def test_a_batch_that_waits_to_fill_up_is_run_by_the_models_own_thread() -> None:
    setting = Setting(BatchingOptions(max_queue_delay=0.01))
    (work,) = setting.burst()
    assert not work.done
    setting.clock.now += 1
    assert finished(work)
    assert setting.ran_on != [threading.get_ident()]
    setting.close()


def test_while_another_thread_runs_the_batch_a_burst_only_queues(setting: Setting) -> None:
    running, go_on = threading.Event(), threading.Event()

    def block() -> None:
        setting.note()
        running.set()
        assert go_on.wait(10)

    setting.servable.during = block
    first = setting.submit()
    assert running.wait(10)
    setting.servable.during = setting.note
    (second,) = setting.burst()
    assert not second.done
    go_on.set()
    assert finished(first)
    assert finished(second)
    assert threading.get_ident() not in setting.ran_on


class Neighbours:
    """Two models whose runs take a millisecond each, on one receiving thread."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.order: list[str] = []
        self.executors: list[BurstExecutor] = []
        self.schedulers = {name: self._scheduler(name) for name in ("busy", "quiet")}
        self.burst = Burst(self.clock)

    def _scheduler(self, name: str) -> Scheduler:
        servable = DoublingServable()

        def during() -> None:
            self.order.append(name)
            self.clock.now += 0.001

        servable.during = during
        executor = BurstExecutor(ThreadExecutor(1, name))
        self.executors.append(executor)
        options = BatchingOptions(max_batch_size=1)
        return Scheduler(servable, options, executor, self.clock, Recorder(), alone={})

    def submit(self, name: str) -> Work:
        x = np.ones((1, 1), np.float32)
        return self.schedulers[name].submit(DOUBLING, {"x": x}, 1, None, burst=self.burst)

    def close(self) -> None:
        for executor in self.executors:
            executor.stop()


@pytest.fixture
def both() -> Iterator[Neighbours]:
    made = Neighbours()
    yield made
    made.close()


def test_models_take_turns_batch_by_batch(both: Neighbours) -> None:
    both.burst.open()
    for _ in range(3):
        both.submit("busy")
    both.submit("quiet")
    while both.burst.run():
        pass
    assert both.order == ["busy", "quiet", "busy", "busy"]


def test_a_long_queue_is_left_for_a_moment_so_that_callers_are_heard(both: Neighbours) -> None:
    both.burst.open()
    for _ in range(100):
        both.submit("busy")
    assert both.burst.run()
    assert len(both.order) <= 6
    both.burst.open()
    both.submit("quiet")
    both.burst.run()
    assert "quiet" in both.order[:8]
    while both.burst.run():
        pass
    assert len(both.order) == 101


def test_a_thread_that_is_held_up_leaves_the_rest_to_the_models_own(both: Neighbours) -> None:
    stuck, go_on = threading.Event(), threading.Event()

    def block() -> None:
        stuck.set()
        assert go_on.wait(10)

    servable = DoublingServable()
    servable.during = block
    executor = BurstExecutor(ThreadExecutor(1, "stuck"))
    both.executors.append(executor)
    both.schedulers["stuck"] = Scheduler(
        servable, BatchingOptions(), executor, both.clock, Recorder(), alone={}
    )
    works: list[Work] = []

    def receive() -> None:
        both.burst.open()
        works.extend([both.submit("stuck"), both.submit("quiet")])
        both.burst.run()

    thread = threading.Thread(target=receive)
    thread.start()
    assert stuck.wait(10)
    assert not both.burst.held_up(1.0)
    both.clock.now += 2
    assert both.burst.held_up(1.0)
    both.burst.relieve()
    assert finished(works[1])
    assert not works[0].done
    go_on.set()
    thread.join()
    assert finished(works[0])
