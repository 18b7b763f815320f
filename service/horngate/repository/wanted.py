"""Which versions of a model should be live, and which of them have yet to be loaded for it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from horngate.repository.model import Model
from horngate.repository.scan import ModelFolder
from horngate.repository.served import ServedVersion
from horngate.repository.settings import ModelSettings


class Wanted(NamedTuple):
    """What a model should come to.

    Attributes:
        live: the versions that should take requests.
        missing: those of them that must be loaded for it, newest first.
    """

    live: frozenset[int]
    missing: list[int]


def wanted(model: Model, settings: ModelSettings, folder: ModelFolder) -> Wanted:
    """What follows for ``model`` from ``settings`` and what is in ``folder``; changes nothing.

    A version that failed to load is wanted only while it is live from its earlier files.
    """
    usable = [
        number for number in folder.versions if number not in model.failed or number in model.live
    ]
    live = settings.versions.wanted(usable)
    missing = [
        number
        for number in sorted(live, reverse=True)
        if number not in model.failed
        and not (
            _serves_under(model.live.get(number), settings, folder.versions[number].path)
            and model.loaded.get(number) == folder.versions[number].fingerprint
        )
    ]
    return Wanted(live, missing)


def _serves_under(version: ServedVersion | None, settings: ModelSettings, folder: Path) -> bool:
    return version is not None and (
        version.folder == folder
        and version.settings.batching == settings.batching
        and version.settings.limits == settings.limits
        and version.settings.runtime == settings.runtime
    )
