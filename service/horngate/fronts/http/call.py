"""A request of a REST route, from its headers to its reply."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from math import ceil
from typing import Any, Final, NamedTuple

from horngate.answer import Answer
from horngate.calls import Calls, Failure, InFlight, Who
from horngate.errors import Code, HorngateError, RateLimited, ReplyTooLarge, Unauthenticated
from horngate.fronts.http.bodies import (
    Body,
    TooLarge,
    TooSlow,
    coding_of,
    compressed,
    uncompressed,
)
from horngate.fronts.http.connection import Connection
from horngate.fronts.http.loop import Loop
from horngate.fronts.http.reader import Head
from horngate.fronts.origin import authorization, forwarded
from horngate.protocols.http import HttpMethod, HttpReply, HttpRequest, failed

LARGE: Final = 64 * 1024
"""Bytes of a body from which on reading and writing JSON is left to a worker thread, so that the
loop stays free for others."""

LARGE_ANSWER: Final = 16 * 1024
"""Bytes of an answer's arrays from which on it is: four of them may become sixty in JSON."""

_STATUS: Final[dict[type[HorngateError], int]] = {TooLarge: 413, ReplyTooLarge: 413, TooSlow: 408}


class Port(NamedTuple):
    """What the calls of a port have in common.

    ``answering`` are those whose body is there, ``seconds`` is what each may take, if that is said.
    """

    loop: Loop
    calls: Calls
    answering: set[InFlight]
    seconds: float | None


class HttpCall(InFlight):
    """An exchange.

    It is on the loop but for what takes its time, which is done on a worker, and each step leads to
    the next. What is open to everybody takes no body, and none is read: it would be anybody's
    memory.
    """

    __slots__ = ("_body", "_connection", "_head", "_places", "_port", "reads")

    method: HttpMethod

    def __init__(
        self,
        port: Port,
        method: HttpMethod,
        head: Head,
        connection: Connection,
        places: Mapping[str, str],
    ) -> None:
        now, seconds = port.calls.clock(), port.seconds
        super().__init__(method, now, None if seconds is None else now + seconds)
        self._port = port
        self._head = head
        self._connection = connection
        self._places = places
        self._body = Body(port.calls.most_bytes, self.hold)
        self.reads = not method.open

    def who(self) -> Who:
        return who(self._head, self._connection)

    def fail(self, failure: Failure) -> None:
        self._port.loop.call_here(partial(self._reply, failed(failure.code, failure.message)))

    def begin(self) -> None:
        self._port.calls.begin(self)
        try:
            self._port.calls.enter(self)
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
        self._port.answering.add(self)
        if len(body) >= LARGE or "content-encoding" in self._head.headers:
            self._port.loop.beside(partial(self._answer, body))
        else:
            self.burst = self._port.loop.burst()
            self._answer(body)

    def too_slow(self, seconds: float) -> None:
        if self.reads:
            self._refuse(
                TooSlow(
                    f"expected the whole body within {seconds:g} s; send it faster, or in parts"
                )
            )

    def leave(self) -> None:
        self._port.answering.discard(self)
        self._port.calls.cancel(self)

    def _answer(self, body: bytes) -> None:
        """Ask the handler; on the loop or beside it."""
        headers, limit = self._head.headers, self._port.calls.most_bytes
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
        if not self._port.calls.waits(self):  # its caller left meanwhile
            answer.cancel()

    def _done(self) -> None:
        """The answer is there; whichever thread completed it only hands on."""
        self._port.loop.call(self._take_answer)

    def _take_answer(self) -> None:
        answer = self.answer
        if answer is None or not self._port.calls.waits(self):
            return
        write = partial(self._write, answer)
        if answer.size() < LARGE_ANSWER:
            write()
        else:
            self._port.loop.beside(write)

    def _write(self, answer: Answer[Any]) -> None:
        try:
            self._finish(answer.result())
        except Exception as error:  # noqa: BLE001 - whatever became of it, the caller is told
            self._refuse(error)

    def _finish(self, reply: HttpReply) -> None:
        limit = self._port.calls.most_bytes
        if len(reply.body) > limit:
            raise ReplyTooLarge(len(reply.body), limit)
        self._pack(reply, Code.OK)

    def _refuse(self, error: Exception) -> None:
        told = self._port.calls.failure(self.method, error)
        self._pack(refusal(error, failed(told.code, told.message)), told.code)

    def _pack(self, reply: HttpReply, code: Code) -> None:
        if len(reply.body) >= LARGE and self._port.loop.here:
            self._port.loop.beside(partial(self._pack, reply, code))
            return
        # Many a client looks into an error without looking how it is written.
        if code is Code.OK and self.method.compressed:
            body, headers = compressed(self._head.headers, reply)
            if body is not reply.body:
                reply = dataclasses.replace(reply, body=body, headers=headers)
        self._port.loop.call_here(partial(self._end, reply, code))

    def _end(self, reply: HttpReply, code: Code) -> None:
        if self._port.calls.end(self, code):
            self._reply(reply)

    def _reply(self, reply: HttpReply) -> None:
        self.answer = None
        self._port.answering.discard(self)
        self._connection.reply(self, reply)


def refusal(error: Exception, reply: HttpReply) -> HttpReply:
    """The ``reply`` that tells of ``error``, with what HTTP has for it beside the words."""
    if isinstance(error, Unauthenticated):
        return dataclasses.replace(reply, headers={"WWW-Authenticate": "Bearer"})
    if isinstance(error, RateLimited):
        return dataclasses.replace(reply, headers={"Retry-After": str(ceil(error.retry_after))})
    for kind, status in _STATUS.items():
        if isinstance(error, kind):
            return dataclasses.replace(reply, status=status)
    return reply


def who(head: Head, connection: Connection) -> Who:
    """Whom a request comes from."""
    return Who(authorization(head.fields), connection.address, forwarded(head.fields))
