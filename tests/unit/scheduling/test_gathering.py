from __future__ import annotations

import threading

import numpy as np

from horngate.scheduling.executor import ThreadExecutor
from horngate.scheduling.gathering import QUICK_SECONDS, Gatherer, GatheringExecutor
from horngate.scheduling.options import BatchingOptions
from horngate.scheduling.scheduler import Scheduler
from horngate.scheduling.work import Work
from tests.unit.scheduling.doubles import DOUBLING, DoublingServable, ManualClock, Recorder


class Setting:
    """A scheduler on a gathering executor, with a servable that notes the thread it runs on."""

    def __init__(self, options: BatchingOptions | None = None) -> None:
        self.gatherer = Gatherer()
        self.clock = ManualClock()
        self.servable = DoublingServable()
        self.ran_on: list[int] = []
        self.seconds = 0.0
        self.servable.during = self.note
        threads = ThreadExecutor(1, "test")
        self.executor = GatheringExecutor(self.gatherer, threads, self.clock)
        self.scheduler = Scheduler(
            self.servable, options or BatchingOptions(), self.executor, self.clock, Recorder()
        )

    def note(self) -> None:
        self.ran_on.append(threading.get_ident())
        self.clock.now += self.seconds

    def submit(self, value: float = 1.0) -> Work:
        return self.scheduler.submit(DOUBLING, {"x": np.array([[value]], np.float32)}, 1, None)

    def burst(self, calls: int = 1) -> list[Work]:
        self.gatherer.begin()
        works = [self.submit(value) for value in range(calls)]
        self.gatherer.run()
        return works

    def close(self) -> None:
        self.executor.stop()


def finished(work: Work) -> bool:
    arrived = threading.Event()
    work.on_done(arrived.set)
    return arrived.wait(10)


def test_a_burst_is_one_batch_on_the_thread_that_brought_it() -> None:
    setting = Setting()
    works = setting.burst(5)
    assert [work.result()["y"].item() for work in works] == [0, 2, 4, 6, 8]
    assert setting.servable.calls == [(5, 1)]
    assert setting.ran_on == [threading.get_ident()]
    setting.close()


def test_a_burst_of_more_rows_than_a_batch_runs_to_its_end() -> None:
    setting = Setting(BatchingOptions(max_batch_size=2))
    assert all(work.done for work in setting.burst(5))
    assert setting.servable.calls == [(2, 1), (2, 1), (1, 1)]
    setting.close()


def test_work_from_a_thread_that_does_not_gather_runs_on_the_models_own() -> None:
    setting = Setting()
    assert finished(setting.submit())
    assert setting.ran_on != [threading.get_ident()]
    setting.close()


def test_a_model_that_takes_long_runs_on_its_own_threads_from_then_on() -> None:
    setting = Setting()
    setting.seconds = 2 * QUICK_SECONDS
    setting.burst()
    (slow,) = setting.burst()
    assert finished(slow)
    assert setting.ran_on[0] == threading.get_ident()
    assert setting.ran_on[1] != threading.get_ident()
    setting.close()


def test_a_model_that_is_quick_again_comes_back() -> None:
    setting = Setting()
    setting.seconds = 2 * QUICK_SECONDS
    setting.burst()
    setting.seconds = 0.0
    for _ in range(20):
        (work,) = setting.burst()
        assert finished(work)
    assert setting.ran_on[-1] == threading.get_ident()
    setting.close()


def test_a_batch_that_waits_to_fill_up_is_run_by_the_models_own_thread() -> None:
    setting = Setting(BatchingOptions(max_queue_delay=0.01))
    (work,) = setting.burst()
    assert not work.done
    setting.clock.now += 1
    assert finished(work)
    assert setting.ran_on != [threading.get_ident()]
    setting.close()


def test_while_another_thread_runs_the_batch_a_burst_only_queues() -> None:
    setting = Setting()
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
    setting.close()
