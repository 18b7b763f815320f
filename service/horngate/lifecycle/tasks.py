"""Work that may never end, each piece on a thread of its own, for one thread that must never wait.

Whoever reads a model's files, loads it, runs it or closes it may be held for ever: by a disk that
is gone, or in an engine, where nothing can interrupt it. So the one that decides begins a task,
goes on, and is told what has come of it. What does not come back in its time is given up: its
thread is left behind, and what it brings later is turned away. Knows neither models nor disks.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

from horngate.servable import Clock

SLOW_SECONDS: Final = 5.0
"""A task that takes longer keeps nobody waiting any more: the next is begun beside it."""

Continue: TypeAlias = Callable[[], object]
"""What follows from a task, for the thread that decides."""

Work: TypeAlias = "Callable[[Progress], Continue]"
"""Runs on the task's thread."""

Start: TypeAlias = Callable[[str, Callable[[], None]], None]
"""Runs a function on a thread of the given name; raises ``RuntimeError`` where there is none."""


def start_thread(name: str, run: Callable[[], None]) -> None:
    """Run ``run`` on a thread that does not keep the process alive."""
    threading.Thread(target=run, name=name, daemon=True).start()


class GivenUp(Exception):
    """Raised on a task's own thread, to end it early."""


class Progress:
    """How far a task is: told by its thread, read by the one that decides. Thread-safe.

    A task is either given up or ends, never both.
    """

    def __init__(self) -> None:
        self.step = "starting"
        self._lock = threading.Lock()
        self._given_up = False
        self._ended = False

    @property
    def given_up(self) -> bool:
        """Whether nobody waits for the task any more."""
        return self._given_up

    def reach(self, step: str) -> None:
        """Say what is done next.

        Raises:
            GivenUp: nobody waits for it any more.
        """
        if self._given_up:
            raise GivenUp(step)
        self.step = step

    def end(self) -> None:
        """Say that the task brings something: it is not given up from here on.

        Raises:
            GivenUp: it is already.
        """
        with self._lock:
            if self._given_up:
                raise GivenUp(self.step)
            self._ended = True

    def give_up(self) -> bool:
        """Wait no longer; False where the task has ended."""
        with self._lock:
            if not self._ended:
                self._given_up = True
            return self._given_up


class Task:
    """One piece of work.

    Attributes:
        what: what kind of work it is: "load", say.
        owner: whom it is for.
        seconds: how long it may take.
        number: which of its owner's.
        work: what is done; what it returns is run by the thread that decides, late or not.
        failed: run by that thread instead, with what ``work`` raised, or why there is no thread.
        late: called once by the thread that decides, if it takes longer.
        stuck: whether that thread has given it up, and it has not come back.
    """

    def __init__(self, what: str, owner: str, seconds: float, number: int = 0) -> None:
        self.what = what
        self.owner = owner
        self.seconds = seconds
        self.number = number
        self.work: Work = lambda _: _nothing
        self.failed: Callable[[Exception], None] = _raise
        self.late: Continue = _nothing
        self.progress = Progress()
        self.began: float | None = None
        self.is_slow = self.is_late = self.stuck = False


class Tasks:
    """Tasks under way. Belongs to the thread that decides, but for what its tasks call.

    Args:
        clock: seconds.
        wake: called from a task's thread when it has ended.
        stuck: told of a task that does not come back.
        came_back: told of such a task that does after all.
        start: how a thread is had.
        at_once: how many of the tasks that are begun ``in_turn`` run beside each other, those that
            are slow left out.
    """

    def __init__(
        self,
        clock: Clock,
        wake: Callable[[], None],
        *,
        stuck: Callable[[Task], None] = lambda _: None,
        came_back: Callable[[Task], None] = lambda _: None,
        start: Start = start_thread,
        at_once: int = 1,
    ) -> None:
        self._clock = clock
        self._wake = wake
        self._tell_stuck = stuck
        self._tell_came_back = came_back
        self._start = start
        self._at_once = at_once
        self._running: tuple[Task, ...] = ()
        self._in_turn: set[Task] = set()
        self._waiting: deque[Task] = deque()
        self._ended: deque[tuple[Task, Continue]] = deque()
        self._closed = False
        self._changed = threading.Condition()

    @property
    def running(self) -> tuple[Task, ...]:
        """All whose threads have not ended; any thread may ask."""
        return self._running

    def seconds(self, task: Task) -> float:
        """How long ``task`` has been running; 0 where it waits for its turn."""
        return 0.0 if task.began is None else self._clock() - task.began

    def slow(self, task: Task) -> bool:
        """Whether nobody else should wait for ``task`` any more."""
        return self.seconds(task) >= min(SLOW_SECONDS, task.seconds)

    def begin(self, task: Task) -> None:
        """Run ``task`` at once."""
        task.began = self._clock()
        self._running = (*self._running, task)
        try:
            self._start(f"{task.what}-{task.owner}-{task.number}", partial(self._run, task))
        except RuntimeError as error:
            self._end(task, partial(task.failed, error))

    def begin_in_turn(self, task: Task) -> None:
        """Run ``task`` once fewer than ``at_once`` of its kind are running that are not slow."""
        self._waiting.append(task)
        self.go_on()

    def go_on(self) -> None:
        """Begin what waits for its turn and may."""
        while self._waiting and not self._closed:
            if sum(not self.slow(task) for task in self._in_turn) >= self._at_once:
                return
            task = self._waiting.popleft()
            if task.progress.given_up:
                continue
            self._in_turn.add(task)
            self.begin(task)

    def take(self) -> list[Continue]:
        """What follows from the tasks that have ended since."""
        taken: list[Continue] = []
        while self._ended:
            task, follows = self._ended.popleft()
            self._running = tuple(each for each in self._running if each is not task)
            self._in_turn.discard(task)
            if task.stuck:
                task.stuck = False
                taken.append(partial(self._tell_came_back, task))
            taken.append(follows)
        return taken

    def take_slow(self) -> bool:
        """Whether a task has become slow since, so that another may be begun."""
        slow = [task for task in self._running if not task.is_slow and self.slow(task)]
        for task in slow:
            task.is_slow = True
        return bool(slow)

    def take_late(self) -> list[Continue]:
        """What follows from the tasks that have become late since."""
        late = [
            task
            for task in self._running
            if not task.is_late and self.seconds(task) >= task.seconds
        ]
        for task in late:
            task.is_late = True
        return [task.late for task in late]

    def give_up(self, task: Task) -> bool:
        """Wait for ``task`` no longer and tell of it; False where it ends just now."""
        task.stuck = task.progress.give_up()
        if task.stuck:
            self._tell_stuck(task)
        return task.stuck

    def next_due(self) -> float | None:
        """Seconds until a task is late or no longer holds others up; None where none will be."""
        due = [task.seconds - self.seconds(task) for task in self._running if not task.is_late]
        due += [SLOW_SECONDS - self.seconds(task) for task in self._running if not task.is_slow]
        return max(0.0, min(due)) if due else None

    def close(self) -> None:
        """Begin nothing more in turn, and give up what has not ended."""
        self._closed = True
        self._waiting.clear()
        for task in self._running:
            task.progress.give_up()

    def wait(self, tasks: tuple[Task, ...], seconds: float) -> None:
        """Wait until the threads of ``tasks`` have ended, for ``seconds`` at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._has_thread(tasks), seconds)

    def _has_thread(self, tasks: tuple[Task, ...]) -> bool:
        ended = {task for task, _ in list(self._ended)}
        return any(task not in ended for task in tasks if task in self._running)

    def _run(self, task: Task) -> None:
        try:
            follows = task.work(task.progress)
        except Exception as error:  # noqa: BLE001 - the thread that decides is told
            follows = partial(task.failed, error)
        self._end(task, follows)

    def _end(self, task: Task, follows: Continue) -> None:
        with self._changed:
            self._ended.append((task, follows))
            self._changed.notify_all()
        self._wake()


def _nothing() -> None:
    """Nothing follows."""


def _raise(error: Exception) -> None:
    raise error
