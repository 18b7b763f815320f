"""What ``protocols.figures.Figures`` asks for, out of the metrics."""

from __future__ import annotations

from collections.abc import Callable

from horngate.errors import Code
from horngate.protocols.figures import NONE, Durations, VersionFigures
from horngate.telemetry.metrics import Metrics


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
                success = _plus(success, totals.number, totals.sum)
            else:
                before = failure.get(code.name, NONE)
                failure[code.name] = _plus(before, totals.number, totals.sum)
        # Told for as many requests as were answered: one that has run and whose reply has not left
        # is in some of these and not yet in others, and clients insist on equal numbers.
        decoding, queued, running = (
            _told_for(success.number, each)
            for each in (
                self._metrics.calls.decoding(model, version),
                bound.queued(),
                bound.runs.shared(),
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


def _plus(durations: Durations, count: int, seconds: float) -> Durations:
    return Durations(durations.number + count, durations.seconds + seconds)
