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
from horngate.lifecycle.compatibility import check_succession
from horngate.lifecycle.desired import asked_for, outdated, replaced, wanted
from horngate.lifecycle.loader import Load
from horngate.lifecycle.memory import RoomTaken
from horngate.lifecycle.model import Failure, Loading, Model
from horngate.lifecycle.observer import RepositoryObserver
from horngate.lifecycle.repository import Repository
from horngate.lifecycle.served import ServedVersion
from horngate.lifecycle.settings import ModelSettings
from horngate.lifecycle.status import State, VersionStatus, why
from horngate.lifecycle.tasks import Continue, GivenUp, Progress, Task, Tasks
from horngate.servable import Clock
from horngate.store.snapshot import Fingerprint, ModelFolder

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
    """Belongs to the keeper's thread, but for what its tasks call."""

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
            or model.loaded.get(number) == found.fingerprint
            or (number in seen and seen[number].fingerprint == found.fingerprint)
        )
        model.folder = folder
        for number, failure in list(model.failed.items()):
            on_disk = folder.versions.get(number)
            if on_disk is None or on_disk.fingerprint != failure.fingerprint:
                model.forget_failure(number)
        self._take_settings(model, folder)
        self.advance(model)

    def advance(self, model: Model) -> None:
        """Load what should be live next; when it all is, retire what should not be."""
        settings, folder = model.settings, model.folder
        model.at_rest = model.reading is None
        if self._stopping or model.reading or settings is None or folder is None:
            return
        for number, loading in list(model.loading.items()):
            if outdated(loading, settings, folder.versions.get(number)) and self._slow(loading):
                self._leave(model, number)
        while True:
            # A failure changes what is wanted: the newest version that works.
            aim = wanted(model, settings, folder)
            due = [number for number in aim.missing if number in model.quiet]
            to_begin = [number for number in due if number not in model.loading]
            if not to_begin or not self._may_begin(model):
                break
            number = to_begin[0]
            if self._too_many_stuck(model):
                self._failed(model, number, folder.versions[number].fingerprint, _too_many_stuck())
            else:
                self._begin_load(model, settings, number, folder)
        model.at_rest = not due and not model.loading.keys() & {*aim.missing}
        for number in replaced(model, settings, aim):
            self._retire(model, model.live[number])
        self._forget_left(model, aim.missing)

    def advance_all(self) -> None:
        """``advance`` every model that is not at rest."""
        for model in self._repository.held().values():
            if not model.at_rest:
                self.advance(model)

    def let_go(self, model: Model) -> None:
        """Serve ``model`` no longer; what is being loaded of it is turned away."""
        for number in list(model.loading):
            self._leave(model, number)
        model.reading = None
        for version in list(model.live.values()):
            self._retire(model, version)
        self._repository.remove(model.name)

    def close_drained(self) -> None:
        """Begin to close the retired versions whose last request has ended."""
        self._closings.begin_drained()

    def stop(self) -> None:
        """Load nothing more, refuse what is still queued, and close every version."""
        self._stopping = True
        for model in self._repository.held().values():
            for version in model.live.values():
                version.scheduler.abort()
                self._retire(model, version)
        self.close_drained()

    def _forget_left(self, model: Model, missing: list[int]) -> None:
        """What was being loaded and is not asked for any more is loading no longer."""
        for number, status in model.statuses.items():
            asked_for = number in model.loading or number in missing
            if status.state is State.LOADING and not asked_for:
                self._change(model, number, State.END)

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

        task.work, task.failed = read, partial(self._settings_refused, model, task)
        task.late = partial(self._settings_late, model, task)
        model.reading = task
        self._tasks.begin(task)

    def _settings_read(
        self, model: Model, task: Task, stamp: object, settings: ModelSettings
    ) -> None:
        late = model.reading is None and model.settings_stamp == stamp and self._held(model)
        if model.reading is task or late:
            model.reading = None
            model.settings = settings
            model.relabel()
            for number in list(model.failed):
                model.forget_failure(number)  # under other settings it may do
            self.advance(model)

    def _settings_refused(self, model: Model, task: Task, error: Exception) -> None:
        self._refuse_settings(model, task, error)

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
                self._change(model, max(versions), State.END, error=words, detail=detail)
            self.advance(model)

    # Loading --------------------------------------------------------------------------------------

    def _slow(self, loading: Loading) -> bool:
        return self._tasks.slow(loading.task)

    def _running(self, model: Model) -> list[Task]:
        # That an old version does not close keeps no new one from being loaded.
        tasks = self._tasks.running
        return [task for task in tasks if task.owner == model.name and task.what != CLOSE]

    def _may_begin(self, model: Model) -> bool:
        """Whether no load of the model is under way, or few that take long."""
        if any(loading.task.began is None for loading in model.loading.values()):
            return False
        running = [task for task in self._running(model) if not task.stuck]
        return len(running) < MOST_BESIDE and all(map(self._tasks.slow, running))

    def _too_many_stuck(self, model: Model) -> bool:
        stuck = [task.owner for task in self._tasks.running if task.stuck]
        return stuck.count(model.name) >= MOST_BESIDE or len(stuck) >= MOST_STUCK

    def _begin_load(
        self, model: Model, settings: ModelSettings, number: int, folder: ModelFolder
    ) -> None:
        on_disk = folder.versions[number]
        if number not in model.live and model.status_of(number).state is not State.LOADING:
            self._change(model, number, State.LOADING, error="", detail="")
        seconds = settings.runtime.load_seconds or self._load_seconds
        task = Task(LOAD, model.name, seconds, number)

        def load(progress: Progress) -> Continue:
            started = self._clock()
            try:
                version = self._load(model.name, number, on_disk.path, settings, progress)
            except GivenUp:
                return partial(self._load_left, model, task)
            took = self._clock() - started
            return partial(self._loaded, model, task, version, took)

        task.work, task.failed = load, partial(self._load_failed, model, task)
        task.late = partial(self._load_late, model, task)
        model.loading[number] = Loading(task, on_disk.fingerprint, settings)
        self._tasks.begin_in_turn(task)

    def _leave(self, model: Model, number: int) -> None:
        """Wait no longer for a load."""
        loading = model.loading.pop(number)
        loading.task.progress.give_up()

    def _loaded(self, model: Model, task: Task, version: ServedVersion, seconds: float) -> None:
        loading = self._load_ended(model, task)
        if loading is None or not self._asked_for(model, task.number):
            self._closings.begin(version)
        elif (wrong := self._wrong(model, version)) is not None:
            self._closings.begin(version)
            self._failed(model, task.number, loading.fingerprint, wrong)
        else:
            self._put_live(model, version, loading, seconds)
        self._go_on()

    def _asked_for(self, model: Model, number: int) -> bool:
        """Whether a version that was loaded should go live as things are now."""
        settings, folder = model.settings, model.folder
        return (
            settings is not None
            and folder is not None
            and asked_for(model, settings, folder, number)
        )

    def _wrong(self, model: Model, version: ServedVersion) -> LoadError | None:
        """Why callers of the newest version, whose place it takes, cannot use ``version``."""
        settings, newest = model.settings, model.newest
        if settings is None or newest is None or version.number <= newest.number:
            return None  # a step back is somebody's decision
        try:
            check_succession(newest, version, settings.versions)
        except LoadError as error:
            return error
        return None

    def _put_live(
        self, model: Model, version: ServedVersion, loading: Loading, seconds: float
    ) -> None:
        before = model.live.get(version.number)
        model.put_live(version)
        model.loaded[version.number] = loading.fingerprint
        self._change(
            model,
            version.number,
            State.AVAILABLE,
            error="",
            detail=version.engine_detail,
            engine=version.engine,
            engine_reason=version.engine_reason,
            rows_reason=version.rows_reason,
            load_seconds=seconds,
        )
        if before is not None:
            self._closings.retire(before)

    def _load_failed(self, model: Model, task: Task, error: Exception) -> None:
        loading = self._load_ended(model, task)
        if loading is not None and isinstance(error, RoomTaken):
            # It is tried again when one of the others has ended; at once where they all have.
            if not any(each.loading for each in self._repository.held().values()):
                self.advance(model)
            return
        if loading is None:
            self.room_again()
        else:
            self._failed(model, task.number, loading.fingerprint, error)
        self._go_on()

    def _load_left(self, model: Model, task: Task) -> None:
        self._load_ended(model, task)
        self.room_again()
        self._go_on()

    def _load_late(self, model: Model, task: Task) -> None:
        if not self._tasks.give_up(task):
            return  # it ends just now
        loading = self._load_ended(model, task)
        if loading is not None:
            error = LoadError(
                f"expected to load within {task.seconds:g} s, and did not come back from "
                f"{task.progress.step}; mend the version, or allow more load_seconds. Restart the "
                "server to be rid of what still runs"
            )
            self._failed(model, task.number, loading.fingerprint, error)
        self._go_on()

    def _load_ended(self, model: Model, task: Task) -> Loading | None:
        """What was being loaded, None where nobody waits for it any more."""
        loading = model.loading.get(task.number)
        if loading is None or loading.task is not task:
            return None
        del model.loading[task.number]
        model.at_rest = False
        return None if self._stopping else loading

    def _go_on(self) -> None:
        """A load is over: there is a core, or memory, for others."""
        self._tasks.go_on()
        self.advance_all()

    def _failed(
        self, model: Model, number: int, fingerprint: Fingerprint, error: Exception
    ) -> None:
        model.failed[number] = Failure(fingerprint, isinstance(error, NoRoom))
        if number in model.live:
            self._observer.settings_refused(model.name, error)
            return
        words, detail = why(error)
        self._change(model, number, State.END, error=words, detail=detail)

    # Away -----------------------------------------------------------------------------------------

    def _retire(self, model: Model, version: ServedVersion) -> None:
        model.drop_live(version.number)
        self._change(model, version.number, State.UNLOADING)
        self._closings.retire(version)

    def _closed(self, version: ServedVersion) -> None:
        self.room_again()
        model = self._repository.held().get(version.model)
        if model is not None and version.number in {*model.live, *model.loading}:
            return  # it is replaced by itself, under new settings say
        self._observer.version_unloaded(version.model, version.number)
        if model is None:
            gone = VersionStatus(version.model, version.number, State.END)
            self._observer.version_changed(gone)
        elif model.status_of(version.number).state is State.UNLOADING:
            self._change(model, version.number, State.END)

    def room_again(self) -> None:
        """Memory, or a thread, was given back: what failed for want of it may be tried again."""
        for model in self._repository.held().values():
            for number, failure in list(model.failed.items()):
                if failure.no_room:
                    model.forget_failure(number)
                    model.at_rest = False
        self.advance_all()

    def _held(self, model: Model) -> bool:
        return self._repository.held().get(model.name) is model

    def _change(self, model: Model, number: int, state: State, **changes: object) -> None:
        status = model.changed_status(number, state, **changes)
        self._observer.version_changed(status)
        self._repository.tell_change()


def _too_many_stuck() -> NoRoom:
    return NoRoom(
        f"expected fewer than {MOST_BESIDE} loads of a model, and {MOST_STUCK} of a server, that "
        "do not come back; restart the server to be rid of them"
    )
