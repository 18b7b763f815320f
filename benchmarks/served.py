"""Horngate itself, on an open port."""

from __future__ import annotations

import json
import os
import ssl
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import grpc

from benchmarks.certificates import Certificates
from benchmarks.child import Child, ChildFailed, python
from benchmarks.load import Pace
from benchmarks.model import Published, repository
from benchmarks.recording import OIP
from benchmarks.subject import Counts, NotHere, Process
from horngate.protocols.pb.inference.grpc_service_pb2 import ModelConfigRequest, ModelConfigResponse

LOAD_SECONDS: Final = 180.0
PREDICTIONS: Final = ('method="ModelInfer"', 'method="Predict"')
"""Those over HTTP have the same names."""


class Horngate(Process):
    """``horngate serve`` on free ports of every address, with a repository of its own."""

    def __init__(
        self,
        name: str,
        models: Mapping[Pace, Published],
        *,
        engine: str = "onnx",
        certificates: Certificates | None = None,
        flags: Sequence[str] = (),
        loaded: int = 0,
    ) -> None:
        """``flags`` are perf_analyzer's; up to ``loaded`` models, copies of the quick one count."""
        super().__init__(name)
        self.engine = engine
        self.flags = flags
        self._models = models
        self._certificates = certificates
        self._loaded = max(loaded, len(models))

    def start(self, folder: Path) -> None:
        if self.engine == "onnx" and not all(each.compiled for each in self._models.values()):
            raise NotHere("a version has no compiled form; `horngate compile` makes one")
        quick = self._models["quick"]
        served = {each.name: each for each in self._models.values()}
        copies = range(len(served), self._loaded)
        served |= {f"{quick.name}_{number}": quick for number in copies}
        models = repository(folder / "models", served, self.engine)
        flags: list[str | Path] = ["--models", models, "--host", "0.0.0.0"]  # noqa: S104 - as deployed
        flags += ["--grpc-port", "0", "--http-port", "0", "--log-format", "json"]
        if self._certificates is not None:
            flags += ["--tls-cert", self._certificates.chain, "--tls-key", self._certificates.key]
        self._child = Child(
            [*python("horngate", "serve"), *flags],
            env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
            log=True,
        )
        try:
            self._wait(set(served))
        except (ChildFailed, NotHere):
            self.stop()
            raise

    def _wait(self, missing: set[str]) -> None:
        """Return when the models are live on the engine that was asked for."""
        words = ""
        ends = time.monotonic() + LOAD_SECONDS
        while missing and time.monotonic() < ends:
            try:
                text = self.child.line()
            except ChildFailed as error:
                raise NotHere(f"the server did not start: {words or error}") from error
            line = _json(text)
            event = line.get("event")
            if event == "listening":
                self._grpc_port, self._http_port = line["grpc_port"], line["http_port"]
            elif event == "available":
                if line.get("engine") != self.engine:
                    raise NotHere(f"the server took engine {line.get('engine')}")
                missing.discard(line["model"])
            elif line.get("level") in ("error", "critical"):
                raise NotHere(f"the server did not load it: {line.get('reason') or text}")
            words = text
        if missing:
            raise NotHere(f"{len(missing)} models were not live after {LOAD_SECONDS:.0f} s")

    def batch_limits(self) -> dict[str, int]:
        """Rows up to which it glues requests together, as it decided when a model was loaded."""
        return {each.name: self._batch_limit(each.name) for each in self._models.values()}

    def _batch_limit(self, model: str) -> int:
        request = ModelConfigRequest(name=model).SerializeToString()
        with self._channel() as channel:
            call: Any = channel.unary_unary(f"{OIP}ModelConfig")
            reply = ModelConfigResponse.FromString(call(request, timeout=30))
        preferred = reply.config.dynamic_batching.preferred_batch_size
        return preferred[0] if preferred else 0

    def _channel(self) -> grpc.Channel:
        if self._certificates is None:
            return grpc.insecure_channel(self.grpc_address)
        roots = self._certificates.authority.read_bytes()
        return grpc.secure_channel(self.grpc_address, grpc.ssl_channel_credentials(roots))

    def counts(self) -> Counts:
        context = None
        if self._certificates is not None:
            context = ssl.create_default_context(cafile=str(self._certificates.authority))
        scheme = "http" if context is None else "https"
        url = f"{scheme}://127.0.0.1:{self._http_port}/metrics"
        with urllib.request.urlopen(url, timeout=30, context=context) as reply:  # noqa: S310 - ours
            return counts(reply.read().decode())


def counts(metrics: str) -> Counts:
    """Read the server's metrics, in Prometheus' text format."""
    requests = errors = batches = rows = seconds = 0.0
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
        elif name == "horngate_inference_seconds_sum":
            seconds += float(value)
    return Counts(requests, errors, batches, rows, seconds)


def _json(text: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError:
        return {}  # TensorFlow's own notices
    return line if isinstance(line, dict) else {}
