"""Callers who ask well, one request after another, and check every answer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc

from benchmarks.soak import requests
from benchmarks.soak.contents import SWAPPED, expected
from benchmarks.soak.requests import Said
from benchmarks.soak.tally import Tally
from horngate.protocols.pb.inference.grpc_service_pb2 import (
    ModelInferResponse,
    ModelStreamInferResponse,
)


async def predicts(channel: grpc.aio.Channel, tally: Tally, value: float) -> None:
    """TensorFlow Serving's Predict, for ever."""
    call: Any = channel.unary_unary(requests.PREDICT)
    data = requests.predict(value)
    while True:
        began = time.monotonic()
        try:
            said = requests.predicted(await call(data))
        except grpc.RpcError as error:
            tally.surprised("Predict", words(error))
        else:
            _answered(tally, "Predict", began, said, value)


async def infers(channel: grpc.aio.Channel, tally: Tally, value: float) -> None:
    """The Open Inference Protocol's ModelInfer, for ever."""
    call: Any = channel.unary_unary(requests.INFER)
    data = requests.infer(value).SerializeToString()
    while True:
        began = time.monotonic()
        try:
            said = requests.inferred(ModelInferResponse.FromString(await call(data)))
        except grpc.RpcError as error:
            tally.surprised("ModelInfer", words(error))
        else:
            _answered(tally, "ModelInfer", began, said, value)


async def streams(channel: grpc.aio.Channel, tally: Tally, value: float, in_flight: int) -> None:
    """A ModelStreamInfer with ``in_flight`` requests in it, answers matched by their ids."""
    asked: dict[int, float] = {}
    room = asyncio.Semaphore(in_flight)

    async def messages() -> AsyncIterator[bytes]:
        number = 0
        while True:
            await room.acquire()
            number += 1
            asked[number] = time.monotonic()
            yield requests.infer(value + number % 7, number).SerializeToString()

    call: Any = channel.stream_stream(requests.STREAM)
    try:
        async for data in call(messages()):
            reply = ModelStreamInferResponse.FromString(data)
            number = int(reply.infer_response.id)
            began = asked.pop(number)
            room.release()
            if reply.error_message:
                tally.surprised("ModelStreamInfer", reply.error_message)
            else:
                said = requests.inferred(reply.infer_response)
                _answered(tally, "ModelStreamInfer", began, said, value + number % 7)
    except grpc.RpcError as error:
        tally.surprised("ModelStreamInfer", words(error))


async def asks_over_http(port: int, tally: Tally, value: float, *, oip: bool) -> None:
    """REST on one connection, for ever: ``/v2/…`` or ``/v1/…``."""
    if oip:
        tensor = {"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [value]}
        data = requests.rest(f"/v2/models/{SWAPPED}/infer", {"inputs": [tensor]})
    else:
        # The answer names no version: any of the contents' may be it.
        data = requests.rest(f"/v1/models/{SWAPPED}:predict", {"instances": [[value]]})
    kind = "REST /v2" if oip else "REST /v1"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while True:
            began = time.monotonic()
            writer.write(data)
            status, body = await read_reply(reader)
            if status != 200:
                tally.surprised(kind, f"{status} {body!r}")
            elif oip:
                reply = json.loads(body)
                said = Said(int(reply["model_version"]), reply["outputs"][0]["data"][0])
                _answered(tally, kind, began, said, value)
            else:
                received = json.loads(body)["predictions"][0][0]
                version = int(received - value)
                tally.answered(kind, began, version, received, expected(value, version))
    except (OSError, asyncio.IncompleteReadError) as error:
        tally.surprised(kind, repr(error))
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def read_reply(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of one HTTP reply with a length.

    Raises:
        IncompleteReadError: the connection ended before the reply did.
    """
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = int(head.partition("content-length:")[2].partition("\r\n")[0])
    return int(head.split(" ", 2)[1]), await reader.readexactly(length)


def words(error: grpc.RpcError) -> str:
    """Code and message."""
    told: Any = error
    return f"{told.code().name} {told.details()}"


def _answered(tally: Tally, kind: str, began: float, said: Said, value: float) -> None:
    tally.answered(kind, began, said.version, said.value, expected(value, said.version))
