"""One model's versions as the server holds them: what is live, and what became of the rest.

Written by the keeper's thread only; readers see whole mappings that are replaced, never changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from horngate.lifecycle.served import ServedVersion
from horngate.lifecycle.settings import ModelSettings
from horngate.lifecycle.status import State, VersionStatus
from horngate.lifecycle.tasks import Task
from horngate.store.snapshot import Fingerprint, ModelFolder

ENDED_KEPT: Final = 5
"""How many unloaded versions a model remembers; failed ones stay while they are on disk."""


class Loading(NamedTuple):
    """A load under way: its task, and of what files and under which settings it loads."""

    task: Task
    fingerprint: Fingerprint
    settings: ModelSettings


class Failure(NamedTuple):
    """What did not load: its fingerprint, and whether it was for want of room alone."""

    fingerprint: Fingerprint
    no_room: bool


@dataclass
class Model:
    """A model that the repository holds.

    Attributes:
        live: versions that take requests, by number.
        newest: the highest of them, what a request without a version gets.
        labelled: those of them that a label means, by label.
        statuses: every version known, by number.
        failed: versions that did not load, and are not tried again as things are.
        folder: what the last look found.
        quiet: the versions that nobody was writing to then.
        reading: the task that reads its settings, while nothing is moved.
        loading: what is being loaded, by version; not what was given up.
        at_rest: whether all was tried that the last look asks for.
        loaded: what each live version's was as it was loaded.
        essential: present when the server started, so that readiness waits for it.
    """

    name: str
    essential: bool
    settings: ModelSettings | None = None
    settings_stamp: object = None
    live: Mapping[int, ServedVersion] = field(default_factory=dict)
    newest: ServedVersion | None = None
    labelled: Mapping[str, ServedVersion] = field(default_factory=dict)
    statuses: Mapping[int, VersionStatus] = field(default_factory=dict)
    failed: dict[int, Failure] = field(default_factory=dict)
    folder: ModelFolder | None = None
    quiet: frozenset[int] = frozenset()
    reading: Task | None = None
    loading: dict[int, Loading] = field(default_factory=dict)
    at_rest: bool = False
    loaded: dict[int, Fingerprint] = field(default_factory=dict)

    def put_live(self, version: ServedVersion) -> None:
        """Make ``version`` take requests from now on."""
        self._replace_live({**self.live, version.number: version})

    def drop_live(self, number: int) -> None:
        """Let ``number`` take no more requests."""
        self.loaded.pop(number, None)
        self._replace_live({key: value for key, value in self.live.items() if key != number})

    def set_status(self, status: VersionStatus) -> None:
        """Remember ``status``, forgetting the oldest of too many ended versions."""
        statuses = {**self.statuses, status.version: status}
        ended = sorted(
            number
            for number, known in statuses.items()
            if known.state is State.END and not known.error
        )
        for number in ended[:-ENDED_KEPT]:
            del statuses[number]
        self.statuses = statuses

    def forget_failure(self, number: int) -> None:
        """What made it fail has changed: it may be tried again."""
        self.failed.pop(number, None)
        status = self.statuses.get(number)
        if status is not None and status.state is State.END:
            self.statuses = {key: value for key, value in self.statuses.items() if key != number}

    def status_of(self, number: int) -> VersionStatus:
        """What is known of ``number``; a fresh status where nothing is."""
        return self.statuses.get(number) or VersionStatus(self.name, number, State.START)

    def changed_status(self, number: int, state: State, **changes: object) -> VersionStatus:
        """The status of ``number`` in ``state``, remembered."""
        status = replace(self.status_of(number), state=state, **changes)  # type: ignore[arg-type]  # its fields
        self.set_status(status)
        return status

    def _replace_live(self, live: dict[int, ServedVersion]) -> None:
        self.live = live
        self.newest = live[max(live)] if live else None
        self.relabel()

    def relabel(self) -> None:
        """Let each label mean its version if that is live, else the live one that it meant."""
        wanted = {} if self.settings is None else self.settings.versions.labels
        meant = {label: version.number for label, version in self.labelled.items()}
        labelled: dict[str, ServedVersion] = {}
        for label, number in wanted.items():
            found = self.live.get(number) or self.live.get(meant.get(label, -1))
            if found is not None:
                labelled[label] = found
        self.labelled = labelled
