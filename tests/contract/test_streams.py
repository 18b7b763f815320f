"""ModelStreamInfer, driven by Triton's own clients and by bare gRPC."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.grpc import service_pb2, service_pb2_grpc

from tests.clients import tensors
from tests.serving import RunningServer, wait_until

MANY = 3000
"""More than one stream may have in flight, so that reading has to wait."""


def one_row(value: float) -> list[Any]:
    return tensors(x=np.array([[value]], np.float32))


Answers = queue.Queue[tuple[Any, Any]]


@pytest.fixture
def answers() -> Answers:
    return queue.Queue()


@pytest.fixture
def stream(server: RunningServer, answers: Answers) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(server.address) as client:
        client.start_stream(lambda result, error: answers.put((result, error)))
        yield client


def test_many_requests_are_in_flight_and_answers_find_theirs_by_id(
    stream: triton.InferenceServerClient, answers: Answers
) -> None:
    for number in range(MANY):
        stream.async_stream_infer("constant", one_row(number), request_id=str(number))
    received: dict[str, float] = {}
    for _ in range(MANY):
        result, error = answers.get(timeout=60)
        assert error is None
        response = result.get_response()
        received[response.id] = float(result.as_numpy("y").item())
        assert response.parameters["triton_final_response"].bool_param
    offsets = {value - float(number) for number, value in received.items()}
    assert len(received) == MANY
    assert len(offsets) == 1, "each answer belongs to the request of its id"


def test_an_error_is_told_in_the_stream_and_ends_nothing(
    stream: triton.InferenceServerClient, answers: Answers
) -> None:
    stream.async_stream_infer("nobody", one_row(1), request_id="bad")
    _, error = answers.get(timeout=30)
    assert "expected one of the models of this server, received 'nobody'" in str(error)
    stream.async_stream_infer("constant", one_row(1), request_id="good")
    result, error = answers.get(timeout=30)
    assert error is None
    assert result.get_response().id == "good"


def request(value: float, **fields: str) -> Any:
    message = service_pb2.ModelInferRequest(model_name="constant", **fields)
    message.inputs.add(name="x", datatype="FP32", shape=[1, 1])
    message.raw_input_contents.append(np.float32(value).tobytes())
    return message


def test_the_error_carries_the_id_of_its_request(server: RunningServer) -> None:
    with grpc.insecure_channel(server.address) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        wrong = request(1, id="7", model_version="99")
        (reply,) = stub.ModelStreamInfer(iter([wrong]), timeout=30)
    assert "received 99" in reply.error_message
    assert reply.infer_response.id == "7"


def test_a_stream_ends_when_its_requests_have_ended_and_are_answered(server: RunningServer) -> None:
    with grpc.insecure_channel(server.address) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        call = stub.ModelStreamInfer((request(i, id=str(i)) for i in range(100)), timeout=30)
        assert {reply.infer_response.id for reply in call} == {str(i) for i in range(100)}
        assert call.code() == grpc.StatusCode.OK
        assert list(stub.ModelStreamInfer(iter([]), timeout=30)) == []


def test_bytes_that_are_no_request_end_the_stream_after_what_was_asked(
    server: RunningServer,
) -> None:
    with grpc.insecure_channel(server.address) as channel:
        call: Any = channel.stream_stream("/inference.GRPCInferenceService/ModelStreamInfer")
        replies = call(iter([request(1, id="1").SerializeToString(), b"\xff\xff"]), timeout=30)
        first = service_pb2.ModelStreamInferResponse.FromString(next(replies))
        assert first.infer_response.id == "1"
        with pytest.raises(grpc.RpcError) as ended:
            next(replies)
    assert ended.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "expected a inference.ModelInferRequest" in str(ended.value.details())


def test_a_caller_that_leaves_takes_its_requests_along(server: RunningServer) -> None:
    def open_calls() -> float:
        return server.metric("horngate_requests_in_flight", method="ModelStreamInfer")

    sent: queue.Queue[Any] = queue.Queue()
    with grpc.insecure_channel(server.address) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        call = stub.ModelStreamInfer(iter(sent.get, None))
        sent.put(request(1))
        next(call)
        for number in range(50):
            sent.put(request(number))
        call.cancel()
        sent.put(None)
    wait_until(lambda: open_calls() == 0, "no request of the stream to be left")


def test_requests_of_a_stream_are_counted_one_by_one(server: RunningServer) -> None:
    def counted() -> float:
        return server.metric(
            "horngate_requests_total", method="ModelStreamInfer", model="constant", code="OK"
        )

    before = counted()
    with grpc.insecure_channel(server.address) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        assert len(list(stub.ModelStreamInfer((request(i) for i in range(10)), timeout=30))) == 10
    wait_until(lambda: counted() == before + 10, "ten requests to be counted")


async def _stream_ids(address: str) -> list[str]:
    async with triton_aio.InferenceServerClient(address) as client:

        async def requests() -> Any:
            for number in range(20):
                yield {
                    "model_name": "constant",
                    "inputs": one_row(number),
                    "request_id": str(number),
                }

        ids = []
        async for result, error in client.stream_infer(requests()):
            assert error is None
            ids.append(result.get_response().id)
        return ids


def test_the_asyncio_client(server: RunningServer) -> None:

    assert sorted(map(int, asyncio.run(_stream_ids(server.address)))) == list(range(20))
