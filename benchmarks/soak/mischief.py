"""Callers who cancel, hurry, send rubbish, hang up and come again, each with what they must get."""

from __future__ import annotations

import asyncio
import random
from typing import Any, Final

import grpc

from benchmarks.soak import requests
from benchmarks.soak.contents import STEADY
from benchmarks.soak.good import words
from benchmarks.soak.tally import Tally

STEADY_ADDS: Final = 100.0


def _wrong() -> dict[str, tuple[str, bytes, str]]:
    """Requests that are wrong: (method, bytes, code) by what is wrong."""
    shape = requests.infer(1.0)
    shape.inputs[0].shape[:] = [1, 3]
    dtype = requests.infer(1.0)
    dtype.inputs[0].datatype = "INT64"
    length = requests.infer(1.0)
    length.raw_input_contents[0] = b"\0\0\0"
    version = requests.infer(1.0)
    version.model_version = "999999999"
    return {
        "unknown model": (requests.PREDICT, requests.predict(1.0, "nobody"), "NOT_FOUND"),
        "no message at all": (requests.PREDICT, b"\xff\xff\xff", "INVALID_ARGUMENT"),
        "wrong shape": (requests.INFER, shape.SerializeToString(), "INVALID_ARGUMENT"),
        "wrong dtype": (requests.INFER, dtype.SerializeToString(), "INVALID_ARGUMENT"),
        "lying length": (requests.INFER, length.SerializeToString(), "INVALID_ARGUMENT"),
        "unknown version": (requests.INFER, version.SerializeToString(), "NOT_FOUND"),
        "unknown method": ("/nobody.Service/Method", b"", "UNIMPLEMENTED"),
    }


async def sends_rubbish(channel: grpc.aio.Channel, tally: Tally, chance: random.Random) -> None:
    """Wrong requests, each of which must get its code."""
    wrong = _wrong()
    while True:
        kind = chance.choice(sorted(wrong))
        method, data, code = wrong[kind]
        call: Any = channel.unary_unary(method)
        try:
            await call(data)
            tally.surprised(kind, "was answered")
        except grpc.RpcError as error:
            told: Any = error
            if told.code().name == code:
                tally.expected(kind, code)
            else:
                tally.surprised(kind, words(error))
        await asyncio.sleep(chance.uniform(0, 0.02))


async def cancels(channel: grpc.aio.Channel, tally: Tally, chance: random.Random) -> None:
    """Calls given up at any moment."""
    stub: Any = channel.unary_unary(requests.INFER)
    data = requests.infer(1.0).SerializeToString()
    while True:
        call = stub(data)
        await asyncio.sleep(chance.uniform(0, 0.03))
        call.cancel()
        try:
            await call
            tally.expected("cancelled", "was answered before")
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            tally.expected("cancelled", "CANCELLED")
        except grpc.RpcError as error:
            tally.surprised("cancelled", words(error))


async def hurries(channel: grpc.aio.Channel, tally: Tally, chance: random.Random) -> None:
    """Deadlines that often cannot be met."""
    stub: Any = channel.unary_unary(requests.PREDICT)
    data = requests.predict(1.0)
    while True:
        try:
            await stub(data, timeout=chance.uniform(0.0005, 0.03))
            tally.expected("hurried", "OK")
        except grpc.RpcError as error:
            told: Any = error
            if told.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                tally.expected("hurried", "DEADLINE_EXCEEDED")
            else:
                tally.surprised("hurried", words(error))
        await asyncio.sleep(chance.uniform(0, 0.01))


async def reconnects(address: str, tally: Tally, chance: random.Random) -> None:
    """A channel for a few calls to the other model, and another one."""
    data = requests.predict(5.0, STEADY)
    options = [("grpc.use_local_subchannel_pool", 1)]
    while True:
        async with grpc.aio.insecure_channel(address, options=options) as channel:
            call: Any = channel.unary_unary(requests.PREDICT)
            for _ in range(chance.randrange(1, 5)):
                try:
                    said = requests.predicted(await call(data))
                except grpc.RpcError as error:
                    tally.surprised("reconnected", words(error))
                    continue
                if said.value == 5.0 + STEADY_ADDS:
                    tally.expected("reconnected", "OK")
                else:
                    tally.surprised("reconnected", f"answered {said.value}")
        await asyncio.sleep(chance.uniform(0, 0.05))


async def hangs_up(grpc_port: int, http_port: int, tally: Tally, chance: random.Random) -> None:
    """Connections that end in the middle of what they say."""
    beginnings = [
        (grpc_port, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"),
        (grpc_port, b"PRI * HTT"),
        (grpc_port, b"GET / HTTP/1.1\r\n\r\n"),
        (http_port, requests.rest("/v1/models/swapped:predict", {"instances": [[1.0]]})[:-4]),
        (http_port, b"POST /v2/models/sw"),
        (http_port, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    ]
    while True:
        port, data = chance.choice(beginnings)
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(data)
            await asyncio.sleep(chance.uniform(0, 0.02))
            writer.transport.abort()
            tally.expected("hung up", "as meant")
        except OSError as error:
            tally.surprised("hung up", repr(error))
        await asyncio.sleep(chance.uniform(0, 0.05))
