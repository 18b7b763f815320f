from __future__ import annotations

import math
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from horngate.batching.observer import Refusal
from horngate.call import Call
from horngate.errors import Code
from horngate.lifecycle.served import Subject
from horngate.protocols.method import Observed
from horngate.telemetry.metrics import Metrics
from horngate.web.live import KEPT, MOST_VERSIONS, Live, quantile


class Predict:
    protocol = "p"
    name = "Predict"
    path = "/p/Predict"
    predicts = True


class Ask(Predict):
    name = "Ask"
    path = "/p/Ask"
    predicts = False


PREDICT: Observed = Predict()
ASK: Observed = Ask()


class Figures:
    """Counters, and a clock that goes on by five seconds a look."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.metrics.attach([PREDICT, ASK], list, list)
        times = count(1000.0, 5.0)
        self.live = Live(self.metrics.calls, self.metrics.ran, lambda: 7, lambda: next(times))

    def load(self, model: str = "m", version: int = 1) -> None:
        self.metrics.version_loaded(model, version, ["s"])

    def calls(
        self,
        number: int,
        seconds: float,
        model: str = "m",
        code: Code = Code.OK,
        method: Observed = PREDICT,
    ) -> None:
        for _ in range(number):
            call = Call(0.0)
            self.metrics.calls.started(method, call)
            call.subject = Subject(model, 1, "s")
            self.metrics.calls.finished(method, call, code, seconds)


@pytest.fixture
def figures() -> Figures:
    figures = Figures()
    figures.load()
    return figures


def everybody(_: str) -> bool:
    return True


def test_what_came_between_two_looks_is_told(figures: Figures) -> None:
    figures.live.look()
    figures.calls(90, 0.0015)
    figures.calls(10, 0.3, code=Code.UNAVAILABLE)
    figures.calls(7, 0.3, method=ASK)
    bound = figures.metrics.version("m", 1)
    assert bound is not None
    bound.ran("s", 8, [0.01, 0.03], 0.002)
    bound.refused(Refusal.QUEUE_FULL, 1)
    figures.live.look()
    figures.live.look()
    told = figures.live.told(everybody)
    assert told["at"] == [1005.0, 1010.0, 1015.0]
    assert told["memory"] == [7, 7, 7]
    whole, one = told["series"]
    assert (whole["model"], one["model"], one["version"]) == ("", "m", 1)
    assert one["requests"] == whole["requests"] == [0, 20, 0]
    assert one["errors"] == [0, 2, 0]
    assert 0.001 <= one["p50"][1] <= 0.002
    assert 0.2 <= one["p99"][1] <= 0.5
    assert one["wait"][1] == pytest.approx(0.02)
    assert one["rows"][1] == 8
    assert one["p50"][::2] == [None, None]


def test_only_what_one_may_see_is_told(figures: Figures) -> None:
    figures.load("n")
    figures.calls(1, 0.1)
    figures.calls(1, 0.1, "n")
    figures.live.look()
    names = [each["model"] for each in figures.live.told(lambda name: name == "n")["series"]]
    assert names == ["", "n"]
    assert [each["model"] for each in figures.live.told(everybody, "m")["series"]] == ["m"]


def test_a_version_that_is_loaded_anew_counts_from_its_beginning(figures: Figures) -> None:
    figures.calls(50, 0.1)
    figures.live.look()
    figures.metrics.calls.remove(lambda _: True)
    figures.load()
    figures.calls(5, 0.1)
    figures.live.look()
    assert figures.live.told(everybody, "m")["series"][0]["requests"] == [10, 1]


def test_it_is_bounded() -> None:
    figures = Figures()
    for number in range(MOST_VERSIONS + 20):
        figures.calls(1 + number % 3, 0.1, f"m{number}")
    figures.live.look()
    assert len(figures.live.told(everybody)["series"]) == MOST_VERSIONS + 1
    for _ in range(2 * KEPT):
        figures.live.look()
    told = figures.live.told(everybody)
    assert len(told["at"]) == KEPT
    assert [each["model"] for each in told["series"]] == [""]


@given(st.lists(st.floats(0.0, 12.0), min_size=1), st.floats(0.01, 1.0))
def test_a_quantile_is_in_the_bucket_of_the_exact_one(values: list[float], share: float) -> None:
    bounds = (0.5, 1.0, 2.0, 10.0)
    buckets = [sum(value <= bound for bound in bounds) for value in values]
    counts = [buckets.count(len(bounds) - place) for place in range(len(bounds) + 1)]
    exact = sorted(values)[math.ceil(share * len(values) - 1e-9) - 1]
    place = sum(exact > bound for bound in bounds)
    found = quantile(counts, bounds, share)
    low = bounds[place - 1] if place else 0.0
    high = bounds[place] if place < len(bounds) else bounds[-1]
    assert low - 1e-9 <= found <= high + 1e-9


def test_nothing_has_no_quantile() -> None:
    assert math.isnan(quantile([0, 0], [1.0], 0.5))
