"""Pages: paths that are answered by a plain function, and those that nothing answers."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from horngate.access.caller import Caller
from horngate.errors import Code, HorngateError, Unauthenticated
from horngate.fronts.http.call import Port, refusal, who
from horngate.fronts.http.connection import Connection
from horngate.fronts.http.reader import Head
from horngate.protocols.http import HttpReply, failed


@dataclass(frozen=True, slots=True)
class Page:
    """One path, answered to GET and HEAD by a plain function that does not block for long.

    ``open``: whether callers need no token. ``known`` answers, in place of ``answer``, whoever is
    known by one, on open pages too.
    """

    path: str
    answer: Callable[[], HttpReply]
    open: bool = False
    known: Callable[[Caller], HttpReply] | None = None
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

    def __init__(self, port: Port, page: Page, head: Head, connection: Connection) -> None:
        super().__init__(head, connection)
        self._port = port
        self._page = page

    def begin(self) -> None:
        """Let the caller in, and have the page made."""
        try:
            answer = self._admitted()
        except HorngateError as error:
            self._connection.reply(self, refusal(error, failed(error.code, str(error))))
            return
        self._port.loop.beside_bodies(partial(self._make, answer))

    def _admitted(self) -> Callable[[], HttpReply]:
        page, gate = self._page, self._port.calls.gate
        caller: Caller | None = None
        if gate.closed and not page.open:
            caller = gate.admit(*who(self._head, self._connection))
        elif page.known is not None:
            with contextlib.suppress(Unauthenticated):
                caller = gate.known(who(self._head, self._connection).authorization)
        if caller is not None and page.known is not None:
            return partial(page.known, caller)
        return page.answer

    def _make(self, answer: Callable[[], HttpReply]) -> None:
        try:
            reply = answer()
        except Exception as error:  # noqa: BLE001 - whatever is raised, the caller is told
            told = self._port.calls.fault(self._page, error)
            reply = failed(told.code, told.message)
        self._port.loop.call(partial(self._connection.reply, self, reply))
