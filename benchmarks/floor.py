"""The C++ servers to compare with: gRPC alone, and gRPC with one TF_SessionRun a request."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Final

from benchmarks.analyzer import ROOT
from benchmarks.child import Child, ChildFailed
from benchmarks.load import Pace
from benchmarks.model import Published
from benchmarks.ports import free_port
from benchmarks.slow import SLOW_MODEL
from benchmarks.subject import NotHere, Process
from horngate.tensors import Signature

MODELS: Final = ("mnist_fusion", SLOW_MODEL)
"""Those whose inputs it knows: their metadata are written into it."""
TOOLS: Final = ("g++", "protoc", "grpc_cpp_plugin", "pkg-config")
UP_SECONDS: Final = 60.0


class Floor(Process):
    """``cpp-echo``, or ``cpp-tensorflow`` where the graph's tensors are given; for one model."""

    def __init__(
        self, program: Path, model: Published, pace: Pace, tensors: Tensors | None = None
    ) -> None:
        super().__init__("cpp-tensorflow" if tensors else "cpp-echo", (pace,))
        self._program = program
        self._model = model
        self._tensors = tensors

    def start(self, folder: Path) -> None:  # noqa: ARG002 - it keeps no files
        if self._model.name not in MODELS:
            raise NotHere(f"it serves the signature of {' and '.join(MODELS)} only")
        # It takes no port 0. One that was free a moment ago, and it is asked whose it is below.
        self._grpc_port = free_port()
        command: list[str | Path] = [self._program, str(self._grpc_port)]
        library = tensorflow_folder()
        if self._tensors is not None:
            command += [library / "libtensorflow_cc.so.2", self._model.folder, *self._tensors]
        self._child = Child(command, env=os.environ | {"LD_LIBRARY_PATH": str(library)})
        try:
            while self._child.line(UP_SECONDS) != "up":
                continue
            _wait_for(self._child, self._grpc_port)
        except ChildFailed as error:
            self.stop()
            raise NotHere(f"the floor did not start: {error}") from error


Tensors = list[str]
"""``input=tensor`` for each input, ``--``, and the same for each output."""


def build(out: Path) -> Path:
    """Build the program into ``out``.

    Raises:
        NotHere: its source, a tool or a header is missing.
    """
    source = Path(os.environ.get("CPP_FLOOR") or ROOT.parent / "shared" / "tools" / "cpp_floor")
    script = source / "build"
    if not script.is_file():
        raise NotHere("its source is not here; name its folder in CPP_FLOOR")
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise NotHere(f"building needs {', '.join(missing)}")
    built = subprocess.run(  # noqa: S603 - the script that was named
        [script, out, tensorflow_folder()], capture_output=True, text=True, check=False
    )
    if built.returncode:
        raise NotHere("it does not build: " + (built.stderr.strip().splitlines() or ["?"])[-1])
    return out / "floor"


def graph_tensors(folder: Path, signature: Signature) -> Tensors:
    """The names that ``signature``'s inputs and outputs have in the graph of ``folder``.

    Read from ``saved_model.pb`` with TensorFlow's own messages, without loading the model.
    """
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel  # noqa: PLC0415 - slow

    document = SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    definition = document.meta_graphs[0].signature_def[signature.name]
    sides = (definition.inputs, definition.outputs)
    taken, given = ([f"{name}={side[name].name}" for name in sorted(side)] for side in sides)
    return [*taken, "--", *given]


def tensorflow_folder() -> Path:
    """Where the tensorflow package lies.

    Raises:
        NotHere: it is not installed.
    """
    found = importlib.util.find_spec("tensorflow")
    if found is None or not found.submodule_search_locations:
        raise NotHere("tensorflow is not installed")
    return Path(found.submodule_search_locations[0])


def _wait_for(child: Child, port: int) -> None:
    ends = time.monotonic() + UP_SECONDS
    while time.monotonic() < ends:
        if not child.alive:
            raise ChildFailed(f"it ended with status {child.process.poll()}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise ChildFailed("its port stayed closed")
