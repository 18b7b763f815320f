"""What a version carries for Horngate beside its SavedModel, under ``assets.extra/horngate/``.

    goldens.json         each recorded signature: its tolerances, its tensors' dtypes
    goldens/NAME.npz     inputs and the outputs that the publisher saw for them
    provenance.json      who made it: versions of Keras and TensorFlow, data, seed, accuracies
    curves.json          what a batch costs by engine, on the machine that published (cost.py)
    checksums.json       SHA-256 of every other file of the version
    compiled.json        the compiled form of each signature, or why there is none (compiled.py)
    compiled/NAME.onnx   the form itself
    annotations.json     names of classes, pictures, activations (annotations.py)
    rows.json            whether rows of several requests may share runs (rows_record.py)

``assets.extra`` is the folder that TensorFlow Serving leaves to others. Every part may be absent:
a version that somebody else made is served without.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from horngate.errors import LoadError, in_full
from horngate.servable import Files
from horngate.sizes import RECORD
from horngate.store.files import VersionFiles
from horngate.store.layout import PLAIN, STAGING_PREFIX

FOLDER: Final = Path("assets.extra", "horngate")
GOLDENS: Final = FOLDER / "goldens.json"
CHECKSUMS: Final = FOLDER / "checksums.json"
CURVES: Final = FOLDER / "curves.json"
PROVENANCE: Final = FOLDER / "provenance.json"
FORMS: Final = FOLDER / "compiled"
SOURCE: Final = (Path("saved_model.pb"), Path("variables"), Path("assets"), Path(PLAIN))
"""The model itself: a SavedModel, or a plain ONNX model."""

ENGINES_OWN: Final = (*SOURCE, FORMS)
"""What an engine loads, and so reads itself: it may be large, and is read once."""


class Hashes(VersionFiles):
    """The files of a version as they are read: each is hashed as it is, and no more than once.

    Whatever checks a version and whatever loads it share one, so that what was checked is what is
    loaded, and a large model is not read twice. Belongs to one thread.
    """

    def __init__(self, version: Path) -> None:
        super().__init__(version)
        self._known: dict[str, str] = {}
        self._recorded: dict[str, str] | None = None

    def __call__(self, name: str) -> str:
        """The SHA-256 of a file, in hexadecimal.

        Raises:
            LoadError: it is not there, or cannot be read.
        """
        if name not in self._known:
            self._known[name] = self.sha256(name)
        return self._known[name]

    def read(self, name: str, limit: int) -> bytes:
        """The content of a file of at most ``limit`` bytes, as it was recorded.

        Raises:
            LoadError: as ``VersionFiles.read``; or it differs from its checksum.
        """
        content = super().read(name, limit)
        self._learn(name, hashlib.sha256(content).hexdigest())
        return content

    def copy(self, name: str, target: Path) -> str:
        """Copy a file, as it was recorded, to the new file ``target``; its SHA-256.

        Raises:
            LoadError: as ``VersionFiles.copy``; or it differs from its checksum. Nothing is left.
        """
        digest = super().copy(name, target)
        try:
            self._learn(name, digest)
        except LoadError:
            target.unlink()
            raise
        return digest

    def recorded(self) -> dict[str, str] | None:
        """As ``read_checksums``, read once."""
        if self._recorded is None:
            self._recorded = read_checksums(self.folder)
        return self._recorded

    def _learn(self, name: str, digest: str) -> None:
        if self._known.setdefault(name, digest) != digest:
            raise LoadError(f"{name} has changed while it was loaded; publish or copy it again")
        if (self.recorded() or {}).get(name, digest) != digest:
            raise _differs(name)


def write_checksums(version: Path) -> None:
    """Record the SHA-256 of every file of the version but the record itself. Write it last."""
    hashes = Hashes(version)
    replace_checksums(version, {name: hashes(name) for name in file_names(version)})


def replace_checksums(version: Path, checksums: dict[str, str]) -> None:
    """Record ``checksums`` in place of those recorded: a reader finds the old or the new."""
    write_json(version / CHECKSUMS, checksums)


@contextlib.contextmanager
def changing(version: Path, ours: Callable[[str], bool]) -> Iterator[None]:
    """Change those files of the version meanwhile whose names are ``ours``.

    At no instant is a recorded checksum wrong: the checksums forget the old files, these change,
    and the checksums learn the new ones. Those of other files stay as they are, because hashing
    anew would bless a damaged one. A version without checksums stays without.
    """
    recorded = read_checksums(version)
    if recorded is None:
        yield
        return
    others = {name: told for name, told in recorded.items() if not ours(name)}
    replace_checksums(version, others)
    yield
    hashes = Hashes(version)
    changed = {name: hashes(name) for name in file_names(version) if ours(name)}
    replace_checksums(version, others | changed)


def read_checksums(version: Path) -> dict[str, str] | None:
    """The recorded checksums by file name; None where none are recorded.

    Raises:
        LoadError: they are there and cannot be read.
    """
    return read_json(version / CHECKSUMS)


def verify_checksums(
    version: Path, hashes: Hashes | None = None, *, leave: Iterable[Path] = ()
) -> bool:
    """Hold every recorded file against its checksum; False where nothing is recorded.

    Args:
        version: its folder.
        hashes: what is known of its files already; each is read once.
        leave: files and folders whose content is not looked at, because whoever reads them with
            ``hashes`` does; they must be there.

    Raises:
        LoadError: naming the first file that is missing or differs, or is no regular file.
    """
    hashes = hashes or Hashes(version)
    found = set(hashes.names())
    recorded = hashes.recorded()
    if recorded is None:
        return False
    left = set(leave)
    for name, expected in recorded.items():
        if name not in found:
            raise LoadError(
                f"{name} is missing; the version may still be being copied, or was copied in part"
            )
        path = Path(name)
        if left.isdisjoint((path, *path.parents)) and hashes(name) != expected:
            raise _differs(name)
    return True


def _differs(name: str) -> LoadError:
    return LoadError(
        f"{name} differs from its checksum; the version may still be being copied, or is damaged; "
        "publish or copy it again"
    )


def write_provenance(version: Path, provenance: dict[str, Any]) -> None:
    """Record how the version was made."""
    write_json(version / PROVENANCE, provenance)


def read_provenance(version: Path) -> dict[str, Any]:
    """How the version was made; empty where it does not say."""
    return read_json(version / PROVENANCE) or {}


def file_names(version: Path) -> list[str]:
    """Every file of the version but the checksums and what is being written beside them.

    Nor the curves, which are a machine's and not the version's, and are measured anew where they
    are of no use.

    Raises:
        LoadError: naming what is no regular file.
    """
    return [
        name
        for name in VersionFiles(version).names()
        if name not in (str(CHECKSUMS), str(CURVES))
        and not any(part.startswith(STAGING_PREFIX) for part in name.split("/"))
    ]


def read_json(path: Path, files: Files | None = None) -> dict[str, Any] | None:
    """The JSON object in a file directly in ``FOLDER`` of a version; None where there is no file.

    Args:
        path: the file.
        files: reads it, and holds it against its checksum; None for any content.

    Raises:
        LoadError: it is something else, or larger than ``sizes.RECORD``.
    """
    version, name = path.parents[len(FOLDER.parts)], str(FOLDER / path.name)
    reader = files or VersionFiles(version)
    if not reader.exists(name):
        return None
    try:
        content = json.loads(reader.read(name, RECORD))
    except (ValueError, RecursionError) as error:
        raise LoadError(
            f"{path.name} cannot be read: expected JSON, received something else",
            detail=in_full(error),
        ) from error
    if not isinstance(content, dict):
        raise LoadError(f"{path.name}: expected a JSON object, received {type(content).__name__}")
    return content


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write the file, or replace it whole: no reader finds a part of it, and no link is followed.

    Raises:
        OSError: it cannot be written. Nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=2, sort_keys=True) + "\n"
    staging = path.with_name(f"{STAGING_PREFIX}{path.name}")
    staging.unlink(missing_ok=True)
    try:
        with staging.open("x", encoding="utf-8") as file:
            file.write(text)
        staging.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            staging.unlink(missing_ok=True)
        raise
