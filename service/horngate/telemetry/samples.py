"""Histograms that cost a request one append.

``prometheus_client`` takes a lock for each figure of each observation, which is dear where a
request makes half a dozen. Here observations are kept as they come and folded into buckets, many at
once, when somebody looks or enough have come together.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

FOLD: Final = 4096
"""Observations kept as they came, at most; about 130 kB a series."""

Labels = tuple[str, ...]


class Totals(NamedTuple):
    """What was observed: counts by bucket, not cumulated, the last one unbounded; and the sum."""

    counts: tuple[int, ...]
    sum: float

    @property
    def number(self) -> int:
        """The number of observations."""
        return sum(self.counts)

    def plus(self, other: Totals | None) -> Totals:
        """Both together; ``other`` has the same buckets."""
        if other is None:
            return self
        counts = tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        return Totals(counts, self.sum + other.sum)


class Samples:
    """The observations of one series. Thread-safe."""

    __slots__ = ("_bounds", "_counts", "_lock", "_new", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = np.asarray(bounds, np.float64)
        self._counts = np.zeros(len(bounds) + 1, np.int64)
        self._sum = 0.0
        self._new: deque[float] = deque()
        self._lock = threading.Lock()

    def observe(self, value: float) -> None:
        """Take one observation."""
        self._new.append(value)
        if len(self._new) >= FOLD:
            self._fold()

    def extend(self, values: Iterable[float]) -> None:
        """Take several observations."""
        self._new.extend(values)
        if len(self._new) >= FOLD:
            self._fold()

    def totals(self) -> Totals:
        """All that was observed before the call, and perhaps some of what came during it."""
        self._fold()
        with self._lock:
            return Totals(tuple(self._counts.tolist()), self._sum)

    def _fold(self) -> None:
        if not self._new:
            return
        with self._lock:
            # Only what is there now: others may go on appending.
            values = np.array([self._new.popleft() for _ in range(len(self._new))], np.float64)
            buckets = np.searchsorted(self._bounds, values, side="left")
            self._counts += np.bincount(buckets, minlength=len(self._counts))
            self._sum += float(values.sum())


class SampleHistogram(Collector):
    """A histogram whose series are ``Samples``, made by ``labels`` and taken away by ``remove``."""

    def __init__(
        self, name: str, documentation: str, label_names: Sequence[str], bounds: Sequence[float]
    ) -> None:
        self.name = name
        self.documentation = documentation
        self.label_names = tuple(label_names)
        self.bounds = tuple(bounds)
        self._series: dict[Labels, Samples] = {}

    def labels(self, *values: str) -> Samples:
        """The series of ``values``, made where it is new."""
        return self._series.setdefault(values, Samples(self.bounds))

    def remove(self, *values: str) -> None:
        """Take the series of ``values`` away; what observes it goes on unseen."""
        self._series.pop(values, None)

    def collect(self) -> Iterator[Metric]:
        yield histogram(
            self.name,
            self.documentation,
            self.label_names,
            self.bounds,
            ((values, samples.totals()) for values, samples in list(self._series.items())),
        )


def histogram(
    name: str,
    documentation: str,
    label_names: Sequence[str],
    bounds: Sequence[float],
    series: Iterable[tuple[Labels, Totals]],
) -> HistogramMetricFamily:
    """``series`` as Prometheus has them: cumulated counts by upper bound.

    Those without an observation are left out. Most are, where most methods of a model are never
    called, and at seventeen lines each they were three quarters of a scrape.
    """
    family = HistogramMetricFamily(name, documentation, labels=label_names)
    names = [*map(floatToGoString, bounds), "+Inf"]
    for values, totals in series:
        if not totals.number:
            continue
        cumulated = np.cumsum(totals.counts).tolist()
        family.add_metric(values, list(zip(names, cumulated, strict=True)), totals.sum)
    return family
