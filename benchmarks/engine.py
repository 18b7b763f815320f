"""The engines without a network; see ``engine_server``."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.child import Child, ChildFailed, python
from benchmarks.model import Published
from benchmarks.subject import NotHere

MODULES = {"onnx": "horngate.runtimes.onnx", "tensorflow": "horngate.runtimes.savedmodel"}


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
    """Microseconds of one call at a number of rows."""

    rows: int
    wall_us: float
    cpu_us: float


class Engine:
    """One engine with the model, idle between two questions; ``threads`` as the loader chose."""

    def __init__(self, name: str, model: Published, seconds: float) -> None:
        """Load it.

        Raises:
            NotHere: this tree or this model has none.
        """
        self.name = name
        if importlib.util.find_spec(MODULES[name]) is None:
            raise NotHere(f"{MODULES[name]} does not exist in this tree")
        if name == "onnx" and not model.compiled:
            raise NotHere("the version has no compiled form; `horngate compile` makes one")
        self._child = Child(
            python("benchmarks.engine_server", name, model.folder, str(seconds)),
            env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        )
        try:
            self.threads = self._child.answer()["threads"]
        except ChildFailed as error:
            self.stop()
            raise NotHere(f"the engine did not load it: {error}") from error

    def cost(self, rows: int) -> Cost:
        """What one call of ``rows`` rows costs now, with the other cores busy.

        They are while a server is loaded, and where two cores share their units, as in most virtual
        machines, the same work costs more processor time then.
        """
        with busy_neighbours():
            told = self._child.ask(str(rows))
        return Cost(rows, told["wall_us"], told["cpu_us"])

    def stop(self) -> None:
        """End it."""
        self._child.stop()
