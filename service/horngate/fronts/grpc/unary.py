"""A call of one message each way: read, served, answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from horngate.calls import Calls, Failure, InFlight, Who
from horngate.errors import InvalidRequest
from horngate.fronts.grpc import core
from horngate.fronts.grpc.duty import Duty
from horngate.fronts.grpc.origin import Origin
from horngate.protocols.method import UnaryMethod

if TYPE_CHECKING:
    from horngate.fronts.grpc.front import GrpcFront


class UnaryCall(InFlight):
    """Told of its own events by the thread that receives; ends on any."""

    __slots__ = ("_front", "_origin", "core")

    method: UnaryMethod

    def __init__(
        self, front: GrpcFront, method: UnaryMethod, origin: Origin, started: float
    ) -> None:
        super().__init__(method, started, origin.deadline)
        self._front = front
        self._origin = origin
        self.core = origin.core

    def open(self) -> None:
        """Ask for its message, if its caller may send one."""
        front = self._front
        if front.calls.may_send(self, len(front.reading)):
            front.reading.add(self)

    def read(self) -> None:
        core.read(self.core, self)

    def event(self, event: core.Event, duty: Duty) -> None:
        """Its message has come or, later, its answer has left."""
        front = self._front
        if not front.reading.remove(self):
            front.outbox.left(self)
            return
        data = core.message(event)
        if data is None:
            Unasked(front.calls, self).end()
            return
        self.started = front.calls.clock()
        self.burst = duty
        duty.asked.append(self)
        front.calls.serve(self, self.method.ask, data)

    def who(self) -> Who:
        return self._origin.who()

    def reply(self, data: bytes) -> None:
        self._front.outbox.add(self, len(data))
        core.answer(self.core, data, self)

    def fail(self, failure: Failure) -> None:
        self._front.outbox.add(self, 0)
        core.end(self.core, failure.code.value, failure.message, failure.trailers, self)

    def refuse(self, failure: Failure) -> None:
        self._front.calls.refuse(self, failure)

    def give_up(self) -> None:
        """Its answer is not taken: let go of it."""
        core.cancel(self.core)


class Departure:
    """Told when the caller of a call that waits has left."""

    __slots__ = ("_call", "_calls")

    def __init__(self, calls: Calls, call: UnaryCall) -> None:
        self._calls = calls
        self._call = call

    def event(self, event: core.Event, _duty: Duty) -> None:
        """The call has ended, answered or not."""
        if core.left(event):
            self._calls.cancel(self._call)


class Unasked:
    """Ends a call that came without its message, and counts it once it is known why.

    Its caller has sent none, or has left before it came; so does a message that the core refuses.
    """

    __slots__ = ("_call", "_calls", "_failure")

    def __init__(self, calls: Calls, call: UnaryCall) -> None:
        self._call = call
        self._calls = calls
        error = InvalidRequest("expected one message, received none")
        self._failure = calls.failure(call.method, error)

    def end(self) -> None:
        """Once."""
        self._calls.opened(self._call)
        self._call.fail(self._failure)
        core.watch(self._call.core, self)

    def event(self, event: core.Event, _duty: Duty) -> None:
        """The call has ended."""
        calls, call = self._calls, self._call
        calls.closed(call, calls.departure(call) if core.left(event) else self._failure.code)
