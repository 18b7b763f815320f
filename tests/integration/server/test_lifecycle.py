"""How a server starts, refuses to start, and ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc
import numpy as np
import pytest

from horngate.client import Client
from horngate.errors import HorngateError, ShuttingDown
from horngate.protocols.pb.grpc.health.v1 import health_pb2
from tests.conftest import Served
from tests.serving import RunningServer, wait_until

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def serve(*flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "horngate", "serve", *flags],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def slow_repository(tmp_path: Path) -> Path:
    """A model whose requests wait a second for company before they run."""
    from horngate.builder.publish import publish_keras  # noqa: PLC0415 - imports TensorFlow
    from tests.small_models import constant  # noqa: PLC0415 - the same

    publish_keras(constant(1), tmp_path, "adder")
    (tmp_path / "adder" / "model.toml").write_text("[batching]\nmax_queue_delay = 3\n")
    return tmp_path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_running_requests_finish_and_turns_health_first(
    slow_repository: Path, number: signal.Signals
) -> None:
    running = RunningServer(slow_repository)
    answers: list[float] = []
    health: list[int] = []
    codes: list[grpc.StatusCode] = []

    def ask() -> None:
        x = np.ones((1, 1), np.float32)
        answers.append(Client(running.address, retries=0).predict("adder", {"x": x})["y"].item())

    def watch() -> None:
        with grpc.insecure_channel(running.address) as channel:
            call = channel.unary_stream(
                "/grpc.health.v1.Health/Watch",
                health_pb2.HealthCheckRequest.SerializeToString,
                health_pb2.HealthCheckResponse.FromString,
            )
            try:
                for reply in call(health_pb2.HealthCheckRequest()):
                    health.append(reply.status)  # noqa: PERF401 - one by one, as they come
            except grpc.RpcError as error:
                codes.append(error.code())

    threads = [threading.Thread(target=ask) for _ in range(4)] + [threading.Thread(target=watch)]
    for thread in threads:
        thread.start()
    wait_until(lambda: running.metric("horngate_queue_rows", model="adder") == 4, "the queue")
    wait_until(lambda: bool(health), "the first word of the watch")
    began = time.monotonic()
    assert running.stop(number) == 0
    for thread in threads:
        thread.join()
    assert answers == [2.0] * 4
    assert health == [SERVING, NOT_SERVING]
    assert codes == [grpc.StatusCode.UNAVAILABLE]
    assert time.monotonic() - began < 15, "an open watch must not hold the drain"
    assert [line["event"] for line in running.log][-1] == "stopped"


def test_while_it_drains_a_server_says_so_and_sends_new_requests_elsewhere(
    slow_repository: Path,
) -> None:
    running = RunningServer(slow_repository)
    answers: list[float] = []

    def ask() -> None:
        x = np.ones((1, 1), np.float32)
        answers.append(Client(running.address, retries=0).predict("adder", {"x": x})["y"].item())

    thread = threading.Thread(target=ask)
    thread.start()
    wait_until(lambda: running.metric("horngate_queue_rows", model="adder") == 1, "the queue")
    running.process.send_signal(signal.SIGTERM)
    running.wait_for_log("draining")
    newcomer = Client(running.address, retries=0)
    assert not newcomer.health()
    assert running.http("/readyz")[0] == 503
    with pytest.raises(ShuttingDown):
        newcomer.predict("adder", {"x": np.ones((1, 1), np.float32)})
    assert running.ended() == 0
    thread.join()
    assert answers == [2.0]


def test_requests_that_outlast_the_drain_are_cut_off_and_the_server_ends(
    slow_repository: Path,
) -> None:
    running = RunningServer(slow_repository, "--drain-seconds", "0.2")
    outcome: list[str] = []

    def ask() -> None:
        try:
            Client(running.address, retries=0).predict("adder", {"x": np.ones((1, 1), np.float32)})
        except Exception as error:  # noqa: BLE001 - what became of it is the result
            outcome.append(type(error).__name__)

    thread = threading.Thread(target=ask)
    thread.start()
    wait_until(lambda: running.metric("horngate_queue_rows", model="adder") == 1, "the queue")
    assert running.stop() == 0
    thread.join()
    assert outcome, "it must be told"


def test_a_second_signal_ends_at_once(slow_repository: Path) -> None:
    running = RunningServer(slow_repository)
    outcome: list[Exception] = []

    def ask() -> None:
        try:
            Client(running.address, retries=0).predict("adder", {"x": np.ones((1, 1), np.float32)})
        except HorngateError as error:
            outcome.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    wait_until(lambda: running.metric("horngate_queue_rows", model="adder") == 1, "the queue")
    running.process.send_signal(signal.SIGTERM)
    running.wait_for_log("draining")
    assert running.stop() == 128 + signal.SIGTERM
    thread.join()
    assert len(outcome) == 1


def test_ports_answer_before_models_are_loaded_and_readiness_follows(small_models: Served) -> None:
    running = RunningServer(small_models.repository, ready=False)
    try:
        assert running.http("/healthz") == (200, "alive\n")
        status, body = running.http("/readyz")
        assert (status, '"ready": false' in body) == (503, True)
        wait_until(lambda: running.http("/readyz")[0] == 200, "readiness")
        assert Client(running.address).health()
        assert Client(running.address).health("two_inputs")
    finally:
        assert running.stop() == 0


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
    running = RunningServer(tmp_path / "nowhere", ready=False)
    try:
        assert (
            "nowhere"
            in running.wait_for_log("folder unreadable; what is live stays live")["reason"]
        )
        assert running.http("/readyz")[0] == 503
    finally:
        assert running.stop() == 0


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
