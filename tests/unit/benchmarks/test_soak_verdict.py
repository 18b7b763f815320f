from __future__ import annotations

from typing import Any

import pytest

from benchmarks.soak.contents import KINDS, expected
from benchmarks.soak.sampler import Sample
from benchmarks.soak.tally import Tally
from benchmarks.soak.verdict import judge, percentile


def tally(**changes: Any) -> dict[str, Any]:
    """Steady answers within 10 ms, and during swaps as well."""
    plain = Tally().plain()
    plain["latencies"] = [
        (0.0, phase, milliseconds / 10_000)
        for phase in ("steady", "swaps")
        for milliseconds in range(1, 101)
    ]
    plain["good"] = {"Predict": 150, "ModelInfer": 50}
    plain["mischief"] = {"cancelled: CANCELLED": 7}
    return plain | changes


def samples(steady: float = 100.0, quiet: float = 100.0, handles: int = 40) -> list[Sample]:
    return [
        *[Sample(float(at), "steady", steady, 40, 9) for at in range(4)],
        *[Sample(float(at), "quiet", quiet, handles, 9) for at in range(4, 8)],
    ]


def test_a_run_without_trouble_breaks_no_promise() -> None:
    found = judge(tally(), samples(), swaps=95, swaps_due=100)
    assert found.broken == ()
    assert (found.good, found.mischief) == (200, 7)
    assert found.p50["steady"] == pytest.approx(5.05)
    assert found.p99["swaps"] == pytest.approx(9.999, abs=0.01)
    assert found.resident == (100.0, 100.0)


@pytest.mark.parametrize(
    ("changes", "held", "swaps", "told"),
    [
        ({"wrong": ["Predict: version 3 answered 4, not 5"]}, samples(), 100, "no wrong answer"),
        ({"unexplained": {"Predict: UNKNOWN": 2}}, samples(), 100, "received 2, such as Predict"),
        (
            {"latencies": [*tally()["latencies"], *[(1.0, "swaps", 0.05)] * 9]},
            samples(),
            100,
            "p99 during swaps within 2 times 10.0 ms, received 50.0 ms",
        ),
        ({}, samples(), 49, "expected 100 swaps, received 49"),
        ({}, samples(quiet=125.0), 100, "at most 24 more afterwards, received 125"),
        ({}, samples(steady=1000.0, quiet=1051.0), 100, "at most 50 more"),
        ({}, samples(handles=49), 100, "at most 8 more afterwards, received 49"),
    ],
)
def test_every_promise_can_be_broken(
    changes: dict[str, Any], held: list[Sample], swaps: int, told: str
) -> None:
    (broken,) = judge(tally(**changes), held, swaps, 100).broken
    assert told in broken


def test_a_run_too_short_to_say_is_an_error() -> None:
    with pytest.raises(ValueError, match="phase 'quiet'"):
        judge(tally(), samples()[:4], 100, 100)
    assert percentile(tally(), "storm", 99) == 0.0


def test_an_answer_counts_as_right_by_the_version_that_it_names() -> None:
    kept = Tally()
    kept.answered("Predict", 0.0, 7, expected(5.0, 7), expected(5.0, 7))
    kept.answered("Predict", 0.0, 8, expected(5.0, 7), expected(5.0, 8))
    assert expected(5.0, 7) == 5.0 + 7 % KINDS
    assert kept.good == {"Predict": 1}
    assert kept.wrong == ["Predict: version 8 answered 8.0, not 5.0"]
    assert kept.versions == {7, 8}


def test_troubles_are_kept_without_end_by_number_only() -> None:
    kept = Tally()
    for number in range(100):
        kept.surprised("Predict", f"message {number}")
    assert sum(kept.unexplained.values()) == 100
    assert len(kept.unexplained) < 30
