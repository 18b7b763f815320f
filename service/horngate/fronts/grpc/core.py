"""gRPC's core as grpcio holds it: the only file that knows its private names.

Below grpcio's servers, which hand over one call at a time, lies a completion queue. It gives every
call and every message that is there, and it takes operations from any thread. What each name is
used for, and what it is replaced by should a newer grpcio change it, is in docs/adr/0014.
``tests/unit/fronts/grpc/test_core_names.py`` fails where one is gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from grpc._cython import cygrpc  # type: ignore[attr-defined]  # an extension, without types

ARRIVED: Final = object()
"""The tag of an event that brings a new call."""

SHUT: Final = object()
"""The tag of the event that says that the port is closed. Ends of calls may come after it."""


Event = Any
"""Of the queue: ``tag``, ``success``; a new call's has ``call``, ``call_details`` (``method``,
``deadline`` in seconds of the Unix time) and ``invocation_metadata``."""


class Tag(Protocol):
    """Of what was asked for, and told when it is there."""

    def event(self, event: Event, duty: Any) -> None:
        """It is there; ``duty`` is what the thread that received it has in hand."""


class _Unheeded:
    def event(self, event: Event, duty: Any) -> None:
        """Nobody waits for it."""


UNHEEDED: Final = _Unheeded()
"""The tag of what nobody waits for."""

_PLAIN: Final = 0
"""No flags."""

_OPENING: Final = cygrpc.SendInitialMetadataOperation(None, _PLAIN)
_OK: Final = cygrpc.SendStatusFromServerOperation(None, 0, b"", _PLAIN)
"""The same for every call: they carry nothing of one, and making them takes a microsecond."""

LAST_SECONDS: Final = 0.05
"""After the last end of a call that was told, until no other is expected."""

DESTROY_SECONDS: Final = 2.0
"""How long giving the queue back may take."""

_COMPLETE: Final = cygrpc.CompletionType.operation_complete
_SHUTDOWN: Final = cygrpc.CompletionType.queue_shutdown

CoreCall = Any
"""A call of the core. It ends where nothing refers to it any more."""

Pairs = Sequence[tuple[str, str | bytes]]


class Core:
    """A gRPC port and its queue. Any thread may call what says no other."""

    def __init__(self, arguments: Sequence[tuple[str, int | str]]) -> None:
        self._queue = cygrpc.CompletionQueue()
        self._server = cygrpc.Server(tuple(arguments), False)
        self._server.register_completion_queue(self._queue)
        self._poll = self._queue.poll
        self._shut = False

    def listen(self, address: str, credentials: Any | None) -> int:
        """Listen on ``address``, host and port; returns the port, 0 where it cannot be had.

        ``credentials`` are a ``grpc.ServerCredentials``, None for plain text.
        """
        try:
            if credentials is None:
                return int(self._server.add_http2_port(address.encode()))
            return int(self._server.add_http2_port(address.encode(), credentials._credentials))  # noqa: SLF001 - grpcio's own server takes them there too
        except RuntimeError:
            return 0

    def start(self, ahead: int) -> None:
        """Begin to take calls, of which ``ahead`` may wait in the queue."""
        self._server.start()
        for _ in range(ahead):
            self.ask()

    def ask(self) -> None:
        """Let one more call come into the queue: asked again for each that has come."""
        try:
            self._server.request_call(self._queue, self._queue, ARRIVED)
        except ValueError:
            if not self._shut:
                raise
            # It was shut a moment ago by another thread: no more will come.

    def next(self, until: float) -> Event | None:
        """The next event; None where there is none by ``until``, in seconds of the Unix time.

        0 looks and does not wait.
        """
        event = self._poll(until)
        return event if event.completion_type == _COMPLETE else None

    def shut(self) -> None:
        """Close the port: clients are told to go elsewhere, calls in flight may end."""
        self._shut = True
        self._server.shutdown(self._queue, SHUT)

    def cancel_all(self) -> None:
        """Cancel the calls in flight of a port that was shut."""
        self._server.cancel_all_calls()

    def destroy(self, duty: Any) -> None:
        """Give all back. ``SHUT`` has come; what is still due, the ends of calls, is told here.

        Bounded: a call that a thread within an engine holds may never be given back.
        """
        while (event := self.next(time.time() + LAST_SECONDS)) is not None:
            if event.tag is not ARRIVED:
                event.tag.event(event, duty)
        self._server.destroy()
        self._queue.shutdown()
        ends = time.time() + DESTROY_SECONDS
        while time.time() < ends and self._poll(ends).completion_type != _SHUTDOWN:
            pass


def peer(call: CoreCall) -> str:
    """GRPC's name of a call's connection: ``ipv4:10.0.0.7:51234``."""
    name: bytes = call.peer()
    return name.decode()


def read(call: CoreCall, tag: object) -> None:
    """Ask for the next message: ``message`` of the event that has ``tag``."""
    call.start_server_batch((cygrpc.ReceiveMessageOperation(_PLAIN),), tag)


def message(event: Event) -> bytes | None:
    """What ``read`` asked for; None where the caller sends no more, or has left."""
    data: bytes | None = event.batch_operations[0].message()
    return data


def watch(call: CoreCall, tag: object) -> None:
    """Ask for the end of a call: ``left`` of the event that has ``tag``."""
    call.start_server_batch((cygrpc.ReceiveCloseOnServerOperation(_PLAIN),), tag)


def left(event: Event) -> bool:
    """Whether the call ended before it was answered: its caller left, or its deadline passed."""
    return bool(event.batch_operations[0].cancelled())


def answer(call: CoreCall, data: bytes, tag: object) -> None:
    """End a call with its only message. The event that has ``tag`` says that it has left."""
    call.start_server_batch(
        (
            _OPENING,
            cygrpc.SendMessageOperation(data, _PLAIN),
            _OK,
        ),
        tag,
    )


def send(call: CoreCall, data: bytes, tag: object, *, first: bool) -> None:
    """Send a message of a stream. One may be under way at a time, until its event comes."""
    operation = cygrpc.SendMessageOperation(data, _PLAIN)
    _start(call, operation, tag, first=first)


def end(
    call: CoreCall, code: int, words: str, trailers: Pairs, tag: object, *, first: bool = True
) -> None:
    """End a call by a status. ``first`` where nothing was sent before."""
    operation = cygrpc.SendStatusFromServerOperation(
        tuple(trailers) or None, code, words.encode("utf-8", "replace"), _PLAIN
    )
    _start(call, operation, tag, first=first)


def _start(call: CoreCall, operation: Any, tag: object, *, first: bool) -> None:
    if first:
        call.start_server_batch((_OPENING, operation), tag)
    else:
        call.start_server_batch((operation,), tag)


def cancel(call: CoreCall) -> None:
    """End a call at once; what it was being told is given up."""
    call.cancel(cygrpc.StatusCode.cancelled, "given up by the server")


def servers(start: int) -> bytes:
    """What channelz tells of the servers in this process, numbered ``start`` and above, in JSON."""
    told: bytes = cygrpc.channelz_get_servers(start)
    return told


def server(number: int) -> bytes | None:
    """What it tells of one; None where there is none of that number, as below."""
    return _told(cygrpc.channelz_get_server, number)


def sockets(server: int, start: int, most: int) -> bytes | None:
    """The connections of a server, numbered ``start`` and above; 0 for ``most`` are all."""
    return _told(cygrpc.channelz_get_server_sockets, server, start, most)


def socket(number: int) -> bytes | None:
    """What it tells of one connection, or of what listens."""
    return _told(cygrpc.channelz_get_socket, number)


def _told(ask: Callable[..., bytes], *numbers: int) -> bytes | None:
    try:
        return ask(*numbers)
    except ValueError:  # of a number that stands for nothing
        return None
