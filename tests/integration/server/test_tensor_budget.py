"""Requests of a few bytes that stand for gigabytes: some are answered, the rest are told so."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
import tensorflow as tf

from horngate.protocols.pb.tensorflow.core.framework import types_pb2
from horngate.protocols.pb.tensorflow_serving.apis.predict_pb2 import PredictRequest
from tests.serving import RunningServer, wait_until

MIB = 1 << 20
BUDGET = 192 * MIB
REQUESTS = 60
PREDICT = "/tensorflow.serving.PredictionService/Predict"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sums of planes of any size; ``padded`` takes planes of different sizes into one run."""
    folder = tmp_path_factory.mktemp("sums")
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None, None, None], tf.float32, "x")])  # type: ignore[untyped-decorator]  # TensorFlow ships no types
    def sums(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"sum": tf.reduce_sum(x, [1, 2])}

    module.sums = sums
    for name in ("sums", "padded"):
        tf.saved_model.save(module, str(folder / name / "1"), signatures=sums)
    (folder / "padded" / "model.toml").write_text(
        "[batching]\npad_variable_length_inputs = true\nmax_queue_delay = 0.2\n"
    )
    return folder


@pytest.fixture(scope="module")
def running(repository: Path) -> Iterator[RunningServer]:
    flags = ("--max-tensor-bytes-in-flight", str(BUDGET))
    with RunningServer(repository, *flags) as server:
        assert sent(server, [plane("sums", 2, 3), plane("padded", 2, 3)]) == ["OK", "OK"]
        assert server.metric("horngate_tensor_bytes_limit") == BUDGET
        yield server


def plane(model: str, *shape: int) -> bytes:
    """A plane of ones, of which one is sent."""
    request = PredictRequest()
    request.model_spec.name = model
    tensor = request.inputs["x"]
    tensor.dtype = types_pb2.DT_FLOAT
    tensor.float_val.append(1)
    for size in (1, *shape):
        tensor.tensor_shape.dim.add(size=size)
    return request.SerializeToString()


def sent(server: RunningServer, requests: list[bytes], timeout: float = 60) -> list[str]:
    """Codes, and the details of those that are not OK, of requests sent at once."""
    with grpc.insecure_channel(server.address) as channel:
        ask: Any = channel.unary_unary(PREDICT)
        calls = [ask.future(data, timeout=timeout) for data in requests]
        return [told(call) for call in calls]


def told(call: Any) -> str:
    error = call.exception()
    return "OK" if error is None else f"{error.code().name} {error.details()}"


class Peak:
    """The most that the server came to hold, beyond what it held at first."""

    def __init__(self, server: RunningServer) -> None:
        self._proc = Path("/proc", str(server.process.pid))
        self._proc.joinpath("clear_refs").write_text("5")
        self._first = self._high()

    def grown(self) -> int:
        return self._high() - self._first

    def _high(self) -> int:
        (line,) = [
            line
            for line in self._proc.joinpath("status").read_text().splitlines()
            if line.startswith("VmHWM")
        ]
        return int(line.split()[1]) * 1024


def nothing_held(server: RunningServer) -> bool:
    return server.metric("horngate_tensor_bytes_in_flight") == 0


def test_a_value_that_stands_for_megabytes_finds_room_or_is_refused(
    running: RunningServer,
) -> None:
    peak = Peak(running)
    request = plane("sums", 4096, 4096)
    assert len(request) < 64
    answers = sent(running, [request] * REQUESTS)
    refused = [answer for answer in answers if answer != "OK"]
    assert 0 < len(refused) < REQUESTS
    for answer in refused:
        assert answer.startswith(
            f"UNAVAILABLE expected room for {64 * MIB} bytes of tensors, found"
        )
        assert f" of {BUDGET} held by requests in flight; retry with backoff, or raise" in answer
    assert peak.grown() < 3 * BUDGET
    assert running.metric("horngate_tensor_bytes_refused_total") >= len(refused)
    wait_until(lambda: nothing_held(running), "the budget to be given back")
    assert sent(running, [request]) == ["OK"]


def test_planes_that_fit_only_into_a_huge_one_are_not_padded_together(
    running: RunningServer,
) -> None:
    peak = Peak(running)
    requests = [plane("padded", 1, 20_000), plane("padded", 20_000, 1)] * 4
    assert sent(running, requests) == ["OK"] * len(requests)
    assert peak.grown() < BUDGET
    wait_until(lambda: nothing_held(running), "the budget to be given back")


def test_who_gives_up_or_leaves_holds_nothing(running: RunningServer) -> None:
    request = plane("sums", 2048, 2048)
    channels = [grpc.insecure_channel(running.address) for _ in range(3)]
    asks: list[Any] = [channel.unary_unary(PREDICT) for channel in channels]
    calls = [asks[0].future(request, timeout=60) for _ in range(20)]
    overdue = [asks[1].future(request, timeout=0.01) for _ in range(20)]
    left = [asks[2].future(request, timeout=60) for _ in range(20)]
    for call in calls:
        call.cancel()
    for channel in channels[1:]:
        channel.close()
    assert [call for call in (*calls, *overdue, *left) if not call.done()] == []
    channels[0].close()
    wait_until(lambda: nothing_held(running), "the budget to be given back")
    assert sent(running, [request]) == ["OK"]


def test_a_body_that_expands_finds_room_or_is_refused(running: RunningServer) -> None:
    peak = Peak(running)
    body = gzip.compress(b'{"instances": [[[1.0]]' + b" " * (60 * MIB) + b"]}")
    assert len(body) < 64 * 1024
    with ThreadPoolExecutor(20) as callers:
        codes = list(callers.map(posted, [running] * 20, [body] * 20))
    assert set(codes) <= {200, 503}  # none at all, where each finds the others' half in its way
    assert peak.grown() < 3 * BUDGET
    wait_until(lambda: nothing_held(running), "the budget to be given back")
    assert posted(running, body) == 200


def test_what_never_fits_is_not_worth_trying_again(running: RunningServer) -> None:
    numbers = b'{"instances": [[[' + b"1.5," * (6 * MIB) + b"1.5]]]}"
    assert posted(running, gzip.compress(numbers, 1)) == 400
    wait_until(lambda: nothing_held(running), "the budget to be given back")


def posted(server: RunningServer, body: bytes) -> int:
    return server.rest("/v1/models/sums:predict", body, headers={"Content-Encoding": "gzip"}).status
