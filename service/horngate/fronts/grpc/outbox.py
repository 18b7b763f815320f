"""Answers that are on their way out, and how much of them may wait to be taken."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from typing import Final, Protocol

from horngate.fronts.grpc.core import CoreCall, peer

SMALL: Final = 16 * 1024
"""Answers of fewer bytes are counted by number: so many as are allowed come to no more than what is
allowed in bytes, and a lock for each would cost more than it is worth."""

CONNECTION_SHARE: Final = 4
"""The part of all that one connection may leave untaken."""


class Leaving(Protocol):
    """What is on its way to its caller."""

    core: CoreCall

    def give_up(self) -> None:
        """Let go of it; ``left`` follows."""


class Outbox:
    """Thread-safe. ``most`` is the bytes of answers that may be left untaken, all together."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._small: dict[Leaving, None] = {}
        self._large: dict[Leaving, int] = {}
        self._bytes = 0
        self._look_at = most // CONNECTION_SHARE
        self._before: set[Leaving] = set()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._small) + len(self._large)

    def add(self, call: Leaving, size: int) -> None:
        """An answer of ``size`` bytes is about to be sent."""
        if size < SMALL:
            self._small[call] = None
            if len(self._small) * SMALL > self._most:
                self._shed_small()
            return
        with self._lock:
            self._large[call] = size
            self._bytes += size
            look = self._bytes > self._look_at
        if look:
            self._shed_large()

    def left(self, call: Leaving) -> None:
        """It has left, or was given up."""
        if call in self._small:
            self._small.pop(call, None)
            return
        with self._lock:
            self._bytes -= self._large.pop(call, 0)

    def expire(self) -> None:
        """Give up what was there the last time already."""
        now = {*list(self._small), *list(self._large)}
        for call in now & self._before:
            call.give_up()
        self._before = now
        self._look_at = self._most // CONNECTION_SHARE

    def _shed_small(self) -> None:
        for call in list(self._small)[: len(self._small) // 2]:
            call.give_up()
            self.left(call)

    def _shed_large(self) -> None:
        """Give up what a connection leaves untaken beyond its share, and beyond all together."""
        with self._lock:
            sizes = dict(self._large)
        of: dict[str, deque[Leaving]] = defaultdict(deque)
        held: dict[str, int] = defaultdict(int)
        for call, size in sizes.items():
            connection = peer(call.core)
            of[connection].append(call)
            held[connection] += size
        share, total = self._most // CONNECTION_SHARE, sum(held.values())
        while held:
            most = max(held, key=held.__getitem__)
            if total <= self._most and held[most] <= share:
                break
            call = of[most].popleft()
            held[most] -= sizes[call]
            total -= sizes[call]
            if not of[most]:
                del held[most]
            call.give_up()
            self.left(call)
        with self._lock:
            self._look_at = max(self._bytes + self._most // 16, share)
