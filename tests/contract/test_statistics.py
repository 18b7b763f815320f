"""ModelStatistics and Triton's metrics of a running server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from tests.clients import tensors
from tests.conftest import Served
from tests.serving import RunningServer, wait_until


@pytest.fixture
def counted(small_models: Served) -> Iterator[RunningServer]:
    with RunningServer(small_models.repository, "--metrics-compat", "triton") as running:
        yield running


def test_figures_are_those_of_what_was_asked(counted: RunningServer) -> None:
    with triton.InferenceServerClient(counted.address) as client:
        assert "statistics" in client.get_server_metadata().extensions
        for count in (1, 1, 5):
            client.infer("constant", tensors(x=np.zeros((count, 1), np.float32)))
        with pytest.raises(InferenceServerException):
            client.infer("constant", tensors(x=np.zeros((1, 2), np.float32)))

        def statistics() -> Any:
            return client.get_inference_statistics("constant").model_stats[0]

        wait_until(lambda: bool(statistics().inference_stats.fail.count == 1), "all to be counted")
        stats = statistics()
        everything = client.get_inference_statistics()
    assert (stats.name, stats.version) == ("constant", "1")
    assert (stats.inference_count, stats.execution_count) == (7, 3)
    assert [(each.batch_size, each.compute_infer.count) for each in stats.batch_stats] == [
        (1, 2),
        (5, 1),
    ]
    parts = stats.inference_stats
    for name in ("success", "queue", "compute_input", "compute_infer", "compute_output"):
        assert getattr(parts, name).count == 3, name
        assert getattr(parts, name).ns > 0, name
    within = [parts.queue, parts.compute_input, parts.compute_infer, parts.compute_output]
    assert sum(part.ns for part in within) <= parts.success.ns + 4
    assert stats.last_inference > 1_700_000_000_000
    assert {each.name for each in everything.model_stats} >= {"constant", "two_inputs", "words"}
    labels = {"model": "constant", "version": "1"}
    assert counted.metric("nv_inference_request_success", **labels) == 3
    assert counted.metric("nv_inference_count", **labels) == 7
    assert counted.metric("nv_inference_exec_count", **labels) == 3
    assert counted.metric("nv_inference_request_failure", **labels) == 1
    assert counted.metric("nv_inference_compute_infer_duration_us", **labels) > 0


def test_tensorflow_servings_metrics_are_at_its_path(server: RunningServer) -> None:
    status, text = server.http("/monitoring/prometheus/metrics")
    assert status == 200
    assert "# TYPE :tensorflow:serving:request_count counter" in text
    assert "horngate_requests_total" in text
    assert "nv_inference" not in text
    assert ":tensorflow:" not in server.http("/metrics")[1]
