"""One model's versions as the server holds them, each with its one state; what is live of them.

Written by the loop's thread only; readers see whole mappings that are replaced, never changed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from horngate.lifecycle.served import ServedVersion
from horngate.lifecycle.settings import ModelSettings
from horngate.lifecycle.status import State, VersionStatus
from horngate.lifecycle.tasks import Task
from horngate.store.snapshot import Fingerprint, ModelFolder


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


ENDED_KEPT: Final = 5
"""How many unloaded versions a model remembers; failed ones stay while they are on disk."""


class LabelNews(NamedTuple):
    """A label that means another version than before; None for no version.

    ``wanted`` is the version that it should mean and does not, since that is not live.
    """

    label: str
    before: int | None
    now: int | None
    wanted: int | None


@dataclass
class Model:
    """A model that the repository holds.

    Attributes:
        versions: every version known, by number.
        live: what takes requests, by number.
        newest: the highest of them, what a request without a version gets.
        labelled: those of them that a label means, by label.
        folder: what the last look found.
        quiet: the versions that nobody was writing to then.
        reading: the task that reads its settings, while nothing is moved.
        at_rest: whether all was tried that the last look asks for.
        essential: present when the server started, so that readiness waits for it.
        told_labels: of each label the version that was told to be meant, and to be missing.
    """

    name: str
    essential: bool
    settings: ModelSettings | None = None
    settings_stamp: object = None
    versions: Mapping[int, Version] = field(default_factory=dict)
    live: Mapping[int, ServedVersion] = field(default_factory=dict)
    newest: ServedVersion | None = None
    labelled: Mapping[str, ServedVersion] = field(default_factory=dict)
    folder: ModelFolder | None = None
    quiet: frozenset[int] = frozenset()
    reading: Task | None = None
    at_rest: bool = False
    told_labels: Mapping[str, tuple[int | None, int | None]] = field(default_factory=dict)

    @property
    def statuses(self) -> list[VersionStatus]:
        """What is known of each version, newest first. Any thread."""
        statuses = [version.status for version in self.versions.values()]
        known = [status for status in statuses if status.state is not State.START]
        return sorted(known, key=lambda status: -status.version)

    def loads(self) -> Iterator[tuple[Version, Loading]]:
        """The versions of which a load is under way."""
        for version in list(self.versions.values()):
            if version.loading is not None:
                yield version, version.loading

    def failures(self) -> Iterator[tuple[Version, LoadFailure]]:
        """The versions that did not load, and are not tried again as things are."""
        for version in list(self.versions.values()):
            if version.failed is not None:
                yield version, version.failed

    def failed(self, number: int) -> bool:
        """Whether ``number`` is one of them."""
        version = self.versions.get(number)
        return version is not None and version.failed is not None

    def loaded(self, number: int) -> Fingerprint | None:
        """What the files of ``number`` were as it was loaded; None where it is not live."""
        version = self.versions.get(number)
        return None if version is None else version.loaded

    def version(self, number: int) -> Version:
        """The version ``number``, held from now on."""
        version = self.versions.get(number)
        if version is None:
            version = Version(self.name, number)
            self.versions = {**self.versions, number: version}
        return version

    def put_live(self, version: Version, served: ServedVersion, loaded: Fingerprint) -> None:
        """Make ``served`` take the requests for ``version`` from now on."""
        version.served, version.loaded = served, loaded
        self._replace_live({**self.live, version.number: served})

    def drop_live(self, version: Version) -> None:
        """Let ``version`` take no more requests."""
        version.served = version.loaded = None
        number = version.number
        self._replace_live({key: value for key, value in self.live.items() if key != number})

    def change(self, version: Version, state: State, **changes: object) -> None:
        """Move ``version`` to ``state``, forgetting the oldest of too many that are over."""
        if state is not version.state:
            changes["since"] = time.time()  # for people: nothing is decided by it
        version.status = replace(version.status, state=state, **changes)  # type: ignore[arg-type]  # its fields
        over = sorted(number for number, each in self.versions.items() if each.over)
        self._forget(over[:-ENDED_KEPT])

    def forget_failure(self, version: Version) -> None:
        """What made it fail has changed: it may be tried again."""
        version.failed = None
        if version.state is State.END:
            self._forget([version.number])

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

    def label_news(self) -> list[LabelNews]:
        """What was not told yet of what labels mean, or cannot mean where the model is at rest."""
        wanted = {} if self.settings is None else self.settings.versions.labels
        now: dict[str, tuple[int | None, int | None]] = {}
        news: list[LabelNews] = []
        for label in sorted({*wanted, *self.told_labels}):
            before, waited = self.told_labels.get(label, (None, None))
            served = self.labelled.get(label)
            means = None if served is None else served.number
            misses = waited
            if self.at_rest:
                misses = wanted.get(label) if wanted.get(label) != means else None
            now[label] = (means, misses)
            if means != before or (misses is not None and misses != waited):
                news.append(LabelNews(label, before, means, misses))
        self.told_labels = {label: told for label, told in now.items() if label in wanted}
        return news

    def _replace_live(self, live: dict[int, ServedVersion]) -> None:
        self.live = live
        self.newest = live[max(live)] if live else None
        self.relabel()

    def _forget(self, numbers: list[int]) -> None:
        if numbers:
            self.versions = {
                number: version
                for number, version in self.versions.items()
                if number not in numbers
            }
