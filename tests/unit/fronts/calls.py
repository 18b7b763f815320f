"""Calls whose answers a test gives, and an observer that keeps what became of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import StringValue

from horngate.access.gate import Gate
from horngate.answer import Answer, Ticket
from horngate.call import Call
from horngate.calls import Calls, Failure, InFlight, Who
from horngate.errors import Code, HorngateError
from horngate.protocols.method import DuplexMethod, Observed, Status, StreamMethod, UnaryMethod
from tests.unit.batching.doubles import ManualClock


class Observer:
    """Keeps which calls have started, and how those that ended have ended."""

    def __init__(self) -> None:
        self.open: list[Call] = []
        self.ended: list[tuple[str, Code, float]] = []
        self._lock = threading.Lock()

    def started(self, method: Observed, call: Call) -> None:
        with self._lock:
            self.open.append(call)

    def finished(self, method: Observed, call: Call, code: Code, seconds: float) -> None:
        with self._lock:
            self.open.remove(call)  # raises for one that never started, or that ended before
            self.ended.append((method.name, code, seconds))

    @property
    def codes(self) -> list[Code]:
        return [code for _, code, _ in self.ended]


class Caller(InFlight):
    """Keeps how its call ended."""

    def __init__(
        self,
        method: Any,
        started: float,
        deadline: float | None = None,
        *,
        shows: str = "",
        address: str = "10.0.0.7",
    ) -> None:
        super().__init__(method, started, deadline)
        self.shows = Who(shows, address, [])
        self.replies: list[bytes] = []
        self.failures: list[Failure] = []

    def who(self) -> Who:
        return self.shows

    def reply(self, data: bytes) -> None:
        self.replies.append(data)

    def fail(self, failure: Failure) -> None:
        self.failures.append(failure)

    @property
    def told(self) -> Failure:
        (failure,) = self.failures
        return failure


def told(error: HorngateError) -> Status:
    return Status(error.code, str(error))


def text(value: str) -> StringValue:
    return StringValue(value=value)


def data(value: str) -> bytes:
    written: bytes = text(value).SerializeToString()
    return written


def value(written: bytes) -> str:
    return str(StringValue.FromString(written).value)


def parts(name: str, *, public: bool) -> dict[str, Any]:
    """What a method of these tests has, whatever its kind."""
    return {
        "protocol": "p",
        "service": "test.Service",
        "name": name,
        "request": StringValue,
        "response": StringValue,
        "status": told,
        "open": public,
    }


Handler = Callable[[StringValue, Call], Message | Answer[Message]]


def unary(handler: Handler, *, name: str = "Ask", public: bool = False) -> UnaryMethod:
    return UnaryMethod(**parts(name, public=public), handler=handler)


def duplex(handler: Handler, *, name: str = "Both", public: bool = False) -> DuplexMethod:
    return DuplexMethod(
        **parts(name, public=public),
        handler=handler,
        failed=lambda request, status: text(f"{status.code.name} {request.value}"),
    )


def listening(
    handler: Callable[[StringValue, Call, Callable[[Message], None]], Callable[[], None]],
    *,
    name: str = "Watch",
    public: bool = False,
) -> StreamMethod:
    return StreamMethod(**parts(name, public=public), handler=handler)


class Bench:
    """The calls of a port, and the tickets of those that were asked."""

    def __init__(
        self, gate: Gate | None = None, *, most_in_flight: int = 2, most_bytes: int = 100
    ) -> None:
        self.clock, self.observer = ManualClock(), Observer()
        self.faults: list[Exception] = []
        self.tickets: list[Ticket[Message]] = []
        self.asked: list[tuple[str, float | None]] = []
        self.raises: Exception | None = None
        self.calls = Calls(
            gate or Gate(self.clock),
            self.observer,
            lambda _, error: self.faults.append(error),
            self.clock,
            most_in_flight=most_in_flight,
            most_bytes=most_bytes,
        )
        self.method = unary(self.handle)
        self.stream = duplex(self.handle)

    def handle(self, request: StringValue, call: Call) -> Answer[Message]:
        if self.raises is not None:
            raise self.raises
        self.asked.append((request.value, call.deadline))
        self.tickets.append(Ticket())
        return self.tickets[-1]

    def ask(self, words: str = "x", remaining: float | None = None, **shown: str) -> Caller:
        now = self.clock()
        call = Caller(self.method, now, None if remaining is None else now + remaining, **shown)
        self.calls.serve(call, self.method.ask, data(words))
        return call
