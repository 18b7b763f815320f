"""The HTTP port: pages for people and scrapers, and the protocols' REST routes.

Served on a thread and an event loop of its own, so that a scrape or a health check neither waits
for gRPC's requests nor makes them wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any, ClassVar, Final, NamedTuple, TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from horngate.access.caller import Caller
from horngate.answer import Answer
from horngate.calls import Calls, InFlight, Who, until
from horngate.errors import (
    Code,
    HorngateError,
    RateLimited,
    ReplyTooLarge,
    Unauthenticated,
)
from horngate.fronts.http.bodies import TooLarge, TooSlow, compressed, read_body
from horngate.fronts.http.listener import listen
from horngate.fronts.http.patience import BODY_SECONDS, CONNECTION, PatientProtocol
from horngate.fronts.http.waker import Waker
from horngate.fronts.options import PortOptions
from horngate.fronts.origin import authorization, forwarded
from horngate.fronts.tls import rotating
from horngate.protocols.http import STATUSES, HttpMethod, HttpReply, HttpRequest, failed

T = TypeVar("T")

LARGE: Final = 64 * 1024
"""Bytes of a body from which on reading and writing JSON is left to a worker thread, so that the
loop stays free for others."""

LARGE_ANSWER: Final = 16 * 1024
"""Bytes of an answer's arrays from which on it is: four of them may become sixty in JSON."""

WORKERS: Final = 4
"""Bodies that are read or written at a time. More would not be quicker, since Python runs one of
the threads at a time, and would keep the loop and the pages waiting, whose threads are others."""

_STATUS: Final[dict[type[HorngateError], int]] = {TooLarge: 413, ReplyTooLarge: 413, TooSlow: 408}


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
    """A request, which says whom it comes from."""

    __slots__ = ("_request",)

    method: HttpMethod

    def __init__(self, method: HttpMethod, request: Request, started: float) -> None:
        super().__init__(method, started, None)
        self._request = request

    def who(self) -> Who:
        return _who(self._request)


class HttpFront:
    """Listens from its construction on, so that a port in use is known before models load."""

    def __init__(
        self,
        pages: Sequence[Page],
        methods: Sequence[HttpMethod],
        options: PortOptions,
        calls: Calls,
    ) -> None:
        self._calls = calls
        self._accepted = 0
        self._waker: Waker | None = None
        self._workers = asyncio.Semaphore(WORKERS)
        self._socket = listen(options)
        self.port: int = self._socket.getsockname()[1]
        endpoints = [(each, self._endpoint(each)) for each in methods]
        app = Starlette(
            routes=[
                *[Route(page.path, self._page(page)) for page in pages],
                *[Route(each.route, made, methods=[each.verb]) for each, made in endpoints],
            ],
            exception_handlers={HTTPException: _not_served},
        )
        # A redirect would repeat whatever host the caller names.
        app.router.redirect_slashes = False
        certificates = options.certificates
        config = uvicorn.Config(
            _PredictionsFirst([pair for pair in endpoints if pair[0].predicts], app),
            http=PatientProtocol,
            log_config=None,
            access_log=False,
            # It would take whatever address a caller on this machine names for the caller's own.
            proxy_headers=False,
            server_header=False,
            lifespan="off",
            ws="none",
            h11_max_incomplete_event_size=options.max_header_bytes,
            ssl_context_factory=None if certificates is None else lambda *_: rotating(certificates),
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="http", daemon=True
        )

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def drain(self, seconds: float) -> None:
        """Return once no REST request waits for its answer, after ``seconds`` at the latest.

        One whose body is still to come is none: whoever is slow with it would hold up every stop.
        """
        until(lambda: not self._accepted, self._calls.clock, seconds)

    def stop(self) -> None:
        """Finish the replies under way and end."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(5)
        self._socket.close()

    def _endpoint(self, method: HttpMethod) -> Callable[[Request], Awaitable[Response]]:
        calls = self._calls

        async def endpoint(request: Request) -> Response:
            call = HttpCall(method, request, calls.clock())
            calls.begin(call)
            code = Code.OK
            try:
                return await self._serve(request, call)
            except asyncio.CancelledError:
                code = Code.CANCELLED
                raise
            except ClientDisconnect:
                # Nobody is there to read it; raised, it would be a trace in the log for each.
                code = Code.CANCELLED
                return Response(status_code=STATUSES[code])
            except Exception as error:  # noqa: BLE001 - whatever is raised, the caller is told
                told = calls.failure(method, error)
                code = told.code
                return _response(request, _refusal(error, failed(code, told.message)))
            finally:
                calls.end(call, code)

        return endpoint

    def _page(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            caller: Caller | None = None
            gate = self._calls.gate
            if gate.closed and not page.open:
                try:
                    caller = gate.admit(*_who(request))
                except HorngateError as error:
                    refusal = _refusal(error, failed(error.code, str(error)))
                    return _response(request, refusal)
            elif page.known is not None:
                with contextlib.suppress(Unauthenticated):
                    caller = gate.known(_who(request).authorization)
            answer = page.answer
            if caller is not None and page.known is not None:
                answer = partial(page.known, caller)
            try:
                reply = await run_in_threadpool(answer)
            except Exception as error:  # noqa: BLE001 - whatever is raised, the caller is told
                told = self._calls.fault(page, error)
                return _response(request, failed(told.code, told.message))
            return Response(reply.body, reply.status, media_type=reply.content_type)

        return endpoint

    async def _serve(self, request: Request, call: HttpCall) -> Response:
        self._calls.enter(call)
        # What is open to everybody takes no body, and none is read: it would be anybody's memory.
        limit = self._calls.most_bytes
        body = b""
        if not call.method.open:
            seconds = None if _connection(request).has_body else BODY_SECONDS
            body = await read_body(request, limit, call.hold, seconds=seconds, work=self._work)
        self._accepted += 1
        try:
            return await self._answer(request, call, body)
        finally:
            self._accepted -= 1

    async def _answer(self, request: Request, call: HttpCall, body: bytes) -> Response:
        limit, handler = self._calls.most_bytes, call.method.handler
        asked = HttpRequest(request.path_params, request.headers, body, limit)
        if len(body) < LARGE:
            reply = handler(asked, call)
        else:
            reply = await self._work(handler, asked, call)
        if isinstance(reply, Answer):
            await self._waker_of_loop().wait(reply, _connection(request).watch)
            if reply.size() < LARGE_ANSWER:
                reply = reply.result()
            else:
                reply = await self._work(reply.result)
        if len(reply.body) > limit:
            raise ReplyTooLarge(len(reply.body), limit)
        return await self._packed(request, reply)

    def _waker_of_loop(self) -> Waker:
        # One for all requests, so that the answers of a batch wake the loop once.
        if self._waker is None:
            self._waker = Waker(asyncio.get_running_loop())
        return self._waker

    async def _packed(self, request: Request, reply: HttpReply) -> Response:
        if len(reply.body) < LARGE:
            return _response(request, reply)
        packed: Response = await self._work(_response, request, reply)
        return packed

    async def _work(self, function: Callable[..., T], *args: Any) -> T:
        """Run what takes its time on a thread of a few, once one is free."""
        async with self._workers:
            return await run_in_threadpool(function, *args)


class _PredictionsFirst:
    """Answers predictions by themselves, and leaves everything else to ``others``.

    An endpoint raises nothing, so that a prediction needs neither layers that catch errors nor a
    look at the routes of everything else.
    """

    def __init__(
        self,
        predictions: Sequence[tuple[HttpMethod, Callable[[Request], Awaitable[Response]]]],
        others: ASGIApp,
    ) -> None:
        self._predictions = [
            (Route(method.route, endpoint, methods=[method.verb]), endpoint)
            for method, endpoint in predictions
        ]
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for route, endpoint in self._predictions:
            match, found = route.matches(scope)
            if match is Match.FULL:
                scope.update(found)
                response = await endpoint(Request(scope, receive, send))
                await response(scope, receive, send)
                return
        await self._others(scope, receive, send)


def _connection(request: Request) -> PatientProtocol:
    connection: PatientProtocol = request.scope["state"][CONNECTION]
    return connection


def _response(request: Request, reply: HttpReply) -> Response:
    body, headers = compressed(request, reply)
    return Response(body, reply.status, headers, media_type=reply.content_type)


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


def _who(request: Request) -> Who:
    address = "" if request.client is None else request.client.host
    headers = request.headers.items()
    return Who(authorization(headers), address, forwarded(headers))


async def _not_served(request: Request, error: Exception) -> Response:
    """404 and 405, told as the APIs tell their errors."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    told = failed(
        Code.NOT_FOUND,
        f"Malformed request: {request.method} {request.scope['path'][:200]} is not served; the "
        "documentation lists what is",
    )
    return Response(told.body, status, headers, media_type=told.content_type)
