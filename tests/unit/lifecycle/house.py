"""A repository on a real folder, whose engine loads any version that holds a file ``good``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from horngate.batching.observer import Waiting
from horngate.batching.scheduler import Scheduler
from horngate.errors import ConfigError, LoadError, NoRoom
from horngate.lifecycle.control import Control
from horngate.lifecycle.loop import ReconcileLoop
from horngate.lifecycle.model import LabelNews
from horngate.lifecycle.repository import Repository
from horngate.lifecycle.served import ServedVersion
from horngate.lifecycle.settings import ModelSettings
from horngate.lifecycle.source import Folders, Source
from horngate.lifecycle.status import VersionStatus
from horngate.lifecycle.tasks import Progress, Start
from horngate.servable import Servable
from tests.unit.batching.doubles import (
    DoublingServable,
    ManualClock,
    ManualExecutor,
    Recorder,
)


class Observer:
    def __init__(self) -> None:
        self.statuses: list[VersionStatus] = []
        self.refused: list[str] = []
        self.unreadable = 0
        self.unloaded: list[tuple[str, int]] = []
        self.stuck: list[tuple[str, int, str]] = []
        self.came_back: list[tuple[str, int]] = []
        self.labels: list[LabelNews] = []
        self.lists: list[str] = []

    def version_changed(self, status: VersionStatus) -> None:
        self.statuses.append(status)

    def version_loaded(
        self, model: str, version: int, signatures: Iterable[str], waiting: Callable[[], Waiting]
    ) -> Recorder:
        return Recorder()

    def version_unloaded(self, model: str, version: int) -> None:
        self.unloaded.append((model, version))

    def load_stuck(self, model: str, version: int, step: str, seconds: float) -> None:
        self.stuck.append((model, version, step))

    def load_came_back(self, model: str, version: int, seconds: float) -> None:
        self.came_back.append((model, version))

    def settings_refused(self, model: str, error: Exception) -> None:
        self.refused.append(str(error))

    def label_changed(self, model: str, news: LabelNews) -> None:
        self.labels.append(news)

    def list_refused(self, file: Path, error: Exception) -> None:
        self.lists.append(str(error))

    def folder_unreadable(self, folder: Path, error: Exception) -> None:
        self.unreadable += 1

    def loop_failed(self, error: Exception) -> None:
        raise error


def run_at_once(_: str, run: Callable[[], None]) -> None:
    """A thread that has ended before it begins."""
    run()


def served(
    model: str,
    number: int,
    folder: Path,
    settings: ModelSettings,
    *,
    servable: Servable,
    executor: ManualExecutor,
    alone: Mapping[str, str] | None = None,
) -> ServedVersion:
    """A version whose runs a test begins."""
    clock = ManualClock()
    return ServedVersion(
        model=model,
        number=number,
        folder=folder,
        servable=servable,
        settings=settings,
        scheduler=Scheduler(
            servable, settings.batching, executor, clock, Recorder(), alone=alone or {}
        ),
        executor=executor,
        batching=settings.batching.decided(None),
    )


class House:
    """The parts, and short ways to write versions, look at the disk and ask what became of it."""

    def __init__(
        self,
        root: Path,
        source: Source | None = None,
        start: Start | None = None,
        *,
        at_once: int = 1,
    ) -> None:
        self.root = root
        self.clock = ManualClock()
        self.observer = Observer()
        self.servables: dict[tuple[str, int], DoublingServable] = {}
        self.executors: dict[tuple[str, int], ManualExecutor] = {}
        self.loads: list[tuple[str, int]] = []
        self.settings: dict[str, ModelSettings | ConfigError] = {}
        self.repository = Repository()
        source = source or Folders(root, self.read_settings)
        self.loop = ReconcileLoop(
            self.repository,
            source,
            load=self.load,
            observer=self.observer,
            clock=self.clock,
            at_once=at_once,
            start_task=start or run_at_once,
        )
        self.control = Control(self.loop, self.repository, source)

    def load(
        self,
        model: str,
        number: int,
        folder: Path,
        settings: ModelSettings,
        progress: Progress,
    ) -> ServedVersion:
        self.loads.append((model, number))
        if (folder / "large").exists():
            raise NoRoom("expected a version that fits")
        if not (folder / "good").exists():
            raise LoadError("expected a good version")
        servable = self.servables[model, number] = DoublingServable()
        executor = self.executors[model, number] = ManualExecutor()
        return served(model, number, folder, settings, servable=servable, executor=executor)

    def read_settings(self, path: Path) -> ModelSettings:
        settings = self.settings.get(path.parent.name, ModelSettings())
        if isinstance(settings, ConfigError):
            raise settings
        return settings

    def write(self, model: str, version: int, content: str = "good") -> Path:
        folder = self.root / model / str(version)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / content).write_text(content)
        return folder

    def configure(self, model: str, settings: ModelSettings | ConfigError) -> None:
        self.settings[model] = settings
        path = self.root / model / "model.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(path.read_text() + "#" if path.exists() else "#")

    def look(self, times: int = 2) -> None:
        """Twice by default: what is new must have been quiet for one look."""
        for _ in range(times):
            self.loop.refresh()

    def live(self, model: str = "m") -> tuple[int, ...]:
        return self.repository.live_versions(model)

    def closed(self, version: int, model: str = "m") -> bool:
        return self.servables[model, version].closed

    def state(self, version: int, model: str = "m") -> VersionStatus:
        return self.repository.statuses(model, version)[0]
