"""Changes that somebody waits for, on their way to the loop's thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable

from horngate.answer import Answer, Ticket
from horngate.errors import LoadError, ShuttingDown
from horngate.servable import Clock

Change = Callable[[], Iterable[str]]
"""Changes what a source shows; returns the models that it is about."""

Check = Callable[[], None]
"""Called when a change has been followed; raises what is to be told of it."""


class Command:
    """One change, and the promise that it will have been made.

    ``names`` are the models that it is about, none until it was made; ``came`` is when it came.
    """

    def __init__(self, change: Change, check: Check, came: float) -> None:
        self.change = change
        self.check = check
        self.came = came
        self.names = frozenset[str]()
        self.ticket: Ticket[None] = Ticket()

    def make(self) -> None:
        """Make the change; raises what that raises."""
        self.names = frozenset(self.change())

    def answer(self) -> None:
        """Tell whoever waits what became of it."""
        try:
            self.check()
        except Exception as error:  # noqa: BLE001 - whoever gave it is told
            self.ticket.fail(error)
        else:
            self.ticket.succeed(None)

    def refuse(self) -> None:
        """Tell whoever waits that it comes too late."""
        self.ticket.fail(ShuttingDown("the server is shutting down; ask another"))

    def expire(self, seconds: float) -> None:
        """Tell whoever waits that the models could not be looked at."""
        self.ticket.fail(
            LoadError(
                f"expected to look at the models within {seconds:g} s, and the disk did not answer "
                "so soon; look at the disk, then ask again"
            )
        )


class Commands:
    """A queue, thread-safe. Every command is answered, those that come too late as well."""

    def __init__(self, on_new: Callable[[], None], clock: Clock) -> None:
        self._on_new = on_new
        self._clock = clock
        self._waiting: deque[Command] = deque()
        self._closed = False
        self._lock = threading.Lock()

    def add(self, change: Change, check: Check) -> Answer[None]:
        """Queue a command; answered when it has been carried out, with what ``check`` raises."""
        command = Command(change, check, self._clock())
        with self._lock:
            closed = self._closed
            if not closed:
                self._waiting.append(command)
        if closed:
            command.refuse()
        else:
            self._on_new()
        return command.ticket

    def take(self) -> Command | None:
        """The command that has waited longest, None where none waits."""
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def expire(self, seconds: float) -> None:
        """Refuse those that have waited for ``seconds``, and are never to be followed then."""
        before = self._clock() - seconds
        late: list[Command] = []
        with self._lock:
            while self._waiting and self._waiting[0].came <= before:
                late.append(self._waiting.popleft())
        for command in late:
            command.expire(seconds)

    def next_due(self, seconds: float) -> float | None:
        """Seconds until ``expire`` has one to refuse; None where none waits."""
        with self._lock:
            first = self._waiting[0].came if self._waiting else None
        return None if first is None else max(0.0, first + seconds - self._clock())

    def close(self) -> None:
        """Refuse those that wait and those that come."""
        with self._lock:
            self._closed = True
        while (command := self.take()) is not None:
            command.refuse()
