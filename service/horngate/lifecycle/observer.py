"""What the repository tells of itself, to whoever keeps figures and logs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from horngate.batching.observer import BatchObserver, Waiting
from horngate.lifecycle.model import LabelNews
from horngate.lifecycle.status import VersionStatus


class RepositoryObserver(Protocol):
    """Told from the loop's thread, ``version_loaded`` from the loads'; must not raise."""

    def version_changed(self, status: VersionStatus) -> None:
        """A version came into a new state."""

    def version_loaded(
        self, model: str, version: int, signatures: Iterable[str], waiting: Callable[[], Waiting]
    ) -> BatchObserver:
        """A version is about to go live; the answer is told of its batches.

        Series for it may be made from here on, and from here only: names come from models that
        loaded, never from a client.
        """

    def version_unloaded(self, model: str, version: int) -> None:
        """The version is gone and so should be its series."""

    def load_stuck(self, model: str, version: int, step: str, seconds: float) -> None:
        """Loading or closing a version, or reading settings (version 0), does not come back.

        Nothing waits for it any more, but its thread is left, and may compute for ever.
        """

    def load_came_back(self, model: str, version: int, seconds: float) -> None:
        """What had been given up came back after all; it was turned away."""

    def settings_refused(self, model: str, error: Exception) -> None:
        """``model.toml`` cannot be used; what was live stays live under the old settings."""

    def label_changed(self, model: str, news: LabelNews) -> None:
        """A label means another version, or misses the one that it should mean."""

    def list_refused(self, file: Path, error: Exception) -> None:
        """A changed list of models cannot be used; the old one stays in use."""

    def folder_unreadable(self, folder: Path, error: Exception) -> None:
        """A model's folder or the whole repository cannot be read; what is live stays live."""

    def loop_failed(self, error: Exception) -> None:
        """A look ended in an error that nobody designed; the next look is taken all the same."""
