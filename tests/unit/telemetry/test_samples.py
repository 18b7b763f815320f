from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from horngate.telemetry.samples import FOLD, SampleHistogram, Samples

BOUNDS = (0.5, 1, 2.5)


@given(st.lists(st.floats(0, 5), min_size=1, max_size=50))
def test_it_says_what_the_librarys_own_histogram_says(values: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    mine = SampleHistogram("h", "Some words.", ["label"], BOUNDS)
    ours.register(mine)
    reference = Histogram("h", "Some words.", ["label"], buckets=BOUNDS, registry=theirs)
    for value in values:
        mine.labels("a").observe(value)
        reference.labels("a").observe(value)

    def lines(registry: CollectorRegistry) -> list[str]:
        text = generate_latest(registry).decode().splitlines()
        return [line for line in text if "_created" not in line and "_sum" not in line]

    assert lines(ours) == lines(theirs)


def test_sums_are_kept() -> None:
    samples = Samples(BOUNDS)
    samples.extend([0.25, 0.5])
    samples.observe(4)
    assert samples.totals().sum == 4.75
    assert samples.totals().counts == (2, 0, 0, 1)


def test_what_waits_to_be_folded_is_bounded() -> None:
    samples = Samples(BOUNDS)
    for _ in range(3 * FOLD):
        samples.observe(1)
        assert len(samples._new) < FOLD
    assert samples.totals().number == 3 * FOLD


def test_no_observation_of_many_threads_is_lost() -> None:
    samples = Samples(BOUNDS)
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            samples.totals()

    def observe() -> None:
        for _ in range(20_000):
            samples.observe(1)

    looking = threading.Thread(target=look)
    looking.start()
    with ThreadPoolExecutor(4) as observers:
        for each in [observers.submit(observe) for _ in range(4)]:
            each.result()
    stop.set()
    looking.join()
    assert samples.totals().number == 80_000
