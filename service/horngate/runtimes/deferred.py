"""An engine that is imported when the first version asks for it, and not before.

TensorFlow takes seconds and hundreds of megabytes to import: a server answers health checks
meanwhile, and one that never needs the engine never pays for it.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

from horngate.servable import Loads, Servable


class DeferredRuntime:
    """Stands for ``module``'s runtime class ``factory``; knows only its file names.

    A folder is recognised by any of ``markers``, names of files within it.
    """

    def __init__(self, name: str, module: str, factory: str, markers: Sequence[str]) -> None:
        self.name = name
        self._module = module
        self._factory = factory
        self._markers = markers

    def recognises(self, folder: Path) -> bool:
        return any((folder / marker).is_file() for marker in self._markers)

    def load(self, folder: Path) -> Servable:
        engine: Loads = getattr(importlib.import_module(self._module), self._factory)()
        return engine.load(folder)


def tensorflow() -> DeferredRuntime:
    """SavedModels on TensorFlow."""
    return DeferredRuntime(
        "tensorflow",
        "horngate.runtimes.savedmodel",
        "SavedModelRuntime",
        ("saved_model.pb", "saved_model.pbtxt"),
    )
