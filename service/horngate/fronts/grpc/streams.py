"""Calls of many messages: one that only listens, and one that asks and is answered at once.

Each is a small state machine on the events of its call. A read and a send may be under way at a
time; what else is to be sent waits here, and is bounded.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from google.protobuf.message import Message

from horngate.calls import Failure, InFlight, Who, one_too_many, serialized
from horngate.errors import Code, InvalidRequest, Overloaded, ShuttingDown
from horngate.fronts.grpc import core
from horngate.fronts.grpc.duty import Duty
from horngate.fronts.grpc.origin import Origin
from horngate.protocols.method import DuplexMethod, Method, Status, StreamMethod, parsed

if TYPE_CHECKING:
    from horngate.fronts.grpc.front import GrpcFront

MOST_IN_FLIGHT: Final = 1024
MOST_BYTES: Final = 64 * 1024 * 1024
"""Messages of one stream whose answers have not left, by number and by size, that of the answers
once they are there. No more are read until some have left. gRPC's flow control then makes the
caller wait, so that a stream cannot fill the memory. A single message may be larger."""

MOST_UNREAD: Final = 1024
"""Changes that whoever listens may leave unread."""

MOST_OPENING_BYTES: Final = 4096
"""Of what opens a stream without a token, which is kept for as long as it is open: the name of a
model, or of a service."""

_LEAVING: Final = "the server is shutting down; ask another"


class Places:
    """How many streams are open: those that anybody may open apart from the others.

    Otherwise whoever shows no token could take the place of all who do. At most ``most`` of either
    kind. Thread-safe.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._number = {True: 0, False: 0}
        self._lock = threading.Lock()

    def enter(self, *, anybody: bool) -> None:
        """One more; ``anybody``: a stream for which no token is asked.

        Raises:
            Overloaded: there are too many of its kind, and ``leave`` must not follow.
        """
        with self._lock:
            if self._number[anybody] >= self._most:
                raise _one_stranger_too_many(self._most) if anybody else one_too_many(self._most)
            self._number[anybody] += 1

    def leave(self, *, anybody: bool) -> None:
        """One less."""
        with self._lock:
            self._number[anybody] -= 1


def _one_stranger_too_many(limit: int) -> Overloaded:
    return Overloaded(
        f"expected at most {limit} open streams of those that need no token, received one more; "
        "end one, or raise max_in_flight"
    )


class _On:
    """A tag of one stream: what is called when it is there."""

    __slots__ = ("_told",)

    def __init__(self, told: Callable[[core.Event, Duty], None]) -> None:
        self._told = told

    def event(self, event: core.Event, duty: Duty) -> None:
        self._told(event, duty)


class Stream(InFlight):
    """What both have in common. Told of its own events by the thread that receives; sends on any.

    ``started`` is when the stream was opened.
    """

    __slots__ = ("_ending", "_front", "_lock", "_origin", "_out", "_sending", "_told", "core")

    def __init__(self, front: GrpcFront, method: Method, origin: Origin, started: float) -> None:
        super().__init__(method, started, origin.deadline)
        self.core = origin.core
        self._front = front
        self._origin = origin
        self._lock = threading.Lock()
        self._out: deque[bytes] = deque()
        self._sending = False
        self._told = False  # whether anything was sent
        self._ending: Failure | None = None

    def who(self) -> Who:
        return self._origin.who()

    def open(self) -> None:
        """Take a place, and read the first message, if the caller may send one."""
        front = self._front
        if not front.calls.may_send(self, len(front.reading)):
            return
        try:
            front.places.enter(anybody=self.method.open)
        except Overloaded as error:
            code = Code.RESOURCE_EXHAUSTED if self.method.open else error.code
            front.calls.refuse(self, Failure(code, str(error), type(error).__name__))
            return
        self._opened()
        front.streams.add(self)
        core.watch(self.core, _On(self._closed))
        self._read()

    def fail(self, failure: Failure) -> None:
        """End with ``failure`` once all is sent that was to be sent before."""
        with self._lock:
            self._ending = self._ending or failure
        self._pump()

    def give_up(self) -> None:
        """What it was sent is not taken: end it."""
        core.cancel(self.core)

    def _read(self) -> None:
        if self.method.open:  # nobody else is told to be quick with the next message
            self.started = self._front.calls.clock()
            self._front.reading.add(self)
        else:
            self.read()

    def read(self) -> None:
        """Ask for the next message."""
        core.read(self.core, _On(self._arrived))

    def _arrived(self, event: core.Event, duty: Duty) -> None:
        if not self.method.open or self._front.reading.remove(self):
            self._received(core.message(event), duty)

    def refuse(self, failure: Failure) -> None:
        """End it before its message has come."""
        self._front.calls.refuse(self, failure)

    def _opened(self) -> None:
        """It has its place; ``_ended`` follows."""

    def _received(self, data: bytes | None, duty: Duty) -> None:
        """A message has come; None where no more will."""
        raise NotImplementedError

    def _ended(self, *, by_caller: bool) -> None:
        """The stream is over, once."""
        raise NotImplementedError

    def _send(self, data: bytes) -> None:
        with self._lock:
            self._out.append(data)
        self._pump()

    def _pump(self) -> None:
        """Send what is next, if nothing is under way."""
        with self._lock:
            if self._sending:
                return
            if self._out:
                data, ending = self._out.popleft(), None
            elif self._ending is not None:
                data, ending = b"", self._ending
            else:
                return
            self._sending = True
            first, self._told = not self._told, True
        if ending is not None:
            core.end(
                self.core,
                ending.code.value,
                ending.message,
                ending.trailers,
                core.UNHEEDED,
                first=first,
            )
            return
        self._front.outbox.add(self, len(data))
        core.send(self.core, data, _On(lambda event, _: self._sent(event, len(data))), first=first)

    def _sent(self, event: core.Event, size: int) -> None:
        self._front.outbox.left(self)
        with self._lock:
            self._sending = False
        if event.success:
            self._taken(size)
            self._pump()

    def _taken(self, size: int) -> None:
        """A message of ``size`` bytes has left."""

    def _closed(self, event: core.Event, _duty: Duty) -> None:
        front = self._front
        front.streams.discard(self)
        front.reading.remove(self)
        front.places.leave(anybody=self.method.open)
        self._ended(by_caller=core.left(event))

    def drain(self) -> None:
        """Take no more messages: the server is about to stop."""

    def shut(self) -> None:
        """End now, once what was to be sent is."""
        self.fail(Failure(Code.UNAVAILABLE, _LEAVING, ShuttingDown.__name__))


class ServerStream(Stream):
    """One message in, any number out."""

    __slots__ = ("_stop",)

    method: StreamMethod

    def __init__(
        self, front: GrpcFront, method: StreamMethod, origin: Origin, started: float
    ) -> None:
        super().__init__(front, method, origin, started)
        self._stop: Callable[[], None] | None = None

    def _opened(self) -> None:
        self._front.calls.opened(self)

    def refuse(self, failure: Failure) -> None:
        self.fail(failure)  # it is counted as it closes

    def _received(self, data: bytes | None, duty: Duty) -> None:  # noqa: ARG002 - it runs no model
        calls, method = self._front.calls, self.method
        try:
            calls.enter(self)
            if data is None:
                raise InvalidRequest("expected one message, received none")  # noqa: TRY301 - told as all others
            if method.open:
                check_opening(data)
            self._stop = method.handler(parsed(method, data), self, self._tell)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises, its caller is told
            self.fail(calls.failure(method, error))

    def _tell(self, reply: Message) -> None:
        if len(self._out) >= MOST_UNREAD:
            self.fail(Failure(Code.RESOURCE_EXHAUSTED, "expected a caller that reads; ask again"))
            return
        self._send(serialized(reply, self._front.calls.most_bytes))

    def _ended(self, *, by_caller: bool) -> None:
        calls, ending = self._front.calls, self._ending
        if self._stop is not None:
            self._stop()
        if ending is None or by_caller:
            calls.closed(self, calls.departure(self))
        else:
            calls.closed(self, ending.code)


class DuplexStream(Stream):
    """Many messages in, and one out for each, as soon as it is there: answers may overtake."""

    __slots__ = ("_bytes", "_no_more", "_paused", "_unsent", "_waiting")

    method: DuplexMethod

    def __init__(
        self, front: GrpcFront, method: DuplexMethod, origin: Origin, started: float
    ) -> None:
        super().__init__(front, method, origin, started)
        self._waiting: set[StreamedCall] = set()
        self._unsent = 0
        self._bytes = 0
        self._paused = False
        self._no_more: Failure | None = None

    def drain(self) -> None:
        self._stop_reading(Failure(Code.UNAVAILABLE, _LEAVING, ShuttingDown.__name__))

    @property
    def most_bytes(self) -> int:
        """Of an answer."""
        return self._front.calls.most_bytes

    def send(self, call: StreamedCall, data: bytes) -> None:
        """Send the answer to ``call``, and let go of it."""
        with self._lock:
            if call not in self._waiting:
                return
            self._waiting.remove(call)
            self._bytes += len(data) - call.size
        self._send(data)

    def _received(self, data: bytes | None, duty: Duty) -> None:
        if data is None:
            self._stop_reading(Failure(Code.OK, ""))
            return
        calls, method = self._front.calls, self.method
        try:
            request = parsed(method, data)
        except InvalidRequest as error:
            self._stop_reading(calls.failure(method, error))
            return
        call = StreamedCall(self, request, len(data), calls.clock(), self.deadline)
        call.burst = duty
        with self._lock:
            self._waiting.add(call)
            self._unsent += 1
            self._bytes += call.size
        calls.serve(call, method.handler, request)
        self._read_on()

    def _read_on(self) -> None:
        """Read the next message, if there is room for its answer."""
        with self._lock:
            if self._no_more is not None:
                return
            self._paused = self._unsent > 0 and (
                self._unsent >= MOST_IN_FLIGHT or self._bytes >= MOST_BYTES
            )
            paused = self._paused
        if not paused:
            self._read()

    def _taken(self, size: int) -> None:
        with self._lock:
            self._unsent -= 1
            self._bytes -= size
            paused, over = self._paused, self._over()
        if over is not None:
            self.fail(over)
        elif paused:
            self._read_on()

    def _stop_reading(self, why: Failure) -> None:
        """Read no more; the stream ends by ``why`` when all is answered."""
        with self._lock:
            self._no_more = self._no_more or why
            over = self._over()
        if over is not None:
            self.fail(over)

    def _over(self) -> Failure | None:
        return None if self._unsent else self._no_more

    def _ended(self, *, by_caller: bool) -> None:  # noqa: ARG002 - what is in flight says it
        with self._lock:
            waiting, self._waiting = list(self._waiting), set()
        for call in waiting:
            self._front.calls.cancel(call)


class StreamedCall(InFlight):
    """A message of a stream, of ``size`` bytes, whose answer is not there yet."""

    __slots__ = ("_request", "_stream", "size")

    method: DuplexMethod

    def __init__(
        self,
        stream: DuplexStream,
        request: Message,
        size: int,
        started: float,
        deadline: float | None,
    ) -> None:
        super().__init__(stream.method, started, deadline)
        self._stream = stream
        self._request = request
        self.size = size

    def who(self) -> Who:
        return self._stream.who()

    def reply(self, data: bytes) -> None:
        self._stream.send(self, data)

    def fail(self, failure: Failure) -> None:
        status = Status(failure.code, failure.message)
        method = self.method
        data = method.failed(self._request, status).SerializeToString()
        if len(data) > self._stream.most_bytes:  # what it repeats of the request is that long
            data = method.failed(method.request(), status).SerializeToString()
        self._stream.send(self, data)


def check_opening(data: bytes) -> None:
    """Refuse to keep ``data`` for somebody who shows no token.

    Raises:
        InvalidRequest: it has more than ``MOST_OPENING_BYTES``.
    """
    if len(data) > MOST_OPENING_BYTES:
        raise InvalidRequest(
            f"expected a message of at most {MOST_OPENING_BYTES} bytes, received {len(data)}; send "
            "the name of a model of this server"
        )
