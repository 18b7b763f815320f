"""What becomes of the budget, whatever becomes of the requests."""

from __future__ import annotations

import contextlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from horngate.batching.options import BatchingOptions
from horngate.batching.work import Work
from horngate.budget import Budget, Share
from horngate.errors import RequestError
from tests.unit.batching.doubles import DOUBLING, Bench

ROW = 1000
"""Bytes of a row; every request is counted here."""


class Callers:
    """Callers of a bench who hold of a budget, and let go of it when their calls end."""

    def __init__(self, options: BatchingOptions, most: int) -> None:
        self.bench = Bench(options)
        self.budget = Budget(most)
        self.open: list[tuple[Work, Share]] = []

    def ask(
        self, rows: int, width: int, *, seconds: float | None = None, bad: bool = False
    ) -> None:
        share = Share(self.budget)
        x = np.full((rows, width), np.nan if bad else 1, np.float32)
        deadline = None if seconds is None else self.bench.clock.now + seconds
        try:
            share.take(x.nbytes)
            work = self.bench.scheduler.submit(DOUBLING, {"x": x}, rows, deadline, share=share)
        except RequestError:
            share.drop()
            return
        self.open.append((work, share))
        work.on_done(lambda: self._end(work, share))

    def leave(self, index: int) -> None:
        if self.open:
            self.open[index % len(self.open)][0].cancel()

    def _end(self, work: Work, share: Share) -> None:
        self.open.remove((work, share))
        share.drop()


def test_a_batch_that_finds_no_room_to_be_joined_runs_one_by_one() -> None:
    callers = Callers(BatchingOptions(), most=3 * 4 * ROW)
    callers.ask(1, ROW)
    callers.ask(1, ROW)
    first, second = (work for work, _ in callers.open)
    callers.bench.executor.run_all()
    assert callers.bench.servable.calls == [(1, ROW), (1, ROW)]
    assert callers.bench.observer.failures == []
    assert [work.result()["y"].shape for work in (first, second)] == [(1, ROW), (1, ROW)]
    assert callers.budget.used == 0


def test_a_batch_holds_what_joins_it_while_it_runs() -> None:
    callers = Callers(BatchingOptions(), most=4 * 4 * ROW)
    callers.ask(1, ROW)
    callers.ask(1, ROW)
    held: list[int] = []
    callers.bench.servable.during = lambda: held.append(callers.budget.used)
    callers.bench.executor.run_all()
    assert held == [4 * 4 * ROW]
    assert callers.budget.used == 0


def test_a_run_whose_callers_left_holds_their_tensors_until_it_comes_back() -> None:
    callers = Callers(BatchingOptions(), most=100 * ROW)
    callers.ask(1, ROW)
    held: list[int] = []

    def leave() -> None:
        callers.leave(0)
        held.append(callers.budget.used)

    callers.bench.servable.during = leave
    callers.bench.executor.run_all()
    assert held == [4 * ROW]
    assert callers.budget.used == 0


def test_a_run_that_is_given_up_holds_them_as_long() -> None:
    callers = Callers(BatchingOptions(), most=100 * ROW)
    callers.ask(1, ROW)
    held: list[int] = []

    def give_up() -> None:
        callers.bench.clock.now += 60
        assert callers.bench.scheduler.give_up(10)
        held.append(callers.budget.used)

    callers.bench.servable.during = give_up
    callers.bench.executor.run_all()
    assert held == [4 * ROW]
    assert callers.budget.used == 0


ASK = st.tuples(
    st.just("ask"), st.integers(1, 5), st.integers(0, 50), st.sampled_from([None, 0.0, 0.5, 9.0])
)
STEPS = st.one_of(
    ASK,
    st.tuples(st.just("bad"), st.integers(1, 3), st.integers(1, 50), st.none()),
    st.tuples(st.just("leave"), st.integers(0, 20), st.just(0), st.none()),
    st.tuples(st.sampled_from(["run", "wait", "abort"]), st.just(0), st.just(0), st.none()),
    st.tuples(st.just("leave during"), st.integers(0, 20), st.just(0), st.none()),
)
OPTIONS = st.builds(
    BatchingOptions,
    max_batch_size=st.just(8),
    max_queue_rows=st.sampled_from([8, 4096]),
    allowed_batch_sizes=st.sampled_from([(), (2, 8)]),
    pad_variable_length_inputs=st.booleans(),
)


@settings(max_examples=300, deadline=None)
@given(OPTIONS, st.integers(200, 5000), st.lists(STEPS, max_size=25))
def test_whatever_happens_all_is_given_back(
    options: BatchingOptions, most: int, steps: list[tuple[str, int, int, float | None]]
) -> None:
    callers = Callers(options, most)
    bench = callers.bench
    for kind, number, width, seconds in steps:
        match kind:
            case "ask" | "bad":
                callers.ask(number, width, seconds=seconds, bad=kind == "bad")
            case "leave":
                callers.leave(number)
            case "run":
                bench.executor.turn()
            case "wait":
                bench.clock.now += 1
            case "abort":
                bench.scheduler.abort()
            case "leave during":
                bench.servable.during = lambda number=number: callers.leave(number)  # type: ignore[misc]  # bound now
        assert callers.budget.used >= 0
    with contextlib.suppress(RequestError):
        bench.executor.run_all()
    assert callers.open == []
    assert callers.budget.used == 0
