"""The figures of calls: how many by code, how long, and how many right now."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from horngate.budget import Budget
from horngate.call import Call
from horngate.errors import Code
from horngate.lifecycle.served import Subject
from horngate.protocols.figures import NONE, Durations
from horngate.protocols.method import Observed
from horngate.telemetry.samples import Samples, Totals, histogram

NOBODY: Final = ("", "", "")
"""The model, version and signature of a call that concerns no loaded model."""

SUBJECT: Final = ("model", "version", "signature")
CALL: Final = ("protocol", "method")

Key = tuple[Subject | None, str, Code]
"""Whom a call is accounted to, its method's path, and how it ended."""


class _Calls(Samples):
    """How long calls took, and those that predict from their arrival to the queue."""

    __slots__ = ("decoding",)

    def __init__(self, bounds: Sequence[float]) -> None:
        super().__init__(bounds)
        self.decoding = Samples(bounds)


class CallFigures(Collector):
    """Counts calls by subject, method and code, and what they hold of ``budget``. Thread-safe.

    Series come from loaded models and from fixed sets: a call finds its own by one look-up.

    A call's account is opened and closed here and not in a layer of its own: here every start and
    every end of a call is told exactly once, and another layer would cost each a hundredth more.
    """

    def __init__(self, bounds: Sequence[float], budget: Budget | None = None) -> None:
        self._budget = budget or Budget()
        self.bounds = tuple(bounds)
        self._methods: dict[str, Observed] = {}
        self._open: dict[str, set[Call]] = {}
        self._series: dict[Key, _Calls] = {}

    def attach(self, methods: Iterable[Observed]) -> None:
        """Tell which methods will be called. Once, before the first call."""
        for method in methods:
            self._methods[method.path] = method
            self._open[method.path] = set()

    def bind(self, subject: Subject, path: str) -> None:
        """Make the series of successful calls, so that a scrape finds them at 0."""
        self._made((subject, path, Code.OK))

    def started(self, method: Observed, call: Call) -> None:
        """A call arrived."""
        call.budget = self._budget
        self._open[method.path].add(call)

    def finished(self, method: Observed, call: Call, code: Code, seconds: float) -> None:
        """A call ended with ``code`` after ``seconds``."""
        call.budget = None  # as ``Call.end`` has it, which most calls need not be asked for
        if call.share is not None:
            call.end()
        path = method.path
        self._open[path].discard(call)
        key = (call.subject, path, code)
        series = self._series.get(key)
        if series is None:
            series = self._made(key)
        series.observe(seconds)
        if call.submitted is not None:
            series.decoding.observe(call.submitted - call.started)

    def remove(self, gone: Callable[[Subject], bool]) -> None:
        """Take away the series of every subject that is ``gone``."""
        for key in list(self._series):
            if key[0] is not None and gone(key[0]):
                self._series.pop(key, None)

    def ended(self) -> Iterator[tuple[Subject | None, Observed, Code, Totals]]:
        """The calls that ended, by whom they are accounted to, by method and by code."""
        for (subject, path, code), series in list(self._series.items()):
            yield subject, self._methods[path], code, series.totals()

    def decoding(self, model: str, version: int) -> Durations:
        """The answered predictions of a version, from their arrival to the queue."""
        totals = [
            series.decoding.totals()
            for (subject, _, code), series in list(self._series.items())
            if subject is not None and subject[:2] == (model, version) and code is Code.OK
        ]
        return Durations(sum(each.number for each in totals), sum(each.sum for each in totals))

    def collect(self) -> Iterator[Metric]:
        yield from self._held()
        in_flight = GaugeMetricFamily(
            "horngate_requests_in_flight", "Calls being served.", labels=CALL
        )
        for path, calls in self._open.items():
            in_flight.add_metric(self._call_labels(path), len(calls))
        requests = CounterMetricFamily(
            "horngate_requests",
            "Calls answered, by canonical status code.",
            labels=(*SUBJECT, *CALL, "code"),
        )
        merged: dict[tuple[str, ...], Totals] = {}
        for (subject, path, code), series in list(self._series.items()):
            labels = (*_subject_labels(subject), *self._call_labels(path))
            totals = series.totals()
            requests.add_metric((*labels, code.name), totals.number)
            merged[labels] = totals.plus(merged.get(labels))
        yield in_flight
        yield requests
        yield histogram(
            "horngate_request_seconds",
            "From a call's arrival to its reply, decoding and encoding included.",
            (*SUBJECT, *CALL),
            self.bounds,
            merged.items(),
        )

    def _held(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "horngate_tensor_bytes_in_flight",
            "Bytes that requests in flight hold, of those worth counting.",
            self._budget.used,
        )
        yield GaugeMetricFamily(
            "horngate_tensor_bytes_limit",
            "Bytes that they may hold together (max_tensor_bytes_in_flight).",
            self._budget.most,
        )
        yield CounterMetricFamily(
            "horngate_tensor_bytes_refused",
            "Requests that were refused because there was no room for what they expand to.",
            self._budget.refused,
        )

    def _made(self, key: Key) -> _Calls:
        return self._series.setdefault(key, _Calls(self.bounds))

    def _call_labels(self, path: str) -> tuple[str, str]:
        method = self._methods[path]
        return (method.protocol, method.name)


def _subject_labels(subject: Subject | None) -> tuple[str, str, str]:
    if subject is None:
        return NOBODY
    return (subject.model, str(subject.version), subject.signature)


def plus(durations: Durations, number: int, seconds: float) -> Durations:
    """``durations`` and ``number`` more that took ``seconds`` together."""
    return Durations(durations.number + number, durations.seconds + seconds)


class RunFigures:
    """Thread-safe.

    ``shared`` are the requests that were answered; a run counts whole for each of them. ``last`` is
    when one was told of, in seconds of the wall's clock.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._batches: dict[int, Durations] = {}
        self.shared = NONE
        self.last = 0.0

    def add(self, rows: int, requests: int, seconds: float) -> None:
        """One run of ``rows`` rows that answered ``requests`` requests in ``seconds``."""
        with self._lock:
            self._batches[rows] = plus(self._batches.get(rows, NONE), 1, seconds)
            self.shared = plus(self.shared, requests, requests * seconds)
            self.last = time.time()

    def batches(self) -> dict[int, Durations]:
        """The runs by their rows."""
        with self._lock:
            return dict(self._batches)
