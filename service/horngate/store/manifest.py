"""What a version carries for Horngate beside its SavedModel, under ``assets.extra/horngate/``.

    goldens.json         each recorded signature: its tolerances, its tensors' dtypes
    goldens/NAME.npz     inputs and the outputs that the publisher saw for them
    provenance.json      who made it: versions of Keras and TensorFlow, data, seed, accuracies
    curves.json          what a batch costs by engine, on the machine that published (cost.py)
    checksums.json       SHA-256 of every other file of the version
    compiled.json        the compiled form of each signature, or why there is none (compiled.py)
    compiled/NAME.onnx   the form itself
    rows.json            whether rows of several requests may share runs (rows_record.py)

``assets.extra`` is the folder that TensorFlow Serving leaves to others. Every part may be absent:
a version that somebody else made is served without.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np

from horngate.errors import LoadError, in_full
from horngate.servable import Files
from horngate.sizes import GOLDEN, GOLDENS_UNPACKED, RECORD
from horngate.store.archive import TEXT_BYTES, Archive
from horngate.store.files import VersionFiles
from horngate.store.layout import STAGING_PREFIX
from horngate.tensors import Array, Arrays, DType, format_shape

FOLDER: Final = Path("assets.extra", "horngate")
GOLDENS: Final = FOLDER / "goldens.json"
CHECKSUMS: Final = FOLDER / "checksums.json"
CURVES: Final = FOLDER / "curves.json"
PROVENANCE: Final = FOLDER / "provenance.json"
FORMS: Final = FOLDER / "compiled"
SOURCE: Final = (Path("saved_model.pb"), Path("variables"), Path("assets"))
"""The SavedModel itself."""

ENGINES_OWN: Final = (*SOURCE, FORMS)
"""What an engine loads, and so reads itself: it may be large, and is read once."""

RTOL: Final = 1e-4
ATOL: Final = 1e-5
"""Float tolerances of a golden: kernels differ in order of summation between processors."""


@dataclass(frozen=True)
class Golden:
    """Inputs of one signature and the outputs they must give, within ``atol + rtol * |y|``.

    ``atol`` is for outputs of size 1, and grows with the largest of them.
    """

    inputs: Arrays
    outputs: Arrays
    rtol: float = RTOL
    atol: float = ATOL

    @property
    def taken(self) -> int:
        """Bytes of memory that its tensors take, once read."""
        arrays = [_storable(array) for array in (*self.inputs.values(), *self.outputs.values())]
        texts = sum(array.size for array in arrays if array.dtype.kind == "S")
        return sum(array.nbytes for array in arrays) + TEXT_BYTES * texts

    def mismatch(self, outputs: Arrays) -> str | None:
        """What is wrong with ``outputs``, in words; None where nothing is."""
        for name, expected in self.outputs.items():
            if name not in outputs:
                return f"expected an output {name!r}, received {', '.join(sorted(outputs))}"
            received = outputs[name]
            if received.shape != expected.shape:
                return (
                    f"output {name!r}: expected shape {format_shape(expected.shape)}, received "
                    f"{format_shape(received.shape)}"
                )
            dtypes = [DType.of(array) for array in (expected, received)]
            if dtypes[0] is not dtypes[1]:
                return f"output {name!r}: expected {dtypes[0].value}, received {dtypes[1].value}"
            wrong = self._difference(expected, received)
            if wrong:
                return f"output {name!r}: {wrong}"
        return None

    def _difference(self, expected: Array, received: Array) -> str | None:
        if expected.dtype.kind not in "fcV":
            return None if np.array_equal(expected, received) else "values differ"
        left, right = (_as_float(array) for array in (received, expected))
        # By the size of the output as a whole: what rounds is a sum of terms of that size, where
        # they cancel out to almost nothing too.
        finite = np.abs(right[np.isfinite(right)])
        atol = self.atol * max(1.0, float(finite.max(initial=0.0)))
        wrong = ~np.isclose(left, right, rtol=self.rtol, atol=atol, equal_nan=True)
        if not wrong.any():
            return None
        largest = float(np.abs(left[wrong] - right[wrong]).max())
        return f"differs by up to {largest:.3g}, allowed {atol:g} + {self.rtol:g} * |value|"


def write_golden(version: Path, signature: str, golden: Golden) -> None:
    """Record ``golden`` for ``signature`` of the version in the folder ``version``."""
    index = read_json(version / GOLDENS) or {}
    tensors = {
        f"{side}/{name}": array
        for side, arrays in (("inputs", golden.inputs), ("outputs", golden.outputs))
        for name, array in arrays.items()
    }
    file = FOLDER / "goldens" / f"{quote(signature, safe='')}.npz"
    (version / file).parent.mkdir(parents=True, exist_ok=True)
    stored: dict[str, Any] = {key: _storable(array) for key, array in tensors.items()}
    np.savez_compressed(version / file, **stored)
    index[signature] = {
        "file": str(file.relative_to(FOLDER)),
        "rtol": golden.rtol,
        "atol": golden.atol,
        "dtypes": {key: DType.of(array).value for key, array in tensors.items()},
    }
    write_json(version / GOLDENS, index)


def read_goldens(version: Path, files: Files | None = None) -> dict[str, Golden]:
    """The goldens of a version by signature; empty where it carries none.

    Args:
        version: its folder.
        files: reads them, and holds them against their checksums; None for any content.

    Raises:
        LoadError: they are there and cannot be read, or are too large.
    """
    goldens: dict[str, Golden] = {}
    read = VersionFiles(version).read if files is None else files.read
    room = GOLDENS_UNPACKED
    try:
        for signature, entry in (read_json(version / GOLDENS, files) or {}).items():
            sides: dict[str, dict[str, Array]] = {"inputs": {}, "outputs": {}}
            content = read(str(FOLDER / entry["file"]), min(GOLDEN, room))
            archive = Archive(content, room - len(content))
            for key, dtype in entry["dtypes"].items():
                side, _, name = key.partition("/")
                sides[side][name] = _restored(archive.array(key), DType(dtype))
            room = archive.room
            goldens[signature] = Golden(
                **sides, rtol=float(entry["rtol"]), atol=float(entry["atol"])
            )
    except LoadError:
        raise
    except Exception as error:  # a damaged archive can fail in any of numpy's and zipfile's ways
        raise LoadError(
            f"the goldens in {FOLDER} cannot be read; publish the version again",
            detail=in_full(error),
        ) from error
    return goldens


class Hashes:
    """The files of a version as they are read: each is hashed as it is, and no more than once.

    Whatever checks a version and whatever loads it share one, so that what was checked is what is
    loaded, and a large model is not read twice. Belongs to one thread.
    """

    def __init__(self, version: Path) -> None:
        self._files = VersionFiles(version)
        self._known: dict[str, str] = {}
        self._recorded: dict[str, str] | None = None

    def __call__(self, name: str) -> str:
        """The SHA-256 of a file, in hexadecimal.

        Raises:
            LoadError: it is not there, or cannot be read.
        """
        if name not in self._known:
            self._known[name] = self._files.sha256(name)
        return self._known[name]

    def names(self) -> list[str]:
        """As ``VersionFiles.names``."""
        return self._files.names()

    def exists(self, name: str) -> bool:
        """As ``VersionFiles.exists``."""
        return self._files.exists(name)

    def read(self, name: str, limit: int) -> bytes:
        """The content of a file of at most ``limit`` bytes, as it was recorded.

        Raises:
            LoadError: as ``VersionFiles.read``; or it differs from its checksum.
        """
        content = self._files.read(name, limit)
        self._learn(name, hashlib.sha256(content).hexdigest())
        return content

    def copy(self, name: str, target: Path) -> str:
        """Copy a file, as it was recorded, to the new file ``target``; its SHA-256.

        Raises:
            LoadError: as ``VersionFiles.copy``; or it differs from its checksum. Nothing is left.
        """
        digest = self._files.copy(name, target)
        try:
            self._learn(name, digest)
        except LoadError:
            target.unlink()
            raise
        return digest

    def recorded(self) -> dict[str, str] | None:
        """As ``read_checksums``, read once."""
        if self._recorded is None:
            self._recorded = read_checksums(self._files.folder)
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


def _storable(array: Array) -> Array:
    # numpy's file format knows neither bfloat16 nor objects: both are kept as plain bytes.
    dtype = DType.of(array)
    if dtype is DType.BFLOAT16:
        return array.view(np.uint16)
    if dtype is DType.STRING:
        # With a byte after each string, because numpy drops the NULs that one ends in.
        ended = [_as_bytes(text) + b"." for text in array.ravel().tolist()]
        return np.array(ended, np.bytes_).reshape(array.shape)
    return array


def _restored(array: Array, dtype: DType) -> Array:
    if dtype is DType.BFLOAT16:
        return array.view(dtype.numpy)
    if dtype is DType.STRING:
        texts = [ended[:-1] for ended in array.ravel().tolist()]
        return np.array(texts, object).reshape(array.shape)
    return array


def _as_bytes(text: bytes | str) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _as_float(array: Array) -> Array:
    """One or more dimensions of the widest float or complex."""
    return np.atleast_1d(array.astype(np.complex128 if array.dtype.kind == "c" else np.float64))


def read_json(path: Path, files: Files | None = None) -> dict[str, Any] | None:
    """The JSON object in a file directly in ``FOLDER`` of a version; None where there is no file.

    Args:
        path: the file.
        files: reads it, and holds it against its checksum; None for any content.

    Raises:
        LoadError: it is something else, or larger than ``sizes.RECORD``.
    """
    version, name = path.parents[len(FOLDER.parts)], str(FOLDER / path.name)
    reader = VersionFiles(version) if files is None else files
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
