"""What was found out about a version's rows when it was published, kept with the version.

    rows.json    by engine: the files that it was found out for, and each signature's finding

It lies under ``assets.extra/horngate/``. A finding counts for exactly the files, the engine and the
trials that it was made with; one that is missing or stale is made anew by whoever needs it. Who can
write this file can write the model too, so it gives nobody a power that they lack.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from horngate.errors import LoadError
from horngate.servable import Files, Servable
from horngate.store import manifest
from horngate.store.compiled import FORMS, source_names
from horngate.store.rows import RULES
from horngate.tensors import Signature

RECORD: Final = manifest.FOLDER / "rows.json"
_COMPILED: Final = "onnx"
"""The engine whose files are the compiled forms besides the SavedModel's."""

Findings = Mapping[str, str]
"""By signature: why it must run alone; "" where it may be batched."""


def write_rows(version: Path, findings: Mapping[str, Findings]) -> None:
    """Record ``findings`` by engine, replacing the record that is there whole."""
    hashes = manifest.Hashes(version)
    content = {
        "rules": RULES,
        "engines": {
            engine: {
                "files": {name: hashes(name) for name in _files(version, engine)},
                "signatures": dict(found),
            }
            for engine, found in findings.items()
        },
    }
    with manifest.changing(version, str(RECORD).__eq__):
        manifest.write_json(version / RECORD, content)


def read_rows(version: Path, engine: str, files: Files) -> dict[str, str] | None:
    """What was found of each signature on ``engine``; None where nothing fits the folder as it is.

    Args:
        version: the folder.
        engine: what serves it.
        files: shared with another check of the same files, so that each is read once.
    """
    try:
        document = manifest.read_json(version / RECORD, files) or {}
        if document.get("rules") != RULES:
            return None
        entry = document["engines"][engine]
        names = _files(version, engine)
        if sorted(entry["files"]) != sorted(names):
            return None
        if any(files(name) != entry["files"][name] for name in names):
            return None
        return {str(name): str(found) for name, found in entry["signatures"].items()}
    except (LoadError, OSError, KeyError, TypeError, AttributeError):
        return None


def recorded_alone(version: Path, servable: Servable, files: Files) -> dict[str, str] | None:
    """Why signatures of ``servable`` must run alone, by name; None where it is not recorded of all.

    ``version`` and ``files`` are as for ``read_rows``.
    """
    found = read_rows(version, servable.engine, files)
    names = [each.name for each in servable.signatures.values() if each.batched]
    if found is None or not found.keys() >= set(names):
        return None
    return {name: found[name] for name in names if found[name]}


def findings(signatures: Iterable[Signature], alone: Mapping[str, str]) -> dict[str, str]:
    """``alone`` with every signature that may be batched named as well."""
    return {each.name: alone.get(each.name, "") for each in signatures if each.batched}


def _files(version: Path, engine: str) -> list[str]:
    names = source_names(version)
    if engine == _COMPILED:
        names += [name for name in manifest.file_names(version) if FORMS in Path(name).parents]
    return names
