"""A gRPC front in this process, with methods and answers of a test, and grpcio's own client."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Self

import grpc

from horngate.access.gate import Gate
from horngate.calls import Calls
from horngate.fronts.grpc.front import GrpcFront
from horngate.fronts.options import PortOptions
from horngate.protocols.method import Method
from tests.unit.fronts.calls import Observer

SECONDS = 20


class Served:
    """Serves until its block ends."""

    def __init__(
        self,
        methods: Sequence[Method],
        options: PortOptions | None = None,
        *,
        gate: Gate | None = None,
        most_in_flight: int = 1000,
    ) -> None:
        options = options or PortOptions(max_message_bytes=1 << 16)
        self.observer = Observer()
        self.faults: list[Exception] = []
        self.calls = Calls(
            gate or Gate(time.monotonic),
            self.observer,
            lambda _, error: self.faults.append(error),
            time.monotonic,
            most_in_flight=most_in_flight,
            most_bytes=options.max_message_bytes,
        )
        self.front = GrpcFront(methods, options, self.calls)
        self.port = self.front.start()
        self.stopped = False
        self.channel = grpc.insecure_channel(
            f"127.0.0.1:{self.port}",
            options=[
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.max_receive_message_length", -1),
                ("grpc.enable_retries", 0),
            ],
        )

    def ask(self, name: str) -> Any:
        return self.channel.unary_unary(f"/test.Service/{name}")

    def watch(self, name: str) -> Any:
        return self.channel.unary_stream(f"/test.Service/{name}")

    def stream(self, name: str) -> Any:
        return self.channel.stream_stream(f"/test.Service/{name}")

    def stop(self) -> None:
        if not self.stopped:
            self.stopped = True
            self.front.stop()

    def drain_and_stop(self) -> None:
        self.front.drain(SECONDS)
        self.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()
        self.stop()
