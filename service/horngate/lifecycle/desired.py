"""Which versions of a model should be live, which have yet to be loaded for it, and which may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from horngate.errors import LoadError
from horngate.lifecycle.model import Loading, Model
from horngate.lifecycle.served import ServedVersion
from horngate.lifecycle.settings import ModelSettings, VersionOptions
from horngate.store.snapshot import ModelFolder, VersionFolder
from horngate.tensors import Signature, TensorSpec


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
    return replace(one, versions=other.versions) == other


def check_compatibility(
    newest: ServedVersion, version: ServedVersion, options: VersionOptions
) -> None:
    """Refuse a ``version`` whose signatures differ from those of ``newest``, which is live.

    Raises:
        LoadError: with the difference and what to do.
    """
    if options.allow_changed_signatures:
        return
    wrong = difference(newest.signatures, version.signatures)
    if wrong is not None:
        raise LoadError(
            f"expected the signatures of version {newest.number}, which is live: {wrong}; publish "
            "it under another name, or set versions.allow_changed_signatures in model.toml"
        )


def difference(before: Mapping[str, Signature], after: Mapping[str, Signature]) -> str | None:
    """What a caller of ``before`` would miss in ``after``, in words; None for nothing.

    More signatures, more outputs and freer shapes of inputs harm nobody. Whatever else differs
    breaks callers that were right until then.
    """
    for name, known in before.items():
        if name not in after:
            return f"signature {name!r} is gone; there is {', '.join(sorted(after))}"
        wrong = _inputs(known.inputs, after[name].inputs) or _outputs(
            known.outputs, after[name].outputs
        )
        if wrong is not None:
            return f"signature {name!r}: {wrong}"
    return None


def _inputs(before: Mapping[str, TensorSpec], after: Mapping[str, TensorSpec]) -> str | None:
    if before.keys() != after.keys():
        return f"expected the inputs {_names(before)}, received {_names(after)}"
    for name, known in before.items():
        if known.dtype is not after[name].dtype or not _takes(after[name], known):
            return f"input {name!r}: expected {known}, received {after[name]}"
    return None


def _outputs(before: Mapping[str, TensorSpec], after: Mapping[str, TensorSpec]) -> str | None:
    for name, known in before.items():
        if name not in after:
            return f"output {name!r} is gone; there is {_names(after)}"
        if known.dtype is not after[name].dtype or not _takes(known, after[name]):
            return f"output {name!r}: expected {known}, received {after[name]}"
    return None


def _takes(wide: TensorSpec, narrow: TensorSpec) -> bool:
    """Whether every shape of ``narrow`` is one of ``wide``."""
    if wide.unknown_rank or narrow.unknown_rank:
        return wide.unknown_rank
    return len(wide.shape) == len(narrow.shape) and all(
        size is None or size == other for size, other in zip(wide.shape, narrow.shape, strict=True)
    )


def _names(specs: Mapping[str, TensorSpec]) -> str:
    return ", ".join(sorted(specs)) or "none"
