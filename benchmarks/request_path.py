"""The Python of one request, without network and without a model: microseconds of CPU by step.

    python benchmarks/request_path.py [--burst 16] [--calls 20000]

Bytes of a request go in and bytes of a reply come out, through the protocol, the engine, the
scheduler and the figures, in bursts as the gRPC front hands them in. Its calls are stand-ins that
keep nothing, and the model one that returns zeros; what is left is what Horngate itself costs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from horngate.access.gate import Gate
from horngate.batching.executor import Burst, BurstExecutor, ThreadExecutor
from horngate.calls import Calls, Failure, InFlight, Who
from horngate.inference import Inference
from horngate.lifecycle.loader import Loader
from horngate.lifecycle.model import Model
from horngate.lifecycle.repository import Repository
from horngate.lifecycle.settings import ModelSettings
from horngate.protocols.method import UnaryMethod
from horngate.protocols.oip.methods import methods as oip_methods
from horngate.protocols.pb.inference.grpc_service_pb2 import ModelInferRequest
from horngate.protocols.pb.tensorflow_serving.apis.predict_pb2 import PredictRequest
from horngate.protocols.tfserving.methods import methods as tfserving_methods
from horngate.protocols.tfserving.tensor import encode
from horngate.servable import Files
from horngate.telemetry.events import RepositoryEvents
from horngate.telemetry.exposition import Statistics
from horngate.telemetry.logs import LogLevels
from horngate.telemetry.metrics import Metrics
from horngate.tensors import Array, Arrays, DType, Signature, TensorSpec

SIGNATURE = Signature(
    "serving_default",
    inputs={
        "image": TensorSpec("image", DType.FLOAT32, (None, 28, 28, 1)),
        "context": TensorSpec("context", DType.FLOAT32, (None, 10)),
    },
    outputs={"probabilities": TensorSpec("probabilities", DType.FLOAT32, (None, 10))},
)
ROUNDS = 5


class Zeros:
    """A model that costs next to nothing."""

    engine = "zeros"
    any_shape = ()
    signatures: Mapping[str, Signature] = {SIGNATURE.name: SIGNATURE}

    def __init__(self) -> None:
        self._answers: dict[int, Array] = {}

    def run(self, signature: str, inputs: Arrays) -> dict[str, Array]:  # noqa: ARG002 - a double
        rows = len(inputs["image"])
        answer = self._answers.get(rows)
        if answer is None:
            answer = self._answers[rows] = np.zeros((rows, 10), np.float32)
        return {"probabilities": answer}

    def close(self) -> None:
        """It holds nothing."""


class ZerosRuntime:
    """Loads any folder as ``Zeros``."""

    name, wants, remedy = "zeros", "", ""

    def recognises(self, folder: Path) -> bool:  # noqa: ARG002 - a double
        return True

    def load(self, _folder: Path, _threads: int = 0, _files: Files | None = None) -> Zeros:
        return Zeros()


class Call(InFlight):
    """Takes its reply as ``UnaryCall`` does, and keeps nothing of it."""

    __slots__ = ()

    method: UnaryMethod

    def who(self) -> Who:
        return Who("", "", [])

    def reply(self, data: bytes) -> None:
        """It would be sent."""

    def fail(self, failure: Failure) -> None:
        raise AssertionError(f"a call failed: {failure}")


class RequestPath:
    """Everything that a request goes through between the front and the model."""

    def __init__(self) -> None:
        clock = time.monotonic
        self.metrics, self.clock, self.asked = Metrics(), clock, Burst(clock)
        repository = Repository()
        control: Any = None  # nothing is loaded or unloaded
        engine = Inference(repository, control, clock)
        self.methods = {
            method.name: method
            for method in [
                *oip_methods(engine, Statistics(self.metrics, lambda *_: 0), LogLevels()),
                *tfserving_methods(engine),
            ]
            if isinstance(method, UnaryMethod)
        }
        self.metrics.attach(self.methods.values(), list, list)
        load = Loader(
            [ZerosRuntime()],
            lambda options, name: BurstExecutor(ThreadExecutor(options.at_once, name)),
            clock,
            RepositoryEvents(self.metrics),
        )
        model = Model("mnist_fusion", essential=True)
        with tempfile.TemporaryDirectory() as folder:
            served = load("mnist_fusion", 1, Path(folder), ModelSettings())
        model.put_live(model.version(1), served, frozenset())
        repository.add(model)
        self.calls = Calls(
            Gate(clock),
            self.metrics.calls,
            _fault,
            clock,
            most_in_flight=8192,
            most_bytes=1 << 26,
        )

    def burst(self, method: UnaryMethod, data: bytes, calls: int) -> None:
        """``calls`` requests that arrived together."""
        burst = self.asked
        burst.open()
        for _ in range(calls):
            call = Call(method, self.clock(), None)
            call.burst = burst
            self.calls.serve(call, method.ask, data)
        while burst.run():
            pass
        if self.calls.in_flight:
            raise AssertionError(f"{self.calls.in_flight} calls of a burst were not answered in it")


def _fault(method: object, error: Exception) -> None:
    raise AssertionError(f"{method} failed") from error


def requests() -> dict[str, tuple[str, bytes]]:
    """One row in each form: (method, bytes) by what it is called."""
    image, context = np.zeros((1, 28, 28, 1), np.float32), np.zeros((1, 10), np.float32)
    infer = ModelInferRequest(model_name="mnist_fusion")
    for name, array in (("image", image), ("context", context)):
        infer.inputs.add(name=name, datatype="FP32", shape=array.shape)
        infer.raw_input_contents.append(array.tobytes())
    content, values = PredictRequest(), PredictRequest()
    for request in (content, values):
        request.model_spec.name = "mnist_fusion"
    for name, array in (("image", image), ("context", context)):
        encode(array, content.inputs[name])
        encode(array, values.inputs[name])
        values.inputs[name].ClearField("tensor_content")
        values.inputs[name].float_val.extend(array.ravel().tolist())
    return {
        "ModelInfer, raw": ("ModelInfer", infer.SerializeToString()),
        "Predict, tensor_content": ("Predict", content.SerializeToString()),
        "Predict, float_val": ("Predict", values.SerializeToString()),
    }


def fastest(run: Callable[[], None], calls: int) -> float:
    """Microseconds of one call, in the fastest of ``ROUNDS`` rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        run()
        best = min(best, (time.process_time() - started) / calls)
    return best * 1e6


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description="the Python of one request")
    parser.add_argument("--burst", type=int, default=16)
    parser.add_argument("--calls", type=int, default=20000)
    options = parser.parse_args()
    path = RequestPath()
    print(f"{'':28} bursts of {options.burst}   one by one   (us of CPU, least of {ROUNDS})")
    for title, (name, data) in requests().items():
        method = path.methods[name]

        def ask(calls: int, method: UnaryMethod = method, data: bytes = data) -> None:
            for _ in range(options.calls // calls):
                path.burst(method, data, calls)

        times = [fastest(partial(ask, calls), options.calls) for calls in (options.burst, 1)]
        print(f"{title:28} {times[0]:13.1f} {times[1]:12.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
