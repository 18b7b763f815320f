"""The life of the process, top to bottom: listen, load, serve, drain, end."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import queue
import resource
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from horngate.config.server import ServerSettings
from horngate.fronts.options import is_loopback
from horngate.server.assembly import Assembly, assemble
from horngate.telemetry import logs

SIGNALS = (signal.SIGTERM, signal.SIGINT)

_ARENA_MAX: Final = -8
"""M_ARENA_MAX of glibc's ``malloc.h``."""

TURN_SECONDS: Final = 0.001
"""How long a thread keeps Python's lock while another waits for it, five times less than Python has
it: while two large answers were encoded, others' p50 was 9 ms with that, and 2 ms with this."""


def serve(
    settings: ServerSettings, *, on_started: Callable[[int, int], None] = lambda *_: None
) -> bool:
    """Serve until SIGTERM or SIGINT, then drain; a second signal ends the process at once.

    The HTTP port answers before the first model is loaded: readiness says when there is something
    to serve. So does the gRPC port, unless ``settings`` have it wait for the models.

    Args:
        settings: what to serve and where.
        on_started: told the gRPC and the HTTP port once both listen.

    Returns:
        Whether a thread was left behind that does not come back from an engine or a disk. The
        process is to end without waiting for it.

    Raises:
        ConfigError: a port cannot be had. Nothing is left running then.
    """
    log = logs.logger("server")
    _allow_many_connections()
    _share_freed_memory()
    sys.setswitchinterval(TURN_SECONDS)
    asked_to_stop = _watch_signals()
    parts = assemble(settings)
    try:
        grpc_port = 0 if settings.waits_for_models else parts.grpc.start()
    except BaseException:
        parts.http.stop()
        raise
    parts.http.start()
    if grpc_port:
        _log_ports(settings, parts, grpc_port)
    warn_of_plain_text(settings)
    warn_of_open_control(settings)
    parts.inference.on_change(Garbage(parts.inference.ready).look)
    parts.loop.start()
    parts.watchdog.start()
    received = None if grpc_port else _settled(parts, asked_to_stop)
    if received is None:
        if not grpc_port:
            try:
                grpc_port = parts.grpc.start()
            except BaseException:
                drain(parts, 0.0)
                raise
            _log_ports(settings, parts, grpc_port)
        on_started(grpc_port, parts.http.port)
    while received is None:
        received = asked_to_stop.get()
    log.info("draining", signal=received.name, seconds=settings.drain_seconds)
    drain(parts, settings.drain_seconds)
    log.info("stopped")
    return parts.loop.left_behind


def _log_ports(settings: ServerSettings, parts: Assembly, grpc_port: int) -> None:
    logs.logger("server").info(
        "listening",
        host=settings.host,
        grpc_port=grpc_port,
        http_port=parts.http.port,
        models=str(parts.models),
    )


def _settled(
    parts: Assembly, asked_to_stop: queue.SimpleQueue[signal.Signals | None]
) -> signal.Signals | None:
    """Wait until the models that were there are loaded or have failed; the signal that came first.

    None for none.
    """
    stop = parts.inference.on_change(lambda: asked_to_stop.put(None))
    received: signal.Signals | None = None
    while received is None and not parts.inference.settled:
        received = asked_to_stop.get()
    stop()
    return received


def warn_of_plain_text(settings: ServerSettings) -> None:
    """Log a warning where other machines reach the ports and nothing hides what passes."""
    if settings.tls is None and not is_loopback(settings.host):
        tokens = "" if settings.tokens_file is None else ", tokens included"
        logs.logger("server").warning(
            "plain text on an open port",
            host=settings.host,
            reason=f"whoever is on the way reads and changes all that passes{tokens}",
            remedy="set tls_cert and tls_key, or let a proxy on this machine end TLS",
        )


def warn_of_open_control(settings: ServerSettings) -> None:
    """Log a warning where whoever reaches an open port may change the server."""
    opened = [
        flag
        for flag, given in (
            ("allow_control", settings.allow_control),
            ("allow_shared_memory", settings.allow_shared_memory),
            ("model_control_mode = explicit", settings.model_control_mode == "explicit"),
        )
        if given
    ]
    if opened and settings.tokens_file is None and not is_loopback(settings.host):
        logs.logger("server").warning(
            "everybody may change the server",
            host=settings.host,
            reason=f"{', '.join(opened)} without tokens",
            remedy="set tokens_file, and give a token with admin = true to whoever should",
        )


def _allow_many_connections() -> None:
    """Each connection takes a handle; systems give a process far fewer than they could."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # fewer, then: nothing depends on it
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _share_freed_memory() -> None:
    """Have threads allocate from as few arenas as there are cores.

    glibc makes eight times as many, and each keeps what was freed in it: after a crowd of large
    messages a server kept gigabytes of which nothing was in use.
    """
    with contextlib.suppress(AttributeError, OSError):  # another library, which has none
        ctypes.CDLL(None).mallopt(_ARENA_MAX, max(2, len(os.sched_getaffinity(0))))


def drain(parts: Assembly, seconds: float) -> None:
    """Say not ready, take no new requests, let running ones finish, give everything back.

    Running requests may take ``seconds``; what runs longer is cancelled.
    """
    parts.inference.begin_drain()
    parts.watchdog.stop()
    with ThreadPoolExecutor(2) as both:
        both.submit(parts.grpc.drain, seconds)
        both.submit(parts.http.drain, seconds)
    parts.grpc.stop()
    parts.loop.stop()
    parts.http.stop()


def _watch_signals() -> queue.SimpleQueue[signal.Signals | None]:
    asked: queue.SimpleQueue[signal.Signals | None] = queue.SimpleQueue()
    received: list[int] = []

    def receive(number: int, _frame: object) -> None:
        if received:
            os._exit(128 + number)  # whoever asks twice wants no more waiting
        received.append(number)
        asked.put(signal.Signals(number))

    for number in SIGNALS:
        signal.signal(number, receive)
    return asked


YOUNG: Final = 20_000
"""Objects made and not given back before the collector looks at the newest: a burst of requests
makes some thousands and gives all of them back."""


class Garbage:
    """Python's garbage collector, told to leave alone what lives as long as the server does.

    It looks at every object that holds others, again and again as requests come and go: a twelfth
    of the time of a busy server. What is there when the server is ready for the first time is not
    looked at any more; versions that come later are, and what they leave in circles is given back.

    ``look`` is called whenever ``ready`` may have changed, by one thread.
    """

    def __init__(self, ready: Callable[[], bool]) -> None:
        self._ready = ready
        self._settled = False
        gc.set_threshold(YOUNG, 20, 20)

    def look(self) -> None:
        """Leave alone what is there, once: later it would hold up whoever calls."""
        if not self._settled and self._ready():
            self._settled = True
            gc.collect()
            gc.freeze()
