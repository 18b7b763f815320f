"""What Prometheus and people see of a running server."""

from __future__ import annotations

import contextlib

import numpy as np

from horngate.client import Client
from horngate.errors import HorngateError
from tests.serving import RunningServer

ADDER = {"x": np.zeros((3, 1), np.float32)}


def test_requests_rows_and_times_are_counted(server: RunningServer) -> None:
    subject = {"model": "constant", "version": "1", "signature": "serving_default"}
    call = {"protocol": "tfserving", "method": "Predict"}

    def figures() -> tuple[float, ...]:
        return (
            server.metric("horngate_requests_total", **subject, **call, code="OK"),
            server.metric("horngate_request_seconds_count", **subject, **call),
            server.metric("horngate_batch_rows_sum", **subject),
            server.metric("horngate_queue_seconds_count", **subject),
        )

    before = figures()
    client = Client(server.address)
    for _ in range(5):
        client.predict("constant", ADDER)
    gained = [now - then for now, then in zip(figures(), before, strict=True)]
    assert gained == [5, 5, 15, 5]
    assert server.metric("horngate_version_state", model="constant", state="available") == 1
    assert server.metric("horngate_version_load_seconds", model="constant") > 0
    assert server.metric("process_resident_memory_bytes") > 0
    assert server.metric("horngate_build_info") == 1


def test_a_client_that_makes_names_up_makes_no_series(server: RunningServer) -> None:
    client = Client(server.address, retries=0)

    def ask(name: str) -> None:
        with contextlib.suppress(HorngateError):
            client.predict(name, ADDER)
        with contextlib.suppress(HorngateError):
            client.predict("constant", ADDER, signature=name)

    ask("warm-up")
    before = len(server.http("/metrics")[1].splitlines())
    for index in range(300):
        ask(f"made-up-{index}")
    after = server.http("/metrics")[1]
    assert len(after.splitlines()) == before
    assert "made-up" not in after


def test_the_page_is_told_of_models_versions_inputs_and_outputs(server: RunningServer) -> None:
    status, page = server.http("/models.json")
    assert status == 200
    for shown in (
        "two_inputs",
        "available",
        "float32[?, 4, 4, 1]",
        "probabilities",
        "string[?, 1]",
    ):
        assert shown in page
    assert server.http("/nowhere")[0] == 404


def test_no_line_is_logged_for_a_request(server: RunningServer) -> None:
    before = len(server.log)
    Client(server.address).predict("constant", ADDER)
    with contextlib.suppress(HorngateError):
        Client(server.address).predict("nobody", ADDER)
    assert len(server.log) == before
