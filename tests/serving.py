"""A real server process for tests: started on free loopback ports, ended by its process id."""

from __future__ import annotations

import json
import os
import queue
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.error import HTTPError

START_SECONDS = 60


class Reply(NamedTuple):
    """What the HTTP port answers."""

    status: int
    text: str
    headers: dict[str, str]


class RunningServer:
    """``horngate serve`` in a process of its own. Its log lines are kept, parsed.

    ``before`` is a command that runs the server as its own process, ``environment`` what takes the
    place of this process's. As a context it ends with the block, and has to end as it should.
    """

    def __init__(
        self,
        models: Path,
        *flags: str,
        ready: bool = True,
        before: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.models = models
        self.log: list[dict[str, Any]] = []
        self._lines: queue.Queue[dict[str, Any]] = queue.Queue()
        command = [*before, sys.executable, "-m", "horngate", "serve", "--models", str(models)]
        ports = ["--grpc-port", "0", "--http-port", "0", "--log-format", "json"]
        self.process = subprocess.Popen(
            [*command, *ports, "--poll-seconds", "0.1", *flags],
            stderr=subprocess.PIPE,
            text=True,
            env={**(environment or os.environ), "CUDA_VISIBLE_DEVICES": ""},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            listening = self.wait_for_log("listening")
            self.grpc_port: int = listening["grpc_port"]
            self.http_port: int = listening["http_port"]
            self.address = f"127.0.0.1:{self.grpc_port}"
            if ready:
                wait_until(lambda: self.http("/readyz")[0] == 200, "the server to be ready")
        except BaseException:
            self.stop(signal.SIGKILL)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.stop() == 0

    def http(self, path: str) -> tuple[int, str]:
        """Status and body of a GET on the HTTP port."""
        return self.rest(path)[:2]

    def rest(
        self,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """The answer to a GET, or to a POST of ``body``: bytes as they are, all else as JSON."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        shown = {} if token is None else {"Authorization": f"Bearer {token}"}
        url = f"http://127.0.0.1:{self.http_port}{path}"
        request = urllib.request.Request(url, data, {**shown, **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310 - http, as above
                return Reply(reply.status, reply.read().decode(), dict(reply.headers))
        except HTTPError as error:
            return Reply(error.code, error.read().decode(), dict(error.headers))

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that carry ``labels``."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(
            float(line.rpartition(" ")[2])
            for line in self.http("/metrics")[1].splitlines()
            if line.partition("{")[0].partition(" ")[0] == name
            and all(label in line for label in wanted)
        )

    def wait_for_log(self, event: str, **fields: object) -> dict[str, Any]:
        """The next log line of ``event`` with ``fields``, from those not yet waited for."""
        ends = time.monotonic() + START_SECONDS
        while time.monotonic() < ends:
            try:
                line = self._lines.get(timeout=0.2)
            except queue.Empty:
                if self.process.poll() is not None:
                    break
                continue
            if line.get("event") == event and fields.items() <= line.items():
                return line
        raise AssertionError(f"no log line {event!r} {fields}; the log is {self.log}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal the process and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """The exit status of a process that was told to end."""
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self._reader.join(10)
            if self.process.stderr is not None:
                self.process.stderr.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for text in self.process.stderr:
            try:
                line = json.loads(text)
            except ValueError:
                line = {"event": text.rstrip()}  # TensorFlow's own notices
            self.log.append(line)
            self._lines.put(line)


def serve(*flags: str) -> subprocess.CompletedProcess[str]:
    """``horngate serve`` that has to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "horngate", "serve", *flags],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Held:
    """What a server process holds."""

    def __init__(self, server: RunningServer) -> None:
        self._proc = Path("/proc", str(server.process.pid))

    def handles(self) -> int:
        return sum(1 for _ in (self._proc / "fd").iterdir())

    def threads(self) -> int:
        return sum(1 for _ in (self._proc / "task").iterdir())

    def resident(self) -> int:
        pages = int((self._proc / "statm").read_text().split()[1])
        return pages * resource.getpagesize() >> 20


def put(
    version: Path, place: Path, change: Callable[[Path], object] = lambda folder: folder
) -> None:
    """Copy a version's folder to ``place`` as publishing does: whole, or not at all.

    ``change`` is called with the copy before it is there.
    """
    staging = place.with_name("staging")
    shutil.copytree(version, staging)
    change(staging)
    staging.rename(place)


def tokens_file(folder: Path, tokens: str) -> tuple[str, str]:
    """The flags of a server that knows ``tokens``, written into ``folder``."""
    path = folder / "tokens.toml"
    path.write_text(tokens)
    return "--tokens-file", str(path)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    """Return once ``condition`` holds."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, f"waited {seconds} s for {what}"
        time.sleep(0.02)
