"""A stream's requests in flight: bounded, answered once, given up when the caller leaves."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable

import pytest
from google.protobuf.message import Message
from horngate.transports.grpcio import duplex as duplex_module
from horngate.transports.grpcio.duplex import Duplex

from horngate.answer import Answer, Ticket
from horngate.errors import Code, InvalidRequest, Overloaded
from horngate.inference import Call
from horngate.protocols.method import DuplexMethod, Observed, Status
from horngate.protocols.pb.grpc.health.v1.health_pb2 import (
    HealthCheckRequest,
    HealthCheckResponse,
)


class Observer:
    def __init__(self) -> None:
        self.open = 0
        self.codes: list[Code] = []

    def started(self, method: Observed, call: Call) -> None:
        self.open += 1

    def finished(self, method: Observed, call: Call, code: Code, seconds: float) -> None:
        self.open -= 1
        self.codes.append(code)


class Stream:
    """A duplex whose answers a test gives by hand."""

    def __init__(self, most_bytes: int = 1000) -> None:
        self.asked: list[Ticket[HealthCheckResponse]] = []
        self.observer = Observer()
        self.faults: list[Exception] = []
        self.inside = 0
        self.repeats = False
        method = DuplexMethod(
            protocol="p",
            service="s",
            name="n",
            request=HealthCheckRequest,
            response=HealthCheckResponse,
            status=lambda error: Status(error.code, str(error)),
            handler=self._handle,
            failed=self._failed,
        )
        loop = asyncio.get_running_loop()
        self.duplex = Duplex(
            method,
            loop,
            self.observer,
            self._report,
            itertools.count().__next__,
            most_bytes=most_bytes,
            enter=self._enter,
            leave=self._leave,
        )

    def _handle(self, request: HealthCheckRequest, call: Call) -> Answer[HealthCheckResponse]:
        if request.service == "refused":
            raise Overloaded("the queue is full")
        self.asked.append(Ticket())
        return self.asked[-1]

    def _failed(self, request: HealthCheckRequest, _: Status) -> Message:
        if self.repeats:
            return request
        return HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN)

    def _enter(self, _: Call) -> None:
        self.inside += 1

    def _leave(self) -> None:
        self.inside -= 1

    def _report(self, method: Observed, error: Exception) -> None:
        self.faults.append(error)

    async def send(self, messages: Iterable[bytes]) -> asyncio.Task[None]:
        async def all_of_them() -> AsyncIterator[bytes]:
            for message in messages:
                yield message

        task = asyncio.create_task(self.duplex.read(all_of_them(), lambda: Call(0.0)))
        await asyncio.sleep(0.01)
        return task

    async def replies(self) -> list[int]:
        return [HealthCheckResponse.FromString(data).status async for data in self.duplex.replies()]


def request(name: str = "") -> bytes:
    data: bytes = HealthCheckRequest(service=name).SerializeToString()
    return data


SERVING = HealthCheckResponse(status=HealthCheckResponse.SERVING)


def test_no_more_is_read_than_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplex_module, "MOST_IN_FLIGHT", 3)

    async def scene() -> None:
        stream = Stream()
        reading = await stream.send([request()] * 5)
        assert len(stream.asked) == 3
        writing = asyncio.create_task(stream.replies())
        for _ in range(5):
            stream.asked[-3 if len(stream.asked) < 4 else -1].succeed(SERVING)
            await asyncio.sleep(0.01)
        for ticket in stream.asked:
            ticket.succeed(SERVING)
        assert await writing == [1] * 5
        await reading
        assert stream.observer.codes == [Code.OK] * 5

    asyncio.run(scene())


def test_nor_more_bytes_than_may_wait_but_for_one_request_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(duplex_module, "MOST_BYTES", 100)

    async def scene() -> None:
        stream = Stream()
        await stream.send([request("x" * 500), request("x" * 10), request("x" * 10)])
        assert len(stream.asked) == 1, "larger than all that may wait, and alone"
        writing = asyncio.create_task(stream.replies())
        stream.asked[0].succeed(SERVING)
        await asyncio.sleep(0.01)
        assert len(stream.asked) == 3
        for ticket in stream.asked:
            ticket.succeed(SERVING)
        assert await writing == [1, 1, 1]

    asyncio.run(scene())


def test_a_refusal_is_an_answer_like_another() -> None:
    async def scene() -> None:
        stream = Stream()
        await stream.send([request("refused"), request("good")])
        stream.asked[0].succeed(SERVING)
        assert sorted(await stream.replies()) == [1, 3]
        assert sorted(stream.observer.codes) == [Code.OK, Code.UNAVAILABLE]
        assert stream.inside == 0
        assert stream.faults == []

    asyncio.run(scene())


def test_a_reply_over_the_limit_is_the_error_of_its_request_alone() -> None:
    async def scene() -> None:
        stream = Stream(most_bytes=len(SERVING.SerializeToString()) - 1)
        await stream.send([request(), request()])
        stream.asked[0].succeed(SERVING)
        stream.asked[1].succeed(HealthCheckResponse())
        assert await stream.replies() == [3, 0]
        assert stream.observer.codes == [Code.RESOURCE_EXHAUSTED, Code.OK]
        assert stream.faults == []

    asyncio.run(scene())


def test_answers_that_nobody_reads_hold_nothing_of_what_is_shared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(duplex_module, "MOST_IN_FLIGHT", 3)

    async def scene() -> None:
        stream = Stream()
        await stream.send([request()] * 5)
        for ticket in stream.asked:
            ticket.succeed(SERVING)
        await asyncio.sleep(0.01)
        assert (stream.inside, stream.observer.open) == (0, 0)
        assert len(stream.asked) == 3, "no more is read until they are"
        assert stream.duplex.in_flight == 3, "and a drain waits for them"

    asyncio.run(scene())


def test_an_error_that_repeats_too_much_of_its_request_is_told_without() -> None:
    async def scene() -> None:
        stream = Stream(most_bytes=10)
        stream.repeats = True
        await stream.send([request("refused"), request("y" * 50)])
        stream.asked[0].fail(Overloaded("the queue is full"))
        told = [HealthCheckRequest.FromString(data) async for data in stream.duplex.replies()]
        assert [each.service for each in told] == ["refused", ""]

    asyncio.run(scene())


def test_what_is_no_message_ends_the_stream_after_what_was_asked() -> None:
    async def scene() -> None:
        stream = Stream()
        await stream.send([request("good"), b"\xff"])
        stream.asked[0].succeed(SERVING)
        with pytest.raises(InvalidRequest):
            await stream.replies()
        assert stream.observer.codes == [Code.OK]

    asyncio.run(scene())


def test_a_caller_that_leaves_gives_all_up() -> None:
    async def scene() -> None:
        stream = Stream()
        await stream.send([request(), request()])
        assert stream.inside == 2
        stream.duplex.cancel()
        assert stream.inside == 0
        assert all(ticket.done for ticket in stream.asked)
        assert stream.observer.codes == [Code.CANCELLED] * 2
        assert stream.observer.open == 0
        assert stream.duplex.in_flight == 0

    asyncio.run(scene())
