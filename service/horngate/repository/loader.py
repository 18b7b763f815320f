"""From a folder to a version fit to serve: whole, loaded, right on its goldens, warm."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from horngate.errors import LoadError
from horngate.repository.extras import Golden, read_goldens, verify_checksums
from horngate.repository.observer import RepositoryObserver
from horngate.repository.served import ServedVersion
from horngate.repository.settings import ModelSettings
from horngate.scheduling.executor import Executor
from horngate.scheduling.options import BatchingOptions
from horngate.scheduling.scheduler import Scheduler
from horngate.servable import Clock, Runtime, Servable
from horngate.tensors import Array, DType, Signature

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
        servable = self._runtime(folder).load(folder)
        try:
            goldens = read_goldens(folder)
            check_goldens(servable, goldens)
            warm_up(servable, goldens, settings.batching.max_batch_size)
        except BaseException:
            servable.close()
            raise
        executor = self._make_executor(settings.batching, f"run-{model}-{number}")
        scheduler: Scheduler
        observer = self._observer.version_loaded(
            model, number, servable.signatures, lambda: scheduler.queued_rows
        )
        scheduler = Scheduler(servable, settings.batching, executor, self._clock, observer)
        return ServedVersion(
            model=model,
            number=number,
            servable=servable,
            settings=settings,
            scheduler=scheduler,
            executor=executor,
        )

    def _runtime(self, folder: Path) -> Runtime:
        for runtime in self._runtimes:
            if runtime.recognises(folder):
                return runtime
        names = sorted(entry.name for entry in folder.iterdir())
        raise LoadError(
            f"expected a SavedModel (a folder with saved_model.pb), received a folder with "
            f"{', '.join(names[:8]) or 'nothing in it'}; it may still be being copied"
        )


def check_goldens(servable: Servable, goldens: dict[str, Golden]) -> None:
    """Run the recorded inputs and hold the outputs against the recorded ones.

    Raises:
        LoadError: naming the signature, the output and the difference.
    """
    for name, golden in goldens.items():
        if name not in servable.signatures:
            raise LoadError(f"goldens are recorded for signature {name!r}, which is not there")
        try:
            outputs = servable.run(name, golden.inputs)
        except Exception as error:
            raise LoadError(f"the goldens of signature {name!r} failed to run: {error}") from error
        wrong = golden.mismatch(outputs)
        if wrong is not None:
            raise LoadError(f"wrong answer on the goldens of signature {name!r}: {wrong}")


def warm_up(servable: Servable, goldens: dict[str, Golden], max_batch_size: int) -> None:
    """Run every signature at one row and at a full batch, so that no request pays for it first.

    Recorded inputs are repeated to the size. Where none are recorded zeros are tried; a model
    may well refuse those, and nothing is concluded from it.

    Raises:
        LoadError: recorded inputs, repeated, failed to run.
    """
    for name, signature in servable.signatures.items():
        golden = goldens.get(name)
        for rows in (1, max_batch_size) if signature.batched else (1,):
            if golden is not None:
                try:
                    servable.run(name, _repeated(signature, golden, rows))
                except Exception as error:
                    raise LoadError(
                        f"the goldens of signature {name!r} failed to run on {rows} rows: {error}; "
                        "lower max_batch_size in model.toml if that is more than the model takes"
                    ) from error
            else:
                with contextlib.suppress(Exception):
                    servable.run(name, _zeros(signature, rows))


def _repeated(signature: Signature, golden: Golden, rows: int) -> dict[str, Array]:
    if not signature.batched:
        return dict(golden.inputs)
    return {
        name: np.resize(array, (rows, *array.shape[1:])) for name, array in golden.inputs.items()
    }


def _zeros(signature: Signature, rows: int) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    for spec in signature.inputs.values():
        shape = [size or 1 for size in spec.shape]
        if spec.batched:
            shape[0] = rows
        zero = b"" if spec.dtype is DType.STRING else 0
        arrays[spec.name] = np.full(shape, zero, spec.dtype.numpy)
    return arrays
