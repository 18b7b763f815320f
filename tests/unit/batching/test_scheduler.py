from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from horngate.batching.observer import Refusal
from horngate.batching.options import BatchingOptions
from horngate.batching.scheduler import SchedulerClosed
from horngate.errors import Cancelled, Expired, Overloaded, ShuttingDown
from tests.unit.batching.doubles import DOUBLING, UNBATCHED, Bench


def test_of_three_callers_in_a_batch_the_cancelled_second_harms_neither_neighbour(
    bench: Bench,
) -> None:
    first, second, third = (bench.submit([value]) for value in (1, 2, 3))
    second.cancel()
    bench.executor.run_all()
    assert first.result()["y"].tolist() == [[2]]
    assert third.result()["y"].tolist() == [[6]]
    with pytest.raises(Cancelled):
        second.result()
    assert bench.servable.calls == [(2, 1)], "the cancelled row must not reach the engine"
    assert bench.observer.refusals == [(Refusal.CANCELLED, 1)]


def test_cancelling_while_the_batch_runs_harms_neither_neighbour(bench: Bench) -> None:
    first, second, third = (bench.submit([value]) for value in (1, 2, 3))
    bench.servable.during = second.cancel
    bench.executor.run_all()
    assert [first.result()["y"].item(), third.result()["y"].item()] == [2, 6]
    with pytest.raises(Cancelled):
        second.result()


def test_what_queues_while_the_engine_runs_is_the_next_batch(bench: Bench) -> None:
    bench.submit([1])
    late: list[object] = []
    bench.servable.during = lambda: late.extend(
        [bench.submit([5]), bench.submit([6])] if not late else []
    )
    bench.executor.run_all()
    assert bench.servable.calls == [(1, 1), (2, 1)]


def test_batches_are_counted_in_rows_and_large_work_is_never_cut() -> None:
    bench = Bench(BatchingOptions(max_batch_size=4))
    bench.submit([1], [1], [1])
    bench.submit([2], [2])
    bench.submit([3])
    bench.submit(*[[4]] * 9)
    bench.executor.run_all()
    assert bench.servable.calls == [(3, 1), (3, 1), (9, 1)]


def test_other_shapes_and_signatures_without_a_batch_dimension_run_apart(bench: Bench) -> None:
    bench.submit([1])
    bench.submit([1, 2])
    bench.submit([3])
    whole = [
        bench.scheduler.submit(UNBATCHED, {"x": np.ones(3, np.float32)}, 1, None) for _ in range(2)
    ]
    bench.executor.run_all()
    assert bench.servable.calls == [(2, 1), (1, 2), (3,), (3,)]
    assert whole[1].result()["y"].tolist() == [2, 2, 2]


def test_with_batching_off_every_request_runs_alone() -> None:
    bench = Bench(BatchingOptions(enabled=False))
    bench.submit([1])
    bench.submit([2])
    bench.executor.run_all()
    assert bench.servable.calls == [(1, 1), (1, 1)]


def test_a_passed_deadline_costs_no_engine_time(bench: Bench) -> None:
    soon = bench.submit([1], deadline=bench.clock.now + 1)
    later = bench.submit([2], deadline=bench.clock.now + 9)
    bench.clock.now += 2
    bench.executor.run_all()
    with pytest.raises(Expired, match="deadline passed"):
        soon.result()
    assert later.result()["y"].item() == 4
    assert bench.servable.calls == [(1, 1)]
    with pytest.raises(Expired):
        bench.submit([3], deadline=bench.clock.now)
    assert bench.observer.refusals == [(Refusal.EXPIRED, 1)] * 2


def test_giving_up_at_the_deadline_counts_as_expired_and_earlier_as_cancelled(bench: Bench) -> None:
    impatient = bench.submit([1], deadline=bench.clock.now + 10)
    overdue = bench.submit([2], deadline=bench.clock.now + 1)
    bench.clock.now += 0.99
    impatient.cancel()
    overdue.cancel()
    assert bench.observer.refusals == [(Refusal.CANCELLED, 1), (Refusal.EXPIRED, 1)]


def test_a_full_queue_refuses_at_once_and_takes_again_when_there_is_room() -> None:
    bench = Bench(BatchingOptions(max_batch_size=2, max_queue_rows=3))
    accepted = [bench.submit([1]), bench.submit([2], [2])]
    with pytest.raises(Overloaded, match=r"room for 1 rows, found 3 of 3 waiting; retry"):
        bench.submit([3])
    accepted[1].cancel()
    accepted.append(bench.submit([4]))
    bench.executor.run_all()
    assert accepted[2].result()["y"].item() == 8
    assert bench.scheduler.waiting.rows == 0
    assert (Refusal.QUEUE_FULL, 1) in bench.observer.refusals


def test_an_empty_queue_takes_a_request_larger_than_itself() -> None:
    bench = Bench(BatchingOptions(max_batch_size=2, max_queue_rows=2))
    work = bench.submit([1], [2], [3])
    bench.executor.run_all()
    assert len(work.result()["y"]) == 3


def test_a_delay_waits_for_company_and_a_full_batch_does_not_wait() -> None:
    bench = Bench(BatchingOptions(max_batch_size=2, max_queue_delay=0.5))
    bench.submit([1])
    assert bench.executor.turn() == pytest.approx(0.5)
    assert bench.servable.calls == []
    bench.clock.now += 0.1
    bench.submit([2])
    assert bench.executor.turn() == 0
    assert bench.servable.calls == [(2, 1)]
    bench.submit([3])
    bench.clock.now += 0.6
    bench.executor.run_all()
    assert bench.servable.calls == [(2, 1), (1, 1)]


def test_lanes_take_turns() -> None:
    bench = Bench(BatchingOptions(max_batch_size=1))
    for _ in range(3):
        bench.submit([1])
    bench.submit([1, 2])
    bench.executor.run_all()
    assert bench.servable.calls == [(1, 1), (1, 2), (1, 1), (1, 1)]


def test_waits_and_times_are_told_in_seconds(bench: Bench) -> None:
    bench.submit([1])
    bench.clock.now += 2

    def pass_time() -> None:
        bench.clock.now += 3

    bench.servable.during = pass_time
    bench.executor.run_all()
    assert bench.observer.batches == [("serving_default", 1, [2], 3)]


def test_closing_takes_nothing_more_and_tells_when_the_last_work_is_done(bench: Bench) -> None:
    works = [bench.submit([1]), bench.submit([2, 2])]
    drained: list[str] = []
    bench.scheduler.close(lambda: drained.append("once"))
    with pytest.raises(SchedulerClosed):
        bench.submit([3])
    assert not drained
    bench.executor.turn()
    assert not drained, "one batch is still queued"
    bench.executor.run_all()
    assert drained == ["once"]
    assert works[1].result()["y"].tolist() == [[4, 4]]


def test_an_idle_scheduler_is_drained_at_once_and_a_cancel_can_drain_it() -> None:
    idle, waiting = Bench(), Bench()
    drained: list[str] = []
    idle.scheduler.close(lambda: drained.append("idle"))
    work = waiting.submit([1])
    waiting.scheduler.close(lambda: drained.append("waiting"))
    assert drained == ["idle"]
    work.cancel()
    assert drained == ["idle", "waiting"]


def test_aborting_refuses_what_is_queued(bench: Bench) -> None:
    work = bench.submit([1])
    bench.scheduler.abort()
    with pytest.raises(ShuttingDown):
        work.result()
    assert bench.observer.refusals == [(Refusal.SHUTTING_DOWN, 1)]


@given(
    sizes=st.lists(st.integers(1, 7), min_size=1, max_size=30),
    limit=st.integers(1, 10),
    cancelled=st.sets(st.integers(0, 29)),
)
def test_everyone_gets_their_own_rows_whatever_the_mix(
    sizes: list[int], limit: int, cancelled: set[int]
) -> None:
    bench = Bench(BatchingOptions(max_batch_size=limit))
    works = [
        bench.submit(*[[index * 100.0 + row] for row in range(size)])
        for index, size in enumerate(sizes)
    ]
    for index in cancelled & set(range(len(works))):
        works[index].cancel()
    bench.executor.run_all()
    for index, (work, size) in enumerate(zip(works, sizes, strict=True)):
        if index in cancelled:
            with pytest.raises(Cancelled):
                work.result()
        else:
            expected = [[2 * (index * 100.0 + row)] for row in range(size)]
            assert work.result()["y"].tolist() == expected
    assert all(shape[0] <= max(limit, *sizes) for shape in bench.servable.calls)
    assert bench.scheduler.waiting.rows == 0


def test_work_of_a_higher_priority_runs_first_where_there_are_levels() -> None:
    bench = Bench(BatchingOptions(priority_levels=3))
    x = np.ones((1, 1), np.float32)
    order: list[int] = []
    for number, priority in enumerate((0, 3, 2, 1, 9, 1)):
        work = bench.scheduler.submit(DOUBLING, {"x": x}, 1, None, priority)
        work.on_done(partial(order.append, number))
    bench.executor.run_all()
    assert order == [3, 5, 2, 0, 1, 4]
    assert bench.servable.calls == [(2, 1), (1, 1), (3, 1)]


def test_priorities_mean_nothing_where_there_are_no_levels(bench: Bench) -> None:
    x = np.ones((1, 1), np.float32)
    for priority in (0, 2, 1):
        bench.scheduler.submit(DOUBLING, {"x": x}, 1, None, priority)
    bench.executor.run_all()
    assert bench.servable.calls == [(3, 1)]


def test_cancelled_work_of_a_level_leaves_the_queue() -> None:
    bench = Bench(BatchingOptions(priority_levels=2))
    work = bench.scheduler.submit(DOUBLING, {"x": np.ones((1, 1), np.float32)}, 1, None, 1)
    work.cancel()
    assert bench.scheduler.waiting == (0, 0)
    bench.executor.run_all()
    assert bench.servable.calls == []
