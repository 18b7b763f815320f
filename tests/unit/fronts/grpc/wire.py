"""A call of the core that a test plays: it keeps what was asked of it, and tells what came."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from horngate.access.gate import Gate
from horngate.fronts.grpc import core
from horngate.fronts.grpc.duty import Duty
from horngate.fronts.grpc.origin import Origin
from horngate.fronts.grpc.outbox import Outbox
from horngate.fronts.grpc.reading import Reading
from horngate.fronts.grpc.streams import Places, Stream
from tests.unit.fronts.calls import Bench


class Wire:
    """In place of gRPC's core for one call. At most one read and one send are under way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reading: Any = None
        self.sending: Any = None
        self.watching: Any = None
        self.reads = 0
        self.sent: list[bytes] = []
        self.first: list[bool] = []
        self.ended: list[tuple[int, str, Any]] = []
        self.cancelled = 0
        for name in ("read", "send", "answer", "end", "watch", "cancel"):
            monkeypatch.setattr(core, name, getattr(self, f"_{name}"))
        monkeypatch.setattr(core, "peer", lambda _: "ipv4:10.0.0.7:1")

    def _read(self, _call: object, tag: Any) -> None:
        assert self.reading is None, "a read is under way"
        self.reads += 1
        self.reading = tag

    def _send(self, _call: object, data: bytes, tag: Any, *, first: bool) -> None:
        assert self.sending is None, "a send is under way"
        self.sent.append(data)
        self.first.append(first)
        self.sending = tag

    def _answer(self, call: object, data: bytes, tag: Any) -> None:
        self._send(call, data, tag, first=True)
        self.ended.append((0, "", ()))

    def _end(
        self, _call: object, code: int, words: str, trailers: Any, tag: Any, *, first: bool = True
    ) -> None:
        self.ended.append((code, words, tuple(trailers)))
        self.first.append(first)
        if tag is not core.UNHEEDED:
            self.sending = tag

    def _watch(self, _call: object, tag: Any) -> None:
        self.watching = tag

    def _cancel(self, _call: object) -> None:
        self.cancelled += 1

    def message(self, data: bytes | None, duty: Duty) -> None:
        """It has come; None where no more will."""
        tag, self.reading = self.reading, None
        tag.event(event(message=data), duty)

    def took(self, duty: Duty, *, success: bool = True) -> None:
        """What was sent has left."""
        tag, self.sending = self.sending, None
        tag.event(event(success=success), duty)

    def over(self, duty: Duty, *, left: bool) -> None:
        """The call is over; ``left`` before it was answered."""
        self.watching.event(event(cancelled=left), duty)


def event(
    *, success: bool = True, message: bytes | None = None, cancelled: bool = False
) -> SimpleNamespace:
    operation = SimpleNamespace(message=lambda: message, cancelled=lambda: cancelled)
    return SimpleNamespace(success=success, batch_operations=[operation])


class Front(Bench):
    """What a call knows of its front."""

    def __init__(
        self,
        gate: Gate | None = None,
        *,
        most_in_flight: int = 100,
        most_bytes: int = 1000,
        places: int = 10,
    ) -> None:
        super().__init__(gate, most_in_flight=most_in_flight, most_bytes=most_bytes)
        self.reading = Reading(self.clock)
        self.outbox = Outbox(1 << 20)
        self.places = Places(places)
        self.streams: set[Stream] = set()
        self.duty = Duty(self.clock)

    def origin(self, deadline: float | None = None) -> Origin:
        return Origin(object(), (), deadline)
