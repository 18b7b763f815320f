"""A gRPC server without a model: the request is parsed, its rows say which bytes are the reply.

    python -m benchmarks.echo_server grpcio|native RECORDING

What is left is what gRPC costs in Python on that transport. It prints a line of JSON with its port,
and for every line on stdin one with the number of predictions answered.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import grpc
import uvloop

from benchmarks.recording import INFER, PREDICT, Recording
from horngate.protocols.pb.inference.grpc_service_pb2 import (
    ModelInferRequest,
    ModelInferResponse,
)
from horngate.protocols.pb.tensorflow_serving.apis.predict_pb2 import PredictRequest

LIMIT: Final = 64 << 20
BURST: Final = 64
"""Calls that the native front hands over at once, at most."""

Reply = Callable[[bytes], bytes]


class Echo:
    """Replies by request; counts them. ``replies`` are for one thread."""

    def __init__(self, recording: Recording) -> None:
        self.answered = 0
        self._recording = recording

    def predictions(self) -> dict[str, Reply]:
        """The methods that are counted."""
        infer, predict = (self._recording.predictions[path] for path in (INFER, PREDICT))

        def infer_reply(data: bytes) -> bytes:
            request = ModelInferRequest.FromString(data)
            self.answered += 1
            return infer[request.inputs[0].shape[0]] + identity(request.id)

        def predict_reply(data: bytes) -> bytes:
            request = PredictRequest.FromString(data)
            rows = next(iter(request.inputs.values())).tensor_shape.dim[0].size
            self.answered += 1
            return predict[rows]

        return {INFER: infer_reply, PREDICT: predict_reply}

    def others(self) -> dict[str, Reply]:
        """The methods that perf_analyzer asks before it begins."""
        return {path: _constant(reply) for path, reply in self._recording.others.items()}


def identity(text: str) -> bytes:
    """The field ``id`` of a ModelInferResponse, to be put behind its other fields.

    Callers tell their answers apart by it. Messages one behind the other are one message, so that
    the reply itself need not be made again.
    """
    return ModelInferResponse(id=text).SerializeToString()


def _constant(reply: bytes) -> Reply:
    return lambda _: reply


class _Handlers(grpc.GenericRpcHandler):
    def __init__(self, replies: dict[str, Reply]) -> None:
        self._handlers = {path: _handler(reply) for path, reply in replies.items()}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return self._handlers.get(handler_call_details.method)


def _handler(reply: Reply) -> Any:
    async def serve(data: bytes, _: object) -> bytes:
        return reply(data)

    return grpc.unary_unary_rpc_method_handler(serve)


async def _serve_grpcio(replies: dict[str, Reply], address: str, listening: Any) -> None:
    size = ("grpc.max_receive_message_length", LIMIT), ("grpc.max_send_message_length", LIMIT)
    server = grpc.aio.server(options=[*size, ("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((_Handlers(replies),))
    port = server.add_insecure_port(address)
    await server.start()
    listening(port)
    await server.wait_for_termination()


def serve_grpcio(echo: Echo) -> None:
    """Everything on grpcio's asyncio server, on uvloop as Horngate runs it."""
    replies = echo.predictions() | echo.others()
    uvloop.run(_serve_grpcio(replies, "127.0.0.1:0", lambda port: _listening(echo, port)))


def serve_native(echo: Echo, socket: Path) -> None:
    """Predictions on the native front, in this one thread; the rest on grpcio behind it."""
    from pygrpc_native import EVENT_CALL, NativeGrpcFront  # noqa: PLC0415 - it is optional

    methods = echo.predictions()
    replies = list(methods.values())
    front = NativeGrpcFront("127.0.0.1:0", [(path, False) for path in methods])
    # In the folder of the recording, which whoever made it removes.
    ready = threading.Event()
    behind = _serve_grpcio(echo.others(), f"unix:{socket}", lambda _: ready.set())
    threading.Thread(target=uvloop.run, args=[behind], daemon=True).start()
    ready.wait()
    front.set_fallback(str(socket))
    front.start()
    _listening(echo, front.bound_port)
    while (events := front.recv_batch(BURST)) is not None:
        for kind, call, method, payload, _ in events:
            if kind == EVENT_CALL and payload is not None:
                front.respond(call, replies[method](payload))


def _listening(echo: Echo, port: int) -> None:
    print(json.dumps({"port": port}), flush=True)
    threading.Thread(target=_orders, args=[echo], daemon=True).start()


def _orders(echo: Echo) -> None:
    for _ in sys.stdin:
        print(json.dumps({"requests": echo.answered}), flush=True)


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("transport", choices=("grpcio", "native"))
    parser.add_argument("recording", type=Path)
    options = parser.parse_args()
    echo = Echo(Recording.read(options.recording))
    if options.transport == "native":
        serve_native(echo, options.recording.with_suffix(".sock"))
    else:
        serve_grpcio(echo)


if __name__ == "__main__":
    main()
