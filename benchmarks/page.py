"""What the page costs requests: the server's CPU for each, with it off, closed, and open.

    python -m benchmarks.page [--models models] [--rounds 6] [--seconds 4]

Two servers, one without the page (``--no-pages``) and one with it, take the same load in turns, 16
predictions in flight over gRPC. "Open" is the second while somebody asks for what its three views
ask for, as often as they do. A ratio is the median of the rounds', each to the server without it.
Beside it stands what the server takes of a second without any request.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

import grpc
import numpy as np

from benchmarks.child import Child, python
from benchmarks.ports import live_ports
from benchmarks.processes import usage
from horngate.protocols.pb.inference.grpc_service_pb2 import ModelInferRequest

MODEL: Final = "mnist_fusion"
IN_FLIGHT: Final = 16
IDLE_SECONDS: Final = 12.0
ASKED: Final = {
    "/models.json": (10.0, 3.0),
    "/live.json": (5.0,),
    f"/models/{MODEL}/facts.json": (3.0, 2.0),
    f"/models/{MODEL}/live.json": (5.0,),
}
"""Seconds between two looks of a view, of all three: the list, a model, and its trial."""


class Server:
    """``horngate serve``, and requests to it. A context that ends it."""

    def __init__(self, models: Path, *flags: str) -> None:
        command = python("horngate", "serve", "--models", models, "--log-format", "json")
        ports = ("--grpc-port", "0", "--http-port", "0")
        self._child = Child([*command, *ports, *flags], log=True)
        grpc_port, self._http_port = live_ports(self._child, {MODEL})
        self._channel = grpc.insecure_channel(f"127.0.0.1:{grpc_port}")
        self._ask: Any = self._channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()
        self._child.stop()

    def cpu(self, seconds: float) -> float:
        """Microseconds of CPU for a request, while it has as many as it can answer."""
        request, flying = _request(), deque[Any]()
        before, number, ends = usage(self._child.pid), 0, time.monotonic() + seconds
        while time.monotonic() < ends:
            while len(flying) < IN_FLIGHT:
                flying.append(self._ask.future(request))
            flying.popleft().result()
            number += 1
        for each in flying:
            each.result()
        number += len(flying)
        used = usage(self._child.pid).cpu_seconds - before.cpu_seconds
        return 1e6 * used / number

    def idle(self, seconds: float) -> float:
        """Milliseconds of CPU in a second, while it has no request."""
        before = usage(self._child.pid)
        time.sleep(seconds)
        return 1e3 * (usage(self._child.pid).cpu_seconds - before.cpu_seconds) / seconds

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Meanwhile somebody looks at the page."""
        over = threading.Event()

        def look(path: str, every: float) -> None:
            while not over.wait(every):
                with urlopen(f"http://127.0.0.1:{self._http_port}{path}") as reply:
                    reply.read()

        eyes = [
            threading.Thread(target=look, args=(path, every))
            for path, times in ASKED.items()
            for every in times
        ]
        for each in eyes:
            each.start()
        try:
            yield
        finally:
            over.set()
            for each in eyes:
                each.join()


def _request() -> bytes:
    message = ModelInferRequest(model_name=MODEL)
    for name, shape in (("image", (1, 28, 28, 1)), ("context", (1, 10))):
        message.inputs.add(name=name, datatype="FP32", shape=shape)
        message.raw_input_contents.append(np.full(shape, 0.1, np.float32).tobytes())
    return message.SerializeToString()


def main() -> int:
    """Measure in turns, and print medians and ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    options = parser.parse_args()
    found: dict[str, list[float]] = {"off": [], "closed": [], "open": []}
    with Server(options.models, "--no-pages") as off, Server(options.models) as on:
        for each in (off, on):
            each.cpu(options.seconds)
        for _ in range(options.rounds):
            found["off"].append(off.cpu(options.seconds))
            found["closed"].append(on.cpu(options.seconds))
            with on.watched():
                found["open"].append(on.cpu(options.seconds))
        idle = {"off": off.idle(IDLE_SECONDS), "closed": on.idle(IDLE_SECONDS)}
        with on.watched():
            idle["open"] = on.idle(IDLE_SECONDS)
    for state, costs in found.items():
        ratio = statistics.median(a / b for a, b in zip(costs, found["off"], strict=True))
        cost = statistics.median(costs)
        print(f"{state:8} {cost:6.1f} CPU µs a request {ratio:6.3f}   idle {idle[state]:5.1f} ms/s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
