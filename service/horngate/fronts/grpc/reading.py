"""Messages that are on their way in, and how long they may be."""

from __future__ import annotations

from typing import Final, Protocol

from horngate.calls import Failure
from horngate.errors import Code
from horngate.protocols.method import Served
from horngate.servable import Clock

MOST_STRANGERS: Final = 8
"""Calls to methods that anybody may call whose message is still to come, and may be as long as any.
One that sends its message with its call, as health checks do, is none of them for long. Beyond it
the one that has waited longest gives way."""

READ_SECONDS: Final = 60.0
"""How long a message may take to come."""


class Reader(Protocol):
    """A call whose message is to come."""

    started: float

    @property
    def method(self) -> Served:
        """Whose message."""

    def fail(self, failure: Failure) -> None:
        """End it."""


class Reading:
    """Thread-safe; each call leaves once, by ``remove`` or by being refused."""

    def __init__(self, clock: Clock, *, seconds: float = READ_SECONDS) -> None:
        self._clock = clock
        self._seconds = seconds
        self._callers: dict[Reader, None] = {}
        self._strangers: dict[Reader, None] = {}

    def __len__(self) -> int:
        return len(self._callers) + len(self._strangers)

    def add(self, call: Reader) -> None:
        """Its message is waited for."""
        (self._strangers if call.method.open else self._callers)[call] = None

    def remove(self, call: Reader) -> bool:
        """Its message has come; False where it was refused before that."""
        calls = self._strangers if call.method.open else self._callers
        try:
            del calls[call]
        except KeyError:
            return False
        return True

    def limit(self) -> None:
        """Refuse the strangers that are too many. Called when all that has come has been read."""
        while len(self._strangers) > MOST_STRANGERS:
            self._refuse(
                next(iter(self._strangers)),
                Code.RESOURCE_EXHAUSTED,
                f"expected the message with its call, received none while {MOST_STRANGERS} other "
                "calls waited for theirs; send both at once",
            )

    def expire(self) -> None:
        """Refuse those that take too long."""
        before = self._clock() - self._seconds
        for calls in (self._callers, self._strangers):
            for call in list(calls):
                if call.started > before:
                    break
                self._refuse(
                    call,
                    Code.DEADLINE_EXCEEDED,
                    f"expected the whole message within {self._seconds:g} s; send it faster, or in "
                    "parts",
                )

    def _refuse(self, call: Reader, code: Code, message: str) -> None:
        if self.remove(call):
            call.fail(Failure(code, message))
