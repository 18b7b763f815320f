"""The whole metric catalogue.

Labels come from loaded models and from fixed sets, never from a client: a call is accounted to the
``Subject`` that the engine gave it, or to empty names where no loaded model is concerned. Children
are bound as a version loads; a request finds its own by one dictionary look-up.
"""

from __future__ import annotations

import platform
import threading
from collections import Counter as Counts
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from horngate import __version__
from horngate.batching.observer import Refusal
from horngate.budget import Budget
from horngate.lifecycle.served import Subject
from horngate.lifecycle.status import State, UnderWay, VersionStatus
from horngate.protocols.figures import NONE, Durations
from horngate.protocols.method import Observed
from horngate.telemetry.calls import SUBJECT, CallFigures, RunFigures
from horngate.telemetry.samples import SampleHistogram

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
SECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
ROWS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
UNLOADED_KEPT: Final = 4
"""Series of so many unloaded versions stay, so that a last scrape can see how they ended."""


class Metrics:
    """Every figure of one server. Thread-safe; nothing here raises or blocks for long.

    ``budget`` is what its requests hold of.
    """

    def __init__(self, budget: Budget | None = None) -> None:
        self.registry = CollectorRegistry()
        self.calls = CallFigures(SECONDS, budget)
        self.registry.register(self.calls)
        self.queue_seconds = self._histogram(
            "horngate_queue_seconds", "A request's wait for its batch to run.", SECONDS
        )
        self.inference_seconds = self._histogram(
            "horngate_inference_seconds", "One run of the model.", SECONDS
        )
        self.batch_rows = self._histogram(
            "horngate_batch_rows", "Rows in one run of the model.", ROWS
        )
        version = ("model", "version")
        self.refused = self._counter(
            "horngate_requests_refused",
            "Requests that never reached the model.",
            *version,
            "reason",
        )
        self.row_mismatches = self._counter(
            "horngate_row_mismatches",
            "Batches whose answer had other rows than went in, and which were run again.",
            *version,
        )
        self.stuck = Gauge(
            "horngate_version_stuck",
            "1 while a run of the version does not come back.",
            version,
            registry=self.registry,
        )
        self.load_failures = self._counter(
            "horngate_version_load_failures", "Versions that could not be loaded.", "model"
        )
        self.settings_refused = self._counter(
            "horngate_model_settings_refused", "Changes of model.toml that were not taken.", "model"
        )
        self.scan_failures = self._counter(
            "horngate_repository_scan_failures", "Looks at the models folder that failed."
        )
        Gauge(
            "horngate_build_info",
            "Constant 1; the versions are its labels.",
            ("version", "python"),
            registry=self.registry,
        ).labels(__version__, platform.python_version()).set(1)
        ProcessCollector(registry=self.registry)
        self._predicting: list[str] = []
        self._versions: dict[tuple[str, int], VersionMetrics] = {}
        self._unloaded: deque[tuple[str, int]] = deque()
        self._lock = threading.Lock()  # of the two: versions are loaded on several threads

    def attach(
        self,
        methods: Iterable[Observed],
        statuses: Callable[[], Iterable[VersionStatus]],
        queues: Callable[[], Queues],
        under_way: Callable[[], UnderWay] = UnderWay,
        connections: Callable[[], int] = int,
    ) -> None:
        """Tell what will be observed. Called once, before the first call and the first load.

        Args:
            methods: every method that is served; their names are label values.
            statuses: asked at each scrape, so that states and load times cannot lag.
            queues: asked at each scrape for the rows that wait.
            under_way: asked at each scrape for what does not come back.
            connections: asked at each scrape for those that are open on the gRPC port.
        """
        known = list(methods)
        self.calls.attach(known)
        self._predicting = sorted({method.path for method in known if method.predicts})
        self.registry.register(_StateCollector(statuses, queues, under_way, connections))

    def exposition(self) -> bytes:
        """All figures in Prometheus' text format, to be sent as ``CONTENT_TYPE``."""
        return generate_latest(self.registry)

    def version_loaded(self, model: str, version: int, signatures: Iterable[str]) -> VersionMetrics:
        """Bind the figures of a version that is about to go live."""
        names = tuple(signatures)
        with self._lock:
            if (model, version) in self._unloaded:
                self._unloaded.remove((model, version))
            for path in self._predicting:
                for name in names:
                    self.calls.bind(Subject(model, version, name), path)
            before = self._versions.get((model, version))
            # The same version under other settings goes on counting.
            runs = RunFigures() if before is None else before.runs
            bound = VersionMetrics(self, model, str(version), names, runs)
            self._versions[model, version] = bound
            return bound

    def version(self, model: str, version: int) -> VersionMetrics | None:
        """The figures of a version, None where none was loaded under that number."""
        return self._versions.get((model, version))

    def ran(self, model: str, version: int) -> tuple[Durations, int, int]:
        """Of a version so far: requests that ran and their waits, runs, and the rows of these."""
        bound = self._versions.get((model, version))
        if bound is None:
            return NONE, 0, 0
        batches = bound.runs.batches()
        runs = sum(each.number for each in batches.values())
        return bound.queued(), runs, sum(rows * each.number for rows, each in batches.items())

    def version_unloaded(self, model: str, version: int) -> None:
        """Let go of the figures of the version unloaded the longest time ago."""
        with self._lock:
            self._unloaded.append((model, version))
            while len(self._unloaded) > UNLOADED_KEPT:
                self._forget(self._unloaded.popleft())

    def _forget(self, key: tuple[str, int]) -> None:
        bound = self._versions.pop(key, None)
        if bound is not None:
            bound.remove()
        self.calls.remove(lambda subject: subject[:2] == key)

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(name, help_text, labels, registry=self.registry)

    def _histogram(self, name: str, help_text: str, bounds: Sequence[float]) -> SampleHistogram:
        made = SampleHistogram(name, help_text, SUBJECT, bounds)
        self.registry.register(made)
        return made


Queues = Iterable[tuple[str, int, int]]
"""(model, version, rows that wait) of every live version."""


class VersionMetrics:
    """The figures of one version's batches, every child bound; see ``BatchObserver``."""

    def __init__(
        self,
        metrics: Metrics,
        model: str,
        version: str,
        signatures: Sequence[str],
        runs: RunFigures,
    ) -> None:
        histograms = (metrics.queue_seconds, metrics.inference_seconds, metrics.batch_rows)
        named = [(model, version, signature) for signature in signatures]
        refusals = {reason: (model, version, reason.value) for reason in Refusal}
        self._bound = {
            labels[2]: [histogram.labels(*labels) for histogram in histograms] for labels in named
        }
        self.runs = runs
        self._refusals = {
            reason: metrics.refused.labels(*labels) for reason, labels in refusals.items()
        }
        self.row_mismatches = metrics.row_mismatches.labels(model, version)
        self.stuck = metrics.stuck.labels(model, version)
        self._series: list[tuple[SampleHistogram | Counter | Gauge, tuple[str, ...]]] = [
            *((histogram, labels) for histogram in histograms for labels in named),
            *((metrics.refused, labels) for labels in refusals.values()),
            *((figure, (model, version)) for figure in (metrics.row_mismatches, metrics.stuck)),
        ]

    def ran(self, signature: str, rows: int, waits: Sequence[float], seconds: float) -> None:
        """One run of the model."""
        queue_seconds, inference_seconds, batch_rows = self._bound[signature]
        queue_seconds.extend(waits)
        inference_seconds.observe(seconds)
        batch_rows.observe(rows)
        self.runs.add(rows, len(waits), seconds)

    def queued(self) -> Durations:
        """The requests that ran, and how long they had waited."""
        totals = [queue_seconds.totals() for queue_seconds, _, _ in self._bound.values()]
        return Durations(sum(each.number for each in totals), sum(each.sum for each in totals))

    def refused(self, reason: Refusal, count: int) -> None:
        """Requests that will never run."""
        self._refusals[reason].inc(count)

    def remove(self) -> None:
        """Take the series away."""
        for figure, labels in self._series:
            figure.remove(*labels)


class _StateCollector(Collector):
    """Figures that are kept elsewhere and read as Prometheus asks, so that they cannot lag."""

    def __init__(
        self,
        statuses: Callable[[], Iterable[VersionStatus]],
        queues: Callable[[], Queues],
        under_way: Callable[[], UnderWay],
        connections: Callable[[], int],
    ) -> None:
        self._statuses, self._queues, self._under_way = statuses, queues, under_way
        self._connections = connections

    def collect(self) -> Iterator[Metric]:
        state = _by_version(
            "horngate_version_state", "1 for the state that a version is in.", "state"
        )
        load_seconds = _by_version(
            "horngate_version_load_seconds",
            "How long loading, checking and warming a version took.",
        )
        engine = _by_version(
            "horngate_version_engine", "1 for the engine that runs a version.", "engine"
        )
        fallback = _by_version(
            "horngate_version_fallback",
            "1 where an engine of earlier choice could not be used; the log and `horngate status` "
            "say why.",
        )
        unbatched = _by_version(
            "horngate_version_unbatched",
            "1 where requests that could share a run by their shapes run one by one; the log and "
            "`horngate status` say why.",
        )
        queue_rows = _by_version("horngate_queue_rows", "Rows that wait for a batch.")
        loads = GaugeMetricFamily(
            "horngate_loads_stuck",
            "Threads that do not come back from loading or closing a version.",
            labels=("model",),
        )
        scan, stuck = self._under_way()
        stuck_loads = Counts(model for model, _ in stuck)
        for status in self._statuses():
            stuck_loads[status.model] += 0  # every model has a series: a rule sees a rise from 0
            names = (status.model, str(status.version))
            state.add_metric((*names, status.state.name.lower()), 1)
            if status.load_seconds is not None:
                load_seconds.add_metric(names, status.load_seconds)
            if status.state is State.AVAILABLE:
                engine.add_metric((*names, status.engine), 1)
                fallback.add_metric(names, float(bool(status.engine_reason)))
                unbatched.add_metric(names, float(bool(status.rows_reason)))
        for model, count in stuck_loads.items():
            loads.add_metric((model,), count)
        for model, number, rows in self._queues():
            queue_rows.add_metric((model, str(number)), rows)
        yield from (state, load_seconds, engine, fallback, unbatched, loads, queue_rows)
        yield GaugeMetricFamily(
            "horngate_repository_scan_running_seconds",
            "How long the look at the models folder that is under way has taken; 0 for none.",
            value=scan,
        )
        yield GaugeMetricFamily(
            "horngate_grpc_connections",
            "Open connections on the gRPC port.",
            value=self._connections(),
        )


def _by_version(name: str, help_text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_text, labels=("model", "version", *labels))
