"""What is measured over the network: a server of one process, and what it counts itself."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

from benchmarks.child import Child
from benchmarks.load import KINDS, Kind


class Counts(NamedTuple):
    """A server's own counters since its start.

    Attributes:
        requests: predictions answered, whatever the answer was.
        errors: those of them that failed.
        batches, rows: runs of the model, and the rows in them.
    """

    requests: float
    errors: float = 0.0
    batches: float = 0.0
    rows: float = 0.0


class NotHere(RuntimeError):
    """A subject cannot run on this machine, with this model or in this state of the tree."""


class Subject(Protocol):
    """A server that is started once a run, and idles while others are measured."""

    @property
    def name(self) -> str:
        """As results and tables name it."""

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Whose requests it answers."""

    @property
    def address(self) -> str:
        """HOST:PORT, once started."""

    @property
    def child(self) -> Child:
        """Its process, once started."""

    def start(self, folder: Path) -> None:
        """Start it and return when it answers; ``folder`` is its own, and removed after the run.

        Raises:
            NotHere: it cannot run; nothing is left running.
        """

    def counts(self) -> Counts | None:
        """Its counters now, None where it has none."""

    def stop(self) -> None:
        """End it, where it runs."""


class Process:
    """What all subjects share."""

    kinds: tuple[Kind, ...] = KINDS

    def __init__(self, name: str) -> None:
        self.name = name
        self._child: Child | None = None
        self._port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def child(self) -> Child:
        if self._child is None:
            raise NotHere(f"{self.name} was not started")
        return self._child

    def start(self, folder: Path) -> None:
        raise NotImplementedError

    def counts(self) -> Counts | None:
        return None

    def stop(self) -> None:
        """End it, where it runs."""
        if self._child is not None:
            self._child.stop()
            self._child = None
