"""A house in which every look, load and closing takes as long as a test likes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from horngate.lifecycle.served import ServedVersion
from horngate.lifecycle.settings import ModelSettings
from horngate.lifecycle.source import Folders, OnRequest
from horngate.lifecycle.tasks import Progress
from tests.unit.lifecycle.house import House


class Threads:
    """Threads that a test lets run, one task at a time, in whichever order.

    The second of a name that is there already has a stroke behind it.
    """

    def __init__(self) -> None:
        self.waiting: dict[str, Callable[[], None]] = {}
        self.refuses = False

    def __call__(self, name: str, run: Callable[[], None]) -> None:
        if self.refuses:
            raise RuntimeError("can't start new thread")
        while name in self.waiting:
            name += "'"
        self.waiting[name] = run

    def end(self, name: str) -> None:
        """Let the thread ``name`` do its work."""
        self.waiting.pop(name)()


class SlowHouse(House):
    """Its threads end when a test says so: with ``end``, or all but some with ``work``."""

    def __init__(self, root: Path, *, on_request: bool = False, cores: int = 8) -> None:
        self.threads = Threads()
        self.errors: dict[tuple[str, int], Exception] = {}
        self.loaded: list[ServedVersion] = []
        source = OnRequest(Folders(root, self.read_settings)) if on_request else None
        super().__init__(root, source, self.threads, at_once=cores)

    def load(
        self,
        model: str,
        number: int,
        folder: Path,
        settings: ModelSettings,
        progress: Progress,
    ) -> ServedVersion:
        progress.reach("warm-up")
        error = self.errors.pop((model, number), None)
        if error is not None:
            raise error
        version = super().load(model, number, folder, settings, progress)
        progress.end()
        self.loaded.append(version)
        return version

    @property
    def running(self) -> set[str]:
        return set(self.threads.waiting)

    def begin_look(self) -> None:
        """Begin a look, which ends with ``work``."""
        self.loop.refresh()

    def work(self, *held: str) -> None:
        """Let every thread run that is not ``held``, until none is left."""
        self.loop.turn()
        while names := sorted(self.running.difference(held)):
            self.threads.end(names[0])
            self.loop.turn()

    def see(self, *held: str, times: int = 2) -> None:
        """Look at the disk, and let all follow from it but what is ``held``."""
        for _ in range(times):
            self.begin_look()
            self.work(*held)

    def end(self, name: str) -> None:
        self.threads.end(name)
        self.loop.turn()

    def end_closings(self) -> None:
        for name in self.running:
            if name.startswith("close"):
                self.threads.end(name)

    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        self.loop.turn()
