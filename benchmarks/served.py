"""Horngate itself, with an engine on a transport."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from pathlib import Path
from typing import Any, Final

import grpc

from benchmarks.child import Child, ChildFailed, python
from benchmarks.model import Published, repository
from benchmarks.recording import OIP
from benchmarks.subject import Counts, NotHere, Process
from horngate.protocols.pb.inference.grpc_service_pb2 import ModelConfigRequest, ModelConfigResponse

LOAD_SECONDS: Final = 180.0
PREDICTIONS: Final = ('method="ModelInfer"', 'method="Predict"')


class Horngate(Process):
    """``horngate serve`` on free ports, with a repository of one model."""

    def __init__(self, engine: str, transport: str, model: Published) -> None:
        super().__init__(f"{transport}-{engine}")
        self.engine = engine
        self._transport = transport
        self._model = model

    def start(self, folder: Path) -> None:
        if self.engine == "onnx" and not self._model.compiled:
            raise NotHere("the version has no compiled form; `horngate compile` makes one")
        models = repository(folder / "models", self._model, self.engine)
        flags: list[str | Path] = ["--models", models, "--grpc-port", "0", "--http-port", "0"]
        flags += ["--transport", self._transport, "--log-format", "json"]
        self._child = Child(
            [*python("horngate", "serve"), *flags],
            env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
            log=True,
        )
        try:
            self._wait()
        except (ChildFailed, NotHere):
            self.stop()
            raise

    def _wait(self) -> None:
        """Return when the model is live on the engine that was asked for."""
        words = ""
        ends = time.monotonic() + LOAD_SECONDS
        while time.monotonic() < ends:
            try:
                text = self.child.line()
            except ChildFailed as error:
                raise NotHere(f"the server did not start: {words or error}") from error
            line = _json(text)
            event = line.get("event")
            if event == "listening":
                self._port, self._http = line["grpc_port"], line["http_port"]
                if line.get("transport") != self._transport:
                    raise NotHere(f"the server took transport {line.get('transport')}")
            elif event == "available":
                if line.get("engine") != self.engine:
                    raise NotHere(f"the server took engine {line.get('engine')}")
                return
            elif line.get("level") in ("error", "critical"):
                raise NotHere(f"the server did not load it: {line.get('reason') or text}")
            words = text
        raise NotHere(f"the model was not live after {LOAD_SECONDS:.0f} s")

    def batch_limit(self) -> int:
        """Rows up to which it glues requests together, as it decided when the model was loaded."""
        request = ModelConfigRequest(name=self._model.name).SerializeToString()
        with grpc.insecure_channel(self.address) as channel:
            call: Any = channel.unary_unary(f"{OIP}ModelConfig")
            reply = ModelConfigResponse.FromString(call(request, timeout=30))
        preferred = reply.config.dynamic_batching.preferred_batch_size
        return preferred[0] if preferred else 0

    def counts(self) -> Counts:
        url = f"http://127.0.0.1:{self._http}/metrics"
        with urllib.request.urlopen(url, timeout=30) as reply:
            return counts(reply.read().decode())


def counts(metrics: str) -> Counts:
    """Read the server's metrics, in Prometheus' text format."""
    requests = errors = batches = rows = 0.0
    for line in metrics.splitlines():
        name, _, labels = line.rpartition(" ")[0].partition("{")
        value = line.rpartition(" ")[2]
        if name == "horngate_requests_total" and any(each in labels for each in PREDICTIONS):
            requests += float(value)
            errors += 0.0 if 'code="OK"' in labels else float(value)
        elif name == "horngate_batch_rows_count":
            batches += float(value)
        elif name == "horngate_batch_rows_sum":
            rows += float(value)
    return Counts(requests, errors, batches, rows)


def _json(text: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError:
        return {}  # TensorFlow's own notices
    return line if isinstance(line, dict) else {}
