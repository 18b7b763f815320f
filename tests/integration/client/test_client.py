"""Both clients against a real socket. What a test asks of one it asks of the other."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest

from horngate.client import AsyncClient, Client, State
from horngate.errors import (
    Cancelled,
    ConnectionFailed,
    EngineFailed,
    Expired,
    HorngateError,
    InvalidRequest,
    ModelNotFound,
    Overloaded,
    SignatureNotFound,
    Unsupported,
    VersionNotFound,
)
from tests.integration.client.fake_server import SIGNATURE, FakeServer, listening

Ask = Callable[..., Any]

IMAGE = np.zeros((1, 28, 28, 1), np.float32)
CONTEXT = np.eye(10, dtype=np.float32)[4:5]
INPUTS = {"image": IMAGE, "context": CONTEXT}
STATUS = grpc.StatusCode


def ask_blocking(address: str, method: str, *args: Any, options: Any = None, **kwargs: Any) -> Any:
    with Client(address, **(options or {})) as client:
        return getattr(client, method)(*args, **kwargs)


def ask_async(address: str, method: str, *args: Any, options: Any = None, **kwargs: Any) -> Any:
    async def main() -> Any:
        async with AsyncClient(address, **(options or {})) as client:
            return await getattr(client, method)(*args, **kwargs)

    return asyncio.run(main())


@pytest.fixture(params=[ask_blocking, ask_async])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Calls one method of a new client: ``ask(address, method, …)``."""
    front: Ask = request.param
    return front


def test_arrays_go_and_come_back(ask: Ask, fake: FakeServer) -> None:
    prediction = ask(fake.address, "predict", "mnist_fusion", INPUTS)
    np.testing.assert_array_equal(prediction["probabilities"], CONTEXT)
    assert prediction["probabilities"].dtype == np.float32
    assert (prediction.model, prediction.version) == ("mnist_fusion", 3)
    assert prediction.signature == "serving_default"
    assert fake.calls == ["Predict"]


def test_lists_take_the_dtype_of_the_model(ask: Ask, fake: FakeServer) -> None:
    inputs = {"image": IMAGE.tolist(), "context": CONTEXT.tolist()}
    prediction = ask(fake.address, "predict", "mnist_fusion", inputs, version=3)
    np.testing.assert_array_equal(prediction["probabilities"], CONTEXT)
    assert fake.calls == ["GetModelMetadata", "Predict"]


def test_a_float64_array_is_the_callers_word_and_the_server_says_what_it_takes(
    ask: Ask, fake: FakeServer
) -> None:
    with pytest.raises(InvalidRequest, match="expected dtype float32, received float64"):
        ask(fake.address, "predict", "mnist_fusion", INPUTS | {"context": np.eye(10)})


def test_metadata_status_and_health(ask: Ask, fake: FakeServer) -> None:
    metadata = ask(fake.address, "metadata", "mnist_fusion")
    assert metadata.version == 3
    assert metadata.signatures == {"serving_default": SIGNATURE}
    statuses = ask(fake.address, "status", "mnist_fusion")
    assert [(s.version, s.state, s.error) for s in statuses] == [
        (4, State.END, "no SavedModel"),
        (3, State.AVAILABLE, ""),
    ]
    assert ask(fake.address, "health") is True
    assert ask(fake.address, "health", "mnist_fusion") is True
    assert ask(fake.address, "health", "asleep") is False


def test_the_models_of_a_server(ask: Ask, fake: FakeServer) -> None:
    assert ask(fake.address, "models") == ["mnist_fusion"]
    fake.silent = True
    with pytest.raises(Unsupported, match="Method not found"):
        ask(fake.address, "models")


def test_a_value_alone_is_for_models_of_one_input(ask: Ask, fake: FakeServer) -> None:
    with pytest.raises(InvalidRequest, match=r"by name \(context, image\), received a ndarray"):
        ask(fake.address, "predict", "mnist_fusion", IMAGE)
    assert fake.calls == ["GetModelMetadata"]


def test_labels_of_a_model(ask: Ask, fake: FakeServer) -> None:
    fake.engine = ("onnx", "")
    for told, read in (('{"stable": 3}', {"stable": 3}), ("[1]", {}), ("no JSON", {})):
        fake.labels = told
        assert ask(fake.address, "serving", "mnist_fusion").labels == read


@pytest.mark.parametrize("method", ["metadata", "status", "health"])
def test_an_unknown_model(ask: Ask, fake: FakeServer, method: str) -> None:
    with pytest.raises(ModelNotFound, match=r"nothing at 127\.0\.0\.1") as caught:
        ask(fake.address, method, "nothing")
    assert caught.value.model == "nothing"
    assert isinstance(caught.value.__cause__, grpc.RpcError)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (STATUS.INVALID_ARGUMENT, InvalidRequest),
        (STATUS.NOT_FOUND, VersionNotFound),
        (STATUS.FAILED_PRECONDITION, SignatureNotFound),
        (STATUS.DEADLINE_EXCEEDED, Expired),
        (STATUS.CANCELLED, Cancelled),
        (STATUS.UNIMPLEMENTED, Unsupported),
        (STATUS.INTERNAL, EngineFailed),
    ],
)
def test_a_refusal_is_raised_and_not_retried(
    ask: Ask, fake: FakeServer, code: grpc.StatusCode, expected: type[HorngateError]
) -> None:
    fake.refusals = [(code, "the server's words")]
    with pytest.raises(expected, match=r"mnist_fusion version 7 at .*: the server's words"):
        ask(fake.address, "predict", "mnist_fusion", INPUTS, version=7)
    assert fake.calls == ["Predict"]


def test_a_full_queue_is_tried_again(ask: Ask, fake: FakeServer) -> None:
    fake.refusals = [(STATUS.UNAVAILABLE, "the queue is full")] * 2
    prediction = ask(fake.address, "predict", "mnist_fusion", INPUTS)
    np.testing.assert_array_equal(prediction["probabilities"], CONTEXT)
    assert fake.calls == ["Predict"] * 3


def test_a_request_that_grpc_would_not_retry_is(ask: Ask, fake: FakeServer) -> None:
    rows = np.zeros((1000, 28, 28, 1), np.float32)
    fake.refusals = [(STATUS.UNAVAILABLE, "the queue is full")]
    ask(fake.address, "predict", "mnist_fusion", {"image": rows, "context": CONTEXT})
    assert fake.calls == ["Predict"] * 2


def test_a_queue_that_stays_full(ask: Ask, fake: FakeServer) -> None:
    fake.refusals = [(STATUS.UNAVAILABLE, "the queue is full")] * 9
    with pytest.raises(Overloaded, match=r"the queue is full \(2 attempts\)"):
        ask(fake.address, "predict", "mnist_fusion", INPUTS, options={"retries": 1})
    assert fake.calls == ["Predict"] * 2


def test_no_answer_in_time(ask: Ask, fake: FakeServer) -> None:
    fake.hold.clear()
    started = time.monotonic()
    with pytest.raises(Expired, match=r"expected an answer within 0\.2 s"):
        ask(fake.address, "predict", "mnist_fusion", INPUTS, timeout=0.2)
    assert time.monotonic() - started < 5
    assert fake.ended.wait(5)
    assert fake.calls == ["Predict"]


def test_nobody_there(ask: Ask, fake: FakeServer) -> None:
    with listening(FakeServer()) as gone:
        address = gone.address
    with pytest.raises(ConnectionFailed, match=f"expected a server at {address}; start it"):
        ask(address, "health")


def break_off_each_call(listener: socket.socket, calls: int) -> None:
    """Speak just enough HTTP/2 to be sent a request, and hang up on it."""
    for _ in range(calls):
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as stream:
            connection.sendall(bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))  # an empty SETTINGS frame
            stream.read(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
            kind = None
            while kind != 1:  # HEADERS
                head = stream.read(9)
                kind = head[3]
                stream.read(int.from_bytes(head[:3], "big"))


def test_a_connection_that_breaks_while_the_call_runs(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=break_off_each_call, args=(listener, 1), daemon=True)
        thread.start()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(ConnectionFailed):
            ask(address, "health", options={"retries": 0})
        thread.join()


def test_a_server_that_comes_back_is_found_again() -> None:
    with listening(FakeServer()) as first:
        port = first.port
    with Client(f"127.0.0.1:{port}", retries=20, timeout=15.0) as client:
        with pytest.raises(ConnectionFailed):
            client.health(timeout=0.3)
        answers: list[bool] = []
        thread = threading.Thread(target=lambda: answers.append(client.health()))
        thread.start()
        with listening(FakeServer(), port):
            thread.join(15)
    assert answers == [True]


def test_messages_over_the_limit(ask: Ask, fake: FakeServer) -> None:
    small = {"max_message_bytes": 5000}
    rows = {"image": np.zeros((2, 28, 28, 1), np.float32), "context": CONTEXT}
    with pytest.raises(InvalidRequest, match="request of at most 5000 bytes, received 6"):
        ask(fake.address, "predict", "mnist_fusion", rows, options=small)
    assert fake.calls == []
    fake.reply_floats = 5000
    with pytest.raises(InvalidRequest, match=r"larger than max .* raise the limit"):
        ask(fake.address, "predict", "mnist_fusion", INPUTS, options=small)


def test_large_messages_pass_by_default(ask: Ask, fake: FakeServer) -> None:
    fake.reply_floats = 8_000_000
    prediction = ask(fake.address, "predict", "mnist_fusion", INPUTS)
    assert prediction["probabilities"].shape == (8_000_000,)


def test_a_closed_client_says_so(ask: Ask, fake: FakeServer) -> None:
    client = Client(fake.address)
    client.close()
    client.close()
    with pytest.raises(RuntimeError, match="expected an open client"):
        client.health()

    async def main() -> None:
        client = AsyncClient(fake.address)
        await client.health()
        await client.close()
        await client.close()
        with pytest.raises(RuntimeError, match="expected an open client"):
            await client.health()

    asyncio.run(main())


def test_many_threads_share_one_client(fake: FakeServer) -> None:
    wrong: list[int] = []
    with Client(fake.address) as client:

        def work(number: int) -> None:
            context = np.full((1, 10), number, np.float32)
            for _ in range(20):
                answer = client.predict("mnist_fusion", {"context": context.tolist()})
                if not np.array_equal(answer["probabilities"], context):
                    wrong.append(number)

        with ThreadPoolExecutor(8) as callers:
            list(callers.map(work, range(8)))
    assert wrong == []
    assert fake.calls.count("Predict") == 160


def test_many_tasks_share_one_client(fake: FakeServer) -> None:
    async def main() -> None:
        async with AsyncClient(fake.address) as client:
            contexts = [np.full((1, 10), number, np.float32) for number in range(32)]
            answers = await asyncio.gather(
                *[client.predict("mnist_fusion", {"context": context}) for context in contexts]
            )
        for context, answer in zip(contexts, answers, strict=True):
            np.testing.assert_array_equal(answer["probabilities"], context)

    asyncio.run(main())


def test_closing_ends_a_call_of_another_thread(fake: FakeServer) -> None:
    fake.hold.clear()
    client = Client(fake.address)
    caught: list[BaseException] = []

    def call() -> None:
        try:
            client.predict("mnist_fusion", INPUTS)
        except HorngateError as error:
            caught.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    assert fake.arrived.wait(5)
    client.close()
    thread.join(5)
    assert [type(error) for error in caught] == [Cancelled]


def test_closing_ends_a_call_of_another_task(fake: FakeServer) -> None:
    async def main() -> None:
        fake.hold.clear()
        client = AsyncClient(fake.address)
        task = asyncio.create_task(client.predict("mnist_fusion", INPUTS))
        assert await asyncio.to_thread(fake.arrived.wait, 5)
        await client.close()
        with pytest.raises(Cancelled):
            await task

    asyncio.run(main())


def test_cancelling_a_task_cancels_on_the_wire_and_leaves_the_client_usable(
    fake: FakeServer,
) -> None:
    async def main() -> None:
        async with AsyncClient(fake.address) as client:
            fake.hold.clear()
            task = asyncio.create_task(client.predict("mnist_fusion", INPUTS))
            assert await asyncio.to_thread(fake.arrived.wait, 5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(fake.ended.wait, 5)
            fake.hold.set()
            assert await client.health()

    asyncio.run(main())


def test_cancelling_a_task_between_two_attempts(fake: FakeServer) -> None:
    async def main() -> None:
        async with AsyncClient(fake.address, retries=9) as client:
            fake.refusals = [(STATUS.UNAVAILABLE, "the queue is full")] * 9
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await client.predict("mnist_fusion", INPUTS)
            fake.refusals = []
            before = len(fake.calls)
            assert await client.health()
            assert len(fake.calls) == before + 1

    asyncio.run(main())
