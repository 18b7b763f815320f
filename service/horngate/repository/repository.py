"""The keeper of all models: looks at the disk, loads what should be live, retires what should not.

One thread, the keeper's, does all the moving, so that loading never runs on a request's thread and
no two moves meet. Requests only read mappings that are replaced whole.

What is live is taken away for two reasons only: another version has taken its place, or its model's
folder has gone from a repository that is otherwise readable and not empty. An unreadable or emptied
models folder says that a disk is away, and unloads nothing.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from horngate.errors import ConfigError, LoadError, ModelNotFound, ModelNotReady, VersionNotFound
from horngate.repository.layout import SETTINGS_FILE
from horngate.repository.loader import Load
from horngate.repository.model import Model
from horngate.repository.observer import RepositoryObserver
from horngate.repository.scan import ModelFolder, VersionFolder, scan
from horngate.repository.served import ServedVersion
from horngate.repository.settings import ModelSettings
from horngate.repository.status import State, VersionStatus
from horngate.servable import Clock

ReadSettings = Callable[[Path], ModelSettings]
"""Reads a ``model.toml``; raises ``ConfigError``. A file that is absent gives the defaults."""


STOP_SECONDS: Final = 10.0
"""How long ``stop`` waits for a load that is under way; it is left behind after that."""


class Repository:
    """Thread-safe for readers. ``refresh`` is the keeper's: call it from one thread at a time."""

    def __init__(
        self,
        root: Path,
        *,
        load: Load,
        read_settings: ReadSettings,
        observer: RepositoryObserver,
        clock: Clock,
        poll_seconds: float = 1.0,
    ) -> None:
        self.root = root
        self._load = load
        self._read_settings = read_settings
        self._observer = observer
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._models: Mapping[str, Model] = {}
        self._settled = False
        self._drained: deque[ServedVersion] = deque()
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._keep, name="repository", daemon=True)
        self._listeners: tuple[Callable[[], None], ...] = ()
        self._listeners_lock = threading.Lock()

    # What readers ask ------------------------------------------------------------------------

    def find(self, model: str, version: int | None) -> ServedVersion:
        """The live version asked for, the newest where ``version`` is None.

        Raises:
            ModelNotFound: no such model.
            ModelNotReady: the model has no live version.
            VersionNotFound: the model has live versions and not this one.
        """
        held = self._models.get(model)
        if held is None:
            raise ModelNotFound(
                f"expected one of the models of this server, received {model!r}; "
                "its models are listed on the HTTP port",
                model=model,
                version=version,
            )
        found = held.newest if version is None else held.live.get(version)
        if found is not None:
            return found
        if version is None:
            raise ModelNotReady(
                f"model {model!r} has no live version: {_why_not_live(held)}", model=model
            )
        live = ", ".join(map(str, sorted(held.live))) or "none"
        raise VersionNotFound(
            f"expected a live version of model {model!r} ({live}), received {version}",
            model=model,
            version=version,
        )

    def models(self) -> list[str]:
        """The names of all models held, sorted."""
        return sorted(self._models)

    def knows(self, model: str) -> bool:
        """Whether the repository holds ``model``, live or not."""
        return model in self._models

    def live_versions(self, model: str) -> tuple[int, ...]:
        """The numbers that take requests, ascending; empty for an unknown model."""
        held = self._models.get(model)
        return tuple(sorted(held.live)) if held else ()

    def statuses(self, model: str, version: int | None = None) -> list[VersionStatus]:
        """What is known of a model's versions, newest first.

        Raises:
            ModelNotFound, VersionNotFound: nothing is known of it.
        """
        held = self._models.get(model)
        if held is None:
            raise ModelNotFound(f"no model {model!r} is held", model=model, version=version)
        statuses = sorted(held.statuses.values(), key=lambda status: -status.version)
        if version is None:
            return statuses
        found = [status for status in statuses if status.version == version]
        if not found:
            raise VersionNotFound(
                f"nothing is known of version {version} of model {model!r}",
                model=model,
                version=version,
            )
        return found

    def ready(self) -> bool:
        """Whether every model that was there at the start has a live version.

        False before the first look at the disk is done and where there is no model at all. A
        model that was added later and does not load takes no server out of rotation.
        """
        models = self._models.values()
        return (
            self._settled
            and bool(models)
            and all(model.live for model in models if model.essential)
            and any(model.live for model in models)
        )

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback``, on the keeper's thread, after every change; returns how to stop."""
        with self._listeners_lock:
            self._listeners = (*self._listeners, callback)

        def stop() -> None:
            with self._listeners_lock:
                # Equality, not identity: a bound method is a new object each time it is named.
                self._listeners = tuple(each for each in self._listeners if each != callback)

        return stop

    # The keeper's life -----------------------------------------------------------------------

    def start(self) -> None:
        """Begin to keep: look at the disk now and then every ``poll_seconds``."""
        self._thread.start()

    def stop(self) -> None:
        """End keeping, refuse what is still queued, and close every version."""
        self._stopping = True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)
        for model in self._models.values():
            for version in model.live.values():
                version.scheduler.abort()
                self._retire(model, version)
        self._close_drained()

    def _keep(self) -> None:
        while not self._stopping:
            self.refresh()
            self._wake.wait(self._poll_seconds)
            self._wake.clear()

    # Moving ----------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Look at the disk once and do what follows from it."""
        self._close_drained()
        try:
            folders = scan(self.root)
        except OSError as error:
            self._observer.repository_unreadable(error)
            folders = None
        if folders is not None:
            self._follow(folders)
        if not self._settled:
            self._settled = True
            self._tell()

    def _follow(self, folders: dict[str, ModelFolder]) -> None:
        added = {
            name: Model(name, essential=not self._settled)
            for name in folders
            if name not in self._models
        }
        if added:
            self._models = {**self._models, **added}
            self._tell()
        for name, folder in folders.items():
            if self._stopping:
                return
            self._follow_model(self._models[name], folder)
        gone = [name for name in self._models if name not in folders] if folders else []
        for name in gone:
            model = self._models[name]
            for version in list(model.live.values()):
                self._retire(model, version)
            self._models = {key: value for key, value in self._models.items() if key != name}
            self._tell()

    def _follow_model(self, model: Model, folder: ModelFolder) -> None:
        self._read_model_settings(model, folder)
        for number in list(model.failed):
            on_disk = folder.versions.get(number)
            if on_disk is None or on_disk.fingerprint != model.failed[number]:
                model.forget_failure(number)
        if model.settings is not None:
            self._move(model, model.settings, folder)
        model.seen = {number: each.fingerprint for number, each in folder.versions.items()}

    def _read_model_settings(self, model: Model, folder: ModelFolder) -> None:
        if folder.settings == model.settings_fingerprint:
            return
        model.settings_fingerprint = folder.settings
        try:
            model.settings = self._read_settings(folder.path / SETTINGS_FILE)
        except ConfigError as error:
            self._observer.settings_refused(model.name, error)
            if model.settings is None and folder.versions:
                self._change(model, max(folder.versions), State.END, error=str(error))

    def _move(self, model: Model, settings: ModelSettings, folder: ModelFolder) -> None:
        """Load what should be live; when it all is, retire what should not be."""
        wanted, missing = self._wanted(model, settings, folder)
        while not self._stopping:
            quiet = [number for number in missing if self._quiet(model, number, folder)]
            if not quiet:
                break
            self._bring_up(model, settings, quiet[0], folder.versions[quiet[0]])
            # A failure changes what is wanted: the newest version that works.
            wanted, missing = self._wanted(model, settings, folder)
        # Old versions leave when all that should replace them is there, never before.
        if wanted and not missing:
            for number in [number for number in model.live if number not in wanted]:
                self._retire(model, model.live[number])

    def _wanted(
        self, model: Model, settings: ModelSettings, folder: ModelFolder
    ) -> tuple[frozenset[int], list[int]]:
        """Which versions should be live, and which of them must be loaded for it, newest first."""
        usable = [
            number
            for number in folder.versions
            if number not in model.failed or number in model.live
        ]
        wanted = settings.versions.wanted(usable)
        missing = [
            number
            for number in sorted(wanted, reverse=True)
            if number not in model.failed and not _serves_under(model.live.get(number), settings)
        ]
        return wanted, missing

    def _quiet(self, model: Model, number: int, folder: ModelFolder) -> bool:
        """Whether nobody is writing the version any more: nothing changed since the last look.

        At the start there was no last look, and what is there is taken as it is: an error is
        reported and the version is tried again once it changes.
        """
        if not self._settled or number in model.live:
            return True
        return model.seen.get(number) == folder.versions[number].fingerprint

    def _bring_up(
        self, model: Model, settings: ModelSettings, number: int, folder: VersionFolder
    ) -> None:
        replaced = model.live.get(number)
        if replaced is None:
            self._change(model, number, State.LOADING, error="")
        started = self._clock()
        try:
            version = self._load(model.name, number, folder.path, settings)
        except Exception as error:  # noqa: BLE001 - whatever a load raises, the keeper goes on
            model.failed[number] = folder.fingerprint
            reason = (
                str(error) if isinstance(error, LoadError) else f"{type(error).__name__}: {error}"
            )
            if replaced is None:
                self._change(model, number, State.END, error=reason)
            else:
                self._observer.settings_refused(model.name, error)
            return
        model.put_live(version)
        self._change(
            model,
            number,
            State.AVAILABLE,
            error="",
            engine=version.engine,
            load_seconds=self._clock() - started,
        )
        if replaced is not None:
            replaced.retire(partial(self._drained_one, replaced))

    def _retire(self, model: Model, version: ServedVersion) -> None:
        model.drop_live(version.number)
        self._change(model, version.number, State.UNLOADING)
        version.retire(partial(self._drained_one, version))

    def _drained_one(self, version: ServedVersion) -> None:
        # Called where the last request ended: closing is left to the keeper's thread.
        self._drained.append(version)
        self._wake.set()

    def _close_drained(self) -> None:
        while self._drained:
            version = self._drained.popleft()
            version.close()
            model = self._models.get(version.model)
            if model is not None and version.number in model.live:
                continue  # it was replaced by itself under new settings
            self._observer.version_unloaded(version.model, version.number)
            if model is not None:
                self._change(model, version.number, State.END)

    def _change(self, model: Model, number: int, state: State, **changes: object) -> None:
        status = model.changed_status(number, state, **changes)
        self._observer.version_changed(status)
        self._tell()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()


def _serves_under(version: ServedVersion | None, settings: ModelSettings) -> bool:
    return version is not None and (
        version.settings.batching == settings.batching
        and version.settings.limits == settings.limits
    )


def _why_not_live(model: Model) -> str:
    for status in sorted(model.statuses.values(), key=lambda status: -status.version):
        if status.state is State.LOADING:
            return f"version {status.version} is still loading; retry shortly"
        if status.error:
            return f"version {status.version} failed to load: {status.error}"
    return "its folder holds no version"
