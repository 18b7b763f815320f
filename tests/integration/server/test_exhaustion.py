"""What runs out, and ends that come at a bad time: places, handles, and a stop amid a crowd."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import grpc
import pytest

from horngate.protocols.pb.grpc.health.v1 import health_pb2
from horngate.protocols.pb.inference.grpc_service_pb2 import ModelInferRequest
from tests.bystander import CHECK, INFER, infer_request
from tests.clients import PREFACE, ask, streamed
from tests.conftest import Served
from tests.http2 import DATA, END_HEADERS, END_STREAM, HEADERS, Http2, block, frame, opening
from tests.serving import Held, RunningServer, wait_until

pytestmark = pytest.mark.alone  # a crowd, and a server that is short of handles

WATCH = "/grpc.health.v1.Health/Watch"
PLACES = 8192
OF_A_CONNECTION = 256
INPUTS = 2000
IN_FLIGHT = 16
HANDLES = 64
SECONDS = 6
MOST_CPU = 0.5
MOST_LINES = 5
ELSEWHERE = {"UNAVAILABLE", "CANCELLED"}
"""What a call is told that the server does not take any more. A call that comes in the moment in
which the port shuts is cancelled by gRPC's core, before the server has seen it (grpc/grpc#41785).
"""

LOCAL = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]


@pytest.fixture
def models(small_models: Served, tmp_path: Path) -> Path:
    """One model that TensorFlow need not be loaded for."""
    (tmp_path / "constant").symlink_to(small_models.repository / "constant")
    return tmp_path


def test_watches_of_strangers_take_no_place_of_others(models: Path) -> None:
    running = RunningServer(models)
    head, asked = block(opening(WATCH)), b"\0" + bytes(4)
    watches = b"".join(
        frame(HEADERS, END_HEADERS, stream, head) + frame(DATA, END_STREAM, stream, asked)
        for stream in range(1, 2 * OF_A_CONNECTION, 2)
    )
    held = Held(running)
    before = held.resident()
    clients = []
    try:
        for number in range(1, PLACES // OF_A_CONNECTION + 1):
            clients.append(Http2(running.grpc_port))
            clients[-1].write(watches)
            wait_until(
                lambda number=number: (  # type: ignore[misc]  # each its own
                    running.metric("horngate_requests_in_flight", method="Watch")
                    == number * OF_A_CONNECTION
                ),
                "the watches to be open",
            )
        print(f"{PLACES} watches: {held.resident() - before} MiB")  # noqa: T201 - a figure
        with grpc.insecure_channel(running.address, LOCAL) as channel:
            watch: Any = channel.unary_stream(
                WATCH, health_pb2.HealthCheckRequest.SerializeToString
            )
            with pytest.raises(grpc.RpcError) as told:
                next(watch(health_pb2.HealthCheckRequest(), timeout=30))
            assert told.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            check: Any = channel.unary_unary(CHECK)
            assert check(b"", timeout=30), "a health check is no stream"
        assert streamed(running, None, 10) == [None] * 10
    finally:
        for client in clients:
            client.close()
        assert running.stop() == 0


class Crowd:
    """Calls in flight at all times until ``end``, over connections of their own; what they got."""

    def __init__(self, address: str, data: bytes, *, connections: int) -> None:
        self.outcomes: Counter[str] = Counter()
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(address, data)) for _ in range(connections)
        ]
        for each in self._threads:
            each.start()

    def end(self) -> Counter[str]:
        self._over.set()
        for each in self._threads:
            each.join()
        return self.outcomes

    def _ask(self, address: str, data: bytes) -> None:
        with grpc.insecure_channel(address, LOCAL) as channel:
            call: Any = channel.unary_unary(INFER)
            while not self._over.is_set():
                futures = [call.future(data, timeout=60) for _ in range(IN_FLIGHT)]
                codes = [future.code().name for future in futures]  # waits for it
                self.outcomes.update(codes)
                if set(codes) <= ELSEWHERE:
                    return  # it has gone


def test_a_stop_while_messages_of_thousands_of_inputs_are_read(models: Path) -> None:
    message = ModelInferRequest(model_name="constant")
    for number in range(INPUTS):
        message.inputs.add(name=f"x{number}", datatype="FP32", shape=[1, 1])
        message.raw_input_contents.append(bytes(4))
    running = RunningServer(models)
    wide = Crowd(running.address, message.SerializeToString(), connections=4)
    good = Crowd(running.address, infer_request().SerializeToString(), connections=2)
    wait_until(lambda: good.outcomes["OK"] > 0 and sum(wide.outcomes.values()) > 0, "answers")
    assert running.stop() == 0
    assert wide.end().keys() <= {"INVALID_ARGUMENT", *ELSEWHERE}, wide.outcomes
    assert good.end().keys() <= {"OK", *ELSEWHERE}, good.outcomes
    assert [line for line in running.log if line.get("level") in ("warning", "error")] == []


def test_a_server_without_handles_waits_for_some(models: Path) -> None:
    running = RunningServer(models, before=("prlimit", f"--nofile={HANDLES}:{HANDLES}"))
    held = Held(running)
    ports = {running.grpc_port: PREFACE, running.http_port: b"GET / HTTP/1.1\r\n"}
    kept: list[socket.socket] = []
    try:
        lines = len(running.log)
        for _ in range(2 * HANDLES):
            for port, said in ports.items():
                kept.append(socket.create_connection(("127.0.0.1", port), timeout=5))
                kept[-1].sendall(said)
        wait_until(lambda: held.handles() >= HANDLES - 2, "the handles to be taken")
        began = _cpu(running)
        time.sleep(SECONDS)  # what it does meanwhile is what is looked at
        spent, told = (_cpu(running) - began) / SECONDS, running.log[lines:]
        print(f"{spent:.3f} of a core, {len(told)} lines in {SECONDS} s")  # noqa: T201 - figures
        assert spent < MOST_CPU
        assert len(told) <= MOST_LINES, told
        for each in kept:
            each.close()
        kept.clear()
        wait_until(lambda: _ready(running), "it to serve again")
        assert ask(running) == ask(running)
    finally:
        for each in kept:
            each.close()
        assert running.stop() == 0


def _ready(server: RunningServer) -> bool:
    try:
        return server.http("/readyz")[0] == 200
    except ConnectionError:  # one that came while there was no handle is let go
        return False


def _cpu(server: RunningServer) -> float:
    """Seconds of a core so far."""
    told = Path("/proc", str(server.process.pid), "stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / 100


def test_a_stop_sends_callers_elsewhere_and_loses_none(models: Path) -> None:
    first, second = (RunningServer(models) for _ in range(2))
    idle = Http2(first.grpc_port)
    told: Counter[str] = Counter()
    over = threading.Event()

    def call_both() -> None:
        target = f"ipv4:{first.address},{second.address}"
        with grpc.insecure_channel(target, LOCAL) as channel:
            call: Any = channel.unary_unary(INFER)
            while not over.is_set():
                try:
                    call(infer_request().SerializeToString(), timeout=30)
                    told["OK"] += 1
                except grpc.RpcError as error:
                    told[error.code().name] += 1

    caller = threading.Thread(target=call_both)
    caller.start()
    try:
        wait_until(lambda: told["OK"] > 0, "an answer of the first")
        assert first.stop() == 0
        while idle.goaway is None:
            idle.receive()
        answered = told["OK"]
        wait_until(lambda: told["OK"] > answered, "an answer of the second")
    finally:
        over.set()
        caller.join()
        idle.close()
        assert second.stop() == 0
    assert told.keys() <= {"OK", *ELSEWHERE}
    assert told["CANCELLED"] <= 1, "the one that came as the port shut"
