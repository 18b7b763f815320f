"""From a folder to a version fit to serve: whole, loaded, right on its goldens, warm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from horngate.errors import LoadError
from horngate.repository.curve import Curve, read_curve, this_machine
from horngate.repository.extras import Golden, read_goldens, verify_checksums
from horngate.repository.observer import RepositoryObserver
from horngate.repository.served import ServedVersion
from horngate.repository.settings import ModelSettings, RuntimeOptions
from horngate.repository.trial import check_goldens, measure_curve, warm_up
from horngate.scheduling.executor import Executor
from horngate.scheduling.options import BatchingOptions
from horngate.scheduling.scheduler import Scheduler
from horngate.servable import Clock, Runtime, Servable

MakeExecutor = Callable[[BatchingOptions, str], Executor]
"""Makes the driver of one version's scheduler, given its options and a name for its threads."""


class Load(Protocol):
    """What the repository needs of a loader."""

    def __call__(
        self, model: str, number: int, folder: Path, settings: ModelSettings
    ) -> ServedVersion: ...


class Loader:
    """Loads versions, one call at a time or several beside each other."""

    def __init__(
        self,
        runtimes: Sequence[Runtime],
        make_executor: MakeExecutor,
        clock: Clock,
        observer: RepositoryObserver,
    ) -> None:
        self._runtimes = runtimes
        self._make_executor = make_executor
        self._clock = clock
        self._observer = observer

    def __call__(
        self, model: str, number: int, folder: Path, settings: ModelSettings
    ) -> ServedVersion:
        """Load, check and warm the version in ``folder``.

        Raises:
            LoadError: with the reason; nothing of the version is left in memory.
        """
        verify_checksums(folder)
        goldens = read_goldens(folder)
        servable, reason = self._engine(folder, settings.runtime, goldens)
        try:
            curve = self._curve(folder, servable, goldens, settings)
            batching = settings.batching.decided(None if curve is None else curve.best)
            warm_up(servable, goldens, batching)
        except BaseException:
            servable.close()
            raise
        executor = self._make_executor(batching, f"run-{model}-{number}")
        scheduler: Scheduler
        observer = self._observer.version_loaded(
            model, number, servable.signatures, lambda: scheduler.queued_rows
        )
        scheduler = Scheduler(servable, batching, executor, self._clock, observer)
        return ServedVersion(
            model=model,
            number=number,
            servable=servable,
            settings=settings,
            scheduler=scheduler,
            executor=executor,
            batching=batching,
            curve=curve,
            engine_reason=reason,
        )

    def _engine(
        self, folder: Path, options: RuntimeOptions, goldens: dict[str, Golden]
    ) -> tuple[Servable, str]:
        """The first engine wanted that loads the version and answers right on its goldens.

        Returns with it why no earlier one serves, "" where it is the first choice.
        """
        reasons: list[str] = []
        error: LoadError | None = None
        for runtime in self._runtimes:
            if options.engine not in ("auto", runtime.name):
                continue
            try:
                return self._start(runtime, folder, options, goldens), "; ".join(reasons)
            except LoadError as refused:
                reasons.append(f"not served by {runtime.name}: {refused}")
                error = refused
        # Of several, the last is told: it runs what a version cannot be without.
        raise error or LoadError(f"no engine {options.engine!r} is installed here")

    def _start(
        self, runtime: Runtime, folder: Path, options: RuntimeOptions, goldens: dict[str, Golden]
    ) -> Servable:
        if not runtime.recognises(folder):
            names = ", ".join(sorted(entry.name for entry in folder.iterdir())[:8])
            raise LoadError(
                f"expected {runtime.wants}, received a folder with {names or 'nothing in it'}; "
                f"{runtime.remedy}"
            )
        servable = runtime.load(folder, options.threads)
        try:
            check_goldens(servable, goldens)
        except BaseException:
            servable.close()
            raise
        return servable

    def _curve(
        self, folder: Path, servable: Servable, goldens: dict[str, Golden], settings: ModelSettings
    ) -> Curve | None:
        """What a batch costs here: as recorded on a machine like this, else measured now."""
        threads = settings.runtime.threads
        recorded = read_curve(folder, servable.engine)
        if recorded and (recorded.machine, recorded.threads) == (this_machine(), threads):
            return recorded
        if settings.batching.max_batch_size is not None or not settings.batching.enabled:
            return None  # nothing would follow from it
        largest = settings.limits.max_request_rows
        return measure_curve(servable, goldens, self._clock, threads=threads, largest=largest)
