"""The server's process as the trial sees it: its port, its counters, what it uses."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self

import grpc

from benchmarks.native_trial.server import PREFIX

UNLIMITED = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
)


class Usage(NamedTuple):
    """Memory in MiB, and numbers of file descriptors and threads."""

    rss: float
    peak: float
    virtual: float
    fds: int
    threads: int


class Child:
    """One server process; a context that ends it."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "benchmarks.native_trial.server", *arguments]
        self.process = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.port = int(self._read()["port"])
        self.target = f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _read(self) -> dict[str, Any]:
        if self.process.stdout is None or not (line := self.process.stdout.readline()):
            raise RuntimeError(f"expected a line of the server, got its end: {self.process.poll()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def order(self, words: str = "stats") -> dict[str, Any]:
        """Give an order (stats, release, close, stop fallback) and return the counters after it."""
        if self.process.stdin is None:
            raise RuntimeError("expected a pipe to the server, got none")
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()
        return self._read()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    def usage(self) -> Usage:
        """Read /proc."""
        root = Path("/proc", str(self.process.pid))
        status = dict(
            line.split(":", 1) for line in root.joinpath("status").read_text().splitlines()
        )
        mib = [int(status[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM", "VmSize")]
        fds = len(list(root.joinpath("fd").iterdir()))
        return Usage(
            round(mib[0], 1), round(mib[1], 1), round(mib[2], 1), fds, int(status["Threads"])
        )

    def forget_peak(self) -> None:
        """Let ``Usage.peak`` start from now."""
        Path("/proc", str(self.process.pid), "clear_refs").write_text("5")

    def wait_for(self, done: Callable[[], bool], seconds: float = 10.0) -> bool:
        """Ask until it is so; false when the time ran out."""
        end = time.monotonic() + seconds
        while not (held := done()) and time.monotonic() < end:
            time.sleep(0.05)
        return held

    def channel(self) -> Any:  # grpc's types know no call without serializers
        """Return a channel of its own connection, with no limit on messages."""
        return grpc.insecure_channel(self.target, options=UNLIMITED)

    def call(self, method: str, request: bytes, **options: Any) -> bytes:
        """Make one call on a connection of its own."""
        path = method if method.startswith("/") else PREFIX + method
        with self.channel() as channel:
            answer: bytes = channel.unary_unary(path)(request, **{"timeout": 60, **options})
        return answer

    def status(self, method: str, request: bytes, **options: Any) -> str:
        """Return the name of the status that a call ends with."""
        try:
            self.call(method, request, **options)
        except grpc.RpcError as error:
            return str(error.code().name)
        return "OK"
