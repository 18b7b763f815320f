"""A real Prometheus scrapes a real server: what it stores is what the server did."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from horngate.client import Client
from horngate.errors import HorngateError
from tests.serving import RunningServer, wait_until

CONFIGURATION: Final = """
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: horngate
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


@dataclass(frozen=True)
class Scraped:
    """A server and the HTTP address of the Prometheus that scrapes it."""

    server: RunningServer
    prometheus: str

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Each series' labels and value."""
        answer = get_json(f"{self.prometheus}/api/v1/query?query={urllib.parse.quote(expression)}")
        return [(one["metric"], float(one["value"][1])) for one in answer["data"]["result"]]

    def total(self, expression: str) -> float:
        return sum(value for _, value in self.query(expression))

    def wait_for(self, expression: str, value: float) -> None:
        wait_until(lambda: self.total(expression) == value, f"{expression} to be {value}")


def get_json(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - our own URL
        content: dict[str, Any] = json.load(response)
        return content


@pytest.fixture(scope="module")
def scraped(quick_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    """A server of our own, so that every count is ours, and a Prometheus that asks it often."""
    command = shutil.which("prometheus")
    if command is None:
        pytest.skip("prometheus is not installed; it comes with Debian's package prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    with RunningServer(quick_models) as server:
        configuration = folder / "prometheus.yml"
        configuration.write_text(CONFIGURATION.format(port=server.http_port), encoding="utf-8")
        log = folder / "log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [
                    command, f"--config.file={configuration}",
                    f"--storage.tsdb.path={folder / 'data'}", "--web.listen-address=127.0.0.1:0",
                ],
                stderr=stream,
            )  # fmt: skip
        try:
            addresses: list[str] = []

            def listening() -> bool:
                assert process.poll() is None, log.read_text()
                addresses.extend(re.findall(r'address="?(127\.0\.0\.1:[1-9]\d*)', log.read_text()))
                return bool(addresses)

            wait_until(listening, "Prometheus to listen")
            scraped = Scraped(server, f"http://{addresses[0]}")
            wait_until(lambda: ready(scraped), "Prometheus to be ready")
            yield scraped
        finally:
            process.terminate()
            process.wait(60)


def ready(scraped: Scraped) -> bool:
    """Whether Prometheus answers; it says 503 while it opens its storage."""
    try:
        return bool(scraped.query("vector(1)"))
    except OSError:
        return False


def test_the_target_is_up(scraped: Scraped) -> None:
    scraped.wait_for('up{job="horngate"}', 1)


def test_predictions_are_counted_by_model_version_and_code(scraped: Scraped) -> None:
    mine = 'horngate_requests_total{model="constant", version="1", signature="serving_default"'
    with Client(scraped.server.address) as client:
        for rows in (1, 2, 3):
            answer = client.predict("constant", {"x": np.ones((rows, 1), np.float32)})
            np.testing.assert_array_equal(answer["y"], np.full((rows, 1), 2, np.float32))
        with pytest.raises(HorngateError):
            client.predict("constant", {"x": np.ones((1, 2), np.float32)})
        with pytest.raises(HorngateError):
            client.predict("no such model", {"x": np.ones((1, 1), np.float32)})
    scraped.wait_for(mine + ', code="OK"}', 3)
    scraped.wait_for(mine + ', code="INVALID_ARGUMENT"}', 1)
    assert scraped.query('horngate_requests_total{model="no such model"}') == []


def test_rows_and_times_are_histograms_that_agree_with_the_counts(scraped: Scraped) -> None:
    scraped.wait_for('horngate_batch_rows_sum{model="constant"}', 6)
    assert scraped.total('horngate_request_seconds_count{model="constant"}') >= 4
    assert scraped.total('horngate_inference_seconds_sum{model="constant"}') > 0
    p99 = "histogram_quantile(0.99, sum by (le) (horngate_request_seconds_bucket))"
    assert 0 < scraped.total(p99) <= 10


def test_the_version_is_available_and_its_load_was_timed(scraped: Scraped) -> None:
    assert scraped.total('horngate_version_state{model="constant", state="available"}') == 1
    assert scraped.total('horngate_version_load_seconds{model="constant"}') > 0


def test_build_and_process_are_described(scraped: Scraped) -> None:
    ((labels, value),) = scraped.query("horngate_build_info")
    assert value == 1
    assert labels["version"]
    assert scraped.total("process_resident_memory_bytes") > 0
