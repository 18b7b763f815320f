"""One stream of requests and answers, many of them in flight at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Final

from google.protobuf.message import Message

from horngate.engine import Call
from horngate.errors import Code
from horngate.protocols.method import CallObserver, DuplexMethod, Status
from horngate.scheduling.ticket import Answer
from horngate.servable import Clock
from horngate.transports.port import Report, failure, parsed, serialized

MOST_IN_FLIGHT: Final = 1024
MOST_BYTES: Final = 64 * 1024 * 1024
"""Requests of one stream whose answers have not left, by number and by size, that of the answers
once they are there. No more are read until some have left. gRPC's flow control then makes the
caller wait, so that a stream cannot fill the memory. A single request may be larger."""


class Duplex:
    """Belongs to the event loop; answers may complete on any thread.

    Args:
        most_bytes: of a reply. A larger one is told as an error of its request alone.
        enter: called once for each request, before it is handled; may refuse it by raising.
        leave: called once for each request, when its answer is there or nobody wants it: a caller
            who reads no answers takes room from nobody but themselves.
    """

    def __init__(
        self,
        method: DuplexMethod,
        loop: asyncio.AbstractEventLoop,
        observer: CallObserver,
        report: Report,
        clock: Clock,
        *,
        most_bytes: int,
        enter: Callable[[Call], None],
        leave: Callable[[], None],
    ) -> None:
        self._method = method
        self._most_bytes = most_bytes
        self._enter = enter
        self._leave = leave
        self._loop = loop
        self._observer = observer
        self._report = report
        self._clock = clock
        self._waiting: set[_Waiting] = set()
        self._unsent = 0
        self._done: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._bytes = 0
        self._freed = asyncio.Event()
        self._error: Exception | None = None
        self._ended = False

    @property
    def in_flight(self) -> int:
        """Requests whose answers have not left."""
        return self._unsent

    async def read(self, messages: AsyncIterator[bytes], make_call: Callable[[], Call]) -> None:
        """Take requests until the caller has no more, or sends what cannot be read."""
        try:
            async for data in messages:
                await self._make_room(len(data))
                request = parsed(self._method, self._method.request.FromString, data)
                self._ask(_Waiting(request, make_call(), len(data)))
        except Exception as error:  # noqa: BLE001 - told by the writing side, once what is asked is answered
            self.close(error)
        else:
            self.close()

    async def replies(self) -> AsyncIterator[bytes]:
        """The answers as they come, until the requests have ended and all are answered.

        Raises:
            Exception: what ended the requests before their end.
        """
        while self._unsent or not self._ended:
            data = await self._done.get()
            if data is None:
                continue
            yield data
            self._unsent -= 1
            self._bytes -= len(data)
            self._freed.set()
        if self._error is not None:
            raise self._error

    def close(self, error: Exception | None = None) -> None:
        """Wait for no more requests; the stream ends when all are answered, by ``error`` if any."""
        self._error = self._error or error
        self._ended = True
        self._done.put_nowait(None)

    def cancel(self) -> None:
        """Give up what is not answered: the caller is gone."""
        for waiting in self._waiting:
            waiting.cancel()
            now = self._clock()
            code = Code.DEADLINE_EXCEEDED if waiting.call.ran_out(now) else Code.CANCELLED
            self._observer.finished(self._method, waiting.call, code, now - waiting.call.started)
            self._leave()
        self._waiting.clear()
        self._unsent = 0

    async def _make_room(self, size: int) -> None:
        """Return when a request of ``size`` bytes may wait beside those that do."""
        while self._unsent and (self._unsent >= MOST_IN_FLIGHT or self._bytes + size > MOST_BYTES):
            self._freed.clear()
            await self._freed.wait()

    def _ask(self, waiting: _Waiting) -> None:
        self._observer.started(self._method, waiting.call)
        self._waiting.add(waiting)
        self._unsent += 1
        self._bytes += waiting.size
        try:
            self._enter(waiting.call)
            waiting.answer = self._method.handler(waiting.request, waiting.call)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises, its caller is told
            waiting.answer = error
        if isinstance(waiting.answer, Answer):
            waiting.answer.on_done(lambda: self._post(waiting))
        else:
            self._answered(waiting)

    def _post(self, waiting: _Waiting) -> None:
        # A closed loop has closed the stream that this answer was for.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._answered, waiting)

    def _answered(self, waiting: _Waiting) -> None:
        """Write the answer, and let go of the request and of all that it holds."""
        if waiting not in self._waiting:
            return  # it was given up meanwhile
        code, data = self._reply(waiting)
        self._waiting.discard(waiting)
        self._bytes += len(data) - waiting.size
        self._leave()
        self._observer.finished(
            self._method, waiting.call, code, self._clock() - waiting.call.started
        )
        self._done.put_nowait(data)

    def _reply(self, waiting: _Waiting) -> tuple[Code, bytes]:
        try:
            return Code.OK, serialized(waiting.result(), self._most_bytes)
        except Exception as error:  # noqa: BLE001 - whatever became of it, its caller is told
            told = failure(self._method, error, self._report)
        status = Status(told.code, told.message)
        data = self._method.failed(waiting.request, status).SerializeToString()
        if len(data) > self._most_bytes:  # what it repeats of the request is that long
            data = self._method.failed(self._method.request(), status).SerializeToString()
        return told.code, data


class _Waiting:
    """A request of the stream, of ``size`` bytes, whose answer is not there yet.

    ``answer`` is a message, a promise of one, or why there is none.
    """

    def __init__(self, request: Message, call: Call, size: int) -> None:
        self.request = request
        self.call = call
        self.size = size
        self.answer: Message | Answer[Message] | Exception | None = None

    def result(self) -> Message:
        """The answer, once it is there.

        Raises:
            Exception: what became of it instead.
        """
        answer = self.answer.result() if isinstance(self.answer, Answer) else self.answer
        if isinstance(answer, Message):
            return answer
        raise answer or RuntimeError("result() was asked of a request that has no answer yet")

    def cancel(self) -> None:
        """Nobody wants it any more."""
        if isinstance(self.answer, Answer):
            self.answer.cancel()
