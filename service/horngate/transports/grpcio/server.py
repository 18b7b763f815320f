"""The gRPC port: any table of methods, served on one event loop.

The loop decodes, encodes and moves bytes; models run on their schedulers' threads. A call waits for
its answer without a thread of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

from horngate.access.gate import Gate
from horngate.engine import Call
from horngate.errors import Code, Overloaded, ShuttingDown
from horngate.protocols.method import (
    CallObserver,
    DuplexMethod,
    Method,
    StreamMethod,
    UnaryMethod,
)
from horngate.scheduling.ticket import Answer
from horngate.servable import Clock
from horngate.transports.doorbell import Doorbell
from horngate.transports.grpcio.calls import CODES, call_of
from horngate.transports.grpcio.credentials import credentials
from horngate.transports.grpcio.door import Door
from horngate.transports.grpcio.duplex import Duplex
from horngate.transports.grpcio.handlers import Context, Handlers
from horngate.transports.grpcio.reflection import add_reflection
from horngate.transports.grpcio.streams import Streams, check_opening
from horngate.transports.options import PortOptions
from horngate.transports.port import (
    Report,
    authorization,
    caller_address,
    failure,
    forwarded,
    one_too_many,
    parsed,
    port_taken,
    serialized,
)

STREAM_GRACE: Final = 0.5
"""Seconds in which open streams may read their last messages once the port is closed."""

PING_MS: Final = 5_000
"""Milliseconds between two pings of a client that is not thrown out for them."""


class GrpcServer:
    """Serves ``methods`` and server reflection; see ``port.GrpcTransport``."""

    def __init__(
        self,
        methods: Sequence[Method],
        options: PortOptions,
        *,
        observer: CallObserver,
        report: Report,
        clock: Clock,
        pool: DescriptorPool,
        gate: Gate,
    ) -> None:
        self._methods = methods
        self._gate = gate
        self._door = Door(methods, gate, observer=observer, report=report, clock=clock)
        self._options = options
        self._observer = observer
        self._report = report
        self._clock = clock
        self._pool = pool
        self._streams: set[asyncio.Queue[Message | None]] = set()
        self._duplexes: set[Duplex] = set()
        self._open = Streams(options.max_in_flight)
        self._in_flight = 0
        self._waiting = 0
        self._none_waiting = asyncio.Event()

    async def start(self) -> int:
        self._doorbell = Doorbell(asyncio.get_running_loop())
        limit = self._options.max_message_bytes
        silence, patience = self._options.keepalive_ms
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", limit),
                ("grpc.max_send_message_length", limit),
                ("grpc.max_metadata_size", self._options.max_header_bytes),
                ("grpc.absolute_max_metadata_size", self._options.max_header_bytes),
                # Whoever has vanished without a word is found out, and their calls end. The second
                # bounds how long TCP keeps sending, the third how long a ping is waited for.
                ("grpc.keepalive_time_ms", silence),
                ("grpc.keepalive_timeout_ms", patience),
                ("grpc.http2.ping_timeout_ms", patience),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.min_ping_interval_without_data_ms", PING_MS),
                # A second server on the port must be an error, not half of the traffic.
                ("grpc.so_reuseport", 0),
            ]
        )
        services = {method.service for method in self._methods}
        add_reflection(self._server, services, self._pool, self._open)
        handlers = Handlers(map(self._handler, self._methods), self._door.turned_away)
        self._server.add_generic_rpc_handlers((handlers,))
        try:
            port = self._listen()
        except RuntimeError as error:
            raise port_taken(self._options) from error
        await self._server.start()
        return port

    def _listen(self) -> int:
        if self._options.socket:
            self._server.add_insecure_port(f"unix:{self._options.socket}")
            return 0
        certificates = self._options.certificates
        if certificates is None:
            return int(self._server.add_insecure_port(self._options.address))
        return int(self._server.add_secure_port(self._options.address, credentials(certificates)))

    async def drain(self, seconds: float) -> None:
        self._none_waiting.clear()
        for duplex in self._duplexes:
            duplex.close(ShuttingDown("the server is shutting down; ask another"))
        if self._busy():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._none_waiting.wait(), seconds)

    async def stop(self) -> None:
        # What was sent to a stream before is ahead of the end mark in its queue.
        loop = asyncio.get_running_loop()
        for queue in self._streams:
            loop.call_soon(queue.put_nowait, None)
        await self._server.stop(STREAM_GRACE)

    def _handler(self, method: Method) -> tuple[str, grpc.RpcMethodHandler[Any, Any]]:
        # Messages are parsed in the handler: grpcio answers a parse error of its own with
        # INTERNAL, and a malformed message is the caller's mistake.
        if isinstance(method, UnaryMethod):
            return method.path, grpc.unary_unary_rpc_method_handler(self._unary(method))
        if isinstance(method, DuplexMethod):
            return method.path, grpc.stream_stream_rpc_method_handler(self._duplex(method))
        return method.path, grpc.unary_stream_rpc_method_handler(self._stream(method))

    def _unary(self, method: UnaryMethod) -> Callable[[bytes, Context], Awaitable[bytes]]:
        parse, handle = method.request.FromString, method.handler
        clock, observer = self._clock, self._observer
        limit = self._options.max_in_flight
        guarded = self._gate.closed and not method.open

        async def serve(data: bytes, context: Context) -> bytes:
            call = call_of(context, clock())
            observer.started(method, call)
            self._in_flight += 1
            code = Code.OK
            try:
                if guarded:
                    self._admit(call, context)
                if self._in_flight > limit and not method.open:
                    raise one_too_many(limit)  # noqa: TRY301 - told to the caller as all others
                answer = handle(parsed(method, parse, data), call)
                if isinstance(answer, Answer):
                    await self._answered(answer)
                    answer = answer.result()
                return serialized(answer, self._options.max_message_bytes)
            except asyncio.CancelledError:
                # The caller is gone either way; figures tell the impatient from the overdue.
                code = Code.DEADLINE_EXCEEDED if call.ran_out(clock()) else Code.CANCELLED
                raise
            except Exception as error:
                told = failure(method, error, self._report)
                code = told.code
                await context.abort(CODES[code], told.message, told.trailers)
                raise  # never reached: an abort does not return
            finally:
                self._in_flight -= 1
                observer.finished(method, call, code, clock() - call.started)

        return serve

    def _admit(self, call: Call, context: Context) -> None:
        """Pass the gate, or raise why not."""
        metadata = context.invocation_metadata() or ()
        call.caller = self._gate.admit(
            authorization(metadata), caller_address(context.peer()), forwarded(metadata)
        )

    async def _answered(self, answer: Answer[Any]) -> None:
        self._waiting += 1
        try:
            await self._doorbell.wait(answer)
        finally:
            self._waiting -= 1
            if not self._busy():
                self._none_waiting.set()

    def _stream(self, method: StreamMethod) -> Callable[[bytes, Context], AsyncIterator[bytes]]:
        clock, observer = self._clock, self._observer
        loop = asyncio.get_running_loop()

        async def serve(data: bytes, context: Context) -> AsyncIterator[bytes]:
            await self._enter_stream(method, context)
            call = call_of(context, clock())
            observer.started(method, call)
            code = Code.OK
            queue: asyncio.Queue[Message | None] = asyncio.Queue()
            self._streams.add(queue)
            stop: Callable[[], None] = lambda: None  # noqa: E731 - nothing to stop as yet
            try:
                if self._gate.closed and not method.open:
                    self._admit(call, context)
                if method.open:
                    check_opening(data)
                request = parsed(method, method.request.FromString, data)
                stop = method.handler(request, call, lambda reply: _post(loop, queue, reply))
                while True:
                    yield serialized(await _next(queue), self._options.max_message_bytes)
            except (asyncio.CancelledError, GeneratorExit):
                code = Code.CANCELLED
                raise
            except Exception as error:
                told = failure(method, error, self._report)
                code = told.code
                await context.abort(CODES[code], told.message, told.trailers)
                raise  # never reached: an abort does not return
            finally:
                stop()
                self._streams.discard(queue)
                self._open.leave(anybody=method.open)
                observer.finished(method, call, code, clock() - call.started)

        return serve

    def _duplex(
        self, method: DuplexMethod
    ) -> Callable[[AsyncIterator[bytes], Context], AsyncIterator[bytes]]:
        loop = asyncio.get_running_loop()
        guarded = self._gate.closed and not method.open

        async def serve(messages: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
            await self._enter_stream(method, context)
            duplex = Duplex(
                method,
                loop,
                self._observer,
                self._report,
                self._clock,
                most_bytes=self._options.max_message_bytes,
                enter=lambda call: self._enter(call, context, guarded=guarded),
                leave=self._leave,
            )
            self._duplexes.add(duplex)
            reader = loop.create_task(
                duplex.read(messages, lambda: call_of(context, self._clock())), name="duplex"
            )
            try:
                async for reply in duplex.replies():
                    yield reply
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever ends a stream, its caller is told
                told = failure(method, error, self._report)
                await context.abort(CODES[told.code], told.message, told.trailers)
            finally:
                reader.cancel()
                duplex.cancel()
                self._duplexes.discard(duplex)
                self._open.leave(anybody=method.open)
                if not self._busy():
                    self._none_waiting.set()

        return serve

    def _enter(self, call: Call, context: Context, *, guarded: bool) -> None:
        """Count a message of a stream, which is no way around a limit or a rate.

        Raises:
            Overloaded: there are too many in flight; ``_leave`` follows all the same.
        """
        self._in_flight += 1
        if guarded:
            self._admit(call, context)
        if self._in_flight > self._options.max_in_flight:
            raise one_too_many(self._options.max_in_flight)

    def _leave(self) -> None:
        self._in_flight -= 1

    async def _enter_stream(self, method: Method, context: Context) -> None:
        """End the call if as many streams of its kind are open as there may be."""
        try:
            self._open.enter(anybody=method.open)
        except Overloaded as error:
            told = failure(method, error, self._report)
            await context.abort(CODES[told.code], told.message, told.trailers)

    def _busy(self) -> bool:
        return self._waiting > 0 or any(duplex.in_flight for duplex in self._duplexes)


async def _next(queue: asyncio.Queue[Message | None]) -> Message:
    reply = await queue.get()
    if reply is None:
        raise ShuttingDown("the server is shutting down; ask another")
    return reply


def _post(
    loop: asyncio.AbstractEventLoop, queue: asyncio.Queue[Message | None], reply: Message
) -> None:
    # A closed loop has closed the stream that this reply was for.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(queue.put_nowait, reply)
