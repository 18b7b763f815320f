from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from horngate.store.cost import (
    BUDGET_SECONDS,
    BatchCost,
    measure,
    read_cost,
    this_machine,
    write_cost,
)
from horngate.store.manifest import CURVES
from tests.unit.batching.doubles import ManualClock


class Model:
    """Takes ``seconds(rows)`` of a clock for a run."""

    def __init__(self, seconds: Callable[[int], float], breaks_at: int = 1 << 30) -> None:
        self.clock = ManualClock()
        self.rows: list[int] = []
        self._seconds = seconds
        self._breaks_at = breaks_at

    def run(self, rows: int) -> None:
        if rows >= self._breaks_at:
            raise MemoryError("too many rows")
        self.rows.append(rows)
        self.clock.now += self._seconds(rows)

    def cost(self, largest: int = 1024) -> BatchCost:
        return measure(self.run, self.clock, 2, largest=largest)


def caches(rows: int) -> float:
    """72 us for the call, 20 us a row, and 40 us for each row past 64."""
    return 72e-6 + 20e-6 * rows + 40e-6 * max(0, rows - 64)


def test_the_best_batch_is_the_smallest_whose_rows_are_almost_the_cheapest() -> None:
    cost = Model(caches).cost()
    assert cost.best == 32  # 22.3 us a row; 64 rows cost 21.1, and 16 rows 24.5
    assert cost.points[0][1] == pytest.approx(92e-6)


def test_of_two_that_cost_almost_the_same_the_smaller_is_better() -> None:
    cost = BatchCost(((1, 1.0), (2, 1.05), (4, 2.0)), 0, "here")
    assert cost.best == 2


def test_a_model_for_which_batches_are_no_use_runs_row_by_row() -> None:
    assert Model(lambda rows: 1e-4 * rows**1.5).cost().best == 1


def test_measuring_ends_where_a_row_costs_more_again() -> None:
    model = Model(caches)
    assert model.cost().points[-1][0] == 256
    assert max(model.rows) == 256
    assert model.rows.count(256) == 2, "and no time is lost on what is past the best"


def test_measuring_ends_with_its_time() -> None:
    slow = Model(lambda rows: 0.1)
    cost = slow.cost()
    assert slow.clock.now - 100.0 <= BUDGET_SECONDS + 2 * 0.1
    assert cost.points[0][1] == pytest.approx(0.1)


def test_a_size_is_timed_several_times_and_the_fastest_counts() -> None:
    noise = iter([0.05, 0.003, 0.001, *[0.002] * 6])  # the first run is not timed
    assert Model(lambda rows: next(noise)).cost(largest=1).points[0][1] == pytest.approx(0.001)


def test_one_disturbed_run_does_not_decide_the_batch() -> None:
    disturbed = iter([False] * 4 + [True] + [False] * 1000)  # the first timed run of two rows

    def seconds(rows: int) -> float:
        return caches(rows) * (10 if next(disturbed) and rows == 2 else 1)

    assert Model(seconds).cost().best == Model(caches).cost().best


def test_rows_stay_within_what_a_request_may_carry() -> None:
    assert [rows for rows, _ in Model(lambda rows: 1e-6).cost(largest=20).points] == [
        1, 2, 4, 8, 16,
    ]  # fmt: skip


def test_a_batch_that_fails_ends_the_measurement_and_keeps_what_was_measured() -> None:
    cost = Model(lambda rows: 1e-4, breaks_at=8).cost()
    assert [rows for rows, _ in cost.points] == [1, 2, 4]


def test_a_model_that_fails_at_one_row_has_no_curve() -> None:
    with pytest.raises(MemoryError):
        Model(lambda rows: 1e-4, breaks_at=1).cost()


def test_a_curve_is_read_back_as_it_was_written_beside_another_engines(tmp_path: Path) -> None:
    first, second = (BatchCost(((1, 1e-4), (2, 1.5e-4)), threads, "here") for threads in (1, 2))
    write_cost(tmp_path, "onnx", first)
    write_cost(tmp_path, "tensorflow", second)
    assert read_cost(tmp_path, "onnx") == first
    assert read_cost(tmp_path, "tensorflow") == second


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"onnx": 3}', '{"onnx": {"seconds": {}}}',
             '{"onnx": {"seconds": {"0": 1}, "threads": 1, "machine": "x"}}',
             '{"onnx": {"seconds": {"1": -1}, "threads": 1, "machine": "x"}}'],
)  # fmt: skip
def test_a_record_that_cannot_be_read_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / CURVES
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert read_cost(tmp_path, "onnx") is None


def test_a_curve_names_the_machine_and_no_more(tmp_path: Path) -> None:
    write_cost(tmp_path, "onnx", Model(caches).cost())
    recorded = json.loads((tmp_path / CURVES).read_text())["onnx"]
    assert recorded["machine"] == this_machine()
    assert recorded["threads"] == 2
    assert set(recorded) == {"machine", "threads", "seconds"}
