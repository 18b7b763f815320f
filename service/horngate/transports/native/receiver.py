"""Where calls come in: waits for the next burst, asleep or, for a lone caller, awake.

A caller that asks one thing after another has its next question here within a fraction of a
millisecond. A thread that went to sleep meanwhile finds the processor's caches cold and takes
twice as long to answer (docs/adr/0009), so it stays awake that long.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from pygrpc_native import NativeGrpcFront

from horngate.servable import Clock
from horngate.transports.native.exchange import Details

BURST: Final = 256
"""Calls taken at once, at most; those beyond wait outside the GIL for the next turn."""

AWAKE_SECONDS: Final = 0.001
LONE: Final = 3
"""So many bursts of one call, each within ``AWAKE_SECONDS`` of the answer before, make it likely
that the next is on its way. With several callers the thread never waits long, and staying awake
would only take the processor from the threads that bring calls."""


Events = Sequence[tuple[int, int, int, bytes | None, object, Details | None]]
"""Kind, number of the call, index of its method, message, the caller's key, details."""


class Receiver:
    """Belongs to the thread that calls it. ``awake`` False lets it always sleep."""

    def __init__(self, front: NativeGrpcFront, clock: Clock, *, awake: bool | None = None) -> None:
        self._front = front
        self._clock = clock
        # On a single core whoever waits awake keeps away what it waits for.
        self._awake = len(os.sched_getaffinity(0)) > 1 if awake is None else awake
        self._lone = 0
        self._answered = float("-inf")

    def poll(self) -> Events | None:
        """Calls and cancellations that are there already; None once the front is closed."""
        events: Events | None = self._front.recv_batch_details(BURST, 0)
        return events

    def next(self) -> Events | None:
        """The next calls and cancellations, at least one; None once the front is closed."""
        events: Events | None = None
        if self._lone >= LONE and self._awake:
            events = self._watch()
        if not events:
            events = self._front.recv_batch_details(BURST)
        if events is None:
            return None
        soon = self._clock() - self._answered <= AWAKE_SECONDS
        self._lone = self._lone + 1 if soon and len(events) == 1 else 0
        return events

    def answered(self) -> None:
        """All that ``next`` gave has been dealt with."""
        self._answered = self._clock()

    def _watch(self) -> Events | None:
        ends = self._answered + AWAKE_SECONDS
        while self._clock() < ends:
            events: Events | None = self._front.recv_batch_details(BURST, 0)
            if events is None or events:
                return events
        return None
