"""One budget for what requests in flight are read into: counted before it is made.

A request of forty bytes may stand for tensors of megabytes, and no limit on messages bounds that.
Knows bytes and who holds them; never what is in them.

>>> budget = Budget(100)
>>> share = Share(budget)
>>> share.take(60)
>>> budget.used
60
>>> share.end()
>>> budget.used
0
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from horngate.errors import Cancelled, InvalidRequest, Overloaded

UNCOUNTED: Final = 16 * 1024
"""Tensors of a request that take no more are not counted: as many requests as may be in flight come
to 128 MiB of those, and a look at the budget would cost each of them more than it is worth."""


class Budget:
    """Bytes that are held now, of the ``most`` that may be. Thread-safe.

    ``used`` and ``refused``, how often there was no room, may be read at any time.
    """

    def __init__(self, most: int = sys.maxsize) -> None:
        self.most = most
        self.used = 0
        self.refused = 0
        self._lock = threading.Lock()

    def take(self, size: int, *, beside: int = 0) -> None:
        """Count ``size`` bytes more, before they are made.

        ``beside`` is what the same call holds already, which waiting will not make less.

        Raises:
            Overloaded: what others hold leaves no room for them now.
            InvalidRequest: they never fit.
        """
        if self.try_take(size):
            return
        with self._lock:
            self.refused += 1
            used = self.used
        if beside + size > self.most:
            raise InvalidRequest(
                f"expected a request that is read into at most {self.most} bytes, received one of "
                f"{beside + size}; send fewer rows, or raise max_tensor_bytes_in_flight"
            )
        raise Overloaded(
            f"expected room for {size} bytes of tensors, found {used} of {self.most} held by "
            "requests in flight; retry with backoff, or raise max_tensor_bytes_in_flight"
        )

    def try_take(self, size: int) -> bool:
        """The same for what can be done without; whether there was room."""
        with self._lock:
            fits = self.used + size <= self.most
            if fits:
                self.used += size
        return fits

    def add(self, size: int) -> None:
        """Count what is there already, room or not."""
        with self._lock:
            self.used += size

    def give(self, size: int) -> None:
        """Count ``size`` bytes less: they are gone."""
        with self._lock:
            self.used -= size

    @contextmanager
    def room(self, size: int) -> Iterator[None]:
        """Hold ``size`` bytes meanwhile.

        Raises:
            Overloaded, InvalidRequest: as ``take``.
        """
        self.take(size)
        try:
            yield
        finally:
            self.give(size)


class Share:
    """What one call holds, until the call has ended and no run of a model has its tensors.

    Thread-safe. It has one holder as it is made: the call. Once that has ended, nothing more is
    taken: a thread that still writes its answer would take what nobody gives back.
    """

    __slots__ = ("_ahead", "_ended", "_holders", "_lock", "_size", "budget")

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._lock = threading.Lock()
        self._holders = 1
        self._size = 0
        self._ahead = 0
        self._ended = False

    def take(self, size: int, *, ahead: bool = False) -> None:
        """Hold ``size`` bytes more; ``ahead`` where they are of tensors that are yet to be made.

        Raises:
            Overloaded, InvalidRequest: as ``Budget.take``.
            Cancelled: the call has ended.
        """
        with self._lock:
            self._check_open()
            self.budget.take(size, beside=self._size)
            self._size += size
            if ahead:
                self._ahead += size

    def take_tensors(self, size: int) -> None:
        """Hold the tensors of a request, in so far as they were not taken ahead.

        Raises:
            Overloaded, InvalidRequest: as ``Budget.take``.
            Cancelled: the call has ended.
        """
        with self._lock:
            self._check_open()
            known = min(self._ahead, size)
            self.budget.take(size - known, beside=self._size)
            self._ahead -= known
            self._size += size - known

    def keep(self) -> None:
        """One holder more: a run that has the tensors."""
        with self._lock:
            if not self._holders:  # the call ended a moment ago, and they are still there
                self.budget.add(self._size)
            self._holders += 1

    def drop(self) -> None:
        """One holder less; with the last, all of it is given back."""
        with self._lock:
            self._drop()

    def end(self) -> None:
        """The call is none of the holders any more, however often it says so."""
        with self._lock:
            if not self._ended:
                self._ended = True
                self._drop()

    def _drop(self) -> None:
        self._holders -= 1
        if not self._holders:
            self.budget.give(self._size)

    def _check_open(self) -> None:
        if self._ended:
            raise Cancelled("the call ended before its answer was made")
