"""How many streams are open: those that anybody may open apart from the others.

Otherwise whoever shows no token could take the place of all who do.
"""

from __future__ import annotations

from horngate.errors import InvalidRequest
from horngate.transports.port import one_too_many

MOST_BYTES = 4096
"""Of what opens a stream without a token, which gRPC keeps for as long as the stream is open: the
name of a model, or of a service."""


class Streams:
    """At most ``most`` of either kind. Belongs to the event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._number = {True: 0, False: 0}

    def enter(self, *, anybody: bool) -> None:
        """One more; ``anybody``: a stream for which no token is asked.

        Raises:
            Overloaded: there are too many of its kind, and ``leave`` must not follow.
        """
        if self._number[anybody] >= self._most:
            raise one_too_many(self._most)
        self._number[anybody] += 1

    def leave(self, *, anybody: bool) -> None:
        """One less."""
        self._number[anybody] -= 1


def check_opening(data: bytes) -> None:
    """Refuse to keep ``data`` for somebody who shows no token.

    Raises:
        InvalidRequest: it has more than ``MOST_BYTES``.
    """
    if len(data) > MOST_BYTES:
        raise InvalidRequest(
            f"expected a message of at most {MOST_BYTES} bytes, received {len(data)}; send the "
            "name of a model of this server"
        )
