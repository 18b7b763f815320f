"""The life of the process, top to bottom: listen, load, serve, drain, end."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import resource
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
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
    asked_to_stop = Signals()
    parts = assemble(settings)
    open_grpc = partial(_open_grpc, settings, parts, on_started)
    parts.http.start()
    try:
        if not settings.waits_for_models:
            open_grpc()
    except BaseException:
        parts.http.stop()
        raise
    warn_of_plain_text(settings)
    warn_of_open_control(settings)
    parts.inference.on_change(Garbage(parts.inference.ready).look)
    parts.loop.start()
    parts.watchdog.start()
    if parts.live is not None:
        parts.live.start()
    if settings.waits_for_models:
        asked_to_stop.wait_or(lambda: parts.inference.settled, parts.inference.on_change)
        try:
            if asked_to_stop.received is None:
                open_grpc()
        except BaseException:
            drain(parts, 0.0)
            raise
    received = asked_to_stop.wait()
    log.info("draining", signal=received.name, seconds=settings.drain_seconds)
    drain(parts, settings.drain_seconds)
    log.info("stopped")
    return parts.loop.left_behind


def _open_grpc(
    settings: ServerSettings, parts: Assembly, on_started: Callable[[int, int], None]
) -> None:
    port = parts.grpc.start()
    logs.logger("server").info(
        "listening",
        host=settings.host,
        grpc_port=port,
        http_port=parts.http.port,
        models=str(parts.models),
    )
    on_started(port, parts.http.port)


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
    if parts.live is not None:
        parts.live.stop()
    with ThreadPoolExecutor(2) as both:
        both.submit(parts.grpc.drain, seconds)
        both.submit(parts.http.drain, seconds)
    parts.grpc.stop()
    parts.loop.stop()
    parts.http.stop()


class Signals:
    """What asks the server to end; asked twice, the process ends at once. The main thread's.

    It is waited for at a pipe, into which Python writes on whichever thread a signal arrives. One
    that waits at a lock is not woken by what arrives on another, or just before it begins to wait.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._asked = False
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, self._receive)

    def wait(self) -> signal.Signals:
        """Return once one has come; which."""
        while self.received is None:
            self._look()
        return self.received

    def wait_or(
        self,
        condition: Callable[[], bool],
        on_change: Callable[[Callable[[], None]], Callable[[], None]],
    ) -> None:
        """Return once one has come, or ``condition`` holds, which ``on_change`` tells of."""
        stop = on_change(lambda: self._tell(0))
        while self.received is None and not condition():
            self._look()
        stop()

    def _receive(self, number: int, _frame: object) -> None:
        if self._asked:
            os._exit(128 + number)  # whoever asks twice wants no more waiting
        self._asked = True

    def _tell(self, number: int) -> None:
        with contextlib.suppress(BlockingIOError):  # it is full: whoever reads looks anyway
            os.write(self._write, bytes([number]))

    def _look(self) -> None:
        for number in os.read(self._read, 64):
            if number in SIGNALS and self.received is None:
                self.received = signal.Signals(number)


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
