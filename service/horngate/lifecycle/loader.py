"""From a folder to a version fit to serve: whole, loaded, right on its goldens, warm."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from horngate.batching.executor import Executor
from horngate.batching.options import DEFAULT_BATCH_SIZE, BatchingOptions
from horngate.batching.scheduler import Scheduler
from horngate.errors import LoadError
from horngate.lifecycle.memory import Memory
from horngate.lifecycle.observer import RepositoryObserver
from horngate.lifecycle.reshaped import Reshaped
from horngate.lifecycle.served import ServedVersion
from horngate.lifecycle.settings import ModelSettings
from horngate.lifecycle.tasks import Progress
from horngate.lifecycle.warm_up import (
    ReadRecorded,
    ReadSamples,
    Recorded,
    by_signature,
    replay,
    warm_up,
)
from horngate.servable import Clock, Runtime, Servable
from horngate.store.annotations import carried, read_annotations
from horngate.store.cost import BatchCost, measure_cost, read_cost, this_machine
from horngate.store.goldens import Golden, check_goldens, read_goldens
from horngate.store.layout import is_plain
from horngate.store.manifest import ENGINES_OWN, Hashes, verify_checksums
from horngate.store.rows import LOAD_SECONDS, establish
from horngate.store.rows_record import recorded_alone

SLOW_SECONDS: Final = 0.005
"""A run of one row that takes longer is worth trying with more threads."""

SOONER: Final = 1.3
"""How much sooner the answer must come to be worth all cores."""

MakeExecutor = Callable[[BatchingOptions, str], Executor]
"""Makes the driver of one version's scheduler, given its options and a name for its threads."""


Load = Callable[[str, int, Path, ModelSettings, Progress], ServedVersion]
"""What the repository needs of a loader, as ``Loader.__call__`` has it: called on a thread that it
may hold for ever. It tells ``Progress`` of each step, and ends early where nobody waits for it any
more."""


class Started(NamedTuple):
    """A version on an engine: what a batch costs there, and why no earlier engine serves it.

    ``detail`` is what is for operators alone of the reason.
    """

    servable: Servable
    threads: int
    cost: BatchCost | None
    reason: str = ""
    detail: str = ""


class _Version(NamedTuple):
    """What is loaded: where it lies, what is recorded of it, and who is told how far it is."""

    folder: Path
    settings: ModelSettings
    goldens: dict[str, Golden]
    files: Hashes
    progress: Progress


class Loader:
    """Loads versions, one call at a time or several beside each other.

    ``instances`` is how many batches of a version may run at once where its settings leave that
    open and a run takes one thread. ``read_recorded`` reads the requests that a version carries to
    be warmed up with, ``read_samples`` makes those that its settings tell of.
    ``memory`` weighs a version before it is loaded.
    """

    def __init__(
        self,
        runtimes: Sequence[Runtime],
        make_executor: MakeExecutor,
        clock: Clock,
        observer: RepositoryObserver,
        *,
        instances: int = 1,
        read_recorded: ReadRecorded = lambda *_: (),
        read_samples: ReadSamples = lambda *_: (),
        memory: Memory | None = None,
    ) -> None:
        self._memory = memory
        self._instances = instances
        self._read_recorded = read_recorded
        self._read_samples = read_samples
        self._runtimes = runtimes
        self._make_executor = make_executor
        self._clock = clock
        self._observer = observer

    def __call__(
        self,
        model: str,
        number: int,
        folder: Path,
        settings: ModelSettings,
        progress: Progress | None = None,
    ) -> ServedVersion:
        """Load, check and warm the version in ``folder``.

        Raises:
            LoadError: with the reason; nothing of the version is left in memory.
            GivenUp: as ``progress`` was; nothing is left either, and nobody was told of a version.
        """
        progress = progress or Progress()
        progress.reach("reading its files")
        with nullcontext() if self._memory is None else self._memory.reserved(folder, progress):
            settings.declared.check(plain=is_plain(folder))
            files = Hashes(folder)
            # The engine reads its own, and what it is given is what is hashed: once, if it is
            # large.
            verify_checksums(folder, files, leave=ENGINES_OWN)
            goldens = read_goldens(folder, files)
            version = _Version(folder, settings, goldens, files, progress)
            started = self._engine(version)
            servable, cost = started.servable, started.cost
            try:
                declared = settings.declared
                declared.hold(servable.signatures)
                served = Reshaped(servable, declared) if declared.reshapes else servable
                known = read_annotations(folder, servable.signatures, files)
                signatures = declared.meant(
                    {name: carried(known[name], each) for name, each in served.signatures.items()}
                )
                progress.reach("reading its files")
                verify_checksums(folder, files)
                batching = settings.batching.decided(
                    None if cost is None else cost.best,
                    max(1, self._instances // started.threads),
                )
                recorded = list(self._read_recorded(files, known))
                samples = list(self._read_samples(declared, served.signatures))
                progress.reach("establishing its rows")
                # What is in other shapes than the model's says nothing to it.
                tried = recorded if declared.reshapes else [*recorded, *samples]
                alone = self._alone(version, servable, batching, tried)
                for name, signature in served.signatures.items():
                    if signature.batched and not servable.signatures[name].batched:
                        alone[name] = "reshape makes rows of what has none"
                progress.reach("warm-up")
                warm_up(servable, goldens, batching, recorded, alone=alone)
                replay(served, samples, batching, alone=alone)
                progress.end()
            except BaseException:
                servable.close()
                raise
        executor = self._make_executor(batching, f"run-{model}-{number}")
        scheduler: Scheduler
        observer = self._observer.version_loaded(
            model, number, served.signatures, lambda: scheduler.waiting
        )
        scheduler = Scheduler(served, batching, executor, self._clock, observer, alone=alone)
        return ServedVersion(
            model=model,
            number=number,
            folder=folder,
            servable=served,
            settings=settings,
            scheduler=scheduler,
            executor=executor,
            batching=batching,
            signatures=signatures,
            cost=cost,
            engine_reason=started.reason,
            engine_detail=started.detail,
        )

    def _alone(
        self,
        version: _Version,
        servable: Servable,
        batching: BatchingOptions,
        recorded: list[Recorded],
    ) -> dict[str, str]:
        """Why signatures must run alone: as was found at publish, else found out now."""
        if batching.trust_rows:
            return {}
        found = recorded_alone(version.folder, servable, version.files)
        if found is not None:
            return found
        return establish(
            servable,
            version.goldens,
            by_signature(recorded),
            self._clock,
            seconds=LOAD_SECONDS,
            largest=min(batching.max_batch_size or 1, DEFAULT_BATCH_SIZE),
        )

    def _engine(self, version: _Version) -> Started:
        """The first engine wanted that loads the version and answers right on its goldens."""
        reasons: list[str] = []
        details: list[str] = []
        error: LoadError | None = None
        wanted = version.settings.runtime
        runtimes = [each for each in self._runtimes if wanted.engine in ("auto", each.name)]
        if runtimes and not any(each.recognises(version.folder) for each in runtimes):
            raise _unrecognised(version.folder, *runtimes)
        for runtime in runtimes:
            try:
                started = self._with_threads(wanted.threads, partial(self._start, version, runtime))
            except LoadError as refused:
                reasons.append(f"not served by {runtime.name}: {refused}")
                if refused.detail:
                    details.append(f"{runtime.name}: {refused.detail}")
                # Of several, the last is told: it runs what a version cannot be without. But none
                # can do without the one that runs a plain model.
                if error is None or not is_plain(version.folder):
                    error = refused
            else:
                return started._replace(reason="; ".join(reasons), detail="; ".join(details))
        raise error or LoadError(f"no engine {wanted.engine!r} is installed here")

    def _with_threads(self, wanted: int, start: Callable[[int], Started]) -> Started:
        """The version with as many threads as are wanted, or as make it quick.

        One thread is right for a quick model: more of them cost it more in hand-overs than they
        gain, and take cores from the threads that answer callers. A slow one gets all cores where
        that answers a lone caller sooner.
        """
        one = start(wanted or 1)
        cores = len(os.sched_getaffinity(0))
        if wanted or cores == 1 or one.cost is None or one.cost.alone < SLOW_SECONDS:
            return one
        try:
            all_cores = start(cores)
        except BaseException:
            one.servable.close()
            raise
        better = all_cores.cost is not None and all_cores.cost.alone < one.cost.alone / SOONER
        chosen, left = (all_cores, one) if better else (one, all_cores)
        left.servable.close()
        return chosen

    def _start(self, version: _Version, runtime: Runtime, threads: int) -> Started:
        folder, settings, goldens, files, progress = version
        if not runtime.recognises(folder):
            raise _unrecognised(folder, runtime)
        progress.reach(f"loading it on {runtime.name}")
        servable = runtime.load(folder, threads, files)
        try:
            progress.reach("goldens")
            check_goldens(servable, goldens)
            progress.reach("batch cost")
            # As recorded on a machine like this, else measured now.
            cost = read_cost(folder, servable.engine)
            if cost is None or (cost.machine, cost.threads) != (this_machine(), threads):
                undecided = settings.batching.enabled and settings.batching.max_batch_size is None
                largest = settings.limits.max_request_rows if undecided else 1
                cost = measure_cost(
                    servable, goldens, self._clock, threads=threads, largest=largest
                )
        except BaseException:
            servable.close()
            raise
        return Started(servable, threads, cost)


def _unrecognised(folder: Path, *runtimes: Runtime) -> LoadError:
    wants = ", or ".join(each.wants for each in runtimes)
    names = ", ".join(sorted(entry.name for entry in folder.iterdir())[:8])
    return LoadError(
        f"expected {wants}, received a folder with {names or 'nothing in it'}; "
        f"{runtimes[-1].remedy}"
    )
