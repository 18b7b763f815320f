"""The one door: protocols call it, and it knows none of them.

A protocol decodes a message into a ``Request``, calls ``Engine.predict`` and encodes the
``Response``. Everything it may ask about models goes through here too.
"""

from __future__ import annotations

from typing import NamedTuple


class Subject(NamedTuple):
    """Whom a call is accounted to; made at load, so its values are never a client's."""

    model: str
    version: int
    signature: str


class Call:
    """One call in flight, as far as the engine may know it.

    ``deadline`` is in seconds of the engine's clock, None for none. ``subject`` is filled in
    by the engine as soon as it knows a live version, errors included. Belongs to one call.
    """

    __slots__ = ("deadline", "started", "subject")

    def __init__(self, started: float, deadline: float | None = None) -> None:
        self.started = started
        self.deadline = deadline
        self.subject: Subject | None = None
