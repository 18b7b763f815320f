"""What a process holds, twice a second, read from /proc."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Final, NamedTuple

EVERY: Final = 0.5
PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Sample(NamedTuple):
    """Seconds since the beginning, the phase, MiB resident, open handles, threads."""

    at: float
    phase: str
    resident: float
    handles: int
    threads: int


class Sampler:
    """Samples ``pid`` until it is stopped. ``phase`` may be set by any thread."""

    def __init__(self, pid: int) -> None:
        self.phase = ""
        self.samples: list[Sample] = []
        self._proc = Path("/proc", str(pid))
        self._began = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_looking, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Sample no more."""
        self._stop.set()
        self._thread.join()

    def _keep_looking(self) -> None:
        while not self._stop.wait(EVERY):
            try:
                self.samples.append(self._look())
            except OSError:
                return  # it has ended

    def _look(self) -> Sample:
        resident = int((self._proc / "statm").read_text(encoding="ascii").split()[1]) * PAGE
        return Sample(
            time.monotonic() - self._began,
            self.phase,
            resident / 2**20,
            _entries(self._proc / "fd"),
            _entries(self._proc / "task"),
        )


def _entries(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir())
