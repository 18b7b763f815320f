"""A run that does not come back."""

from __future__ import annotations

import pytest

from horngate.batching.observer import Refusal
from horngate.batching.work import Work
from horngate.errors import EngineStuck
from tests.unit.batching.doubles import Bench


class StuckBench(Bench):
    """Calls ``meanwhile`` ten seconds into a run."""

    def __init__(self) -> None:
        super().__init__()
        self.servable.during = self._during
        self.gave_up: list[bool] = []
        self.waited: list[Work] = []
        self.errors: list[type[Exception]] = []

    def _during(self) -> None:
        if self.gave_up:
            return
        self.waited.append(self.submit([7]))
        self.clock.now += 5
        assert not self.scheduler.give_up(10)
        self.clock.now += 5
        self.gave_up.append(self.scheduler.give_up(10))
        self.gave_up.append(self.scheduler.give_up(10))
        assert self.scheduler.stuck
        try:
            self.submit([1])
        except EngineStuck as error:
            self.errors.append(type(error))


def test_its_callers_and_those_who_wait_are_told_once_and_nothing_is_taken() -> None:
    bench = StuckBench()
    first = bench.submit([1])
    bench.executor.turn()
    assert bench.gave_up == [True, False]
    assert bench.errors == [EngineStuck]
    for work in (first, *bench.waited):
        with pytest.raises(EngineStuck, match="within 10 s"):
            work.result()
    assert bench.observer.stuck_runs == [(1, 10.0)]
    assert bench.observer.refusals == [(Refusal.STUCK, 1), (Refusal.STUCK, 1)]


def test_once_it_came_back_the_model_is_served_again() -> None:
    bench = StuckBench()
    bench.submit([1])
    bench.executor.run_all()
    assert bench.observer.returned == [10.0]
    assert not bench.scheduler.stuck
    work = bench.submit([2])
    bench.executor.run_all()
    assert work.result()["y"].item() == 4


def test_a_version_on_its_way_out_is_drained_when_it_comes_back() -> None:
    bench = StuckBench()
    drained: list[bool] = []
    bench.submit([1])
    bench.scheduler.close(lambda: drained.append(bench.scheduler.stuck))
    bench.servable.during = lambda: None
    bench.executor.run_all()
    assert drained == [False]
