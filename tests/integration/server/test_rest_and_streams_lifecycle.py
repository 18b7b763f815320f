"""What becomes of REST requests and of streams when callers leave and when the server drains."""

from __future__ import annotations

import http.client
import json
import queue
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from tests.serving import RunningServer, wait_until

PREDICT = ("POST", "/v1/models/adder:predict", json.dumps({"instances": [[1.0]]}))


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[RunningServer]:
    """A model whose requests wait three seconds for company before they run."""
    from horngate.builder.publish import publish_keras  # noqa: PLC0415 - imports TensorFlow
    from tests.small_models import constant  # noqa: PLC0415 - the same

    publish_keras(constant(1), tmp_path, "adder")
    (tmp_path / "adder" / "model.toml").write_text("[batching]\nmax_queue_delay = 3\n")
    running = RunningServer(tmp_path)
    yield running
    running.stop()


def connect(server: RunningServer) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=60)


def queued(server: RunningServer) -> float:
    return server.metric("horngate_queue_rows", model="adder")


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
    replies: list[Any] = []
    ends: list[grpc.StatusCode] = []

    def listen(stub: Any) -> None:
        call = stub.ModelStreamInfer(iter(sent.get, None))
        try:
            replies.extend(call)
        except grpc.RpcError:
            ends.append(call.code())

    with grpc.insecure_channel(slow.address) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        listener = threading.Thread(target=listen, args=(stub,))
        listener.start()
        sent.put(infer_request())
        wait_until(lambda: queued(slow) == 1, "the request to wait")
        slow.process.send_signal(signal.SIGTERM)
        listener.join(30)
        sent.put(None)
    assert [reply.infer_response.id for reply in replies] == ["1"]
    assert ends == [grpc.StatusCode.UNAVAILABLE]
    assert slow.ended() == 0
