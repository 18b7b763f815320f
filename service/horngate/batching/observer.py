"""What a scheduler tells of itself, to whoever keeps figures."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Refusal(enum.Enum):
    """Why accepted or offered work never ran."""

    QUEUE_FULL = "queue_full"
    EXPIRED = "expired"
    TOO_SHORT = "deadline_too_short"
    CANCELLED = "cancelled"
    SHUTTING_DOWN = "shutting_down"
    STUCK = "stuck"


class Waiting(NamedTuple):
    """What waits for a batch."""

    requests: int
    rows: int


class BatchObserver(Protocol):
    """Told from the thread that runs batches or brings work; must not raise or block."""

    def ran(self, signature: str, rows: int, waits: Sequence[float], seconds: float) -> None:
        """One call of the model: its rows, each request's wait in the queue, and its time."""

    def refused(self, reason: Refusal, count: int) -> None:
        """Requests that will never run."""

    def stuck(self, rows: int, seconds: float) -> None:
        """A run has not come back for so long, and was given up."""

    def came_back(self, seconds: float) -> None:
        """A run that was given up came back after all; its answers were thrown away."""

    def failed(self, signature: str, rows: int, error: Exception) -> None:
        """The model raised."""

    def rows_differed(self, signature: str, rows: int, reason: str) -> None:
        """The answer to a batch had not one row for each that went in; nobody was given any of it.

        Its requests run again, each alone.
        """
