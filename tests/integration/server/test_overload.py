"""More requests than a model can serve: some are answered, the rest are told so, none is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import keras
import numpy as np
import pytest

from horngate.builder.publish import publish_keras
from horngate.client import Client
from horngate.errors import Expired, Overloaded
from tests.serving import RunningServer
from tests.small_models import constant

pytestmark = pytest.mark.alone

CALLERS = 64
FEWER = 32
"""Not so many that they are refused for being in flight."""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that takes some milliseconds a request, and a quick one."""
    folder = tmp_path_factory.mktemp("overload")
    x = keras.Input((1,), name="x")
    wide = keras.layers.Dense(2048, kernel_initializer="ones")(x)
    for _ in range(3):
        wide = keras.layers.Dense(2048)(wide)
    publish_keras(keras.Model(x, keras.layers.Dense(1, name="y")(wide)), folder, "slow")
    (folder / "slow" / "model.toml").write_text(
        "[batching]\nenabled = false\ninstances = 1\nmax_batch_size = 1\nmax_queue_rows = 8\n"
    )
    publish_keras(constant(1), folder, "quick")
    return folder


@pytest.fixture(scope="module")
def running(repository: Path) -> Iterator[RunningServer]:
    with RunningServer(repository, "--max-in-flight", "48") as server:
        yield server


def ask(client: Client, model: str, timeout: float = 30) -> str:
    x = np.ones((1, 1), np.float32)
    try:
        client.predict(model, {"x": x}, timeout=timeout)
    except (Overloaded, Expired) as error:
        return type(error).__name__
    return "answered"


def test_a_full_queue_refuses_and_another_model_answers(running: RunningServer) -> None:
    with (
        Client(running.address, retries=0) as client,
        ThreadPoolExecutor(FEWER) as callers,
    ):
        ended = [callers.submit(ask, client, "slow") for _ in range(3 * CALLERS)]
        assert ask(client, "quick") == "answered"
        assert running.http("/readyz")[0] == 200
        assert "horngate_queue_rows" in running.http("/metrics")[1]
        outcomes = Counter(each.result() for each in ended)
    assert outcomes["answered"] >= 9
    assert outcomes["Overloaded"] > 0
    assert outcomes["answered"] + outcomes["Overloaded"] == 3 * CALLERS
    full = running.metric("horngate_requests_refused_total", model="slow", reason="queue_full")
    assert full > 0
    assert full <= outcomes["Overloaded"]


def test_deadlines_that_cannot_be_met_never_reach_the_engine(running: RunningServer) -> None:
    with Client(running.address, retries=0) as client:
        for _ in range(3):
            assert ask(client, "slow") == "answered"
        runs = running.metric("horngate_inference_seconds_count", model="slow")
        takes = running.metric("horngate_inference_seconds_sum", model="slow") / runs
        outcomes = Counter(ask(client, "slow", timeout=takes / 4) for _ in range(50))
        assert outcomes["Expired"] == 50
        refused = sum(
            running.metric("horngate_requests_refused_total", model="slow", reason=reason)
            for reason in ("deadline_too_short", "expired", "cancelled")
        )
        assert refused > 0
        assert running.metric("horngate_inference_seconds_count", model="slow") == runs
        assert ask(client, "slow") == "answered"


def test_calls_beyond_those_in_flight_are_refused_before_they_are_read(
    running: RunningServer,
) -> None:
    told: list[str] = []
    with (
        grpc.insecure_channel(running.address) as channel,
        Client(running.address, retries=0) as client,
        ThreadPoolExecutor(CALLERS) as callers,
    ):
        call: Any = channel.unary_unary("/inference.GRPCInferenceService/ServerReady")

        def ask_for_words() -> None:
            try:
                client.predict("slow", {"x": np.ones((1, 1), np.float32)}, timeout=30)
            except Overloaded as error:
                told.append(str(error))

        asked = [callers.submit(ask_for_words) for _ in range(6 * CALLERS)]
        assert call(b"", timeout=10)  # what an orchestrator asks is never one too many
        for each in asked:
            each.result()
    assert all("queue is full" in words or "calls in flight" in words for words in told)
