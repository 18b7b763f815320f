"""The engines without a network; see ``engine_server``."""

from __future__ import annotations

import importlib.util
import os
from typing import NamedTuple

from benchmarks.child import Child, ChildFailed, python
from benchmarks.model import Published
from benchmarks.subject import NotHere

MODULES = {"onnx": "horngate.runtimes.onnx", "tensorflow": "horngate.runtimes.savedmodel"}


class Cost(NamedTuple):
    """Microseconds of one call at a number of rows."""

    rows: int
    wall_us: float
    cpu_us: float


class Engine:
    """One engine with the model, idle between two questions."""

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
            self._child.answer()
        except ChildFailed as error:
            self.stop()
            raise NotHere(f"the engine did not load it: {error}") from error

    def cost(self, rows: int) -> Cost:
        """What one call of ``rows`` rows costs now."""
        told = self._child.ask(str(rows))
        return Cost(rows, told["wall_us"], told["cpu_us"])

    def stop(self) -> None:
        """End it."""
        self._child.stop()
