"""One version of a model: all that the server knows of it, and its one state."""

from __future__ import annotations

from typing import NamedTuple

from horngate.lifecycle.served import ServedVersion
from horngate.lifecycle.settings import ModelSettings
from horngate.lifecycle.status import State, VersionStatus
from horngate.lifecycle.tasks import Task
from horngate.store.snapshot import Fingerprint


class Loading(NamedTuple):
    """A load under way: its task, and of what files and under which settings it loads."""

    task: Task
    fingerprint: Fingerprint
    settings: ModelSettings


class LoadFailure(NamedTuple):
    """What did not load: its fingerprint, and whether it was for want of room alone."""

    fingerprint: Fingerprint
    no_room: bool


class Version:
    """From the first look at it until it is forgotten. The reconciler's, but for ``status``.

    Attributes:
        status: what readers are told of it, its state with it; replaced whole, and read by any
            thread.
        served: what takes its requests; None while it is not live.
        loaded: what its files were as that was loaded.
        loading: a load under way, of its first ``served`` or of one that is to replace it; None
            where there is none, or nobody waits for it any more.
        failed: why it is not tried again as things are; it may be live from earlier files.
    """

    __slots__ = ("failed", "loaded", "loading", "served", "status")

    def __init__(self, model: str, number: int) -> None:
        self.status = VersionStatus(model, number, State.START)
        self.served: ServedVersion | None = None
        self.loaded: Fingerprint | None = None
        self.loading: Loading | None = None
        self.failed: LoadFailure | None = None

    @property
    def number(self) -> int:
        """Its number."""
        return self.status.version

    @property
    def state(self) -> State:
        """Where it stands."""
        return self.status.state

    @property
    def over(self) -> bool:
        """Whether it has come and gone, and nothing went wrong."""
        return self.state is State.END and not self.status.error
