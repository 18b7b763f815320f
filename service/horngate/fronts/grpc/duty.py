"""What a receiving thread has in hand."""

from __future__ import annotations

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


class Duty(Burst):
    """A burst, the calls in it, and whether they come from a lone caller. Its thread's."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.asked: list[UnaryCall] = []
        self._lone = 0
        self._ended = float("-inf")

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
