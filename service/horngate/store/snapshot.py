"""One look at the disk: which models and versions are there, and whether they changed.

A fingerprint is made of names, sizes and times of modification. Two equal ones a poll apart say
that nobody is writing any more. A look follows no link below a model's folder, takes in so many
files and no more, and nothing about one version hides another: what is wrong with a version is said
when it is loaded.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from horngate.errors import LoadError
from horngate.store.files import MOST_ENTRIES, walk
from horngate.store.layout import SETTINGS_FILE, TRITON_FILE, TRITON_WARM_UP, version_folders

Fingerprint: TypeAlias = frozenset[tuple[str, int, int]]
"""(path within the folder, size in bytes, time of modification in ns) of every file."""

MOST_LOOKED_AT: Final = 5 * MOST_ENTRIES
"""Files of a model that one look takes in, those of its newest versions first. Of the versions
after that only the time of the folder itself is known."""


@dataclass(frozen=True, slots=True)
class VersionFolder:
    """A version on disk."""

    path: Path
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model on disk: its folder, its versions by number, and its settings' ``stamp``.

    The stamp differs when the settings have to be read again.
    """

    name: str
    path: Path
    stamp: object
    versions: dict[int, VersionFolder]


class Unreadable(NamedTuple):
    """A model's folder that could not be read."""

    path: Path
    error: OSError


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one look found.

    ``models`` are those with a version or settings, by name; ``unreadable`` those whose folder
    could not be read; ``empty`` the names of the rest. ``others`` could be served and are not asked
    for. Where ``only`` is given, what is not in it is to be served no longer. ``refused`` is why
    what says so could not be read again.
    """

    models: dict[str, ModelFolder] = field(default_factory=dict)
    unreadable: dict[str, Unreadable] = field(default_factory=dict)
    empty: set[str] = field(default_factory=set)
    others: frozenset[str] = frozenset()
    only: frozenset[str] | None = None
    refused: tuple[Exception, ...] = ()

    def add(self, name: str, path: Path, settings: object = None) -> None:
        """Look at a model's folder; its settings are also read anew when ``settings`` differ."""
        try:
            versions = _versions(path)
            file = stamp(path / SETTINGS_FILE, follow=False) | _of_triton(path)
        except OSError as error:
            self.unreadable[name] = Unreadable(path, error)
            return
        if versions or file:
            self.models[name] = ModelFolder(name, path, (file, settings), versions)
        else:
            self.empty.add(name)


def _versions(model: Path) -> dict[int, VersionFolder]:
    left = MOST_LOOKED_AT
    versions: dict[int, VersionFolder] = {}
    for number, folder in sorted(version_folders(model).items(), reverse=True):
        found = fingerprint(folder, min(left, MOST_ENTRIES))
        left = max(0, left - len(found))
        versions[number] = VersionFolder(folder, found)
    return dict(sorted(versions.items()))


def fingerprint(folder: Path, most: int = MOST_ENTRIES) -> Fingerprint:
    """The fingerprint of the files below ``folder``, of the first ``most`` of them.

    A file that vanishes meanwhile is left out. What is no file, or cannot be read, is part of it
    with the reason.
    """
    files: set[tuple[str, int, int]] = set()
    try:
        for name, size, modified, wrong in walk(folder, most):
            files.add((f"{name}: {wrong}" if wrong else name, size, modified))
    except LoadError as error:
        return frozenset({(str(error), 0, 0)} | _of_folder(folder))
    return frozenset(files if len(files) < most else files | _of_folder(folder))


def _of_triton(model: Path) -> Fingerprint:
    """Of the ``config.pbtxt``, and of the files that it may name: of labels, and to warm up with.

    Raises:
        OSError: they cannot be looked at.
    """
    found = set(stamp(model / TRITON_FILE, follow=False))
    if found:
        with os.scandir(model) as entries:
            for entry in itertools.islice(entries, MOST_ENTRIES):
                if entry.is_file(follow_symlinks=False):
                    found |= stamp(model / entry.name, follow=False)
        found |= {
            (f"{TRITON_WARM_UP}/{name}", size, modified)
            for name, size, modified in fingerprint(model / TRITON_WARM_UP)
        }
    return frozenset(found)


def _of_folder(folder: Path) -> set[tuple[str, int, int]]:
    try:
        return {(".", 0, folder.lstat().st_mtime_ns)}
    except OSError:
        return set()


def stamp(path: Path, *, follow: bool = True) -> Fingerprint:
    """The fingerprint of one file; empty where it is not there.

    Raises:
        OSError: it cannot be looked at.
    """
    try:
        stat = path.stat(follow_symlinks=follow)
    except FileNotFoundError:
        return frozenset()
    return frozenset({(path.name, stat.st_size, stat.st_mtime_ns)})
