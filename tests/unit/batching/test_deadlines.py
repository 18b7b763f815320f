"""What cannot be answered in time never reaches the engine."""

from __future__ import annotations

import pytest

from horngate.batching.observer import Refusal
from horngate.batching.options import BatchingOptions
from horngate.errors import Expired
from tests.unit.batching.doubles import Bench


def bench_that_takes(seconds: float, options: BatchingOptions | None = None) -> Bench:
    """A bench whose model has been seen to take ``seconds``."""
    bench = Bench(options)

    def during() -> None:
        bench.clock.now += seconds

    bench.servable.during = during
    bench.submit([0])
    bench.executor.run_all()
    bench.servable.calls.clear()
    return bench


def test_a_deadline_that_no_run_can_meet_is_refused_at_once() -> None:
    bench = bench_that_takes(0.1)
    with pytest.raises(Expired, match=r"a deadline of 0\.100 s or more, received 0\.050 s"):
        bench.submit([1], deadline=bench.clock.now + 0.05)
    assert bench.observer.refusals == [(Refusal.TOO_SHORT, 1)]
    assert bench.scheduler.waiting.requests == 0
    in_time = bench.submit([1], deadline=bench.clock.now + 0.11)
    bench.executor.run_all()
    assert in_time.result()["y"].item() == 2


def test_the_queue_ahead_counts() -> None:
    bench = bench_that_takes(0.1, BatchingOptions(max_batch_size=2))
    for _ in range(6):
        bench.submit([1])  # three batches
    with pytest.raises(Expired):
        bench.submit([1], deadline=bench.clock.now + 0.35)
    last = bench.submit([1], deadline=bench.clock.now + 0.45)
    bench.executor.run_all()
    assert last.result()["y"].item() == 2


def test_other_instances_work_the_queue_off_too() -> None:
    bench = bench_that_takes(0.1, BatchingOptions(max_batch_size=2, instances=2))
    for _ in range(4):
        bench.submit([1])
    bench.submit([1], deadline=bench.clock.now + 0.25)


def test_work_that_could_only_be_answered_too_late_is_not_run() -> None:
    bench = bench_that_takes(0.1)
    waiting = bench.submit([1], deadline=bench.clock.now + 0.15)
    bench.clock.now += 0.1
    bench.executor.run_all()
    assert bench.servable.calls == []
    assert bench.observer.refusals == [(Refusal.EXPIRED, 1)]
    with pytest.raises(Expired):
        waiting.result()


def test_a_model_that_was_slow_once_is_tried_again() -> None:
    bench = bench_that_takes(10.0)
    with pytest.raises(Expired):
        bench.submit([1], deadline=bench.clock.now + 0.1)
    bench.clock.now += 10
    bench.servable.during = lambda: None
    work = bench.submit([1], deadline=bench.clock.now + 0.1)
    bench.executor.run_all()
    assert work.result()["y"].item() == 2


def test_where_some_go_first_nothing_is_concluded_from_the_queue() -> None:
    bench = bench_that_takes(0.1, BatchingOptions(max_batch_size=2, priority_levels=2))
    for _ in range(6):
        bench.submit([1])
    bench.submit([1], deadline=bench.clock.now + 0.15)


def test_requests_that_run_alone_wait_for_each_one_before_them() -> None:
    bench = bench_that_takes(0.1, BatchingOptions(enabled=False))
    for _ in range(5):
        bench.submit([1])
    with pytest.raises(Expired):
        bench.submit([1], deadline=bench.clock.now + 0.55)
    bench.submit([1], deadline=bench.clock.now + 0.65)
