"""KServe's SDK and PyTriton, serving the compiled forms that Horngate serves."""

from __future__ import annotations

import os
import sysconfig
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import grpc

from benchmarks import recording
from benchmarks.child import Child, ChildFailed
from benchmarks.load import Pace
from benchmarks.model import Published
from benchmarks.peers.environment import interpreter
from benchmarks.ports import free_port
from benchmarks.recording import OIP, Recording
from benchmarks.subject import NotHere, Process
from horngate.protocols.pb.inference.grpc_service_pb2 import ModelReadyRequest, ModelReadyResponse

UP_SECONDS: Final = 90.0
PACKAGES: Final = {"kserve": "kserve==0.21.0", "pytriton": "nvidia-pytriton==0.7.0"}
HERE: Final = Path(__file__).parent


class Peer(Process):
    """A server that an interpreter of its own environment runs."""

    def __init__(
        self, name: str, models: Mapping[Pace, Published], say: Callable[[str], None]
    ) -> None:
        super().__init__(name)
        self._models = models
        self._say = say

    def start(self, folder: Path) -> None:
        if not all(each.compiled for each in self._models.values()):
            raise NotHere("a version has no compiled form; `horngate compile` makes one")
        engine = f"onnxruntime=={version('onnxruntime')}"
        python = interpreter(self.name, (PACKAGES[self.name], engine), self._say)
        self._grpc_port = free_port()
        forms = [f"{each.name}={each.form}" for each in self._models.values()]
        script = HERE / f"{self.name}_server.py"
        self._child = Child(
            [python, script, str(self._grpc_port), *self._arguments(folder), *forms],
            env=self._environment(),
        )
        try:
            for model in self._models.values():
                self._wait(model.name)
        except ChildFailed as error:
            self.stop()
            raise NotHere(f"it did not start: {error}") from error

    def _arguments(self, folder: Path) -> Sequence[str | Path]:
        raise NotImplementedError

    def _environment(self) -> dict[str, str]:
        environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
        environment.pop("PYTHONPATH", None)  # Horngate's packages are not its own
        return environment

    def _wait(self, model: str) -> None:
        ends = time.monotonic() + UP_SECONDS
        request = ModelReadyRequest(name=model).SerializeToString()
        with grpc.insecure_channel(self.grpc_address) as channel:
            call: Any = channel.unary_unary(f"{OIP}ModelReady")
            while time.monotonic() < ends:
                if not self.child.alive:
                    raise ChildFailed(f"it ended with status {self.child.process.poll()}")
                try:
                    reply = call(request, timeout=5, wait_for_ready=True)
                except grpc.RpcError:
                    time.sleep(0.1)
                    continue
                if ModelReadyResponse.FromString(reply).ready:
                    return
                time.sleep(0.1)
        raise ChildFailed(f"{model} was not ready after {UP_SECONDS:.0f} s")


class KServe(Peer):
    """KServe's SDK: one model class, one process."""

    def __init__(
        self,
        models: Mapping[Pace, Published],
        configurations: Recording,
        say: Callable[[str], None],
    ) -> None:
        super().__init__("kserve", models, say)
        self._configurations = configurations

    def _arguments(self, folder: Path) -> Sequence[str | Path]:
        file = folder / "configurations.json"
        recording.save(self._configurations, file)
        return (str(free_port()), file)


class PyTriton(Peer):
    """PyTriton: Triton's front, and a Python process behind it."""

    def __init__(self, models: Mapping[Pace, Published], say: Callable[[str], None]) -> None:
        super().__init__("pytriton", models, say)

    def _arguments(self, folder: Path) -> Sequence[str | Path]:
        return (str(free_port()), str(free_port()), folder / "workspace")

    def _environment(self) -> dict[str, str]:
        # Its server loads libpython, which has to be of the same release as the standard library.
        libraries = str(sysconfig.get_config_var("LIBDIR") or "")
        return super()._environment() | {"LD_LIBRARY_PATH": libraries}
