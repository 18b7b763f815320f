"""A version loaded as a server would, to see whether it does: bounded, and closed again."""

from __future__ import annotations

import time
from concurrent.futures import Future
from pathlib import Path
from typing import Final, NamedTuple

from horngate.errors import LoadError
from horngate.lifecycle.memory import Memory
from horngate.lifecycle.served import ServedVersion
from horngate.lifecycle.settings import ModelSettings
from horngate.lifecycle.tasks import Progress, start_thread
from horngate.server.assembly import make_loader
from horngate.telemetry.events import RepositoryEvents
from horngate.telemetry.metrics import Metrics

_FOREIGN: Final = {
    "model.plan": "TensorRT",
    "model.pt": "PyTorch",
    "model.py": "Python",
    "model.graphdef": "a frozen graph",
    "model.tflite": "LiteRT",
    "model.mar": "TorchServe",
}
"""Files of engines that are not here."""


class Loaded(NamedTuple):
    """What a version that loads would be served with; ``alone`` is why rows do not share runs."""

    engine: str
    engine_reason: str
    alone: str


class Trial:
    """Loads versions, one after the other, each within ``seconds``.

    ``left`` says that a thread was left behind, which nothing can end.
    """

    def __init__(self, seconds: float) -> None:
        self.left = False
        self._seconds = seconds
        self._load = make_loader(RepositoryEvents(Metrics()), time.monotonic, Memory())

    def load(self, model: str, number: int, folder: Path, settings: ModelSettings) -> Loaded:
        """Load the version in ``folder``, and let it go.

        Raises:
            LoadError: it does not load, or not in time.
        """
        for file, engine in _FOREIGN.items():
            if (folder / file).exists():
                raise LoadError(
                    f"expected a SavedModel or a model.onnx, received {engine}; export it as ONNX"
                )
        progress = Progress()
        loaded: Future[ServedVersion] = Future()

        def run() -> None:
            try:
                loaded.set_result(self._load(model, number, folder, settings, progress))
            except BaseException as error:  # noqa: BLE001 - told to whoever waits
                loaded.set_exception(error)

        start_thread(f"load-{model}-{number}", run)
        try:
            served = loaded.result(settings.runtime.load_seconds or self._seconds)
        except TimeoutError:
            if progress.give_up():
                self.left = True
                raise LoadError(
                    f"expected to load in time, and it did not come back from {progress.step}; "
                    "give it longer with --load-seconds"
                ) from None
            served = loaded.result()
        found = Loaded(served.engine, served.engine_reason, served.rows_reason)
        served.retire(lambda: None)
        served.close()
        return found
