"""The reconcile loop: looks at the disk, and has each model follow what is found there.

One thread, the loop's, decides and moves all state, so that no two moves meet. It never reads a
file, runs a model or waits for one: looks at the disk, loads and closings are tasks on threads of
their own, and whatever holds one of them holds nothing else.

What is live is taken away for two reasons only: another version has taken its place, or its
model's folder has gone from a repository that is otherwise readable and not empty. A folder that
is empty or cannot be read says that a disk is away, and unloads nothing.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import Final

from horngate.answer import Answer
from horngate.lifecycle.commands import Change, Check, Command, Commands
from horngate.lifecycle.loader import Load
from horngate.lifecycle.model import Model
from horngate.lifecycle.observer import RepositoryObserver
from horngate.lifecycle.reconciler import Reconciler
from horngate.lifecycle.repository import Repository
from horngate.lifecycle.source import Source
from horngate.lifecycle.status import UnderWay
from horngate.lifecycle.tasks import Continue, Progress, Start, Task, Tasks, start_thread
from horngate.servable import Clock
from horngate.store.snapshot import Snapshot

LOAD_SECONDS: Final = 300.0
"""How long a load may take where nobody says otherwise. The slowest that are right read some ten
gigabytes twice from a disk of 100 MB/s, checksums and weights; what takes longer has a key for it.
"""

LOOK_SECONDS: Final = 10.0
"""A look at the disk that takes longer is told of."""

STOP_SECONDS: Final = 10.0
"""How long ``stop`` waits for versions that are being closed; they are left behind after that."""

LEAVE_SECONDS: Final = 0.5
"""How long ``stop`` waits for loads under way, which end at their next step."""


class ReconcileLoop:
    """Keeps ``repository`` as ``source`` says. ``start``, ``stop`` and ``command`` are for others.

    ``refresh`` and ``turn`` belong to the loop's thread; a test without that thread may call
    them instead.

    Args:
        repository: what requests read.
        source: where models are found; it belongs to the task that looks.
        load: loads a version.
        observer: told of what happens.
        clock: seconds.
        poll_seconds: time between two looks.
        load_seconds: how long a load may take.
        at_once: how many loads run beside each other, slow ones left out.
        start_task: how a thread is had for a task.
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
        load_seconds: float = LOAD_SECONDS,
        at_once: int = 1,
        start_task: Start = start_thread,
    ) -> None:
        self._repository = repository
        self._source = source
        self._observer = observer
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._load_seconds = load_seconds
        self._wake = threading.Event()
        self._tasks = Tasks(
            clock,
            self._wake.set,
            stuck=self._stuck,
            came_back=self._came_back,
            start=start_task,
            at_once=at_once,
        )
        self._reconciler = Reconciler(
            repository,
            source.settings,
            load,
            observer=observer,
            clock=clock,
            tasks=self._tasks,
            load_seconds=load_seconds,
            wake=self._wake.set,
        )
        self._commands = Commands(self._wake.set, clock)
        self._followed: list[Command] = []
        self._looking: Task | None = None
        self._looking_for: Command | None = None
        self._looked = False
        self._next_look = clock()
        self._stopping = False
        self._left_behind = False
        self._thread = threading.Thread(target=self._keep, name="reconcile", daemon=True)

    def start(self) -> None:
        """Begin to keep: look at the disk now and then every ``poll_seconds``."""
        self._thread.start()

    def command(self, change: Change, check: Check) -> Answer[None]:
        """Make ``change``, follow it at once, and answer when that is done; any thread.

        What is there is taken as it is: whoever orders it says that it is whole. A version that
        failed is tried again. Only the models that the change is about are waited for.
        """
        return self._commands.add(change, check)

    def under_way(self) -> UnderWay:
        """What is going on, for figures; any thread."""
        looking = self._looking
        tasks = self._tasks.running
        return UnderWay(
            0.0 if looking is None else self._tasks.seconds(looking),
            tuple((task.owner, task.number) for task in tasks if task.stuck),
        )

    @property
    def left_behind(self) -> bool:
        """Whether ``stop`` left a thread behind, which may be within an engine."""
        return self._left_behind

    def stop(self) -> None:
        """End keeping, refuse what is still queued, and close every version."""
        self._stopping = True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)
        stuck = any(
            version.stuck
            for model in self._repository.held().values()
            for version in model.live.values()
        )
        loads = self._tasks.running
        self._tasks.close()
        self._reconciler.stop()
        self._tasks.wait(loads, LEAVE_SECONDS)
        self._take()  # what was loaded just then is closed as well
        closing = tuple(task for task in self._tasks.running if task not in loads)
        self._tasks.wait(closing, STOP_SECONDS)
        self._take()
        self._left_behind = stuck or bool(self._tasks.running)
        self._commands.close()
        for command in filter(None, (*self._followed, self._looking_for)):
            command.refuse()

    def _keep(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                if self._looking is None and self._clock() >= self._next_look:
                    self._look(None)
                self.turn()
            except Exception as error:  # noqa: BLE001 - what is live must not be left alone
                self._observer.loop_failed(error)
            self._wake.wait(self._seconds_to_rest())

    def _seconds_to_rest(self) -> float:
        """Until something is due by itself; all else wakes the loop."""
        due = [self._tasks.next_due(), self._commands.next_due(self._load_seconds)]
        if self._looking_for is not None:
            due.append(self._looking_for.came + self._load_seconds - self._clock())
        if self._looking is None:
            due.append(max(0.0, self._next_look - self._clock()))
        return min((each for each in due if each is not None), default=self._poll_seconds)

    def refresh(self) -> None:
        """Look at the disk once and do what follows from it."""
        self._look(None)
        self.turn()

    def turn(self) -> None:
        """Do all that is due."""
        while not self._stopping:
            for late in self._tasks.take_late():
                self._do(late)
            if self._tasks.take_slow():
                self._reconciler.advance_all()
            self._reconciler.close_drained()
            self._expire_orders()
            if self._looking is None and (command := self._commands.take()) is not None:
                self._look(command)
            self._tasks.go_on()
            if not self._take():
                break
        self._answer()

    def _expire_orders(self) -> None:
        """Refuse commands that a disk that does not answer holds up."""
        self._commands.expire(self._load_seconds)
        command = self._looking_for
        if command is not None and command.came + self._load_seconds <= self._clock():
            command.expire(self._load_seconds)
            self._looking_for = None

    def _take(self) -> bool:
        """Do what follows from the tasks that have ended; whether there were any."""
        ended = self._tasks.take()
        for follows in ended:
            self._do(follows)
        return bool(ended)

    def _do(self, follows: Continue) -> None:
        try:
            follows()
        except Exception as error:  # noqa: BLE001 - a defect in one keeps no other from being done
            self._observer.loop_failed(error)

    def _stuck(self, task: Task) -> None:
        self._observer.load_stuck(task.owner, task.number, task.progress.step, task.seconds)

    def _came_back(self, task: Task) -> None:
        self._observer.load_came_back(task.owner, task.number, self._tasks.seconds(task))
        self._reconciler.room_again()

    def _answer(self) -> None:
        """Answer the commands whose models are at rest, and conclude that the start is over."""
        held = self._repository.held()
        at_rest = {name for name, model in held.items() if model.at_rest}
        waiting: list[Command] = []
        for command in self._followed:
            if any(name in held and name not in at_rest for name in command.names):
                waiting.append(command)
            else:
                command.answer()
        self._followed = waiting
        if self._looked and not self._repository.settled and len(at_rest) == len(held):
            self._repository.settle()

    # Looks ----------------------------------------------------------------------------------------

    def _look(self, command: Command | None) -> None:
        """Begin to look at the disk, after ``command``'s change."""
        task = Task("look", "", LOOK_SECONDS)

        def look(progress: Progress) -> Continue:
            progress.step = "looking at the models"
            if command is not None:
                command.make()
            try:
                return partial(self._seen, command, self._source.look())
            except OSError as error:
                return partial(self._unreadable, command, error)

        task.work, task.failed, task.late = (
            look,
            partial(self._look_failed, command),
            self._look_late,
        )
        self._looking, self._looking_for = task, command
        self._tasks.begin(task)

    def _look_late(self) -> None:
        error = TimeoutError(
            f"expected to read {self._source.path} within {LOOK_SECONDS:g} s, and the disk does "
            "not answer; look at the disk"
        )
        self._observer.folder_unreadable(self._source.path, error)

    def _looked_once(self) -> None:
        self._next_look = self._clock() + self._poll_seconds
        self._looking = self._looking_for = None

    def _look_failed(self, command: Command | None, error: Exception) -> None:
        self._looked_once()
        if command is None:
            self._observer.loop_failed(error)
        else:
            command.ticket.fail(error)

    def _unreadable(self, command: Command | None, error: OSError) -> None:
        self._looked_once()
        self._observer.folder_unreadable(self._source.path, error)
        if command is not None:
            command.answer()

    def _seen(self, command: Command | None, snapshot: Snapshot) -> None:
        self._looked_once()
        for reason in snapshot.refused:
            self._observer.list_refused(self._source.path, reason)
        for unreadable in snapshot.unreadable.values():
            self._observer.folder_unreadable(unreadable.path, unreadable.error)
        self._repository.others = snapshot.others
        if command is None:
            self._follow(snapshot)
        else:
            self._follow_command(command, snapshot)
        self._let_go_of_the_rest(snapshot)

    def _follow(self, snapshot: Snapshot) -> None:
        # At the start there was no last look, and what is there is taken as it is: an error is
        # reported, and the version is tried again once it changes.
        first, self._looked = not self._looked, True
        commanded = frozenset[str]().union(*(command.names for command in self._followed))
        for name, folder in snapshot.models.items():
            model = self._held(name, essential=first)
            self._reconciler.follow(model, folder, whole=first or name in commanded)

    def _follow_command(self, command: Command, snapshot: Snapshot) -> None:
        self._followed.append(command)
        for name in sorted(command.names & snapshot.models.keys()):
            model = self._held(name, essential=False)
            for version, _ in model.failures():
                version.failed = None
            self._reconciler.follow(model, snapshot.models[name], whole=True)

    def _held(self, name: str, *, essential: bool) -> Model:
        if not self._repository.knows(name):
            self._repository.add(Model(name, essential=essential))
        return self._repository.held()[name]

    def _let_go_of_the_rest(self, snapshot: Snapshot) -> None:
        there = {*snapshot.models, *snapshot.empty, *snapshot.unreadable}
        for name, model in self._repository.held().items():
            dismissed = snapshot.only is not None and name not in snapshot.only
            if dismissed or (snapshot.models and name not in there):
                self._reconciler.let_go(model)
