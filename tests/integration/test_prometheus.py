"""A real Prometheus scrapes a real server: what it stores is what the server did."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from horngate.client import Client
from horngate.errors import HorngateError

# A process of its own writes the model: this one stays free of TensorFlow's thread pools.
DOUBLING: Final = """
import sys
import tensorflow as tf

class Doubling(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def __call__(self, x):
        return {"y": 2 * x}

model = Doubling()
tf.saved_model.save(model, sys.argv[1], signatures={"serving_default": model.__call__})
"""

CONFIGURATION: Final = """
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: horngate
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""

SECONDS: Final = 60.0


@dataclass(frozen=True)
class Watched:
    """A server and the Prometheus that watches it; both addresses."""

    grpc: str
    prometheus: str

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Each series' labels and value."""
        quoted = urllib.parse.quote(expression)
        answer = get_json(f"{self.prometheus}/api/v1/query?query={quoted}")
        return [(one["metric"], float(one["value"][1])) for one in answer["data"]["result"]]

    def total(self, expression: str) -> float:
        return sum(value for _, value in self.query(expression))


def get_json(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - our own URL
        content: dict[str, Any] = json.load(response)
        return content


def wait_until(what: str, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            if holds():
                return
        except OSError:
            pass  # not listening yet, or 503
        time.sleep(0.1)
    pytest.fail(f"not within {SECONDS:g} s: {what}")


def end(process: subprocess.Popen[bytes]) -> int:
    process.terminate()
    try:
        return process.wait(60)
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """The gRPC and the HTTP port of a server with the model ``doubling``."""
    folder = tmp_path_factory.mktemp("server")
    version = folder / "models" / "doubling" / "1"
    subprocess.run(
        [sys.executable, "-c", DOUBLING, str(version)], check=True, timeout=120, capture_output=True
    )
    log = folder / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [
                str(Path(sys.executable).with_name("horngate")), "serve",
                "--models", str(version.parents[1]), "--grpc-port", "0", "--http-port", "0",
            ],
            stderr=stream,
        )  # fmt: skip
    try:
        ports: dict[str, int] = {}

        def listening() -> bool:
            assert process.poll() is None, log.read_text()
            for line in log.read_text().splitlines():
                if line.startswith("{") and (said := json.loads(line))["event"] == "listening":
                    ports.update(grpc=said["grpc_port"], http=said["http_port"])
            return bool(ports)

        wait_until("the server listens", listening)
        readiness = f"http://127.0.0.1:{ports['http']}/readyz"
        wait_until("the server is ready", lambda: get_json(readiness)["ready"] is True)
        yield ports["grpc"], ports["http"]
    finally:
        status = end(process)
    assert status == 0, log.read_text()


@pytest.fixture(scope="module")
def watched(server: tuple[int, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A Prometheus of our own that scrapes the server five times a second."""
    command = shutil.which("prometheus")
    if command is None:
        pytest.skip("prometheus is not installed; it comes with Debian's package prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    grpc, http = server
    configuration = folder / "prometheus.yml"
    configuration.write_text(CONFIGURATION.format(port=http), encoding="utf-8")
    log = folder / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [
                command, f"--config.file={configuration}", f"--storage.tsdb.path={folder / 'data'}",
                "--web.listen-address=127.0.0.1:0",
            ],
            stderr=stream,
        )  # fmt: skip
    try:
        addresses: list[str] = []

        def listening() -> bool:
            assert process.poll() is None, log.read_text()
            addresses.extend(re.findall(r'address="?(127\.0\.0\.1:[1-9]\d*)', log.read_text()))
            return bool(addresses)

        wait_until("Prometheus listens", listening)
        prometheus = f"http://{addresses[0]}"
        wait_until(
            "Prometheus is ready", lambda: bool(get_json(f"{prometheus}/api/v1/query?query=1"))
        )
        yield Watched(f"127.0.0.1:{grpc}", prometheus)
    finally:
        end(process)


def test_the_target_is_up(watched: Watched) -> None:
    wait_until("up is 1", lambda: watched.total('up{job="horngate"}') == 1)


def test_predictions_are_counted_by_model_version_and_code(watched: Watched) -> None:
    mine = 'horngate_requests_total{model="doubling", version="1", signature="serving_default"'
    with Client(watched.grpc) as client:
        for rows in (1, 2, 3):
            answer = client.predict("doubling", {"x": np.ones((rows, 2), np.float32)})
            np.testing.assert_array_equal(answer["y"], np.full((rows, 2), 2, np.float32))
        with pytest.raises(HorngateError):
            client.predict("doubling", {"x": np.ones((1, 3), np.float32)})
        with pytest.raises(HorngateError):
            client.predict("no such model", {"x": np.ones((1, 2), np.float32)})
    wait_until("three answers", lambda: watched.total(mine + ', code="OK"}') == 3)
    wait_until("one mistake", lambda: watched.total(mine + ', code="INVALID_ARGUMENT"}') == 1)
    assert watched.query('horngate_requests_total{model="no such model"}') == []


def test_rows_and_times_are_histograms_that_agree_with_the_counts(watched: Watched) -> None:
    wait_until("six rows", lambda: watched.total("sum(horngate_batch_rows_sum)") == 6)
    assert watched.total('horngate_request_seconds_count{model="doubling"}') >= 4
    assert watched.total("horngate_inference_seconds_sum") > 0
    p99 = "histogram_quantile(0.99, sum by (le) (horngate_request_seconds_bucket))"
    assert 0 < watched.total(p99) <= 10


def test_the_version_is_available_and_its_load_was_timed(watched: Watched) -> None:
    assert watched.total('horngate_version_state{model="doubling", state="available"}') == 1
    assert watched.total('horngate_version_load_seconds{model="doubling"}') > 0


def test_build_and_process_are_described(watched: Watched) -> None:
    ((labels, value),) = watched.query("horngate_build_info")
    assert value == 1
    assert labels["version"]
    assert watched.total("process_resident_memory_bytes") > 0
