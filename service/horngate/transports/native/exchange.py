"""Calls in flight on the native front: begun, answered, failed or given up, each exactly once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from google.protobuf.message import Message
from pygrpc_native import NativeGrpcFront

from horngate.access.gate import Gate
from horngate.engine import Call
from horngate.errors import Code, ShuttingDown
from horngate.protocols.method import CallObserver, UnaryMethod
from horngate.scheduling.ticket import Answer
from horngate.servable import Clock
from horngate.transports.options import PortOptions
from horngate.transports.port import (
    Report,
    authorization,
    caller_address,
    failure,
    forwarded,
    one_too_many,
    parsed,
    serialized,
)

Details = tuple[Sequence[tuple[str, str | bytes]], str, float | None]
"""Metadata, peer, and seconds until the deadline, None for no deadline."""


class Exchange(Call):
    """One call: what the engine may know of it, and where its answer goes."""

    __slots__ = ("_answer", "_exchanges", "method", "number")

    def __init__(
        self,
        exchanges: Exchanges,
        number: int,
        method: UnaryMethod,
        started: float,
        remaining: float | None,
    ) -> None:
        super().__init__(started, None if remaining is None else started + remaining)
        self._exchanges = exchanges
        self.number = number
        self.method = method

    def wait_for(self, answer: Answer[Message]) -> None:
        """Reply when ``answer`` is there, on the thread that brings it."""
        self._answer = answer
        answer.on_done(self._done)

    def cancel(self) -> None:
        """The caller is gone."""
        self._answer.cancel()

    def _done(self) -> None:
        self._exchanges.reply(self, self._answer.result)


class Exchanges:
    """The calls that wait. ``begin`` and ``cancel`` belong to the receiving thread."""

    def __init__(
        self,
        front: NativeGrpcFront,
        *,
        options: PortOptions,
        gate: Gate,
        observer: CallObserver,
        report: Report,
        clock: Clock,
    ) -> None:
        self._front = front
        self._limit = options.max_message_bytes
        self._most = options.max_in_flight
        self._gate = gate
        self._observer = observer
        self._report = report
        self._clock = clock
        self._waiting: dict[int, Exchange] = {}
        self._on_empty: Callable[[], object] | None = None

    def begin(self, number: int, method: UnaryMethod, data: bytes, details: Details) -> None:
        """Serve the call ``number``."""
        exchange = Exchange(self, number, method, self._clock(), details[2])
        self._observer.started(method, exchange)
        self._waiting[number] = exchange
        if len(data) > self._limit:
            self._end(
                exchange,
                Code.RESOURCE_EXHAUSTED,
                f"received a message larger than max ({len(data)} vs. {self._limit} bytes); send "
                "fewer rows, or raise max_message_bytes",
            )
            return
        try:
            if self._gate.closed:
                self._admit(exchange, details)
            if len(self._waiting) > self._most:
                raise one_too_many(self._most)  # noqa: TRY301 - told to the caller as all others
            answer = method.handler(parsed(method, method.request.FromString, data), exchange)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises, its caller is told
            self._fail(exchange, error)
            return
        if isinstance(answer, Answer):
            exchange.wait_for(answer)
        else:
            self.reply(exchange, lambda: answer)

    def _admit(self, exchange: Exchange, details: Details) -> None:
        """Pass the gate, or raise why not."""
        metadata, peer = details[:2]
        exchange.caller = self._gate.admit(
            authorization(metadata), caller_address(peer), forwarded(metadata)
        )

    def cancel(self, number: int) -> None:
        """The caller of ``number`` gave up, or its deadline passed."""
        exchange = self._waiting.pop(number, None)
        if exchange is None:
            return  # it was answered meanwhile
        exchange.cancel()
        now = self._clock()
        code = Code.DEADLINE_EXCEEDED if exchange.ran_out(now) else Code.CANCELLED
        self._observer.finished(exchange.method, exchange, code, now - exchange.started)
        self._tell_if_empty()

    def end_all(self) -> None:
        """Tell every caller that still waits to ask elsewhere."""
        for exchange in list(self._waiting.values()):
            error = ShuttingDown("the server shut down before the answer was ready; ask another")
            self._fail(exchange, error)
            exchange.cancel()

    def on_empty(self, callback: Callable[[], object] | None) -> None:
        """Call ``callback`` whenever no call waits, now included; None ends it."""
        self._on_empty = callback
        self._tell_if_empty()

    def reply(self, exchange: Exchange, result: Callable[[], Message]) -> None:
        """End ``exchange`` with ``result()`` or with what it raises; any thread."""
        if exchange.number not in self._waiting:
            return  # it was given up, and that is what became of it
        try:
            data = serialized(result(), self._limit)
        except Exception as error:  # noqa: BLE001 - the same
            self._fail(exchange, error)
            return
        if self._waiting.pop(exchange.number, None) is not None:
            self._front.respond(exchange.number, data)
            self._finished(exchange, Code.OK)

    def _fail(self, exchange: Exchange, error: Exception) -> None:
        code, message, trailers = failure(exchange.method, error, self._report)
        self._end(exchange, code, message, trailers)

    def _end(
        self,
        exchange: Exchange,
        code: Code,
        message: str,
        trailers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        if self._waiting.pop(exchange.number, None) is not None:
            self._front.fail(exchange.number, code.value, message, trailers)
            self._finished(exchange, code)

    def _finished(self, exchange: Exchange, code: Code) -> None:
        seconds = self._clock() - exchange.started
        self._observer.finished(exchange.method, exchange, code, seconds)
        self._tell_if_empty()

    def _tell_if_empty(self) -> None:
        on_empty = self._on_empty
        if on_empty is not None and not self._waiting:
            on_empty()
