"""One look at the disk: which models and versions are there, and whether they changed.

A fingerprint is made of names, sizes and times of modification. Two equal ones a poll apart say
that nobody is writing any more.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from horngate.repository.layout import SETTINGS_FILE, model_folders, version_folders

Fingerprint: TypeAlias = frozenset[tuple[str, int, int]]
"""(path within the folder, size in bytes, time of modification in ns) of every file."""


@dataclass(frozen=True, slots=True)
class VersionFolder:
    """A version on disk."""

    path: Path
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model on disk: its folder, its settings file's fingerprint, its versions by number."""

    path: Path
    settings: Fingerprint
    versions: dict[int, VersionFolder]


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look found.

    ``models`` are the folders with a version or settings, by name; ``unreadable`` those that could
    not be read; ``empty`` the names of the rest.
    """

    models: dict[str, ModelFolder]
    unreadable: dict[Path, OSError]
    empty: set[str]


def scan(root: Path) -> Seen:
    """Look at every folder of ``root`` that may be a model's.

    Raises:
        OSError: ``root`` itself cannot be read; nothing may be concluded from that.
    """
    seen = Seen({}, {}, set())
    for name, path in model_folders(root).items():
        try:
            folder = _read(path)
        except OSError as error:
            seen.unreadable[path] = error
            continue
        if folder.versions or folder.settings:
            seen.models[name] = folder
        else:
            seen.empty.add(name)
    return seen


def _read(path: Path) -> ModelFolder:
    versions = {
        number: VersionFolder(folder, fingerprint(folder))
        for number, folder in version_folders(path).items()
    }
    return ModelFolder(path, _file_fingerprint(path / SETTINGS_FILE), versions)


def fingerprint(folder: Path) -> Fingerprint:
    """The fingerprint of all files below ``folder``; a file that vanishes meanwhile is left out."""
    files: set[tuple[str, int, int]] = set()
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            try:
                stat = path.stat()
            except FileNotFoundError:
                continue
            files.add((str(path.relative_to(folder)), stat.st_size, stat.st_mtime_ns))
    return frozenset(files)


def _file_fingerprint(path: Path) -> Fingerprint:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return frozenset()
    return frozenset({(path.name, stat.st_size, stat.st_mtime_ns)})
