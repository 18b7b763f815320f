"""Pages that wait for a disk, or for nobody any more, keep no other waiting."""

from __future__ import annotations

import socket
import threading
import time
import urllib.request
from collections.abc import Iterator

import pytest

from horngate.access.gate import Gate
from horngate.calls import Calls
from horngate.fronts.http.front import HttpFront
from horngate.fronts.http.loop import PAGES
from horngate.fronts.http.page import Page, Visit
from horngate.fronts.options import PortOptions
from horngate.protocols.http import HttpReply
from horngate.telemetry.calls import CallFigures
from tests.serving import wait_until


class Shelf:
    """A page that is quick, and two that are held until ``go`` is set."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked: list[socket.socket] = []
        self.begun: list[str] = []
        self.calls = Calls(
            Gate(time.monotonic),
            CallFigures((1.0,)),
            lambda _, error: None,
            time.monotonic,
            most_in_flight=100,
            most_bytes=1 << 24,
        )
        table = [
            Page("/quick", lambda _: HttpReply(b"here")),
            Page("/held", self._held),
            Page("/files", self._held, reads=True),
        ]
        self.server = HttpFront(table, [], PortOptions(), self.calls)
        self.server.start()

    def _held(self, _: Visit) -> HttpReply:
        self.begun.append(threading.current_thread().name)
        self.go.wait(60)
        return HttpReply(b"late")

    def quick(self) -> bytes:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.server.port}/quick", timeout=20
        ) as got:
            body: bytes = got.read()
            return body

    def ask(self, path: str) -> socket.socket:
        asked = socket.create_connection(("127.0.0.1", self.server.port), 30)
        asked.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        self.asked.append(asked)
        return asked

    def open(self, number: int) -> None:
        """Wait until so many connections are open that have asked."""
        connections = self.server._connections
        wait_until(
            lambda: sum(each._head is not None for each in connections.open) == number,
            "the connections",
        )


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    made = Shelf()
    yield made
    made.go.set()
    for each in made.asked:
        each.close()
    made.server.stop()


def test_a_disk_that_does_not_answer_keeps_no_other_page_waiting(shelf: Shelf) -> None:
    asked = [shelf.ask("/files") for _ in range(PAGES + 1)]
    shelf.open(len(asked))
    assert shelf.quick() == b"here"


def test_what_nobody_waits_for_any_more_is_not_made(shelf: Shelf) -> None:
    held = [shelf.ask("/held") for _ in range(PAGES)]
    wait_until(lambda: len(shelf.begun) == PAGES, "the pages")
    gone = [shelf.ask("/held") for _ in range(5)]
    shelf.open(len(held) + len(gone))
    for each in gone:
        each.close()
    shelf.open(len(held))
    shelf.go.set()
    assert shelf.quick() == b"here", "made after all that came before it"
    assert len(shelf.begun) == PAGES
