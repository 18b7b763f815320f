"""What breaks a promise about overload, and which cores serve."""

from __future__ import annotations

from benchmarks.overload.cores import split
from benchmarks.overload.outcome import Outcome
from benchmarks.overload.verdict import judge


def outcome(load: float, good: int, slowest: float = 0.2, probe: float = 0.01) -> Outcome:
    """``good`` answers in ten seconds."""
    times = [0.1] * (good - 1) + [slowest]
    return Outcome(load, load * 10, 10.0, good=times, probes=[probe])


def test_nine_tenths_of_the_peak_are_enough() -> None:
    assert judge([outcome(1.0, 100), outcome(3.0, 90)], 0.9, 0.5) == []


def test_less_is_not() -> None:
    (broken,) = judge([outcome(1.0, 100), outcome(3.0, 89)], 0.9, 0.5)
    assert "0.9 of the peak of 10 answers in time a second at 3 times" in broken


def test_an_answer_that_is_far_too_late() -> None:
    (broken,) = judge([outcome(1.0, 100, slowest=0.8), outcome(3.0, 100)], 0.9, 0.5)
    assert broken == "expected answers within 0.5 s, received 0.80 s"


def test_an_operator_who_waits() -> None:
    (broken,) = judge([outcome(1.0, 100), outcome(3.0, 100, probe=1.5)], 0.9, 0.5)
    assert broken == "expected probes within a second, received 1.50 s"


def test_half_of_the_cores_serve() -> None:
    assert split({3, 1}) == ({1}, {3})
    assert split({0, 1, 2}) == ({0, 1}, {2})
    assert split({7}) == ({7}, {7})
