"""The engine without a network; see ``engine_server``."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.child import Child, ChildFailed, python
from benchmarks.model import Published
from benchmarks.subject import NotHere


@contextlib.contextmanager
def busy_neighbours() -> Iterator[None]:
    """Keep every core but one busy meanwhile."""
    cores = len(os.sched_getaffinity(0))
    command = [sys.executable, "-c", "while True: pass"]
    neighbours = [subprocess.Popen(command) for _ in range(cores - 1)]  # noqa: S603 - our own
    try:
        yield
    finally:
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.wait()


class Cost(NamedTuple):
    """Microseconds of one call at a number of rows: wall time alone, CPU time on a busy machine."""

    rows: int
    wall_us: float
    cpu_us: float


class Engine:
    """ONNX Runtime with the quick model, idle between two questions.

    ``threads`` is what the server's own loader chose for a run.
    """

    def __init__(self, model: Published, seconds: float) -> None:
        """Load it; ``seconds`` is how long a size is run.

        Raises:
            NotHere: this model has no compiled form.
        """
        if not model.compiled:
            raise NotHere("the version has no compiled form; `horngate compile` makes one")
        self._child = Child(
            python("benchmarks.engine_server", model.folder, str(seconds)),
            env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        )
        try:
            self.threads = self._child.answer()["threads"]
        except ChildFailed as error:
            self.stop()
            raise NotHere(f"the engine did not load it: {error}") from error

    def cost(self, rows: int) -> Cost:
        """What one call of ``rows`` rows costs now.

        Wall time with the other cores idle, as they are beside one request at a time. CPU time with
        the other cores busy, as they are while a server is loaded: where two cores share their
        units, as in most virtual machines, the same work costs more processor time then.
        """
        alone = self._child.ask(str(rows))
        with busy_neighbours():
            busy = self._child.ask(str(rows))
        return Cost(rows, alone["wall_us"], busy["cpu_us"])

    def stop(self) -> None:
        """End it."""
        self._child.stop()
