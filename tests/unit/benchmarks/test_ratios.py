from __future__ import annotations

import pytest

from benchmarks.cell import Cell
from benchmarks.engine import Cost
from benchmarks.ratios import LARGE, MANY, MANY_FLOATS, ONE, Ratio, ratios
from benchmarks.results import EngineCost, Results
from tests.unit.benchmarks.figures import cell


def whole(pace: float = 1.0, number: int = 1) -> list[Cell]:
    return [
        cell("cpp-tensorflow", MANY, number, cpu_us=400 * pace),
        cell("cpp-echo", MANY, number, cpu_us=100 * pace),
        cell("native-onnx", MANY, number, cpu_us=100 * pace, batch_rows=15.6),
        cell("native-onnx", MANY_FLOATS, number, cpu_us=120 * pace),
        cell("native-onnx", LARGE, number, cpu_us=2000 * pace, batch_rows=128),
        cell("native-onnx", ONE, number, p50_us=300 * pace),
        cell("native-echo", ONE, number, p50_us=150 * pace),
        cell("native-tensorflow", MANY, number, cpu_us=200 * pace),
        cell("grpcio-onnx", MANY, number, cpu_us=300 * pace, batch_rows=8),
        cell("grpcio-echo", MANY, number, cpu_us=200 * pace),
    ]


def costs(pace: float = 1.0, number: int = 1) -> list[EngineCost]:
    calls = (Cost(1, 50 * pace, 45 * pace), Cost(8, 0, 400 * pace), Cost(128, 0, 3200 * pace))
    return [EngineCost(number, "onnx", each) for each in calls]


def found(*cells: Cell) -> Results:
    results = Results(costs=costs())
    results.cells = list(cells)
    return results


def test_every_promise_is_the_ratio_that_it_says() -> None:
    values = {each.number: each.value for each in ratios(found(*whole()))}
    assert values == pytest.approx(
        {
            1: 4.0,
            2: 1.0,
            3: (300 - 400 / 8) / 200,
            4: 3200 / 128 * 64 / 2000,
            5: 300 / (150 + 50),
            6: 1.2,
            7: 0.5,
        }
    )


def test_a_bound_is_held_from_its_own_side() -> None:
    least, most = (Ratio(1, "", sense, 3, None, value=2.0) for sense in ("at least", "at most"))
    assert (least.reached, most.reached) == (False, True)
    assert Ratio(1, "", "at most", 3, None).reached is None


def test_the_pace_of_the_machine_cancels_out_within_a_round() -> None:
    results = found(*whole(), *whole(3.0, number=2))
    results.costs += costs(3.0, number=2)
    for each in ratios(results):
        assert each.low == pytest.approx(each.high)


def test_the_median_of_the_rounds_is_held_against_the_bound() -> None:
    cells = []
    for number, ours in enumerate((100, 200, 50), 1):
        cells += [cell("cpp-tensorflow", MANY, number, cpu_us=400)]
        cells += [cell("native-onnx", MANY, number, cpu_us=ours)]
    first = ratios(found(*cells))[0]
    assert (first.value, first.low, first.high, first.reached) == (4, 2, 8, True)


def test_what_is_missing_is_named_with_its_reason() -> None:
    results = found(cell("cpp-tensorflow", MANY))
    results.skipped["native-onnx"] = "there is no compiled form"
    first = ratios(results)[0]
    assert first.value is None
    assert first.reason == "native-onnx: there is no compiled form"


def test_an_engine_that_was_not_measured_at_the_batch_is_said() -> None:
    results = found(*whole())
    results.costs = results.costs[:2]
    assert ratios(results)[3].reason == "engine onnx: not measured at 128 rows"
