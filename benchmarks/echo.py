"""The Python transports without a model; see ``echo_server``."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from benchmarks.child import Child, ChildFailed, python
from benchmarks.recording import Recording
from benchmarks.subject import Counts, NotHere, Process


class Echo(Process):
    """``grpcio-echo`` or ``native-echo``."""

    def __init__(self, transport: str, recording: Recording) -> None:
        super().__init__(f"{transport}-echo")
        self._transport = transport
        self._recording = recording

    def start(self, folder: Path) -> None:
        if self._transport == "native" and importlib.util.find_spec("pygrpc_native") is None:
            raise NotHere("pygrpc-native is not installed")
        recording = folder / "recording.json"
        self._recording.save(recording)
        self._child = Child(python("benchmarks.echo_server", self._transport, recording))
        try:
            self._port = int(self._child.answer()["port"])
        except ChildFailed as error:
            self.stop()
            raise NotHere(f"the echo server did not start: {error}") from error

    def counts(self) -> Counts:
        return Counts(self.child.ask("count")["requests"])
