"""A child process that is spoken to in lines: orders on stdin, JSON or a log as the answer."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

START_SECONDS = 180.0
STOP_SECONDS = 30.0


class ChildFailed(RuntimeError):
    """A process ended, or said nothing in time."""


class Child:
    """One process, ended by its id. For one thread."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        log: bool = False,
    ) -> None:
        """Start ``command``. Its stdout is read; with ``log``, its stderr instead."""
        pipe, quiet = subprocess.PIPE, subprocess.DEVNULL
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            list(command),
            stdin=pipe,
            stdout=quiet if log else pipe,
            stderr=pipe if log else quiet,
            env=env,
            text=True,
            errors="replace",
        )
        self._stream = self.process.stderr if log else self.process.stdout
        self._lines: queue.Queue[str | None] = queue.Queue()
        # A thread, so that a pipe never fills while nobody asks.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    def line(self, seconds: float = START_SECONDS) -> str:
        """Its next line.

        Raises:
            ChildFailed: it ended, or said nothing for ``seconds``.
        """
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            raise ChildFailed(f"it said nothing for {seconds:.0f} s") from None
        if line is None:
            raise ChildFailed(f"it ended with status {self.process.wait(STOP_SECONDS)}")
        return line

    def answer(self, seconds: float = START_SECONDS) -> dict[str, Any]:
        """The next line as a JSON object."""
        answer: dict[str, Any] = json.loads(self.line(seconds))
        return answer

    def ask(self, order: str) -> dict[str, Any]:
        """Write a line, and read the JSON object that answers it."""
        if self.process.stdin is None or not self.alive:
            raise ChildFailed(f"it ended with status {self.process.poll()}")
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        return self.answer()

    def stop(self) -> None:
        """End it and wait; kill it where it does not end."""
        if self.alive:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(STOP_SECONDS)
        for pipe in (self.process.stdin, self._stream):
            if pipe is not None:
                pipe.close()

    def _read(self) -> None:
        for line in self._stream or ():
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)


def python(module: str, *arguments: str | Path) -> list[str | Path]:
    """The command that runs ``module`` on this interpreter."""
    return [sys.executable, "-m", module, *arguments]
