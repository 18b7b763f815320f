"""Pages: paths that are answered by a plain function, and those that nothing answers."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, NamedTuple

from horngate.access.caller import Caller
from horngate.errors import Code, HorngateError, Unauthenticated
from horngate.fronts.http.call import Port, refusal, who
from horngate.fronts.http.connection import Connection
from horngate.fronts.http.reader import Head
from horngate.protocols.http import HttpReply, failed


class Visit(NamedTuple):
    """One request of a page: what the path's places held, headers by lower-case name, and who asks.

    ``caller`` is None where nobody is asked for a token, and on an open page for whoever shows none
    that is known.
    """

    places: Mapping[str, str]
    headers: Mapping[str, str]
    caller: Caller | None


@dataclass(frozen=True, slots=True)
class Page:
    """One path, answered to GET and HEAD by a plain function that does not block for long.

    ``open``: whether callers need no token. ``reads``: whether it reads models' files, whose disk
    may not answer; such pages are made on threads of their own. Places in ``path`` are written
    ``{model}``. A ``HorngateError`` that ``answer`` raises is told as the APIs tell theirs.
    """

    path: str
    answer: Callable[[Visit], HttpReply]
    open: bool = False
    reads: bool = False
    protocol: ClassVar[str] = "http"
    predicts: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """As a fault of it is logged."""
        return self.path


class _Unread:
    """An exchange that needs no body."""

    reads = False

    def __init__(self, head: Head, connection: Connection) -> None:
        self._head = head
        self._connection = connection

    def take(self, part: bytes) -> None:
        """It is of no interest."""

    def whole(self) -> None:
        """As little."""

    def too_slow(self, seconds: float) -> None:
        """As little."""

    def leave(self) -> None:
        """What is being made is told to nobody."""


class NotThere(_Unread):
    """A request that nothing is there for, or something for the verbs ``allowed``: 404 or 405."""

    def __init__(self, allowed: str, head: Head, connection: Connection) -> None:
        super().__init__(head, connection)
        self._allowed = allowed

    def begin(self) -> None:
        """Answer, as the APIs tell their errors."""
        told = failed(
            Code.NOT_FOUND,
            f"Malformed request: {self._head.verb} {self._head.path[:200]} is not served; the "
            "documentation lists what is",
        )
        if self._allowed:
            told = dataclasses.replace(told, status=405, headers={"Allow": self._allowed})
        self._connection.reply(self, told)


class PageCall(_Unread):
    """A request of a page, which is made on a thread."""

    def __init__(
        self,
        port: Port,
        page: Page,
        head: Head,
        connection: Connection,
        places: Mapping[str, str],
    ) -> None:
        super().__init__(head, connection)
        self._port = port
        self._page = page
        self._places = places
        self._left = False

    def begin(self) -> None:
        """Let the caller in, and have the page made."""
        try:
            visit = Visit(self._places, self._head.headers, self._caller())
        except HorngateError as error:
            self._connection.reply(self, refusal(error, failed(error.code, str(error))))
            return
        loop = self._port.loop
        (loop.beside_pages if self._page.reads else loop.beside_bodies)(partial(self._make, visit))

    def leave(self) -> None:
        """It is not made any more: who comes and goes would keep others waiting."""
        self._left = True

    def _caller(self) -> Caller | None:
        gate = self._port.calls.gate
        if not gate.closed:
            return None
        if not self._page.open:
            return gate.admit(*who(self._head, self._connection))
        with contextlib.suppress(Unauthenticated):
            return gate.known(who(self._head, self._connection).authorization)
        return None

    def _make(self, visit: Visit) -> None:
        if self._left:
            return
        try:
            reply = self._page.answer(visit)
        except HorngateError as error:
            reply = refusal(error, failed(error.code, str(error)))
        except Exception as error:  # noqa: BLE001 - whatever is raised, the caller is told
            told = self._port.calls.fault(self._page, error)
            reply = failed(told.code, told.message)
        self._port.loop.call(partial(self._connection.reply, self, reply))
