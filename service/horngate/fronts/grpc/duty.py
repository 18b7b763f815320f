"""What a receiving thread has in hand."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from horngate.batching.executor import Burst
from horngate.servable import Clock

if TYPE_CHECKING:
    from horngate.fronts.grpc.unary import UnaryCall

AWAKE_SECONDS: Final = 0.001
LONE: Final = 3
"""So many bursts of one call, each within ``AWAKE_SECONDS`` of the answer before, make it likely
that the next is on its way: it is waited for awake, because a thread that went to sleep meanwhile
finds the processor's caches cold (docs/adr/0009). With several callers the thread never waits long,
and staying awake would only take the processor from the threads that bring calls."""


READING_SECONDS: Final = 0.001
"""Of a processor, between two looks at a thread that has taken nothing meanwhile."""

LOOKS: Final = 2
"""So many looks in a row at which it reads, and it is held up."""


class Duty(Burst):
    """A burst, the calls in it, and whether they come from a lone caller. Its thread's.

    What is of the looks is for the thread that watches, and so are ``held_up`` and ``relieve``.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.asked: list[UnaryCall] = []
        self.taken = 0
        self.idle = True
        self._lone = 0
        self._ended = float("-inf")
        self._processor: int | None = None
        self._spent = 0.0
        self._taken = 0
        self._reading = 0

    def begin(self) -> None:
        """This thread has it."""
        self._processor = time.pthread_getcpuclockid(threading.get_ident())

    def look(self) -> None:
        """See what it did since the last look: nothing, took events, or read without an end.

        A connection that is never silent, one of PING frames say, is read for as long as it is not,
        within one wait for events.
        """
        if self._processor is None:
            return
        try:
            spent, taken = time.clock_gettime(self._processor), self.taken
        except OSError:  # the port was shut a moment ago, and the thread has ended
            return
        quiet = taken == self._taken
        self._reading = self._reading + 1 if quiet and spent - self._spent >= READING_SECONDS else 0
        self.idle = quiet and not self._reading
        self._spent, self._taken = spent, taken

    def held_up(self, seconds: float) -> bool:
        """The same, or whether it reads and takes nothing."""
        return self._reading >= LOOKS or super().held_up(seconds)

    def answered(self) -> None:
        """What came in has run."""
        if self.asked:
            now = self._clock()
            soon = self.asked[0].started - self._ended <= AWAKE_SECONDS
            self._lone = self._lone + 1 if soon and len(self.asked) == 1 else 0
            self._ended = now
            self.asked.clear()

    @property
    def awake_until(self) -> float:
        """How long to wait awake for the next call; in the past for not at all."""
        return self._ended + AWAKE_SECONDS if self._lone >= LONE else 0.0
