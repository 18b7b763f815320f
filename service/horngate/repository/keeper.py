"""The keeper of all models: looks at the disk, loads what should be live, retires what should not.

One thread, the keeper's, does all the moving, so that loading never runs on a request's thread and
no two moves meet.

What is live is taken away for two reasons only: another version has taken its place, or its
model's folder has gone from a repository that is otherwise readable and not empty. A folder that
is empty or cannot be read says that a disk is away, and unloads nothing.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from functools import partial
from typing import Final

from horngate.errors import ConfigError, LoadError, NoRoom
from horngate.repository.loader import Load
from horngate.repository.model import Failure, Model
from horngate.repository.observer import RepositoryObserver
from horngate.repository.orders import Change, Check, Orders
from horngate.repository.repository import Repository
from horngate.repository.scan import ModelFolder, Seen, VersionFolder
from horngate.repository.served import ServedVersion
from horngate.repository.settings import ModelSettings
from horngate.repository.source import Source
from horngate.repository.status import State, VersionStatus, why
from horngate.repository.succession import check_succession
from horngate.repository.wanted import wanted
from horngate.scheduling.ticket import Answer
from horngate.servable import Clock

STOP_SECONDS: Final = 10.0
"""How long ``stop`` waits for a load that is under way; it is left behind after that."""


class Keeper:
    """Keeps ``repository`` as ``source`` says. ``start``, ``stop`` and ``order`` are for others.

    ``refresh`` belongs to the keeper's thread; a test without that thread may call it instead.
    """

    def __init__(
        self,
        repository: Repository,
        source: Source,
        *,
        load: Load,
        observer: RepositoryObserver,
        clock: Clock,
        poll_seconds: float = 1.0,
    ) -> None:
        self._repository = repository
        self._source = source
        self._load = load
        self._observer = observer
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._drained: deque[ServedVersion] = deque()
        self._wake = threading.Event()
        self._orders = Orders(self._wake.set)
        self._stopping = False
        self._thread = threading.Thread(target=self._keep, name="keeper", daemon=True)

    def start(self) -> None:
        """Begin to keep: look at the disk now and then every ``poll_seconds``."""
        self._thread.start()

    def order(self, change: Change, check: Check) -> Answer[None]:
        """Make ``change``, follow it at once, and answer when that is done; any thread.

        What is there is taken as it is: whoever orders it says that it is whole. A version that
        failed is tried again.
        """
        return self._orders.add(change, check)

    def stop(self) -> None:
        """End keeping, refuse what is still queued, and close every version."""
        self._stopping = True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)
        for model in self._repository.held().values():
            for version in model.live.values():
                version.scheduler.abort()
                self._retire(model, version)
        self._close_drained()
        self._orders.close()

    def _keep(self) -> None:
        while not self._stopping:
            try:
                self.refresh()
            except Exception as error:  # noqa: BLE001 - what is live must not lose its keeper
                self._observer.keeper_failed(error)
            self._rest()

    def _rest(self) -> None:
        """Wait for the next look, closing meanwhile what falls idle.

        The next look is not taken earlier for that: two looks are a poll apart, or "unchanged since
        the last look" would mean nothing.
        """
        ends = self._clock() + self._poll_seconds
        while not self._stopping and (left := ends - self._clock()) > 0:
            if self._wake.wait(left):
                self._wake.clear()
                self._close_drained()
                self._obey()

    def refresh(self) -> None:
        """Look at the disk once and do what follows from it."""
        self._close_drained()
        seen = self._look()
        if seen is None:
            return
        self._follow(seen)
        if not self._repository.settled:
            self._repository.settle()
        self._obey()

    def _look(self) -> Seen | None:
        try:
            seen = self._source.look()
        except OSError as error:
            self._observer.folder_unreadable(self._source.path, error)
            return None
        for reason in seen.refused:
            self._observer.folder_unreadable(self._source.path, reason)
        for unreadable in seen.unreadable.values():
            self._observer.folder_unreadable(unreadable.path, unreadable.error)
        self._repository.others = seen.others
        return seen

    def _obey(self) -> None:
        """Do what was ordered, one order after another."""
        while not self._stopping and (order := self._orders.take()) is not None:
            try:
                self._follow_order(order.change())
                order.check()
            except Exception as error:  # noqa: BLE001 - whoever ordered it is told
                order.ticket.fail(error)
            else:
                order.ticket.succeed(None)

    def _follow_order(self, names: Iterable[str]) -> None:
        seen = self._look()
        if seen is None:
            return
        for name in names:
            folder = seen.models.get(name)
            if folder is not None:
                model = self._held(name, essential=False)
                model.failed.clear()
                self._follow_model(model, folder, whole=True)
        self._let_go_of_the_rest(seen)

    def _follow(self, seen: Seen) -> None:
        essential = not self._repository.settled
        for name, folder in seen.models.items():
            if self._stopping:
                return
            self._follow_model(self._held(name, essential=essential), folder)
        self._let_go_of_the_rest(seen)

    def _held(self, name: str, *, essential: bool) -> Model:
        if not self._repository.knows(name):
            self._repository.add(Model(name, essential=essential))
        return self._repository.held()[name]

    def _let_go_of_the_rest(self, seen: Seen) -> None:
        there = {*seen.models, *seen.empty, *seen.unreadable}
        for name, model in self._repository.held().items():
            dismissed = seen.only is not None and name not in seen.only
            if dismissed or (seen.models and name not in there):
                self._let_go(model)

    def _let_go(self, model: Model) -> None:
        for version in list(model.live.values()):
            self._retire(model, version)
        self._repository.remove(model.name)

    def _follow_model(self, model: Model, folder: ModelFolder, *, whole: bool = False) -> None:
        self._read_model_settings(model, folder)
        for number, failure in list(model.failed.items()):
            on_disk = folder.versions.get(number)
            if on_disk is None or on_disk.fingerprint != failure.fingerprint:
                model.forget_failure(number)
        if model.settings is not None:
            self._move(model, model.settings, folder, whole=whole)
        model.seen = {number: each.fingerprint for number, each in folder.versions.items()}

    def _read_model_settings(self, model: Model, folder: ModelFolder) -> None:
        if folder.stamp == model.settings_stamp:
            return
        model.settings_stamp = folder.stamp
        try:
            model.settings = self._source.settings(folder)
        except ConfigError as error:
            self._observer.settings_refused(model.name, error)
            if model.settings is None and folder.versions:
                words, detail = why(error)
                self._change(model, max(folder.versions), State.END, error=words, detail=detail)
            return
        model.relabel()
        for number in list(model.failed):
            model.forget_failure(number)  # under other settings it may do

    def _move(
        self, model: Model, settings: ModelSettings, folder: ModelFolder, *, whole: bool
    ) -> None:
        """Load what should be live; when it all is, retire what should not be."""
        aim = wanted(model, settings, folder)
        while not self._stopping:
            quiet = [
                number for number in aim.missing if whole or self._quiet(model, number, folder)
            ]
            if not quiet:
                break
            self._bring_up(model, settings, quiet[0], folder.versions[quiet[0]])
            # A failure changes what is wanted: the newest version that works.
            aim = wanted(model, settings, folder)
        # Old versions leave when all that should replace them is there, never before.
        if aim.live and not aim.missing:
            for number in [number for number in model.live if number not in aim.live]:
                self._retire(model, model.live[number])

    def _quiet(self, model: Model, number: int, folder: ModelFolder) -> bool:
        """Whether nobody is writing the version any more: nothing changed since the last look.

        At the start there was no last look, and what is there is taken as it is: an error is
        reported and the version is tried again once it changes.
        """
        now = folder.versions[number].fingerprint
        if not self._repository.settled or model.loaded.get(number) == now:
            return True
        return model.seen.get(number) == now

    def _bring_up(
        self, model: Model, settings: ModelSettings, number: int, folder: VersionFolder
    ) -> None:
        replaced = model.live.get(number)
        if replaced is None:
            self._change(model, number, State.LOADING, error="", detail="")
        started = self._clock()
        try:
            version = self._load(model.name, number, folder.path, settings)
            self._check_succession(model, settings, version)
        except Exception as error:  # noqa: BLE001 - whatever a load raises, the keeper goes on
            model.failed[number] = Failure(folder.fingerprint, isinstance(error, NoRoom))
            if replaced is None:
                words, detail = why(error)
                self._change(model, number, State.END, error=words, detail=detail)
            else:
                self._observer.settings_refused(model.name, error)
            return
        model.put_live(version)
        model.loaded[number] = folder.fingerprint
        self._change(
            model,
            number,
            State.AVAILABLE,
            error="",
            detail="",
            engine=version.engine,
            engine_reason=version.engine_reason,
            rows_reason=version.rows_reason,
            load_seconds=self._clock() - started,
        )
        if replaced is not None:
            replaced.retire(partial(self._drained_one, replaced))

    def _check_succession(
        self, model: Model, settings: ModelSettings, version: ServedVersion
    ) -> None:
        """Refuse a version that callers of the newest one, whose place it takes, cannot use.

        Raises:
            LoadError: with the difference; the version is closed.
        """
        newest = model.newest
        if newest is None or version.number <= newest.number:
            return  # a step back is somebody's decision
        try:
            check_succession(newest, version, settings.versions)
        except LoadError:
            version.close()
            self._observer.version_unloaded(version.model, version.number)
            raise

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
            self._room_again()
            model = self._repository.held().get(version.model)
            if model is not None and version.number in model.live:
                continue  # it was replaced by itself under new settings
            self._observer.version_unloaded(version.model, version.number)
            if model is not None:
                self._change(model, version.number, State.END)
            else:
                gone = VersionStatus(version.model, version.number, State.END)
                self._observer.version_changed(gone)

    def _room_again(self) -> None:
        for model in self._repository.held().values():
            for number, failure in list(model.failed.items()):
                if failure.no_room:
                    model.forget_failure(number)

    def _change(self, model: Model, number: int, state: State, **changes: object) -> None:
        status = model.changed_status(number, state, **changes)
        self._observer.version_changed(status)
        self._repository.tell_change()
