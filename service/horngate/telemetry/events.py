"""What the rooms tell of themselves, turned into figures and log lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from horngate.batching.observer import BatchObserver, Refusal, Waiting
from horngate.errors import HorngateError, RequestError, in_full
from horngate.lifecycle.model import LabelNews
from horngate.lifecycle.status import State, VersionStatus
from horngate.protocols.method import Observed
from horngate.telemetry.logs import Seldom, logger
from horngate.telemetry.metrics import Metrics, VersionMetrics

REASON_CHARACTERS: Final = 2000
"""Of what an engine says of a failing run."""


class RepositoryEvents:
    """See ``repository.observer.RepositoryObserver``."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._log = logger("repository")
        self._queues: dict[tuple[str, int], Callable[[], Waiting]] = {}
        self._unreadable: dict[Path, str] = {}
        self._seldom = Seldom()

    def queues(self) -> list[tuple[str, int, int]]:
        """(model, version, rows that wait) of every version in memory."""
        return [(*key, waiting().rows) for key, waiting in list(self._queues.items())]

    def versions(self) -> list[tuple[str, int]]:
        """(model, version) of every version in memory."""
        return sorted(self._queues)

    def waiting(self, model: str, version: int) -> int:
        """Requests that wait for a version; 0 where it is not in memory."""
        waiting = self._queues.get((model, version))
        return 0 if waiting is None else waiting().requests

    def version_changed(self, status: VersionStatus) -> None:
        """Log the change; count it where it is a failure."""
        log = self._log.bind(model=status.model, version=status.version)
        # Named before anything fails, so that a rule sees a rise from 0 and not a new series.
        failures = self._metrics.load_failures.labels(status.model)
        self._metrics.settings_refused.labels(status.model)
        if status.state is State.LOADING:
            log.info("loading")
        elif status.state is State.AVAILABLE:
            seconds = round(status.load_seconds or 0, 3)
            log.info("available", engine=status.engine, load_seconds=seconds)
            if status.engine_reason:
                log.warning(
                    "not on the fastest engine", reason=status.engine_reason, detail=status.detail
                )
            if status.rows_reason:
                log.warning("requests run one by one", reason=status.rows_reason)
            if status.notes:
                log.warning("not as its config.pbtxt says", notes=status.notes)
        elif status.error:
            failures.inc()
            log.error("load failed", reason=status.reason(operator=True))
        elif status.state is State.END:
            log.info("unloaded")

    def version_loaded(
        self, model: str, version: int, signatures: Iterable[str], waiting: Callable[[], Waiting]
    ) -> BatchObserver:
        """Bind the version's figures."""
        self._queues[model, version] = waiting
        return BatchEvents(model, version, self._metrics.version_loaded(model, version, signatures))

    def version_unloaded(self, model: str, version: int) -> None:
        """Let the version's figures go."""
        self._queues.pop((model, version), None)
        self._metrics.version_unloaded(model, version)

    def load_stuck(self, model: str, version: int, step: str, seconds: float) -> None:
        """Log it: what runs on takes a core, perhaps, and memory."""
        self._log.error(
            "a load does not come back; it is given up",
            model=model,
            version=version,
            step=step,
            seconds=round(seconds, 1),
            remedy="restart the server to be rid of what still runs",
        )

    def load_came_back(self, model: str, version: int, seconds: float) -> None:
        """Log it."""
        self._log.warning(
            "the load that was given up came back",
            model=model,
            version=version,
            seconds=round(seconds, 1),
        )

    def settings_refused(self, model: str, error: Exception) -> None:
        """Count and log it."""
        self._metrics.settings_refused.labels(model).inc()
        detail = error.detail if isinstance(error, HorngateError) else ""
        reason = f"{error} [{detail}]" if detail else str(error)
        self._log.error("settings not taken", model=model, reason=reason)

    def label_changed(self, model: str, news: LabelNews) -> None:
        """Log what it means from now on, and what it misses."""
        log = self._log.bind(model=model, label=news.label)
        if news.now != news.before:
            log.info("label moved", version=news.now, before=news.before)
        if news.wanted is not None:
            log.warning(
                "label without its version",
                version=news.wanted,
                means=news.now,
                remedy="publish that version, have it live (latest, specific), or move the label",
            )

    def list_refused(self, file: Path, error: Exception) -> None:
        """Count and log it."""
        self._metrics.scan_failures.inc()
        self._log.error(
            "list of models not taken; the old one stays in use", file=str(file), reason=str(error)
        )

    def folder_unreadable(self, folder: Path, error: Exception) -> None:
        """Count it; log it when it is news. One that was never there has words of its own."""
        self._metrics.scan_failures.inc()
        if self._unreadable.get(folder) == str(error):
            return
        self._unreadable[folder] = str(error)
        if isinstance(error, FileNotFoundError) and not self._queues:
            self._log.error(
                "no such folder; nothing of it is served until it is there",
                folder=str(folder),
                remedy="make it and publish into it, or name another with --models",
            )
        else:
            self._log.error("folder unreadable; what is live stays live", reason=str(error))

    def loop_failed(self, error: Exception) -> None:
        """Count it and log it with its trace: a defect of the server."""
        self._metrics.scan_failures.inc()
        unsaid = self._seldom.unsaid()
        if unsaid is not None:
            self._log.error("keeping the repository failed", since_last_line=unsaid, exc_info=error)


class BatchEvents:
    """See ``scheduling.observer.BatchObserver``."""

    def __init__(self, model: str, version: int, metrics: VersionMetrics) -> None:
        self._log = logger("scheduling").bind(model=model, version=version)
        self._seldom = Seldom()
        self._stuck = metrics.stuck
        self._row_mismatches = metrics.row_mismatches
        # Bound once: these two are called for every batch.
        self.ran: Callable[[str, int, Sequence[float], float], None] = metrics.ran
        self.refused: Callable[[Refusal, int], None] = metrics.refused

    def stuck(self, rows: int, seconds: float) -> None:
        """Log it: the model is not served here until it comes back, or the server is restarted."""
        self._stuck.inc()
        self._log.error(
            "a run of the model does not come back; the model takes no requests until it does",
            rows=rows,
            seconds=round(seconds, 1),
            remedy="restart the server if it stays",
        )

    def came_back(self, seconds: float) -> None:
        """Log it."""
        self._stuck.dec()
        self._log.warning("the run of the model came back", seconds=round(seconds, 1))

    def failed(self, signature: str, rows: int, error: Exception) -> None:
        """Log what is the model's fault; of what is the caller's, the words that it is not told."""
        if isinstance(error, RequestError) and error.code.name == "INVALID_ARGUMENT":
            self._refused_values(signature, error)
            return
        unsaid = self._seldom.unsaid("failed")
        if unsaid is None:
            return
        self._log.error(
            "the model failed to run",
            signature=signature,
            rows=rows,
            reason=in_full(error)[:REASON_CHARACTERS],
            since_last_line=unsaid,
        )

    def _refused_values(self, signature: str, error: RequestError) -> None:
        unsaid = self._seldom.unsaid("values") if error.detail else None
        if unsaid is not None:
            self._log.info(
                "the model refused the values of a request",
                signature=signature,
                reason=error.detail[:REASON_CHARACTERS],
                since_last_line=unsaid,
            )

    def rows_differed(self, signature: str, rows: int, reason: str) -> None:
        """Count it; log it, that the signature will be slower from now on."""
        self._row_mismatches.inc()
        unsaid = self._seldom.unsaid("rows")
        if unsaid is None:
            return
        self._log.error(
            "a batch's answer had other rows than went in; its requests run one by one from now on",
            signature=signature,
            rows=rows,
            reason=reason,
            since_last_line=unsaid,
            remedy="publish the version again, and leave batching.trust_rows out",
        )


class FaultLog:
    """Logs errors that nobody designed, and where they came from: defects of the server.

    One line for a method in a while: a caller who has found a defect cannot flood the log with it.
    """

    def __init__(self) -> None:
        self._log = logger("calls")
        self._seldom = Seldom()

    def __call__(self, method: Observed, error: Exception) -> None:
        """Log ``error`` of ``method``, or count it for the next line."""
        unsaid = self._seldom.unsaid(method.path)
        if unsaid is not None:
            self._log.error(
                "handler failed", method=method.path, since_last_line=unsaid, exc_info=error
            )


def file_not_taken(error: Exception) -> None:
    """Log why a changed file of tokens or certificates was not taken.

    ``error`` repeats no secret; what was read before stays in use.
    """
    logger("access").error("changed file not taken; the old one stays in use", reason=str(error))
