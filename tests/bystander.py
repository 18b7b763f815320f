"""Another caller, in a process of its own: asks for health, predictions and metrics amid harm.

Run as ``python -m tests.bystander``; ``Bystander`` starts one and reads what it saw.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from http import HTTPStatus
from typing import Any, NamedTuple, Self

import grpc

from horngate.protocols.pb.grpc.health.v1 import health_pb2
from horngate.protocols.pb.inference.grpc_service_pb2 import ModelInferRequest
from tests.serving import RunningServer

CHECK = "/grpc.health.v1.Health/Check"
INFER = "/inference.GRPCInferenceService/ModelInfer"
METRICS = "http/metrics"
PATIENCE = 5.0
"""Seconds that a call may take; one that takes longer is DEADLINE_EXCEEDED among the outcomes."""

EVERY = 0.005
SCRAPES_EVERY = 10
LEAST = 20
"""Calls of each kind, so that a flood that is over at once is felt all the same."""


class Seen(NamedTuple):
    """What became of the calls of one kind: codes, and seconds of those that were answered."""

    codes: dict[str, int]
    p50: float
    p99: float
    longest: float


class Bystander:
    """Calls one after another from entering to leaving; ``seen`` after that."""

    def __init__(self, server: RunningServer, *, token: str) -> None:
        self._command = [
            sys.executable,
            "-m",
            "tests.bystander",
            server.address,
            str(server.http_port),
            token,
        ]
        self.seen: dict[str, Seen] = {}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "calling\n"
        return self

    def __exit__(self, *_: object) -> None:
        told, _none = self._process.communicate("enough\n", timeout=60)
        self.seen = {kind: Seen(**seen) for kind, seen in json.loads(told).items()}

    def check(self, what: str, *, may_be_refused: bool = False) -> None:
        """Every call was answered; the figures are printed.

        ``may_be_refused``: those that need no token may be, for whoever does harm needs none too.
        """
        for kind, seen in self.seen.items():
            print(  # noqa: T201 - figures for the documents, shown by pytest -rP
                f"{what}: {kind} {seen.codes}, p50 {seen.p50 * 1e3:.1f} ms, "
                f"p99 {seen.p99 * 1e3:.1f}, longest {seen.longest * 1e3:.0f}"
            )
            assert seen.codes.get("OK"), (kind, seen)
            if not may_be_refused or kind != "Check":
                assert set(seen.codes) == {"OK"}, (kind, seen)


def infer_request() -> ModelInferRequest:
    request = ModelInferRequest(model_name="constant")
    request.inputs.add(name="x", datatype="FP32", shape=[1, 1])
    request.raw_input_contents.append(b"\0\0\x80?")
    return request


def call_until(over: threading.Event, address: str, http_port: str, token: str) -> dict[str, Seen]:
    """Call in turn until ``over``."""
    metadata = (("authorization", f"Bearer {token}"),)
    requests = {
        CHECK: health_pb2.HealthCheckRequest().SerializeToString(),
        INFER: infer_request().SerializeToString(),
    }
    codes: dict[str, Counter[str]] = {path: Counter() for path in (*requests, METRICS)}
    seconds: dict[str, list[float]] = {path: [0.0] for path in codes}
    with grpc.insecure_channel(address) as channel:
        calls: dict[str, Any] = {path: channel.unary_unary(path) for path in requests}
        first, rounds = True, 0
        while not over.wait(EVERY) or rounds < LEAST:
            rounds += 1
            for path, call in calls.items():
                began = time.monotonic()
                try:
                    call(requests[path], timeout=PATIENCE, metadata=metadata)
                except grpc.RpcError as error:
                    code: Any = error
                    codes[path][code.code().name] += 1
                    continue
                codes[path]["OK"] += 1
                seconds[path].append(time.monotonic() - began)
            if rounds % SCRAPES_EVERY == 1:
                began = time.monotonic()
                codes[METRICS][_scrape(int(http_port), token)] += 1
                seconds[METRICS].append(time.monotonic() - began)
            if first:
                print("calling", flush=True)  # noqa: T201 - read by whoever started this process
                first = False
    return {path.rpartition("/")[2]: _seen(codes[path], sorted(seconds[path])) for path in codes}


def _scrape(port: int, token: str) -> str:
    """What became of it: OK, or the name of the error."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return "OK" if answer.read() and answer.status == HTTPStatus.OK else str(answer.status)
    except OSError as error:
        return type(error).__name__
    finally:
        connection.close()


def _seen(codes: Counter[str], taken: list[float]) -> Seen:
    return Seen(dict(codes), taken[len(taken) // 2], taken[len(taken) * 99 // 100], taken[-1])


def main() -> None:
    over = threading.Event()
    results: dict[str, Seen] = {}
    caller = threading.Thread(target=lambda: results.update(call_until(over, *sys.argv[1:])))
    caller.start()
    sys.stdin.readline()
    over.set()
    caller.join()
    print(json.dumps({kind: seen._asdict() for kind, seen in results.items()}))  # noqa: T201 - the same


if __name__ == "__main__":
    main()
