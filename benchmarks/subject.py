"""What is measured over the network: a server of one process, and what it counts itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from benchmarks.catalogue import TAKES
from benchmarks.child import Child
from benchmarks.load import GRPC, Load, Pace


class Counts(NamedTuple):
    """A server's own counters since its start.

    Attributes:
        requests: predictions answered, whatever the answer was.
        errors: those of them that failed.
        batches, rows: runs of the model, and the rows in them.
        run_seconds: time that these runs took, by the server's own clock.
    """

    requests: float
    errors: float = 0.0
    batches: float = 0.0
    rows: float = 0.0
    run_seconds: float = 0.0

    def since(self, earlier: Counts) -> Counts:
        """What was counted after ``earlier``."""
        return Counts(*(now - then for now, then in zip(self, earlier, strict=True)))


class NotHere(RuntimeError):
    """A subject cannot run on this machine, with this model or in this state of the tree."""


class Numbered(Protocol):
    """A process."""

    @property
    def pid(self) -> int:
        """Its process id."""


class Measured(Protocol):
    """A server that runs."""

    @property
    def name(self) -> str:
        """As results and tables name it."""

    @property
    def child(self) -> Numbered:
        """Its process."""

    def counts(self) -> Counts | None:
        """Its counters now, None where it has none."""


class Subject(Measured, Protocol):
    """A server that is started once a run, and idles while others are measured."""

    @property
    def flags(self) -> Sequence[str]:
        """What perf_analyzer is told beside the load, once started."""

    @property
    def child(self) -> Child:
        """Its process, once started."""

    def takes(self, load: Load) -> bool:
        """Whether it is put under this load."""

    def address(self, load: Load) -> str:
        """HOST:PORT for these requests, once started."""

    def start(self, folder: Path) -> None:
        """Start it and return when it answers; ``folder`` is its own, and removed after the run.

        Raises:
            NotHere: it cannot run; nothing is left running.
        """

    def stop(self) -> None:
        """End it, where it runs."""


class Process:
    """What all subjects share: they listen on every address and are reached over loopback."""

    flags: Sequence[str] = ()

    def __init__(self, name: str, paces: Sequence[Pace] = ("quick", "slow")) -> None:
        self.name = name
        self._paces = paces
        self._child: Child | None = None
        self._grpc_port = 0
        self._http_port = 0

    def takes(self, load: Load) -> bool:
        return load.pace in self._paces and load in TAKES.get(self.name, ())

    def address(self, load: Load) -> str:
        port = self._grpc_port if load.kind in GRPC else self._http_port
        return f"127.0.0.1:{port}"

    @property
    def grpc_address(self) -> str:
        """HOST:PORT of its gRPC port, once started."""
        return f"127.0.0.1:{self._grpc_port}"

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
