from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from horngate.batching.executor import Executor, ThreadExecutor
from horngate.batching.options import BatchingOptions
from horngate.batching.scheduler import Scheduler
from tests.unit.batching.doubles import DOUBLING, DoublingServable, ManualClock, Recorder

EXECUTORS: dict[str, Callable[[], Executor]] = {
    "one thread": lambda: ThreadExecutor(1, "test"),
    "two threads": lambda: ThreadExecutor(2, "test"),
}


@pytest.mark.parametrize("make", EXECUTORS.values(), ids=EXECUTORS.keys())
def test_every_request_of_many_threads_is_answered(make: Callable[[], Executor]) -> None:
    executor = make()
    scheduler = Scheduler(
        DoublingServable(),
        BatchingOptions(instances=2),
        executor,
        ManualClock(),
        Recorder(),
        alone={},
    )
    wrong: list[float] = []

    def ask(start: int) -> None:
        for value in range(start, start + 200):
            arrived = threading.Event()
            work = scheduler.submit(DOUBLING, {"x": np.array([[value]], np.float32)}, 1, None)
            work.on_done(arrived.set)
            if not arrived.wait(10) or work.result()["y"].item() != 2 * value:
                wrong.append(value)

    with ThreadPoolExecutor(8) as callers:
        list(callers.map(ask, range(0, 8000, 1000)))
    executor.stop()
    assert wrong == []
