"""Which versions of a model should be live, and which of them have yet to be loaded for it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from horngate.lifecycle.model import Loading, Model
from horngate.lifecycle.served import ServedVersion
from horngate.lifecycle.settings import ModelSettings
from horngate.store.snapshot import ModelFolder, VersionFolder


class Desired(NamedTuple):
    """What a model should come to.

    Attributes:
        live: the versions that should take requests.
        missing: those of them that must be loaded for it, newest first.
    """

    live: frozenset[int]
    missing: list[int]


def desired(model: Model, settings: ModelSettings, folder: ModelFolder) -> Desired:
    """What follows for ``model`` from ``settings`` and what is in ``folder``; changes nothing.

    A version that failed to load is wanted only while it is live from its earlier files.
    """
    usable = [
        number for number in folder.versions if number in model.live or not model.failed(number)
    ]
    live = settings.versions.desired(usable)
    missing = [
        number
        for number in sorted(live, reverse=True)
        if not model.failed(number)
        and not (
            _serves_under(model.live.get(number), settings, folder.versions[number].path)
            and model.loaded(number) == folder.versions[number].fingerprint
        )
    ]
    return Desired(live, missing)


def replaced(model: Model, settings: ModelSettings, aim: Desired) -> list[int]:
    """The live versions that are to be retired.

    Old versions leave when all that should replace them is there, never before. Where newer ones
    come quicker than they load, those that are live replace older ones meanwhile.
    """
    if not aim.missing:
        keep = aim.live or frozenset(model.live)
    elif settings.versions.specific:
        keep = frozenset(model.live)
    else:
        keep = aim.live | settings.versions.desired(model.live)
    return [number for number in model.live if number not in keep]


def asked_for(model: Model, settings: ModelSettings, folder: ModelFolder, number: int) -> bool:
    """Whether a version that was loaded should go live.

    One that has been overtaken by a newer version while it was loaded does all the same: where
    versions come quicker than they load, none would ever go live else.
    """
    live = desired(model, settings, folder).live
    if number in live:
        return True
    comes_nearer = model.newest is None or model.newest.number < number
    overtaken = number in folder.versions and any(number < other for other in live)
    return comes_nearer and overtaken and not settings.versions.specific


def outdated(loading: Loading, settings: ModelSettings, folder: VersionFolder | None) -> bool:
    """Whether what is being loaded has other files now, or is to be served otherwise."""
    if folder is None:
        return True
    return loading.fingerprint != folder.fingerprint or not _same_service(
        loading.settings, settings
    )


def _serves_under(version: ServedVersion | None, settings: ModelSettings, folder: Path) -> bool:
    return (
        version is not None
        and version.folder == folder
        and _same_service(version.settings, settings)
    )


def _same_service(one: ModelSettings, other: ModelSettings) -> bool:
    return (one.batching, one.limits, one.runtime) == (other.batching, other.limits, other.runtime)
