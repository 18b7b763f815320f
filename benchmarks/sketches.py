"""The sketches of a Python server on grpcio's core; see ``sketch_server``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from benchmarks import recording
from benchmarks.analyzer import ROOT
from benchmarks.child import Child, ChildFailed, python
from benchmarks.model import Published
from benchmarks.recording import Recording
from benchmarks.subject import NotHere, Process


class Sketch(Process):
    """``core-echo``, or ``limit``: one batch a burst on ONNX Runtime, and nothing else."""

    def __init__(
        self, name: Literal["core-echo", "limit"], model: Published, recorded: Recording
    ) -> None:
        super().__init__(name, ("quick",))
        self._model = model
        self._recorded = recorded

    def start(self, folder: Path) -> None:
        source = Path(os.environ.get("CORE_SKETCHES") or ROOT.parent / "shared" / "prototypes")
        if not (source / "core_front.py").is_file() or not (source / "limit.py").is_file():
            raise NotHere("the sketches are not here; name their folder in CORE_SKETCHES")
        if self.name == "limit" and not self._model.compiled:
            raise NotHere("the version has no compiled form; `horngate compile` makes one")
        file = folder / "recording.json"
        recording.save(self._recorded, file)
        what = "limit" if self.name == "limit" else "echo"
        self._child = Child(
            python("benchmarks.sketch_server", what, source, file, self._model.form),
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "ORT_DISABLE_TELEMETRY": "1"},
        )
        try:
            self._grpc_port = int(self._child.answer()["port"])
        except ChildFailed as error:
            self.stop()
            raise NotHere(f"the sketch did not start: {error}") from error
