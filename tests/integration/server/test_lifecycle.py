"""How a server starts, refuses to start, and ends."""

from __future__ import annotations

import http.client
import json
import os
import queue
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from horngate.client import Client
from horngate.errors import HorngateError, ShuttingDown
from horngate.protocols.pb.grpc.health.v1 import health_pb2
from tests.clients import ask, health
from tests.conftest import Served
from tests.serving import RunningServer, put, serve, wait_until

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def slow_repository(small_models: Served, tmp_path: Path) -> Path:
    """A model whose requests wait two seconds for company before they run."""
    put(small_models.repository / "constant" / "1", tmp_path / "adder" / "1")
    (tmp_path / "adder" / "model.toml").write_text("[batching]\nmax_queue_delay = 2\n")
    return tmp_path


@pytest.fixture
def slow(slow_repository: Path) -> Iterator[RunningServer]:
    with RunningServer(slow_repository) as running:
        yield running


@pytest.fixture
def callers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def queued(server: RunningServer) -> float:
    return server.metric("horngate_queue_rows", model="adder")


def waiting(callers: ThreadPoolExecutor, server: RunningServer) -> Future[float]:
    """A request that has come to wait in the queue."""
    asked = callers.submit(ask, server, "adder")
    wait_until(lambda: queued(server) == 1, "the queue")
    return asked


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_running_requests_finish_and_turns_health_first(
    slow: RunningServer, callers: ThreadPoolExecutor, number: signal.Signals
) -> None:
    told: list[int] = []
    codes: list[grpc.StatusCode] = []

    def watch() -> None:
        with grpc.insecure_channel(slow.address) as channel:
            try:
                for reply in health(channel, "Watch")():
                    told.append(reply.status)  # noqa: PERF401 - one by one, as they come
            except grpc.RpcError as error:
                codes.append(error.code())

    watching = callers.submit(watch)
    wait_until(lambda: bool(told), "the first word of the watch")
    asked = [callers.submit(ask, slow, "adder") for _ in range(4)]
    wait_until(lambda: queued(slow) == 4, "the queue")
    began = time.monotonic()
    assert slow.stop(number) == 0
    watching.result()
    assert [each.result() for each in asked] == [2.0] * 4
    assert told == [SERVING, NOT_SERVING]
    assert codes == [grpc.StatusCode.UNAVAILABLE]
    assert time.monotonic() - began < 15, "an open watch must not hold the drain"
    assert [line["event"] for line in slow.log][-1] == "stopped"


def test_while_it_drains_a_server_says_so_and_sends_new_requests_elsewhere(
    slow: RunningServer, callers: ThreadPoolExecutor
) -> None:
    asked = waiting(callers, slow)
    slow.process.send_signal(signal.SIGTERM)
    slow.wait_for_log("draining")
    assert not Client(slow.address, retries=0).health()
    assert slow.http("/readyz")[0] == 503
    with pytest.raises(ShuttingDown):
        ask(slow, "adder")
    assert slow.ended() == 0
    assert asked.result() == 2.0


def test_requests_that_outlast_the_drain_are_cut_off_and_the_server_ends(
    slow_repository: Path, callers: ThreadPoolExecutor
) -> None:
    with RunningServer(slow_repository, "--drain-seconds", "0.2") as running:
        asked = waiting(callers, running)
        assert running.stop() == 0
    assert asked.exception() is not None, "it must be told"


def test_a_second_signal_ends_at_once(slow_repository: Path, callers: ThreadPoolExecutor) -> None:
    running = RunningServer(slow_repository)
    asked = waiting(callers, running)
    running.process.send_signal(signal.SIGTERM)
    running.wait_for_log("draining")
    assert running.stop() == 128 + signal.SIGTERM
    assert isinstance(asked.exception(), HorngateError)


def test_ports_answer_before_models_are_loaded_and_readiness_follows(small_models: Served) -> None:
    with RunningServer(small_models.repository, ready=False) as running:
        assert running.http("/healthz") == (200, "alive\n")
        status, body = running.http("/readyz")
        assert (status, '"ready": false' in body) == (503, True)
        wait_until(lambda: running.http("/readyz")[0] == 200, "readiness")
        assert Client(running.address).health()
        assert Client(running.address).health("two_inputs")


@pytest.mark.parametrize("flag", ["--grpc-port", "--http-port"])
def test_a_port_in_use_is_a_clear_error(tmp_path: Path, flag: str) -> None:
    other = {"--grpc-port": "--http-port", "--http-port": "--grpc-port"}[flag]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = serve("--models", str(tmp_path), flag, str(port), other, "0")
    assert ended.returncode == 1
    key = flag.removeprefix("--").replace("-", "_")
    assert f"{key}: expected a free port on 127.0.0.1, received {port}" in ended.stderr


def test_a_setting_that_cannot_be_used_is_a_clear_error() -> None:
    ended = serve("--grpc-port", "many")
    assert ended.returncode == 1
    assert ended.stderr.startswith("horngate serve: flag --grpc-port: grpc_port: expected `int`")


def test_a_models_folder_that_is_not_there_is_logged_and_waited_for(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "nowhere", ready=False) as running:
        told = running.wait_for_log("no such folder; nothing of it is served until it is there")
        assert told["folder"] == str(tmp_path / "nowhere")
        assert "--models" in told["remedy"]
        assert running.http("/readyz")[0] == 503


def test_what_a_killed_server_left_goes_with_the_next_start_and_a_living_ones_stays(
    slow_repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    temporary = tmp_path_factory.mktemp("t")
    environment = {**os.environ, "TMPDIR": str(temporary)}

    def start() -> RunningServer:
        return RunningServer(slow_repository, environment=environment, ready=False)

    def folders() -> set[Path]:
        return set(temporary.glob("horngate-*"))

    living = start()
    kept = folders()
    killed = start()
    left = folders() - kept
    assert killed.stop(signal.SIGKILL) == -signal.SIGKILL
    assert left <= folders(), "nothing else removes it"
    last = start()
    assert not left & folders()
    assert kept <= folders()
    for server in (living, last):
        assert server.stop() == 0
    assert folders() == set()


PREDICT = ("POST", "/v1/models/adder:predict", json.dumps({"instances": [[1.0]]}))


def connect(server: RunningServer) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=60)


def infer_request() -> Any:
    message = service_pb2.ModelInferRequest(model_name="adder", id="1")
    message.inputs.add(name="x", datatype="FP32", shape=[1, 1])
    message.raw_input_contents.append(np.float32(1).tobytes())
    return message


def test_a_rest_caller_that_leaves_takes_its_request_out_of_the_queue(slow: RunningServer) -> None:
    connection = connect(slow)
    connection.request(*PREDICT)
    wait_until(lambda: queued(slow) == 1, "the request to wait")
    connection.close()
    wait_until(lambda: queued(slow) == 0, "the request to leave", seconds=2)
    assert slow.metric("horngate_requests_refused_total", model="adder", reason="cancelled") == 1
    labels = {"protocol": "tfserving-rest", "code": "CANCELLED"}
    wait_until(lambda: slow.metric("horngate_requests_total", **labels) == 1, "it to be counted")


def test_a_drain_lets_rest_requests_finish_and_refuses_new_ones(slow: RunningServer) -> None:
    connection = connect(slow)
    connection.request(*PREDICT)
    wait_until(lambda: queued(slow) == 1, "the request to wait")
    slow.process.send_signal(signal.SIGTERM)
    wait_until(lambda: slow.http("/readyz")[0] == 503, "the drain to begin")
    late = connect(slow)
    late.request(*PREDICT)
    refused = late.getresponse()
    assert refused.status == 503
    assert b"shutting down" in refused.read()
    late.close()
    reply = connection.getresponse()
    assert (reply.status, json.loads(reply.read())) == (200, {"predictions": [[2.0]]})
    connection.close()
    assert slow.ended() == 0


def test_a_drain_answers_what_a_stream_asked_and_ends_it(slow: RunningServer) -> None:
    sent: queue.Queue[Any] = queue.Queue()
    with grpc.insecure_channel(slow.address) as channel:
        call = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelStreamInfer(
            iter(sent.get, None)
        )
        sent.put(infer_request())
        wait_until(lambda: queued(slow) == 1, "the request to wait")
        slow.process.send_signal(signal.SIGTERM)
        assert next(call).infer_response.id == "1"
        with pytest.raises(grpc.RpcError):
            next(call)
        sent.put(None)
    assert call.code() is grpc.StatusCode.UNAVAILABLE
    assert slow.ended() == 0
