from __future__ import annotations

import pytest

from benchmarks.cell import Cell
from benchmarks.engine import Cost
from benchmarks.load import MANY
from benchmarks.ratios import (
    BINARY,
    JSON_V1,
    JSON_V2,
    LARGE,
    MANY_FLOATS,
    ONE,
    SOME,
    Ratio,
    ratios,
)
from benchmarks.results import EngineCost, Results, Started
from tests.unit.benchmarks.figures import cell


def whole(pace: float = 1.0, number: int = 1) -> list[Cell]:
    return [
        cell("cpp-tensorflow", MANY, number, cpu_us=400 * pace),
        cell("kserve", MANY, number, cpu_us=700 * pace),
        cell("pytriton", MANY, number, cpu_us=800 * pace),
        cell("limit", MANY, number, cpu_us=80 * pace),
        cell("horngate", MANY, number, cpu_us=100 * pace, batch_rows=15.6),
        cell("horngate-tls", MANY, number, cpu_us=125 * pace),
        cell("horngate-64", MANY, number, cpu_us=103 * pace),
        cell("horngate", MANY_FLOATS, number, cpu_us=120 * pace),
        cell("horngate", LARGE, number, cpu_us=2000 * pace, batch_rows=128, run_us=1700 * pace),
        cell("horngate", SOME, number, cpu_us=110 * pace),
        cell("horngate", BINARY, number, cpu_us=220 * pace),
        cell("horngate", JSON_V2, number, cpu_us=550 * pace),
        cell("horngate", JSON_V1, number, cpu_us=660 * pace),
        cell("horngate", ONE, number, p50_us=300 * pace),
        cell("cpp-tensorflow", ONE, number, p50_us=750 * pace),
        cell("core-echo", ONE, number, p50_us=150 * pace),
    ]


def costs(pace: float = 1.0, number: int = 1) -> list[EngineCost]:
    calls = (Cost(1, 50 * pace, 45 * pace), Cost(128, 0, 3200 * pace))
    return [EngineCost(number, each) for each in calls]


def found(*cells: Cell) -> Results:
    results = Results(costs=costs(), starts=[Started(1, 0.4, 113)])
    results.cells = list(cells)
    return results


def test_every_promise_is_the_ratio_that_it_says() -> None:
    values = {each.number: each.value for each in ratios(found(*whole()))}
    assert values == pytest.approx(
        {
            1: 4.0,
            2: 3.2,
            3: 1.25,
            4: 0.4,
            5: 300 / (150 + 50),
            6: 3200 / 128 * 64 / 2000,
            7: 0.85,
            8: 1.2,
            9: 7.0,
            10: 8.0,
            11: 2.0,
            12: 5.0,
            13: 6.0,
            14: 1.03,
            15: 0.4,
            16: 113,
        }
    )


def test_a_bound_is_held_from_its_own_side() -> None:
    least, most = (Ratio(1, "", "", sense, 3, value=2.0) for sense in ("at least", "at most"))
    assert (least.reached, most.reached) == (False, True)
    assert Ratio(1, "", "", "at most", 3).reached is None


def test_the_pace_of_the_machine_cancels_out_within_a_round() -> None:
    results = found(*whole(), *whole(3.0, number=2))
    results.costs += costs(3.0, number=2)
    for each in ratios(results)[:-2]:  # the last two are of no load
        assert each.low == pytest.approx(each.high)


def test_the_median_of_the_rounds_is_held_against_the_bound() -> None:
    cells = []
    for number, ours in enumerate((100, 200, 50), 1):
        cells += [cell("cpp-tensorflow", MANY, number, cpu_us=500)]
        cells += [cell("horngate", MANY, number, cpu_us=ours)]
    first = ratios(found(*cells))[0]
    assert (first.value, first.low, first.high, first.reached) == (5, 2.5, 10, True)


def test_what_is_missing_is_named_with_its_reason() -> None:
    results = found(cell("cpp-tensorflow", MANY))
    results.skipped["horngate"] = "there is no compiled form"
    first = ratios(results)[0]
    assert first.value is None
    assert first.reason == "horngate: there is no compiled form"


def test_an_engine_that_was_not_measured_at_the_batch_is_said() -> None:
    results = found(*whole())
    results.costs = results.costs[:1]
    assert ratios(results)[5].reason == "engine: not measured at 128 rows"
