"""Brings each model towards what its folder and its settings ask for.

It decides and moves state, and does nothing that could hold it: settings are read, versions loaded
and closed by tasks, and it is told what came of them. Models never wait for each other, but for a
core and for memory. Of one model a version is loaded at a time, unless that takes long.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from horngate.errors import ConfigError, LoadError, NoRoom
from horngate.lifecycle.closings import CLOSE, Closings
from horngate.lifecycle.desired import asked_for, check_compatibility, desired, outdated, replaced
from horngate.lifecycle.loader import Load
from horngate.lifecycle.memory import RoomTaken
from horngate.lifecycle.model import LoadFailure, Loading, Model, Version
from horngate.lifecycle.observer import RepositoryObserver
from horngate.lifecycle.repository import Repository
from horngate.lifecycle.served import ServedVersion
from horngate.lifecycle.settings import ModelSettings
from horngate.lifecycle.status import State, VersionStatus, why
from horngate.lifecycle.tasks import Continue, GivenUp, Progress, Task, Tasks
from horngate.servable import Clock
from horngate.store.snapshot import Fingerprint, ModelFolder, VersionFolder

MOST_BESIDE: Final = 2
"""Loads of one model beside each other, where one takes long; and how many may not have come back
before no other is begun."""

MOST_STUCK: Final = 16
"""Tasks of all models that may not have come back before no other load is begun."""

SETTINGS: Final = "settings"
LOAD: Final = "load"

ReadSettings = Callable[[ModelFolder], ModelSettings]
"""Reads a model's settings, on a thread that it may hold for ever; raises ``ConfigError``."""


class Reconciler:
    """Belongs to the loop's thread, but for what its tasks call."""

    def __init__(
        self,
        repository: Repository,
        read_settings: ReadSettings,
        load: Load,
        *,
        observer: RepositoryObserver,
        clock: Clock,
        tasks: Tasks,
        load_seconds: float,
        wake: Callable[[], None],
    ) -> None:
        self._repository = repository
        self._read_settings = read_settings
        self._load = load
        self._observer = observer
        self._clock = clock
        self._tasks = tasks
        self._load_seconds = load_seconds
        self._closings = Closings(
            tasks, observer, seconds=load_seconds, wake=wake, closed=self._closed
        )
        self._stopping = False

    def follow(self, model: Model, folder: ModelFolder, *, whole: bool) -> None:
        """Move ``model`` to what a look found in ``folder``.

        Args:
            model: one that is held.
            folder: where its versions are.
            whole: whether all of it may be loaded; else only versions that nobody writes to any
                more, those that have not changed since the last look.
        """
        seen = {} if model.folder is None else model.folder.versions
        model.quiet = frozenset(
            number
            for number, found in folder.versions.items()
            if whole
            or model.loaded(number) == found.fingerprint
            or (number in seen and seen[number].fingerprint == found.fingerprint)
        )
        model.folder = folder
        for version, failure in model.failures():
            on_disk = folder.versions.get(version.number)
            if on_disk is None or on_disk.fingerprint != failure.fingerprint:
                model.forget_failure(version)
        self._take_settings(model, folder)
        self.advance(model)

    def advance(self, model: Model) -> None:
        """Load what should be live next; when it all is, retire what should not be."""
        settings, folder = model.settings, model.folder
        model.at_rest = model.reading is None
        if self._stopping or model.reading or settings is None or folder is None:
            return
        for version, loading in model.loads():
            on_disk = folder.versions.get(version.number)
            if outdated(loading, settings, on_disk) and self._tasks.slow(loading.task):
                self._leave(version)
        while True:
            # A failure changes what is wanted: the newest version that works.
            aim = desired(model, settings, folder)
            due = [number for number in aim.missing if number in model.quiet]
            under_way = {version.number for version, _ in model.loads()}
            to_begin = [number for number in due if number not in under_way]
            if not to_begin or not self._may_begin(model):
                break
            version, on_disk = model.version(to_begin[0]), folder.versions[to_begin[0]]
            if self._too_many_stuck(model):
                self._failed(model, version, on_disk.fingerprint, _too_many_stuck())
            else:
                self._begin_load(model, settings, version, on_disk)
        model.at_rest = not due and not under_way & {*aim.missing}
        for number in replaced(model, settings, aim):
            self._retire(model, model.version(number))
        self._forget_left(model, aim.missing)
        for news in model.label_news():
            self._observer.label_changed(model.name, news)

    def advance_all(self) -> None:
        """``advance`` every model that is not at rest."""
        for model in self._repository.held().values():
            if not model.at_rest:
                self.advance(model)

    def let_go(self, model: Model) -> None:
        """Serve ``model`` no longer; what is being loaded of it is turned away."""
        for version, _ in model.loads():
            self._leave(version)
        model.reading = None
        for number in model.live:
            self._retire(model, model.version(number))
        self._repository.remove(model.name)

    def close_drained(self) -> None:
        """Begin to close the retired versions whose last request has ended."""
        self._closings.begin_drained()

    def stop(self) -> None:
        """Load nothing more, refuse what is still queued, and close every version."""
        self._stopping = True
        for model in self._repository.held().values():
            for number, served in model.live.items():
                served.scheduler.abort()
                self._retire(model, model.version(number))
        self.close_drained()

    def _forget_left(self, model: Model, missing: list[int]) -> None:
        """What was being loaded and is not asked for any more is loading no longer."""
        for version in list(model.versions.values()):
            asked_for = version.loading is not None or version.number in missing
            if version.state is State.LOADING and not asked_for:
                self._change(model, version, State.END)

    # Settings -------------------------------------------------------------------------------------

    def _take_settings(self, model: Model, folder: ModelFolder) -> None:
        reading = model.reading
        if folder.stamp == model.settings_stamp or (reading and not self._tasks.slow(reading)):
            return
        if len(self._running(model)) > MOST_BESIDE:
            return  # enough of them are held up; the next look asks again
        model.settings_stamp = folder.stamp
        task = Task(SETTINGS, model.name, self._load_seconds)

        def read(progress: Progress) -> Continue:
            progress.step = "reading its settings"
            return partial(
                self._settings_read, model, task, folder.stamp, self._read_settings(folder)
            )

        task.work, task.failed = read, partial(self._refuse_settings, model, task)
        task.late = partial(self._settings_late, model, task)
        model.reading = task
        self._tasks.begin(task)

    def _settings_read(
        self, model: Model, task: Task, stamp: object, settings: ModelSettings
    ) -> None:
        held = self._repository.held().get(model.name) is model
        late = model.reading is None and model.settings_stamp == stamp and held
        if model.reading is task or late:
            model.reading = None
            model.settings = settings
            model.relabel()
            for version, _ in model.failures():
                model.forget_failure(version)  # under other settings it may do
            self.advance(model)

    def _settings_late(self, model: Model, task: Task) -> None:
        self._tasks.give_up(task)
        error = ConfigError(
            f"{model.name}: expected settings that can be read within {task.seconds:g} s, and they "
            "were not; look at the disk, then write them anew"
        )
        self._refuse_settings(model, task, error)

    def _refuse_settings(self, model: Model, task: Task, error: Exception) -> None:
        if model.reading is task:
            model.reading = None
            self._observer.settings_refused(model.name, error)
            versions = {} if model.folder is None else model.folder.versions
            if model.settings is None and versions:
                words, detail = why(error)
                newest = model.version(max(versions))
                self._change(model, newest, State.END, error=words, detail=detail)
            self.advance(model)

    # Loading --------------------------------------------------------------------------------------

    def _running(self, model: Model) -> list[Task]:
        # That an old version does not close keeps no new one from being loaded.
        tasks = self._tasks.running
        return [task for task in tasks if task.owner == model.name and task.what != CLOSE]

    def _may_begin(self, model: Model) -> bool:
        """Whether no load of the model is under way, or few that take long."""
        if any(loading.task.began is None for _, loading in model.loads()):
            return False
        running = [task for task in self._running(model) if not task.stuck]
        return len(running) < MOST_BESIDE and all(map(self._tasks.slow, running))

    def _too_many_stuck(self, model: Model) -> bool:
        stuck = [task.owner for task in self._tasks.running if task.stuck]
        return stuck.count(model.name) >= MOST_BESIDE or len(stuck) >= MOST_STUCK

    def _begin_load(
        self, model: Model, settings: ModelSettings, version: Version, on_disk: VersionFolder
    ) -> None:
        number = version.number
        if version.served is None and version.state is not State.LOADING:
            self._change(model, version, State.LOADING, error="", detail="")
        seconds = settings.runtime.load_seconds or self._load_seconds
        task = Task(LOAD, model.name, seconds, number)

        def load(progress: Progress) -> Continue:
            started = self._clock()
            try:
                served = self._load(model.name, number, on_disk.path, settings, progress)
            except GivenUp:
                return partial(self._load_left, model, version, task)
            took = self._clock() - started
            return partial(self._loaded, model, version, task, served, took)

        task.work, task.failed = load, partial(self._load_failed, model, version, task)
        task.late = partial(self._load_late, model, version, task)
        version.loading = Loading(task, on_disk.fingerprint, settings)
        self._tasks.begin_in_turn(task)

    def _leave(self, version: Version) -> None:
        """Wait no longer for a load."""
        loading, version.loading = version.loading, None
        if loading is not None:
            loading.task.progress.give_up()

    def _loaded(
        self, model: Model, version: Version, task: Task, served: ServedVersion, seconds: float
    ) -> None:
        loading = self._load_ended(model, version, task)
        if loading is None or not self._asked_for(model, version.number):
            self._closings.begin(served)
        elif (wrong := self._wrong(model, served)) is not None:
            self._closings.begin(served)
            self._failed(model, version, loading.fingerprint, wrong)
        else:
            self._put_live(model, version, served, loading, seconds)
        self._go_on()

    def _asked_for(self, model: Model, number: int) -> bool:
        """Whether a version that was loaded should go live as things are now."""
        settings, folder = model.settings, model.folder
        return (
            settings is not None
            and folder is not None
            and asked_for(model, settings, folder, number)
        )

    def _wrong(self, model: Model, served: ServedVersion) -> LoadError | None:
        """Why callers of the newest version, whose place it takes, cannot use ``served``."""
        settings, newest = model.settings, model.newest
        if settings is None or newest is None or served.number <= newest.number:
            return None  # a step back is somebody's decision
        try:
            check_compatibility(newest, served, settings.versions)
        except LoadError as error:
            return error
        return None

    def _put_live(
        self,
        model: Model,
        version: Version,
        served: ServedVersion,
        loading: Loading,
        seconds: float,
    ) -> None:
        before = version.served
        model.put_live(version, served, loading.fingerprint)
        self._change(
            model,
            version,
            State.AVAILABLE,
            error="",
            detail=served.engine_detail,
            engine=served.engine,
            engine_reason=served.engine_reason,
            rows_reason=served.rows_reason,
            notes=served.notes,
            load_seconds=seconds,
        )
        if before is not None:
            self._closings.retire(before)

    def _load_failed(self, model: Model, version: Version, task: Task, error: Exception) -> None:
        loading = self._load_ended(model, version, task)
        if loading is not None and isinstance(error, RoomTaken):
            # It is tried again when one of the others has ended; at once where they all have.
            if not any(any(each.loads()) for each in self._repository.held().values()):
                self.advance(model)
            return
        if loading is None:
            self.room_again()
        else:
            self._failed(model, version, loading.fingerprint, error)
        self._go_on()

    def _load_left(self, model: Model, version: Version, task: Task) -> None:
        self._load_ended(model, version, task)
        self.room_again()
        self._go_on()

    def _load_late(self, model: Model, version: Version, task: Task) -> None:
        if not self._tasks.give_up(task):
            return  # it ends just now
        loading = self._load_ended(model, version, task)
        if loading is not None:
            error = LoadError(
                f"expected to load within {task.seconds:g} s, and did not come back from "
                f"{task.progress.step}; mend the version, or allow more load_seconds. Restart the "
                "server to be rid of what still runs"
            )
            self._failed(model, version, loading.fingerprint, error)
        self._go_on()

    def _load_ended(self, model: Model, version: Version, task: Task) -> Loading | None:
        """What was being loaded, None where nobody waits for it any more."""
        loading = version.loading
        if loading is None or loading.task is not task:
            return None
        version.loading = None
        model.at_rest = False
        return None if self._stopping else loading

    def _go_on(self) -> None:
        """A load is over: there is a core, or memory, for others."""
        self._tasks.go_on()
        self.advance_all()

    def _failed(
        self, model: Model, version: Version, fingerprint: Fingerprint, error: Exception
    ) -> None:
        version.failed = LoadFailure(fingerprint, isinstance(error, NoRoom))
        if version.served is not None:
            self._observer.settings_refused(model.name, error)
            return
        words, detail = why(error)
        self._change(model, version, State.END, error=words, detail=detail)

    # Away -----------------------------------------------------------------------------------------

    def _retire(self, model: Model, version: Version) -> None:
        served = version.served
        if served is not None:
            model.drop_live(version)
            self._change(model, version, State.UNLOADING)
            self._closings.retire(served)

    def _closed(self, served: ServedVersion) -> None:
        self.room_again()
        model = self._repository.held().get(served.model)
        version = None if model is None else model.versions.get(served.number)
        if version is not None and (version.served or version.loading):
            return  # it is replaced by itself, under new settings say
        self._observer.version_unloaded(served.model, served.number)
        if model is None:
            gone = VersionStatus(served.model, served.number, State.END)
            self._observer.version_changed(gone)
        elif version is not None and version.state is State.UNLOADING:
            self._change(model, version, State.END)

    def room_again(self) -> None:
        """Memory, or a thread, was given back: what failed for want of it may be tried again."""
        for model in self._repository.held().values():
            for version, failure in model.failures():
                if failure.no_room:
                    model.forget_failure(version)
                    model.at_rest = False
        self.advance_all()

    def _change(self, model: Model, version: Version, state: State, **changes: object) -> None:
        model.change(version, state, **changes)
        self._observer.version_changed(version.status)
        self._repository.tell_change()


def _too_many_stuck() -> NoRoom:
    return NoRoom(
        f"expected fewer than {MOST_BESIDE} loads of a model, and {MOST_STUCK} of a server, that "
        "do not come back; restart the server to be rid of them"
    )
