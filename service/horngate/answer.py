"""The promise of one answer, kept by whichever thread runs the batch.

``concurrent.futures.Future`` would do, at several times the cost: each one makes a condition
variable, and nobody here waits on one. A ticket calls back instead, once.

>>> ticket: Ticket[int] = Ticket()
>>> doubled = ticket.then(lambda number: number * 2)
>>> doubled.on_done(lambda: print(doubled.result()))
>>> first = ticket.succeed(21)
42
"""

from __future__ import annotations

import abc
import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from horngate.errors import Cancelled, HorngateError, drop_frames

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")


class Answer(abc.ABC, Generic[T_co]):
    """What a caller holds: told when the answer is there, able to take it or to give up.

    All methods may be called from any thread.
    """

    __slots__ = ()

    @abc.abstractmethod
    def on_done(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` once when the answer is there; at once if it is there already.

        It runs on the thread that completes the ticket, so it only hands on: it must not
        block and must not raise. A ticket takes one callback.
        """

    @abc.abstractmethod
    def result(self) -> T_co:
        """The answer, once done.

        Raises:
            RequestError: what became of the request instead.
        """

    @abc.abstractmethod
    def cancel(self) -> None:
        """Give up; neighbours are never touched.

        A request still queued leaves the queue and costs no engine time; one whose batch is
        running finishes unseen.
        """

    def size(self) -> int:
        """Bytes of arrays that the answer is made of, once done; 0 where it is of no account.

        They tell a thread that must not be held up whether to leave ``result`` to another.
        """
        return 0

    def then(self, transform: Callable[[T_co], U]) -> Answer[U]:
        """The same answer, with ``transform`` applied by the thread that asks for the result.

        Encoding so stays off the thread that runs batches.
        """
        return Mapped(self, transform)


_PENDING: Any = object()


class Ticket(Answer[T]):
    """The side that the scheduler completes, exactly once: the first outcome stays."""

    __slots__ = ("_callback", "_error", "_lock", "_value")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._callback: Callable[[], None] | None = None
        self._value: T = _PENDING
        self._error: Exception | None = None

    @property
    def done(self) -> bool:
        """Whether there is an outcome."""
        return self._value is not _PENDING or self._error is not None

    def succeed(self, value: T) -> bool:
        """Complete with ``value``; False where an outcome was there before."""
        return self._complete(value, None)

    def fail(self, error: Exception) -> bool:
        """Complete with ``error``; False where an outcome was there before.

        Of a designed error, which says everything itself, the frames that it passed are let go.
        """
        if isinstance(error, HorngateError):
            drop_frames(error)
        return self._complete(_PENDING, error)

    def cancel(self) -> None:
        self.fail(Cancelled("the caller cancelled the call before its answer was ready"))

    def on_done(self, callback: Callable[[], None]) -> None:
        with self._lock:
            if not self.done:
                self._callback = callback
                return
        callback()

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        if self._value is _PENDING:
            raise RuntimeError("result() was asked of a ticket that is not done")
        return self._value

    def _complete(self, value: T, error: Exception | None) -> bool:
        with self._lock:
            if self.done:
                return False
            self._value, self._error = value, error
            callback, self._callback = self._callback, None
        if callback is not None:
            callback()
        return True


class Mapped(Answer[U]):
    """``Answer.then``: another answer, transformed when it is asked for."""

    __slots__ = ("_source", "_transform")

    def __init__(self, source: Answer[T], transform: Callable[[T], U]) -> None:
        self._source: Answer[Any] = source
        self._transform: Callable[[Any], U] = transform

    def on_done(self, callback: Callable[[], None]) -> None:
        self._source.on_done(callback)

    def result(self) -> U:
        return self._transform(self._source.result())

    def size(self) -> int:
        return self._source.size()

    def cancel(self) -> None:
        self._source.cancel()


class Later(Answer[T]):
    """The answer of which ``begin`` tells, once somebody has called it.

    ``begin`` is given it, to see whether anybody still waits.

    Attributes:
        on_cancel: called where it is cancelled before that; it keeps ``begin`` from being called.
    """

    __slots__ = ("_begin", "_callback", "_lock", "_source", "on_cancel")

    def __init__(self, begin: Callable[[Later[T]], Answer[T]]) -> None:
        self._begin: Callable[[Later[T]], Answer[T]] | None = begin
        self._lock = threading.Lock()
        self._callback: Callable[[], None] | None = None
        self._source: Answer[T] | None = None
        self.on_cancel: Callable[[], object] | None = None

    def check(self) -> None:
        """Raise ``Cancelled`` where nobody waits for it any more. For ``begin``, as it goes on."""
        if self._source is not None:
            self._source.result()

    def begin(self) -> None:
        """Begin, on a thread that may be held up; once. What it raises becomes the answer."""
        begin, self._begin = self._begin, None
        self.on_cancel = None  # which refers to this
        if begin is None or self._source is not None:
            return
        try:
            source = begin(self)
        except Exception as error:  # noqa: BLE001 - whoever asks for the result is told
            source = failed = Ticket[T]()
            failed.fail(error)
        if not self._found(source):
            source.cancel()

    def on_done(self, callback: Callable[[], None]) -> None:
        with self._lock:
            source = self._source
            if source is None:
                self._callback = callback
                return
        source.on_done(callback)

    def result(self) -> T:
        if self._source is None:
            raise RuntimeError("result() was asked of an answer that has not begun")
        return self._source.result()

    def size(self) -> int:
        return 0 if self._source is None else self._source.size()

    def cancel(self) -> None:
        cancelled = Ticket[T]()
        cancelled.cancel()
        if self._found(cancelled):
            on_cancel, self.on_cancel = self.on_cancel, None
            if on_cancel is not None:
                on_cancel()
        elif self._source is not None:
            self._source.cancel()

    def _found(self, source: Answer[T]) -> bool:
        """Whether ``source`` is what becomes of it; not where something else has."""
        with self._lock:
            if self._source is not None:
                return False
            self._source = source
            callback, self._callback = self._callback, None
        self._begin = None  # and with it what was sent
        if callback is not None:
            source.on_done(callback)
        return True


class Together(Answer[list[T]]):
    """Done when all of ``answers`` are; the first of them that failed is the error.

    Thread-safe, as each of them is.
    """

    __slots__ = ("_answers", "_callback", "_left", "_lock")

    def __init__(self, answers: Sequence[Answer[T]]) -> None:
        self._answers = answers
        self._left = len(answers)
        self._lock = threading.Lock()

    def on_done(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        for answer in self._answers:
            answer.on_done(self._one_done)

    def result(self) -> list[T]:
        return [answer.result() for answer in self._answers]

    def size(self) -> int:
        return sum(answer.size() for answer in self._answers)

    def cancel(self) -> None:
        for answer in self._answers:
            answer.cancel()

    def _one_done(self) -> None:
        with self._lock:
            self._left -= 1
            last = not self._left
        if last:
            self._callback()
