"""The life of a call, once for every front: counted, admitted, limited, read, handled, ended.

A front gives each call two ends, ``InFlight.reply`` and ``InFlight.fail``, of which exactly one is
used, or none where the caller left. Knows neither HTTP/2 nor HTTP, and no model.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple, cast

from google.protobuf.message import Message

from horngate.access.gate import Gate
from horngate.answer import Answer
from horngate.call import Call
from horngate.errors import (
    Code,
    HorngateError,
    Overloaded,
    ReplyTooLarge,
    ShuttingDown,
    drop_frames,
)
from horngate.protocols.method import (
    CallObserver,
    Observed,
    Served,
    cut,
)
from horngate.protocols.trailers import ERROR
from horngate.servable import Clock

Report = Callable[[Observed, Exception], None]
"""Told of an error that nobody designed."""

Ask = Callable[[Any, Call], "Message | Answer[Message] | Answer[bytes]"]

STEP_SECONDS: Final = 0.005
"""Between two looks at what is waited for by looking."""


class Failure(NamedTuple):
    """How a failed call ends: ``kind`` is the name of a designed error, "" of any other."""

    code: Code
    message: str
    kind: str = ""

    @property
    def trailers(self) -> tuple[tuple[str, str], ...]:
        """What gRPC tells beside code and message."""
        return ((ERROR, self.kind),) if self.kind else ()


class Who(NamedTuple):
    """A caller as a call says it: the value of ``authorization``, an address, those forwarded."""

    authorization: str
    address: str
    forwarded: list[str]


class InFlight(Call):
    """One call on its way. A front makes a kind of its own, which says how a call ends there."""

    __slots__ = ("answer", "method")

    def __init__(self, method: Served, started: float, deadline: float | None) -> None:
        super().__init__(started, deadline)
        self.method = method
        self.answer: Answer[Any] | None = None

    def who(self) -> Who:
        """Whom it comes from; asked where the gate is closed.

        Raises:
            Unauthenticated: it shows several tokens.
        """
        raise NotImplementedError

    def reply(self, data: bytes) -> None:
        """End with ``data``; any thread."""
        raise NotImplementedError

    def fail(self, failure: Failure) -> None:
        """End with ``failure``; any thread."""
        raise NotImplementedError


class Calls:
    """The calls of one port. Thread-safe; each call ends exactly once.

    ``most_in_flight`` calls may wait for their answers, those of streams among them; methods that
    are open to everybody are not held to it. ``most_bytes`` is the largest message either way.
    """

    def __init__(
        self,
        gate: Gate,
        observer: CallObserver,
        report: Report,
        clock: Clock,
        *,
        most_in_flight: int,
        most_bytes: int,
    ) -> None:
        self.gate = gate
        self.clock = clock
        self.most_bytes = most_bytes
        self._observer = observer
        self._report = report
        self._most = most_in_flight
        self._in_flight: set[InFlight] = set()

    @property
    def in_flight(self) -> int:
        """Calls that have begun and not ended."""
        return len(self._in_flight)

    def waits(self, call: InFlight) -> bool:
        """Whether ``call`` has begun and not ended."""
        return call in self._in_flight

    def serve(self, call: InFlight, ask: Ask, given: Any) -> None:
        """Begin, handle and, as soon as its answer is there, end a call or a stream's message.

        ``ask`` is called with what was ``given``: a method's bytes, or a message that was read.
        """
        self.begin(call)
        try:
            self.enter(call)
            answer = ask(given, call)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises, its caller is told
            self.fail(call, error)
            return
        self._wait(call, answer)

    def may_send(self, call: InFlight, reading: int) -> bool:
        """Whether the message of ``call`` is read at all; where not, it has ended.

        Before it is read it costs nothing: whoever shows no token would fill the memory with
        messages that never end. Rates are counted by ``enter`` alone, later. ``reading`` is how
        many messages are waited for already.
        """
        if call.method.open:
            return True
        try:
            if self.gate.asks:
                self.gate.known(call.who().authorization)
            if reading >= self._most:
                raise one_too_many(self._most)
        except HorngateError as error:
            self.refuse(call, self.failure(call.method, error))
            return False
        return True

    def refuse(self, call: InFlight, failure: Failure) -> None:
        """End a call that has not begun; it counts all the same."""
        self.opened(call)
        self.closed(call, failure.code)
        call.fail(failure)

    def begin(self, call: InFlight) -> None:
        """Count ``call``; ``end`` follows, or what ends it by itself."""
        self._observer.started(call.method, call)
        self._in_flight.add(call)

    def enter(self, call: InFlight) -> None:
        """Let a call pass the gate and the limit.

        Raises:
            Unauthenticated, RateLimited: as ``Gate.admit``.
            Overloaded: too many are in flight.
        """
        if call.method.open:
            return
        if self.gate.closed:
            call.caller = self.gate.admit(*call.who())
        if len(self._in_flight) > self._most:
            raise one_too_many(self._most)

    def fail(self, call: InFlight, error: Exception) -> None:
        """End ``call`` by ``error``."""
        failure = self.failure(call.method, error)
        if self.end(call, failure.code):
            call.fail(failure)

    def cancel(self, call: InFlight) -> None:
        """The caller of ``call`` has left: nothing is told."""
        answer = call.answer
        if self.end(call, self.departure(call)) and answer is not None:
            answer.cancel()

    def departure(self, call: InFlight) -> Code:
        """What a call that was left ends with: overdue, or cancelled by its caller."""
        return Code.DEADLINE_EXCEEDED if call.ran_out(self.clock()) else Code.CANCELLED

    def end(self, call: InFlight, code: Code) -> bool:
        """Count ``call`` as ended with ``code``; False where it had ended before."""
        try:
            self._in_flight.remove(call)
        except KeyError:
            return False
        self._observer.finished(call.method, call, code, self.clock() - call.started)
        return True

    def opened(self, call: InFlight) -> None:
        """Count a call that only listens: it is told of changes, and no drain waits for it."""
        self._observer.started(call.method, call)

    def closed(self, call: InFlight, code: Code) -> None:
        """Such a call has ended, once."""
        self._observer.finished(call.method, call, code, self.clock() - call.started)

    def end_all(self) -> None:
        """Tell every caller that still waits to ask elsewhere."""
        for call in tuple(self._in_flight):
            answer = call.answer
            self.fail(
                call, ShuttingDown("the server shut down before the answer was ready; ask another")
            )
            if answer is not None:
                answer.cancel()

    def drain(self, seconds: float) -> bool:
        """Return once no call is in flight, or after ``seconds``; whether none is."""
        return until(lambda: not self._in_flight, self.clock, seconds)

    def failure(self, method: Served, error: Exception) -> Failure:
        """What a caller of ``method`` is told of ``error``, whose frames are let go after that."""
        if not isinstance(error, HorngateError):
            return self.fault(method, error)
        status = method.status(error)
        drop_frames(error)
        return Failure(status.code, cut(status.message), type(error).__name__)

    def fault(self, method: Observed, error: Exception) -> Failure:
        """What is told of an ``error`` that nobody designed: it is in the log."""
        self._report(method, error)
        drop_frames(error)
        return Failure(Code.INTERNAL, f"{method.name} failed inside the server; its log says why")

    def _wait(self, call: InFlight, answer: Message | Answer[Message] | Answer[bytes]) -> None:
        if isinstance(answer, Answer):
            call.answer = answer
            answer.on_done(lambda: self._finish(call, answer.result))
        else:
            self._finish(call, lambda: answer)

    def _finish(self, call: InFlight, result: Callable[[], Message | bytes]) -> None:
        if call not in self._in_flight:
            return  # it was given up, and that is what became of it
        try:
            data = serialized(result(), self.most_bytes)
        except Exception as error:  # noqa: BLE001 - whatever became of it, its caller is told
            self.fail(call, error)
            return
        call.answer = None
        if self.end(call, Code.OK):
            call.reply(data)


def until(condition: Callable[[], bool], clock: Clock, seconds: float) -> bool:
    """Return once ``condition`` holds, or after ``seconds``; whether it does."""
    ends = clock() + seconds
    while not condition() and clock() < ends:
        time.sleep(STEP_SECONDS)
    return condition()


def serialized(reply: Message | bytes, limit: int) -> bytes:
    """``reply`` as bytes, if it is not yet.

    Raises:
        ReplyTooLarge: they are more than ``limit``. Left to a gRPC library, the call would count as
            served, a stream would end, and each would be a line in the log.
    """
    data = reply if type(reply) is bytes else cast("Message", reply).SerializeToString()
    if len(data) > limit:
        raise ReplyTooLarge(len(data), limit)
    return data


def one_too_many(limit: int) -> Overloaded:
    """The refusal of a call beyond the ``limit`` of those in flight."""
    return Overloaded(
        f"expected at most {limit} calls in flight, received one more; retry with backoff, or "
        "raise max_in_flight"
    )
