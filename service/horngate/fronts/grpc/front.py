"""The gRPC port: calls come in bursts, and a burst becomes a batch.

One thread receives. It hands in all calls that are there and then runs what came of them, so that
an idle server answers without a hop between threads and a busy one makes one batch of many calls.
A call or a run that holds it up is left to it, and another thread receives from then on.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from typing import Final

from horngate.calls import Calls, until
from horngate.errors import Code, ConfigError
from horngate.fronts.grpc.connections import Connections
from horngate.fronts.grpc.core import ARRIVED, SHUT, UNHEEDED, Core, Event, end, watch
from horngate.fronts.grpc.credentials import credentials
from horngate.fronts.grpc.duty import Duty
from horngate.fronts.grpc.origin import Origin, held
from horngate.fronts.grpc.outbox import CONNECTION_SHARE, Outbox
from horngate.fronts.grpc.reading import Reading
from horngate.fronts.grpc.streams import DuplexStream, Places, ServerStream, Stream
from horngate.fronts.grpc.unary import Departure, UnaryCall
from horngate.fronts.options import PortOptions
from horngate.fronts.tls import HANDSHAKE_SECONDS
from horngate.protocols.method import DuplexMethod, Method, UnaryMethod

BURST: Final = 256
"""Events taken before what came of them is run, at most."""

AHEAD: Final = 128
"""Calls that may wait in the queue for their turn."""

WAITING: Final = 32_768
"""Calls that the core may hold beyond those, of all connections. Those that were cancelled
meanwhile are among them, and end as soon as they are seen. So many that those of a few connections
never come to it: beyond it the core cancels calls, whosever they are."""

MOST_STREAMS: Final = 256
"""Calls of a connection that may be open at once; clients let further ones wait. As many more that
ended may be there that nobody has seen yet: beyond them the core refuses before it costs anything,
so that whoever opens calls and resets them takes no more room than who lets them be."""

SETTLING_MS: Final = 5_000
"""Milliseconds that a client may take to acknowledge the limits that it was told as it connected.
Until then the core does not hold it to them."""

PING_MS: Final = 5_000
"""Milliseconds between two pings of a client that is not thrown out for them."""

HELD_UP_SECONDS: Final = 0.05
"""A call or a run that takes longer than this has held up whoever calls for long enough."""

BEHIND_SECONDS: Final = 40e-6
"""How long what is right behind several calls is waited for, awake: a larger burst is a larger
batch (docs/adr/0015)."""

IDLE_SECONDS: Final = 0.1
"""Between two looks at whether the receiving thread is held up, while nothing comes in."""

WAIT_SECONDS: Final = 1.0
"""For one event, until a thread sees whether it is on duty at all."""

DELIVERY_SECONDS: Final = 2.0
"""How long the last answers may take to leave; a caller that does not read is not waited for."""

JOIN_SECONDS: Final = 10.0
_LONG_METADATA: Final = "expected less metadata, received more than max_header_bytes; send less"
EVER: Final = 1e8
"""Seconds until a deadline that means that there is none."""


class GrpcFront:
    """Serves ``methods`` from ``start`` to ``stop``, which belong to one thread.

    ``connections`` learn of the port as it opens.
    """

    def __init__(
        self,
        methods: Sequence[Method],
        options: PortOptions,
        calls: Calls,
        connections: Connections | None = None,
    ) -> None:
        self.calls = calls
        self.options = options
        self.reading = Reading(calls.clock)
        # One connection's share of it is an answer of any size at least.
        least = CONNECTION_SHARE * options.max_message_bytes
        self.outbox = Outbox(max(options.max_unsent_bytes, least))
        self.streams: set[Stream] = set()
        self.places = Places(options.max_in_flight)
        self._methods = {method.path.encode(): method for method in methods}
        self._some_method = methods[0]  # what a fault is logged as that no call can be told of
        # On a single core whoever waits awake keeps away what it waits for.
        self._awake = len(os.sched_getaffinity(0)) > 1
        self._on_duty = Duty(calls.clock)
        self._connections = connections or Connections()
        self.port = 0  # until it listens
        self._started = False
        self._stopping = threading.Event()
        self._shut = threading.Event()

    def start(self) -> int:
        """Listen; returns the port.

        Raises:
            ConfigError: the port cannot be had, or the Unix socket.
        """
        options, limit = self.options, self.options.max_message_bytes
        silence, patience = options.keepalive_ms
        self._core = Core(
            [
                ("grpc.max_receive_message_length", limit),
                ("grpc.max_send_message_length", limit),
                ("grpc.max_metadata_size", options.max_header_bytes),
                ("grpc.absolute_max_metadata_size", options.max_header_bytes),
                # Whoever has vanished without a word is found out, and their calls end. The second
                # bounds how long TCP keeps sending, the third how long a ping is waited for.
                ("grpc.keepalive_time_ms", silence),
                ("grpc.keepalive_timeout_ms", patience),
                ("grpc.http2.ping_timeout_ms", patience),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.min_ping_interval_without_data_ms", PING_MS),
                ("grpc.max_concurrent_streams", MOST_STREAMS),
                ("grpc.http2.max_deallocating_streams", MOST_STREAMS),
                ("grpc.http2.settings_timeout", SETTLING_MS),
                ("grpc.server_handshake_timeout_ms", round(HANDSHAKE_SECONDS * 1000)),
                ("grpc.server.max_pending_requests", WAITING),
                ("grpc.server.max_pending_requests_hard_limit", WAITING),
                # A second server on the port must be an error, not half of the traffic.
                ("grpc.so_reuseport", 0),
                *options.arguments,
            ]
        )
        certificates = options.certificates
        port = self.port = self._core.listen(
            options.address, None if certificates is None else credentials(certificates)
        )
        if not port:
            raise ConfigError(
                f"grpc_port: expected a free port on {options.host}, received {options.port}, "
                "which is in use or not allowed; choose another, or 0 for any free one"
            )
        if options.socket is not None and not self._core.listen(f"unix:{options.socket}", None):
            raise ConfigError(
                "grpc_socket_path: expected a path at which a socket can be made, received "
                f"{options.socket}; name one in a folder that is there and can be written to"
            )
        self._core.start(AHEAD)
        self._started = True
        self._connections.learn()
        self._receive_on_another()
        threading.Thread(target=self._watch, name="grpc-watch", daemon=True).start()
        return port

    def drain(self, seconds: float) -> None:
        """Return once no call waits for its answer, after ``seconds`` at the latest.

        The port stays open meanwhile: health checks are answered, and what still arrives is told by
        its handler to go elsewhere. Closing first would have gRPC cancel calls that no handler has
        seen, with a code that does not say that retrying is safe (grpc/grpc#41785).
        """
        for stream in list(self.streams):
            stream.drain()
        self.calls.drain(seconds)

    def stop(self) -> None:
        """End every call, let their answers leave, and close the port, if it was opened."""
        if not self._started:
            return
        self.calls.end_all()
        for stream in list(self.streams):
            stream.shut()
        until(lambda: not self.outbox and not self.streams, self.calls.clock, DELIVERY_SECONDS)
        self._stopping.set()
        self._core.shut()
        if not self._shut.wait(DELIVERY_SECONDS / 4):
            self._core.cancel_all()
        if self._shut.wait(JOIN_SECONDS):
            self._thread.join(JOIN_SECONDS)
            self._core.destroy(self._on_duty)

    def _receive_on_another(self) -> None:
        """Have a new thread receive, and the one before no more once it comes back."""
        self._on_duty = duty = Duty(self.calls.clock)
        self._thread = threading.Thread(
            target=self._receive, args=(duty,), name="grpc-front", daemon=True
        )
        self._thread.start()

    def _watch(self) -> None:
        """Relieve the receiving thread whenever it is held up, and refuse what takes too long."""
        wait, looked = IDLE_SECONDS, self.calls.clock()
        while not self._stopping.wait(wait):
            duty = self._on_duty
            duty.look()
            if duty.held_up(HELD_UP_SECONDS):
                self._receive_on_another()
                duty.relieve()
            wait = IDLE_SECONDS if duty.idle else HELD_UP_SECONDS / 2
            self.reading.expire()
            if self.calls.clock() - looked >= self.options.keepalive_seconds:
                self.outbox.expire()
                looked = self.calls.clock()

    def _receive(self, duty: Duty) -> None:
        left = shut = False
        duty.begin()
        while self._on_duty is duty and not self._shut.is_set():
            event = self._core.next(0) if left else self._next(duty)
            duty.taken += event is not None
            duty.open()
            try:
                shut = self._hand_in(event, duty)
            except Exception as error:  # noqa: BLE001 - a defect must not end the only receiver
                self.calls.fault(self._some_method, error)
            finally:
                event = None  # one that lives on keeps its call alive
                left = duty.run()
            for call in duty.asked:
                if self.calls.waits(call):
                    watch(call.core, Departure(self.calls, call))
            duty.answered()
            if shut:
                self._shut.set()

    def _next(self, duty: Duty) -> Event | None:
        """The next event, waited for awake where a lone caller is likely to ask again."""
        event = self._look(duty.awake_until) if self._awake else None
        return self._core.next(time.time() + WAIT_SECONDS) if event is None else event

    def _look(self, ends: float) -> Event | None:
        """The next event that is there before ``ends``, waited for awake."""
        clock, poll = self.calls.clock, self._core.next
        while clock() < ends:
            event = poll(0)
            if event is not None:
                return event
        return None

    def _hand_in(self, event: Event | None, duty: Duty) -> bool:
        """Take all that is there; whether the port is shut."""
        poll, number = self._core.next, 0
        while event is not None:
            tag = event.tag
            if tag is ARRIVED:
                if event.success:
                    self._core.ask()
                    self._arrived(event)
            elif tag is SHUT:
                return True
            else:
                tag.event(event, duty)
            number += 1
            if number == BURST or self._on_duty is not duty:
                break
            event = poll(0)
            if event is None and self._awake and len(duty.asked) > 1:
                event = self._look(self.calls.clock() + BEHIND_SECONDS)
        self.reading.limit()
        return False

    def _arrived(self, event: Event) -> None:
        """A call has come, and its message is still to be read."""
        details, metadata, core = event.call_details, event.invocation_metadata, event.call
        method = self._methods.get(details.method)
        if method is None:
            path = details.method[:200].decode("utf-8", "replace")
            words = f"{path} is not served here; server reflection lists what is"
            end(core, Code.UNIMPLEMENTED.value, words, (), UNHEEDED)
            return
        if held(metadata) > self.options.max_header_bytes:
            # Whoever never acknowledges the core's limit is held to one of 16 MiB instead, which a
            # few kilobytes that refer to one long header over and over come to.
            end(core, Code.RESOURCE_EXHAUSTED.value, _LONG_METADATA, (), UNHEEDED)
            return
        now, left = self.calls.clock(), details.deadline - time.time()
        origin = Origin(core, metadata, None if left > EVER else now + left)
        if isinstance(method, UnaryMethod):
            UnaryCall(self, method, origin, now).open()
        elif isinstance(method, DuplexMethod):
            DuplexStream(self, method, origin, now).open()
        else:
            ServerStream(self, method, origin, now).open()
