"""Where the loop finds models: all in one folder, listed one by one, or only those asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from horngate.errors import ConfigError
from horngate.lifecycle.settings import ModelSettings, VersionOptions
from horngate.store.layout import SETTINGS_FILE, check_model_name, model_folders
from horngate.store.snapshot import Fingerprint, ModelFolder, Snapshot, stamp

ReadSettings = Callable[[Path], ModelSettings]
"""Reads a ``model.toml``; raises ``ConfigError``. A file that is absent gives the defaults."""


ALL: Final = "*"


class Source(Protocol):
    """``look``, and what changes the source, run one after another; ``settings`` beside them."""

    @property
    def path(self) -> Path:
        """What is looked at, for a log line."""

    def look(self) -> Snapshot:
        """What is there now.

        Raises:
            OSError: it cannot be read; nothing may be concluded from that.
        """

    def settings(self, model: ModelFolder) -> ModelSettings:
        """How ``model`` is to be served.

        Raises:
            ConfigError: naming the file and the key.
        """


class Folders:
    """A model repository: each folder of ``path`` is a model."""

    def __init__(self, path: Path, read_settings: ReadSettings) -> None:
        self.path = path
        self._read_settings = read_settings

    def look(self) -> Snapshot:
        snapshot = Snapshot()
        for name, path in model_folders(self.path).items():
            snapshot.add(name, path)
        return snapshot

    def settings(self, model: ModelFolder) -> ModelSettings:
        return self._read_settings(model.path / SETTINGS_FILE)


class OnRequest:
    """Of the models of ``folders``, those that were asked for by name.

    ``ALL`` among the first ``names`` asks for what is there at the first look.
    """

    def __init__(self, folders: Folders, names: Iterable[str] = ()) -> None:
        self._folders = folders
        self.path = folders.path
        self._names = set(names)

    def ask_for(self, name: str) -> None:
        """Serve ``name`` from the next look on."""
        self._names.add(name)

    def dismiss(self, name: str) -> None:
        """Serve ``name`` no longer."""
        self._names.discard(name)

    def look(self) -> Snapshot:
        snapshot = self._folders.look()
        if ALL in self._names:
            self._names = self._names - {ALL} | snapshot.models.keys()
        return dataclasses.replace(
            snapshot,
            models={name: snapshot.models[name] for name in snapshot.models if name in self._names},
            others=frozenset(snapshot.models.keys() - self._names),
            only=frozenset(self._names),
        )

    def settings(self, model: ModelFolder) -> ModelSettings:
        return self._folders.settings(model)


class Listing(NamedTuple):
    """A model of a list: the folder of its versions, and which of them are served.

    ``versions`` None leaves that to the folder's ``model.toml``.
    """

    path: Path
    versions: VersionOptions | None


Listings = Mapping[str, Listing]


class Listed:
    """Models named one by one. ``file`` is read again when it changes, where there is one."""

    def __init__(
        self,
        listings: Listings,
        read_settings: ReadSettings,
        *,
        file: Path | None = None,
        read_file: Callable[[Path], Listings] | None = None,
    ) -> None:
        self._read_settings = read_settings
        self._file, self._read_file = file, read_file
        self._stamp: Fingerprint | None = None if file is None else stamp(file)
        self.path = file or next((each.path for each in listings.values()), Path())
        self.replace(listings)

    @property
    def folders(self) -> list[Path]:
        """Those of the models, as they are listed now."""
        return [listing.path for listing in self._listings.values()]

    def replace(self, listings: Listings) -> None:
        """Serve ``listings`` and nothing else from the next look on.

        Raises:
            ConfigError: a name that no model can have.
        """
        for name in listings:
            check_model_name(name)
        self._listings = dict(listings)

    def look(self) -> Snapshot:
        refused: list[Exception] = []
        try:
            self._read_again()
        except (ConfigError, OSError) as error:
            refused.append(error)
        snapshot = Snapshot(only=frozenset(self._listings), refused=tuple(refused))
        for name, listing in self._listings.items():
            snapshot.add(name, listing.path, listing.versions)
        return snapshot

    def settings(self, model: ModelFolder) -> ModelSettings:
        settings = self._read_settings(model.path / SETTINGS_FILE)
        versions = self._listings[model.name].versions
        return settings if versions is None else dataclasses.replace(settings, versions=versions)

    def _read_again(self) -> None:
        if self._file is None or self._read_file is None:
            return
        now = stamp(self._file)
        if now != self._stamp:
            # Remembered first: what cannot be read is told once, and not at every look.
            self._stamp = now
            self.replace(self._read_file(self._file))
