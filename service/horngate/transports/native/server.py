"""The gRPC port on ``pygrpc-native``: calls arrive in bursts, and a burst becomes a batch.

One thread receives. It hands in every call of a burst and then runs what came of it, so that an
idle server answers without a hop between Python threads and a busy one takes one trip across the
GIL for many calls. Predictions come this way; all else (metadata, health, reflection, streams) goes
through the front to a grpcio server on a Unix socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import threading
from collections.abc import Sequence
from functools import partial
from typing import Final

from google.protobuf.descriptor_pool import DescriptorPool
from pygrpc_native import EVENT_CALL, NativeGrpcFront

from horngate.access.gate import Gate
from horngate.private import private_folder
from horngate.protocols.method import CallObserver, Method, UnaryMethod
from horngate.scheduling.gathering import Gatherer, Gathering
from horngate.servable import Clock
from horngate.transports.grpcio.server import GrpcServer
from horngate.transports.native.exchange import Exchanges
from horngate.transports.native.receiver import Events, Receiver
from horngate.transports.options import PortOptions
from horngate.transports.port import Report, port_taken

DELIVERY_SECONDS: Final = 2.0
"""How long the last answers may take to leave; a caller that does not read is not waited for."""

DELIVERY_POLL_SECONDS: Final = 0.005
JOIN_SECONDS: Final = 10.0
RELIEF_SECONDS: Final = 1.0
"""A run that takes longer than this has held up whoever calls for long enough: another thread
receives from then on, and the model goes to threads of its own."""


class NativeServer:
    """Serves ``methods`` and server reflection; see ``port.GrpcTransport``."""

    def __init__(
        self,
        methods: Sequence[Method],
        options: PortOptions,
        *,
        observer: CallObserver,
        report: Report,
        clock: Clock,
        pool: DescriptorPool,
        gate: Gate,
        gatherer: Gatherer,
    ) -> None:
        self._options = options
        self._make_exchanges = partial(
            Exchanges,
            options=options,
            gate=gate,
            observer=observer,
            report=report,
            clock=clock,
        )
        self._gatherer = gatherer
        self._clock = clock
        self._report = report
        self._make_behind = partial(
            GrpcServer,
            methods,
            observer=observer,
            report=report,
            clock=clock,
            pool=pool,
            gate=gate,
        )
        self._methods = [
            method for method in methods if isinstance(method, UnaryMethod) and method.predicts
        ]

    async def start(self) -> int:
        self._held = contextlib.ExitStack()
        socket = str(self._held.enter_context(private_folder()) / "behind.sock")
        self._behind = self._make_behind(dataclasses.replace(self._options, socket=socket))
        await self._behind.start()
        silence, patience = self._options.keepalive_ms
        try:
            self._front = NativeGrpcFront(
                self._options.address,
                [(method.path, False) for method in self._methods],
                call_details=True,
                metrics=True,
                keepalive_time_ms=silence,
                keepalive_timeout_ms=patience,
                keepalive_permit_without_calls=True,
                max_metadata_size=self._options.max_header_bytes,
            )
        except OSError as error:
            await self._behind.stop()
            self._held.close()
            raise port_taken(self._options) from error
        self._exchanges = self._make_exchanges(self._front)
        self._front.set_fallback(socket)
        self._front.start()
        self._stopping = threading.Event()
        self._begin_to_receive()
        threading.Thread(target=self._relieve, name="front-relief", daemon=True).start()
        return self._front.bound_port

    async def drain(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        drained = asyncio.Event()
        self._exchanges.on_empty(lambda: loop.call_soon_threadsafe(drained.set))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await drained.wait()
                await self._behind.drain(seconds)
        self._exchanges.on_empty(None)

    async def stop(self) -> None:
        self._exchanges.end_all()
        await self._behind.stop()
        await self._delivered()
        self._stopping.set()
        self._front.close()
        await asyncio.to_thread(self._thread.join, JOIN_SECONDS)
        self._held.close()

    async def _delivered(self) -> None:
        """Return once every answer has left: closing the front would drop those on their way."""
        ends = self._clock() + DELIVERY_SECONDS
        while self._clock() < ends and (figures := self._front.metrics()):
            calls = [figures["methods"][method.path] for method in self._methods]
            if all(
                each["started"] <= sum(ended["count"] for ended in each["status"].values())
                for each in calls
            ):
                return
            await asyncio.sleep(DELIVERY_POLL_SECONDS)

    def _begin_to_receive(self) -> None:
        self._on_duty: Gathering | None = None
        self._thread = threading.Thread(target=self._receive, name="front", daemon=True)
        self._thread.start()

    def _relieve(self) -> None:
        """Replace the receiving thread whenever a run of a model holds it up."""
        while not self._stopping.wait(RELIEF_SECONDS / 2):
            gathering = self._on_duty
            if gathering is not None and gathering.held_up(RELIEF_SECONDS):
                self._begin_to_receive()
                gathering.relieve()

    def _receive(self) -> None:
        receiver = Receiver(self._front, self._clock)
        gathering = self._on_duty = self._gatherer.begin()
        left = False
        while self._on_duty is gathering:
            events = receiver.poll() if left else receiver.next()
            if events is None:
                return
            try:
                left = self._serve(events, gathering)
            except Exception as error:  # noqa: BLE001 - a defect must not end the only receiver
                self._report(self._methods[0], error)
            receiver.answered()

    def _serve(self, events: Events, gathering: Gathering) -> bool:
        """Hand in a burst and run what came of it; whether some of that is left for later."""
        calls, methods = self._exchanges, self._methods
        gathering.open()
        try:
            for kind, number, index, payload, _, details in events:
                if kind == EVENT_CALL and payload is not None and details is not None:
                    calls.begin(number, methods[index], payload, details)
                else:
                    calls.cancel(number)
        finally:
            left = gathering.run()
        return left
