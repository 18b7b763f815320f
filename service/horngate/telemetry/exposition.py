"""What a scrape gets: our figures, and beside them the peers' names for the same.

The peers' are written by hand: names that start with a colon, and counters whose names do not end
in ``_total``, are not what ``prometheus_client`` writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from horngate.errors import Code
from horngate.protocols.figures import NONE, Durations, Figures, VersionFigures
from horngate.telemetry.calls import CallFigures, plus
from horngate.telemetry.metrics import Metrics
from horngate.telemetry.samples import Totals

ENTRYPOINTS: Final = {"tfserving": "GRPC", "tfserving-rest": "REST"}
"""TensorFlow Serving's protocols, by its names for the ways in."""

REASONS: Final = {
    Code.UNAVAILABLE.name: "REJECTED",
    Code.DEADLINE_EXCEEDED.name: "REJECTED",
    Code.CANCELLED.name: "CANCELED",
    Code.INTERNAL.name: "BACKEND",
}
"""Triton's reasons for a failure; OTHER for the rest."""

Versions = Iterable[tuple[str, int]]

_MICRO: Final = 1e6


def tfserving_exposition(calls: CallFigures) -> str:
    """``:tensorflow:serving:request_count`` and ``…request_latency``, in microseconds.

    Requests over TensorFlow Serving's protocol, in their own words; bucket bounds are ours.
    """
    counts: dict[tuple[str, str], int] = {}
    latencies: dict[tuple[str, str, str], Totals] = {}
    for subject, method, code, totals in calls.ended():
        entrypoint = ENTRYPOINTS.get(method.protocol)
        if entrypoint is None or subject is None or not method.predicts:
            continue
        key = (subject.model, code.name)
        counts[key] = counts.get(key, 0) + totals.number
        if not totals.number:
            continue
        latency = (subject.model, method.name, entrypoint)
        latencies[latency] = totals.plus(latencies.get(latency))
    lines = _header(":tensorflow:serving:request_count", "counter", "Requests by status.")
    for (model, status), count in counts.items():
        labels = _labels(model_name=model, status=status)
        lines.append(f":tensorflow:serving:request_count{{{labels}}} {count}")
    name = ":tensorflow:serving:request_latency"
    lines += _header(name, "histogram", "Microseconds from arrival to reply.")
    for (model, api, entrypoint), totals in latencies.items():
        labels = _labels(model_name=model, API=api, entrypoint=entrypoint)
        lines += _histogram(name, labels, calls.bounds, totals)
    return _text(lines)


def triton_exposition(figures: Figures, versions: Versions) -> str:
    """``nv_inference_*`` of every version that is loaded, predictions of all protocols together."""
    known = [(model, version, figures.of(model, version)) for model, version in versions]
    lines: list[str] = []
    for name, kind, about, value in (
        ("nv_inference_request_success", "counter", "Requests answered.", _success),
        ("nv_inference_count", "counter", "Rows that ran.", lambda each: each.rows),
        ("nv_inference_exec_count", "counter", "Runs of the model.", lambda each: each.runs),
        (
            "nv_inference_pending_request_count",
            "gauge",
            "Requests in the queue.",
            lambda each: each.waiting,
        ),
        *(
            (f"nv_inference_{part}_duration_us", "counter", f"Microseconds: {about}.", total)
            for part, about, total in _DURATIONS
        ),
    ):
        lines += _header(name, kind, about)
        for model, version, each in known:
            lines.append(f"{name}{{{_labels(model=model, version=version)}}} {value(each)}")
    name = "nv_inference_request_failure"
    lines += _header(name, "counter", "Requests answered with an error.")
    for model, version, each in known:
        failures = dict.fromkeys((*dict.fromkeys(REASONS.values()), "OTHER"), 0)
        for code, durations in each.failure.items():
            failures[REASONS.get(code, "OTHER")] += durations.number
        for reason, count in failures.items():
            labels = _labels(model=model, version=version, reason=reason)
            lines.append(f"{name}{{{labels}}} {count}")
    return _text(lines)


def _success(figures: VersionFigures) -> int:
    return figures.success.number


def _microseconds(durations: Durations) -> int:
    return round(durations.seconds * _MICRO)


_DURATIONS: Final = (
    ("request", "from arrival to reply", lambda each: _microseconds(each.success)),
    ("queue", "in the queue", lambda each: _microseconds(each.queued)),
    ("compute_input", "decoding", lambda each: _microseconds(each.decoding)),
    ("compute_infer", "in the model", lambda each: _microseconds(each.running)),
    ("compute_output", "encoding", lambda each: _microseconds(each.encoding)),
)


def _histogram(name: str, labels: str, bounds: Sequence[float], totals: Totals) -> Iterator[str]:
    cumulated = 0
    for bound, count in zip((*bounds, float("inf")), totals.counts, strict=True):
        cumulated += count
        le = "+Inf" if bound == float("inf") else f"{bound * _MICRO:g}"
        yield f'{name}_bucket{{{labels},le="{le}"}} {cumulated}'
    yield f"{name}_sum{{{labels}}} {totals.sum * _MICRO:g}"
    yield f"{name}_count{{{labels}}} {cumulated}"


def _header(name: str, kind: str, about: str) -> list[str]:
    return [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]


def _labels(**values: object) -> str:
    # Names of models and of codes need no escapes (repository/layout.py).
    return ",".join(f'{key}="{value}"' for key, value in values.items())


def _text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"


class Exposition:
    """Prometheus' text format, to be sent as ``metrics.CONTENT_TYPE``. Thread-safe.

    Args:
        metrics: ours.
        figures: what Triton's names are about.
        versions: (model, version) of those in memory.
        triton: whether Triton's names are wanted.
    """

    def __init__(
        self,
        metrics: Metrics,
        figures: Figures,
        versions: Callable[[], Iterable[tuple[str, int]]],
        *,
        triton: bool,
    ) -> None:
        self._metrics = metrics
        self._figures = figures
        self._versions = versions
        self._triton = triton

    def own(self) -> bytes:
        """Ours, and Triton's where they are wanted."""
        if not self._triton:
            return self._metrics.exposition()
        theirs = triton_exposition(self._figures, self._versions())
        return self._metrics.exposition() + theirs.encode()

    def tfserving(self) -> bytes:
        """The same, and TensorFlow Serving's."""
        return self.own() + tfserving_exposition(self._metrics.calls).encode()


class Statistics:
    """See ``Figures``. ``waiting`` gives the requests in a version's queue."""

    def __init__(self, metrics: Metrics, waiting: Callable[[str, int], int]) -> None:
        self._metrics = metrics
        self._waiting = waiting

    def of(self, model: str, version: int) -> VersionFigures:
        """The figures of a version."""
        bound = self._metrics.version(model, version)
        if bound is None:
            return VersionFigures()
        success = NONE
        failure: dict[str, Durations] = {}
        for subject, method, code, totals in self._metrics.calls.ended():
            if subject is None or subject[:2] != (model, version) or not method.predicts:
                continue
            if code is Code.OK:
                success = plus(success, totals.number, totals.sum)
            else:
                before = failure.get(code.name, NONE)
                failure[code.name] = plus(before, totals.number, totals.sum)
        # Told for as many requests as were answered: one that has run and whose reply has not left
        # is in some of these and not yet in others, and clients insist on equal numbers.
        decoding, queued, running = (
            _told_for(success.number, each)
            for each in (
                self._metrics.calls.decoding(model, version),
                bound.queued(),
                bound.runs.shared,
            )
        )
        left = success.seconds - decoding.seconds - queued.seconds - running.seconds
        batches = bound.runs.batches()
        return VersionFigures(
            success=success,
            failure=failure,
            decoding=decoding,
            queued=queued,
            running=running,
            encoding=Durations(success.number, max(0.0, left)),
            rows=sum(rows * runs.number for rows, runs in batches.items()),
            last_run=bound.runs.last,
            batches=batches,
            waiting=self._waiting(model, version),
        )


def _told_for(number: int, durations: Durations) -> Durations:
    """``durations`` with the same mean, for ``number`` requests."""
    if not durations.number:
        return Durations(number)
    return Durations(number, durations.seconds / durations.number * number)
