"""An engine that is imported when the first version asks for it, and not before.

TensorFlow takes seconds and hundreds of megabytes to import: a server answers health checks
meanwhile, and one that never needs the engine never pays for it.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

from horngate.errors import LoadError
from horngate.servable import Loads, Servable


@dataclass(frozen=True)
class DeferredRuntime:
    """Stands for ``module``'s runtime class ``factory``; knows only its file names.

    A folder is recognised by any of ``markers``, names of files within it; see
    ``servable.Runtime`` for the rest.
    """

    name: str
    module: str
    factory: str
    markers: tuple[str, ...]
    wants: str
    remedy: str

    def recognises(self, folder: Path) -> bool:
        return any((folder / marker).is_file() for marker in self.markers)

    def load(self, folder: Path, threads: int = 0) -> Servable:
        try:
            module = importlib.import_module(self.module)
        except ModuleNotFoundError as error:
            raise LoadError(
                f"needs the Python module {error.name!r}, which is not installed; install it with: "
                "pip install 'horngate[server]'"
            ) from error
        engine: Loads = getattr(module, self.factory)()
        return engine.load(folder, threads)


def tensorflow() -> DeferredRuntime:
    """SavedModels on TensorFlow."""
    return DeferredRuntime(
        name="tensorflow",
        module="horngate.runtimes.savedmodel",
        factory="SavedModelRuntime",
        markers=("saved_model.pb", "saved_model.pbtxt"),
        wants="a SavedModel (a folder with saved_model.pb)",
        remedy="it may still be being copied",
    )


def onnx() -> DeferredRuntime:
    """Compiled forms on ONNX Runtime."""
    return DeferredRuntime(
        name="onnx",
        module="horngate.runtimes.onnx",
        factory="OnnxRuntime",
        markers=("assets.extra/horngate/compiled.json",),
        wants="a compiled form",
        remedy="`horngate compile` makes one",
    )
