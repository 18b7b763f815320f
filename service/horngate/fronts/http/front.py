"""The HTTP port: pages for people and scrapers, and the protocols' REST routes.

Served on a thread and an event loop of its own, so that a scrape or a health check neither waits
for gRPC's requests nor makes them wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from math import ceil
from typing import Any, ClassVar, Final, NamedTuple

import uvloop

from horngate.access.caller import Caller
from horngate.answer import Answer
from horngate.batching.executor import Burst
from horngate.calls import STEP_SECONDS, Calls, Failure, InFlight, Who, until
from horngate.errors import (
    Code,
    HorngateError,
    RateLimited,
    ReplyTooLarge,
    Unauthenticated,
)
from horngate.fronts.http.bodies import (
    Body,
    TooLarge,
    TooSlow,
    coding_of,
    compressed,
    uncompressed,
)
from horngate.fronts.http.connection import LOOK_SECONDS, Connection, Exchange, Head
from horngate.fronts.http.listener import BACKLOG, listen
from horngate.fronts.http.routes import NotServed, Routes
from horngate.fronts.http.waker import Waker
from horngate.fronts.options import PortOptions
from horngate.fronts.origin import authorization, forwarded
from horngate.fronts.tls import rotating
from horngate.protocols.http import HttpMethod, HttpReply, HttpRequest, failed

LARGE: Final = 64 * 1024
"""Bytes of a body from which on reading and writing JSON is left to a worker thread, so that the
loop stays free for others."""

LARGE_ANSWER: Final = 16 * 1024
"""Bytes of an answer's arrays from which on it is: four of them may become sixty in JSON."""

WORKERS: Final = 4
"""Bodies that are read or written at a time. More would not be quicker, since Python runs one of
the threads at a time, and would keep the loop and the pages waiting, whose threads are others."""

PAGES: Final = 8
"""Pages that are made at a time."""

_STATUS: Final[dict[type[HorngateError], int]] = {TooLarge: 413, ReplyTooLarge: 413, TooSlow: 408}
_PHRASES: Final = {each.value: each.phrase for each in HTTPStatus}

Make = Callable[[Head, Connection, Mapping[str, str]], Exchange]
"""Of a request, its connection and its route's places: who answers it."""


class Reply(NamedTuple):
    """What a page answers."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """One path, answered to GET and HEAD by a plain function that does not block for long.

    ``open``: whether callers need no token. ``known`` answers, in place of ``answer``, whoever is
    known by one, on open pages too.
    """

    path: str
    answer: Callable[[], Reply]
    open: bool = False
    known: Callable[[Caller], Reply] | None = None
    protocol: ClassVar[str] = "http"
    predicts: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """As a fault of it is logged."""
        return self.path


class HttpCall(InFlight):
    """A request of a REST route, from its headers to its reply.

    It is on the loop but for what takes its time, which is done on a worker, and each step leads to
    the next. What is open to everybody takes no body, and none is read: it would be anybody's
    memory.
    """

    __slots__ = ("_body", "_connection", "_front", "_head", "_places", "reads")

    method: HttpMethod

    def __init__(
        self,
        front: HttpFront,
        method: HttpMethod,
        head: Head,
        connection: Connection,
        places: Mapping[str, str],
    ) -> None:
        super().__init__(method, front.calls.clock(), None)
        self._front = front
        self._head = head
        self._connection = connection
        self._places = places
        self._body = Body(front.calls.most_bytes, self.hold)
        self.reads = not method.open

    def who(self) -> Who:
        return _who(self._head, self._connection)

    def fail(self, failure: Failure) -> None:
        self._front.on_loop(partial(self._reply, failed(failure.code, failure.message)))

    def begin(self) -> None:
        self._front.calls.begin(self)
        try:
            self._front.calls.enter(self)
            if self.reads:
                self._body.announced(self._head.length or 0)
        except Exception as error:  # noqa: BLE001 - whatever is raised, the caller is told
            self._refuse(error)
            return
        if not self.reads:
            self._answer(b"")

    def take(self, part: bytes) -> None:
        try:
            self._body.take(part)
        except HorngateError as error:
            self._refuse(error)

    def whole(self) -> None:
        if not self.reads:
            return
        try:
            body = self._body.whole()
        except HorngateError as error:
            self._refuse(error)
            return
        self._front.answering.add(self)
        if len(body) >= LARGE or "content-encoding" in self._head.headers:
            self._front.beside(partial(self._answer, body))
        else:
            self.burst = self._front.burst()
            self._answer(body)

    def too_slow(self, seconds: float) -> None:
        if self.reads:
            self._refuse(
                TooSlow(
                    f"expected the whole body within {seconds:g} s; send it faster, or in parts"
                )
            )

    def leave(self) -> None:
        self._front.answering.discard(self)
        self._front.calls.cancel(self)

    def _answer(self, body: bytes) -> None:
        """Ask the handler; on the loop or beside it."""
        headers, limit = self._head.headers, self._front.calls.most_bytes
        try:
            coding = coding_of(headers) if self.reads else ""
            if coding:
                body = uncompressed(body, coding, limit, self.hold)
            answer = self.method.handler(HttpRequest(self._places, headers, body, limit), self)
            if not isinstance(answer, Answer):
                self._finish(answer)
                return
        except Exception as error:  # noqa: BLE001 - whatever is raised, the caller is told
            self._refuse(error)
            return
        self.answer = answer
        answer.on_done(self._done)
        if not self._front.calls.waits(self):  # its caller left meanwhile
            answer.cancel()

    def _done(self) -> None:
        """The answer is there; whichever thread completed it only hands on."""
        self._front.wake(self._take_answer)

    def _take_answer(self) -> None:
        answer = self.answer
        if answer is None or not self._front.calls.waits(self):
            return
        write = partial(self._write, answer)
        if answer.size() < LARGE_ANSWER:
            write()
        else:
            self._front.beside(write)

    def _write(self, answer: Answer[Any]) -> None:
        try:
            self._finish(answer.result())
        except Exception as error:  # noqa: BLE001 - whatever became of it, the caller is told
            self._refuse(error)

    def _finish(self, reply: HttpReply) -> None:
        limit = self._front.calls.most_bytes
        if len(reply.body) > limit:
            raise ReplyTooLarge(len(reply.body), limit)
        self._pack(reply, Code.OK)

    def _refuse(self, error: Exception) -> None:
        told = self._front.calls.failure(self.method, error)
        self._pack(_refusal(error, failed(told.code, told.message)), told.code)

    def _pack(self, reply: HttpReply, code: Code) -> None:
        if len(reply.body) >= LARGE and self._front.here:
            self._front.beside(partial(self._pack, reply, code))
            return
        body, headers = compressed(self._head.headers, reply)
        if body is not reply.body:
            reply = dataclasses.replace(reply, body=body, headers=headers)
        self._front.on_loop(partial(self._end, reply, code))

    def _end(self, reply: HttpReply, code: Code) -> None:
        if self._front.calls.end(self, code):
            self._reply(reply)

    def _reply(self, reply: HttpReply) -> None:
        self.answer = None
        self._front.answering.discard(self)
        self._front.reply(self._connection, self, reply)


class PageView:
    """A request of a page, or of nothing that is there: answered without its body."""

    reads = False

    def __init__(self, front: HttpFront, make: Callable[[PageView], None]) -> None:
        self._front = front
        self._make = make

    def begin(self) -> None:
        """Answer, at once or from a thread."""
        self._make(self)

    def take(self, part: bytes) -> None:
        """It is of no interest."""

    def whole(self) -> None:
        """As little."""

    def too_slow(self, seconds: float) -> None:
        """As little."""

    def leave(self) -> None:
        """What is being made is told to nobody."""


class HttpFront:
    """Listens from its construction on, so that a port in use is known before models load.

    ``calls`` and ``answering``, the calls whose body is there and whose reply is not, are for those
    calls; so is every method that says so.
    """

    def __init__(
        self,
        pages: Sequence[Page],
        methods: Sequence[HttpMethod],
        options: PortOptions,
        calls: Calls,
    ) -> None:
        self.calls = calls
        self.answering: set[HttpCall] = set()
        self._options = options
        self._socket = listen(options)
        self.port: int = self._socket.getsockname()[1]
        served: list[tuple[str, str, Make]] = [
            (method.route, method.verb, partial(HttpCall, self, method))
            # Predictions first: nothing else is asked for as often.
            for method in sorted(methods, key=lambda each: not each.predicts)
        ]
        shown: list[tuple[str, str, Make]] = [
            (page.path, "GET", partial(self._page, page)) for page in pages
        ]
        self._routes = Routes(served + shown)
        self._connections: set[Connection] = set()
        self._workers = ThreadPoolExecutor(WORKERS, "http-body")
        self._pages = ThreadPoolExecutor(PAGES, "http-page")
        self._burst = Burst(calls.clock)
        self._gathering = False
        self._loop = uvloop.new_event_loop()
        self._waker = Waker(self._loop)
        self._ends = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def drain(self, seconds: float) -> None:
        """Return once no REST request waits for its answer, after ``seconds`` at the latest.

        One whose body is still to come is none: whoever is slow with it would hold up every stop.
        """
        until(lambda: not self.answering, self.calls.clock, seconds)

    def stop(self) -> None:
        """Finish the replies under way and end."""
        if self._thread.ident is None:
            self._loop.close()
        else:
            self.wake(self._ends.set)
            self._thread.join(5)
        for pool in (self._workers, self._pages):
            pool.shutdown(wait=False, cancel_futures=True)
        self._socket.close()

    # For the calls.

    @property
    def here(self) -> bool:
        """Whether this is the loop's thread."""
        return threading.current_thread() is self._thread

    def wake(self, function: Callable[[], None]) -> None:
        """Have the loop call ``function``. Any thread."""
        self._waker.call(function)

    def on_loop(self, function: Callable[[], None]) -> None:
        """The same, and at once where this is the loop."""
        if self.here:
            function()
        else:
            self._waker.call(function)

    def beside(self, function: Callable[[], None]) -> None:
        """Run ``function``, which raises nothing, on a worker once one is free."""
        with contextlib.suppress(RuntimeError):  # the port has stopped, and the call with it
            self._workers.submit(function)

    def burst(self) -> Burst:
        """What comes in this turn of the loop: the model's threads are woken once for all of it."""
        if not self._gathering:
            self._gathering = True
            self._burst.open()
            self._loop.call_soon(self._gathered)
        return self._burst

    def reply(self, connection: Connection, exchange: Exchange, reply: HttpReply) -> None:
        """Send ``reply``; on the loop."""
        fields = [self._date, f"content-type: {reply.content_type}\r\n"]
        fields += [f"{name.lower()}: {value}\r\n" for name, value in reply.headers.items()]
        connection.reply(exchange, _line(reply.status), "".join(fields).encode(), reply.body)

    # The loop.

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        certificates = self._options.certificates
        made = partial(
            Connection,
            self._loop,
            self._connections,
            self._options.max_header_bytes,
            self._exchange,
            self._unreadable,
        )
        self._look()
        server = await self._loop.create_server(
            made,
            sock=self._socket,
            backlog=BACKLOG,
            ssl=None if certificates is None else rotating(certificates),
        )
        await self._ends.wait()
        server.close()
        for connection in tuple(self._connections):
            connection.stop()
        while self._connections:  # noqa: ASYNC110 - each ends by itself, in its time
            await asyncio.sleep(STEP_SECONDS)

    def _look(self) -> None:
        self._date = f"date: {formatdate(usegmt=True)}\r\n"
        now = self._loop.time()
        for connection in tuple(self._connections):
            connection.look(now)
        self._loop.call_later(LOOK_SECONDS, self._look)

    def _gathered(self) -> None:
        self._gathering = False
        self._burst.relieve()

    def _exchange(self, head: Head, connection: Connection) -> Exchange:
        try:
            make, places = self._routes.find(head.verb, head.path)
        except NotServed as error:
            reply = _not_served(head, error.allowed)
            return PageView(self, lambda view: self.reply(connection, view, reply))
        return make(head, connection, places)

    def _unreadable(self) -> bytes:
        told = failed(Code.INVALID_ARGUMENT, "expected a request of HTTP/1.1, received other bytes")
        head = f"{self._date}content-type: {told.content_type}\r\nconnection: close\r\n"
        return _line(400) + f"{head}content-length: {len(told.body)}\r\n\r\n".encode() + told.body

    def _page(
        self, page: Page, head: Head, connection: Connection, _: Mapping[str, str]
    ) -> Exchange:
        def make(view: PageView) -> None:
            answer = page.answer
            gate, caller = self.calls.gate, None
            if gate.closed and not page.open:
                try:
                    caller = gate.admit(*_who(head, connection))
                except HorngateError as error:
                    refusal = _refusal(error, failed(error.code, str(error)))
                    self.reply(connection, view, refusal)
                    return
            elif page.known is not None:
                with contextlib.suppress(Unauthenticated):
                    caller = gate.known(_who(head, connection).authorization)
            if caller is not None and page.known is not None:
                answer = partial(page.known, caller)
            with contextlib.suppress(RuntimeError):  # the port has stopped
                self._pages.submit(
                    lambda: self.wake(
                        partial(self.reply, connection, view, self._made(page, answer))
                    )
                )

        return PageView(self, make)

    def _made(self, page: Page, answer: Callable[[], Reply]) -> HttpReply:
        try:
            made = answer()
        except Exception as error:  # noqa: BLE001 - whatever is raised, the caller is told
            told = self.calls.fault(page, error)
            return failed(told.code, told.message)
        kind = made.content_type
        if kind.startswith("text/") and "charset=" not in kind:
            kind += "; charset=utf-8"
        return HttpReply(made.body, made.status, kind)


def _refusal(error: Exception, reply: HttpReply) -> HttpReply:
    """The ``reply`` that tells of ``error``, with what HTTP has for it beside the words."""
    if isinstance(error, Unauthenticated):
        return dataclasses.replace(reply, headers={"WWW-Authenticate": "Bearer"})
    if isinstance(error, RateLimited):
        return dataclasses.replace(reply, headers={"Retry-After": str(ceil(error.retry_after))})
    for kind, status in _STATUS.items():
        if isinstance(error, kind):
            return dataclasses.replace(reply, status=status)
    return reply


def _who(head: Head, connection: Connection) -> Who:
    return Who(authorization(head.fields), connection.address, forwarded(head.fields))


def _line(status: int) -> bytes:
    return f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\n".encode()


def _not_served(head: Head, allowed: str) -> HttpReply:
    """404 and 405, told as the APIs tell their errors."""
    told = failed(
        Code.NOT_FOUND,
        f"Malformed request: {head.verb} {head.path[:200]} is not served; the documentation lists "
        "what is",
    )
    if not allowed:
        return told
    return dataclasses.replace(told, status=405, headers={"Allow": allowed})
