"""Clients that are many, slow or gone, made of bare sockets, and one that is as it should be."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from horngate.client import Client
from horngate.protocols.pb.grpc.channelz.v1 import channelz_pb2
from horngate.protocols.pb.grpc.health.v1 import health_pb2
from horngate.tensors import Array
from tests.serving import RunningServer

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""What a gRPC client says first: HTTP/2's magic, and settings that change nothing."""

SPARE_HANDLES = 16
"""What a server may have open beyond what it had, for reasons of its own."""

BURST = 100
"""Connections made at once. The native front lets 128 wait to be taken; one more tries again after
a second, as TCP does."""


def ask(
    server: RunningServer,
    model: str = "constant",
    value: float = 1,
    *,
    token: str | None = None,
    timeout: float = 30,
) -> float:
    """What a model of one number answers."""
    with Client(server.address, token=token, retries=0) as client:
        x = np.full((1, 1), value, np.float32)
        return float(client.predict(model, {"x": x}, timeout=timeout)["y"].item())


def refused(call: Callable[[], object]) -> tuple[grpc.StatusCode, str]:
    """The code and the words that a call of gRPC fails with."""
    with pytest.raises(grpc.RpcError) as told:
        call()
    error: Any = told.value
    return error.code(), error.details()


def health(channel: grpc.Channel, rpc: str = "Check") -> Any:
    """``Check`` or ``Watch`` of the standard health service."""
    kind: Any = channel.unary_unary if rpc == "Check" else channel.unary_stream
    request, reply = health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse
    path = f"/grpc.health.v1.Health/{rpc}"
    call = kind(path, request.SerializeToString, reply.FromString)
    return lambda service="", **options: call(request(service=service), **options)


def look(channel: grpc.Channel, name: str, *, token: str | None = None, **fields: int) -> Any:
    """What a method of channelz answers."""
    request, response = getattr(channelz_pb2, f"{name}Request"), f"{name}Response"
    call: Any = channel.unary_unary(
        f"/grpc.channelz.v1.Channelz/{name}",
        request.SerializeToString,
        getattr(channelz_pb2, response).FromString,
    )
    shown = [] if token is None else [("authorization", f"Bearer {token}")]
    return call(request(**fields), metadata=shown, timeout=30)


def tensors(**arrays: Array) -> list[Any]:
    """The arrays as Triton's client sends them, each under its name."""
    made = []
    for name, array in arrays.items():
        tensor = triton.InferInput(name, array.shape, np_to_triton_dtype(array.dtype))
        made.append(tensor.set_data_from_numpy(array))
    return made


def streamed(
    server: RunningServer, token: str | None, messages: int
) -> list[InferenceServerException | None]:
    """What the messages of one stream were told; None for an answer."""
    asked = tensors(x=np.ones((1, 1), np.float32))
    errors: list[InferenceServerException | None] = []
    headers = None if token is None else {"authorization": f"Bearer {token}"}
    with triton.InferenceServerClient(server.address) as client:
        client.start_stream(lambda result, error: errors.append(error), headers=headers)
        for _ in range(messages):
            try:
                client.async_stream_infer("constant", asked)
            except InferenceServerException:
                break  # the stream was ended; the callback is told why
        client.stop_stream()
    return errors


def connections(number: int, port: int, said: bytes) -> list[socket.socket]:
    made: list[socket.socket] = []
    for count in range(number):
        if count % BURST == 0:
            time.sleep(0.01)
        made.append(socket.create_connection(("127.0.0.1", port), timeout=30))
        made[-1].sendall(said)
    return made


def close(sockets: list[socket.socket], *, at_once: bool = False) -> None:
    for each in sockets:
        if at_once:  # a reset, as of a machine that has lost its memory
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        each.close()
