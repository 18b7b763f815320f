"""An engine that is imported when the first version asks for it, and not before.

TensorFlow takes seconds and hundreds of megabytes to import: a server answers health checks
meanwhile, and one that never needs the engine never pays for it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from horngate.errors import LoadError
from horngate.servable import Files, Loads, Servable


@dataclass(frozen=True)
class DeferredRuntime:
    """Stands for ``module``'s runtime class ``factory``; knows only its file names.

    ``options`` are what the factory takes. A folder is recognised by any of ``markers``, names of
    files within it; see ``servable.Runtime`` for the rest.
    """

    name: str
    module: str
    factory: str
    markers: tuple[str, ...]
    wants: str
    remedy: str
    options: Mapping[str, bool] = field(default_factory=dict)

    def recognises(self, folder: Path) -> bool:
        return any((folder / marker).is_file() for marker in self.markers)

    def load(self, folder: Path, threads: int = 0, files: Files | None = None) -> Servable:
        try:
            module = importlib.import_module(self.module)
        except ModuleNotFoundError as error:
            raise LoadError(
                f"needs the Python module {error.name!r}, which is not installed; install it with: "
                "pip install 'horngate[server]'"
            ) from error
        engine: Loads = getattr(module, self.factory)(**self.options)
        return engine.load(folder, threads, files)


def tensorflow(*, trust_operations: bool = False) -> DeferredRuntime:
    """SavedModels on TensorFlow; ``trust_operations`` as ``SavedModelRuntime`` takes it."""
    return DeferredRuntime(
        name="tensorflow",
        module="horngate.runtimes.savedmodel",
        factory="SavedModelRuntime",
        markers=("saved_model.pb", "saved_model.pbtxt"),
        wants="a SavedModel (a folder with saved_model.pb)",
        remedy="it may still be being copied",
        options={"trust_operations": trust_operations},
    )


def onnx(*, trust_operations: bool = False) -> DeferredRuntime:
    """Models on ONNX Runtime; ``trust_operations`` as ``OnnxRuntime`` takes it."""
    return DeferredRuntime(
        name="onnx",
        module="horngate.runtimes.onnx",
        factory="OnnxRuntime",
        markers=("assets.extra/horngate/compiled.json", "model.onnx"),
        wants="a compiled form or a model.onnx",
        remedy="`horngate compile` makes a form",
        options={"trust_operations": trust_operations},
    )
