"""Messages that are on their way in: how many are read at once, and how long they may take.

A message that is read may be as long as any, compressed or not. Whoever shows a token is trusted
with that; of all others only a few are read at a time, and the rest wait, unread, at the cost of
what gRPC's flow control lets them send ahead.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from typing import Final, Protocol

from horngate.calls import Failure
from horngate.errors import Code
from horngate.fronts.grpc.core import CoreCall, peer
from horngate.protocols.method import Served
from horngate.servable import Clock

MOST_STRANGERS: Final = 4
"""Messages read at once of calls that anybody may make. One that comes with its call, as that of a
health check does, is read in less than a millisecond."""

MOST_WAITING: Final = 1024
"""Such calls that wait for their turn; of more, the one that would be read last is refused. Whoever
opens call after call without a pause would else keep the line full, and everybody else out of it.
"""

GRACE_SECONDS: Final = 0.2
"""How long such a message may take while others wait to be read. One that is there already may take
that long on a machine whose cores are all busy, a health check's among them."""

READ_SECONDS: Final = 60.0
"""How long any message may take to come."""


class Reader(Protocol):
    """A call whose message is to come."""

    core: CoreCall
    started: float

    @property
    def method(self) -> Served:
        """Whose message."""

    def read(self) -> None:
        """Ask for it."""

    def refuse(self, failure: Failure) -> None:
        """End it, and count it."""


class Reading:
    """Thread-safe; each call leaves once, by ``remove`` or by being refused.

    ``len`` is how many messages of callers who may send them are read.
    """

    def __init__(self, clock: Clock, *, seconds: float = READ_SECONDS) -> None:
        self._clock = clock
        self._seconds = seconds
        self._callers: dict[Reader, None] = {}
        self._lock = threading.Lock()  # of what follows
        self._strangers: dict[Reader, float] = {}
        self._line: dict[Reader, str] = {}
        self._turns: OrderedDict[str, deque[Reader]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._callers)

    def add(self, call: Reader) -> None:
        """Read its message, now or when its turn comes."""
        if not call.method.open:
            self._callers[call] = None
            call.read()
            return
        with self._lock:
            at_once = len(self._strangers) < MOST_STRANGERS
            if at_once:
                self._strangers[call] = self._clock()
            else:
                self._wait(call)
            last = self._last() if len(self._line) > MOST_WAITING else None
        if at_once:
            call.read()
        if last is not None:
            self._refuse(last, *_crowded(f"{MOST_WAITING} other calls waited"))

    def remove(self, call: Reader) -> bool:
        """Its message has come, or it has ended; False where it was refused before that."""
        if not call.method.open:
            try:
                del self._callers[call]
            except KeyError:
                return False
            return True
        with self._lock:
            known = self._strangers.pop(call, None) is not None or self._leave_line(call)
            reads = self._next()
        for each in reads:
            each.read()
        return known

    def limit(self) -> None:
        """Refuse strangers that take their time while others wait. Called now and then."""
        if not self._line:
            return
        before = self._clock() - GRACE_SECONDS
        with self._lock:
            waiting = len(self._line)
            slow = [call for call, since in self._strangers.items() if since < before][:waiting]
        for call in slow:
            self._refuse(call, *_crowded("others waited to be read"))

    def expire(self) -> None:
        """Refuse those that take too long."""
        self.limit()
        before = self._clock() - self._seconds
        for calls in (self._callers, self._strangers, self._line):
            for call in list(calls):
                if call.started > before:
                    break
                self._refuse(
                    call,
                    Code.DEADLINE_EXCEEDED,
                    f"expected the whole message within {self._seconds:g} s; send it faster, or in "
                    "parts",
                )

    def _wait(self, call: Reader) -> None:
        """Take a place in the line: one of each connection in turn, and a new one goes first.

        So neither a crowd from one connection nor many that came before keep another waiting.
        """
        connection = peer(call.core)
        self._line[call] = connection
        turns = self._turns.get(connection)
        if turns is None:
            self._turns[connection] = deque((call,))
            self._turns.move_to_end(connection, last=False)
        else:
            turns.append(call)

    def _last(self) -> Reader:
        """Whose turn is last."""
        return self._turns[next(reversed(self._turns))][-1]

    def _leave_line(self, call: Reader) -> bool:
        connection = self._line.pop(call, None)
        if connection is None:
            return False
        turns = self._turns[connection]
        turns.remove(call)
        if not turns:
            del self._turns[connection]
        return True

    def _next(self) -> list[Reader]:
        """Those whose turn has come."""
        turn: list[Reader] = []
        while self._turns and len(self._strangers) < MOST_STRANGERS:
            connection, waiting = self._turns.popitem(last=False)
            call = waiting.popleft()
            if waiting:
                self._turns[connection] = waiting
            del self._line[call]
            self._strangers[call] = self._clock()
            turn.append(call)
        return turn

    def _refuse(self, call: Reader, code: Code, message: str) -> None:
        if self.remove(call):
            call.refuse(Failure(code, message))


def _crowded(what: str) -> tuple[Code, str]:
    return (
        Code.RESOURCE_EXHAUSTED,
        f"expected the message with its call, received none while {what}; send both at once",
    )
