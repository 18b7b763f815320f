"""What a version carries for Horngate beside its SavedModel, under ``assets.extra/horngate/``.

    goldens.json         each recorded signature: its tolerances, its tensors' dtypes
    goldens/NAME.npz     inputs and the outputs that the publisher saw for them
    provenance.json      who made it: versions of Keras and TensorFlow, data, seed, accuracies
    curves.json          what a batch costs by engine, on the machine that published (curve.py)
    checksums.json       SHA-256 of every other file of the version
    compiled.json        the compiled form of each signature, or why there is none (compiled.py)
    compiled/NAME.onnx   the form itself

``assets.extra`` is the folder that TensorFlow Serving leaves to others. Every part may be absent:
a version that somebody else made is served without.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np

from horngate.errors import LoadError
from horngate.repository.layout import STAGING_PREFIX
from horngate.tensors import Array, Arrays, DType, format_shape

FOLDER: Final = Path("assets.extra", "horngate")
GOLDENS: Final = FOLDER / "goldens.json"
CHECKSUMS: Final = FOLDER / "checksums.json"
CURVES: Final = FOLDER / "curves.json"
PROVENANCE: Final = FOLDER / "provenance.json"
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


def read_goldens(version: Path) -> dict[str, Golden]:
    """The goldens of a version by signature; empty where it carries none.

    Raises:
        LoadError: they are there and cannot be read.
    """
    goldens: dict[str, Golden] = {}
    try:
        for signature, entry in (read_json(version / GOLDENS) or {}).items():
            sides: dict[str, dict[str, Array]] = {"inputs": {}, "outputs": {}}
            # Opened here: numpy leaves a file open that turns out to be no archive.
            with (
                (version / FOLDER / entry["file"]).open("rb") as file,
                np.load(file, allow_pickle=False) as stored,
            ):
                for key, dtype in entry["dtypes"].items():
                    side, _, name = key.partition("/")
                    sides[side][name] = _restored(stored[key], DType(dtype))
            goldens[signature] = Golden(**sides, rtol=entry["rtol"], atol=entry["atol"])
    except LoadError:
        raise
    except Exception as error:  # a damaged archive can fail in any of numpy's and zipfile's ways
        raise LoadError(f"the goldens in {FOLDER} cannot be read: {error}") from error
    return goldens


class Hashes:
    """The SHA-256 of a version's files by name, in hexadecimal; each file is read once.

    Two checks of one version share it, so that a large model is not read twice.
    """

    def __init__(self, version: Path) -> None:
        self._version = version
        self._known: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        """Raises: OSError: the file is not there or cannot be read."""
        if name not in self._known:
            with (self._version / name).open("rb") as file:
                self._known[name] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._known[name]


def write_checksums(version: Path) -> None:
    """Record the SHA-256 of every file of the version but the record itself. Write it last."""
    hashes = Hashes(version)
    replace_checksums(version, {name: hashes(name) for name in file_names(version)})


def replace_checksums(version: Path, checksums: dict[str, str]) -> None:
    """Record ``checksums`` in place of those recorded: a reader finds the old or the new."""
    write_json(version / CHECKSUMS, checksums)


def read_checksums(version: Path) -> dict[str, str] | None:
    """The recorded checksums by file name; None where none are recorded.

    Raises:
        LoadError: they are there and cannot be read.
    """
    return read_json(version / CHECKSUMS)


def verify_checksums(version: Path, hashes: Hashes | None = None) -> bool:
    """Hold every recorded file against its checksum; False where nothing is recorded.

    Raises:
        LoadError: naming the first file that is missing or differs.
    """
    recorded = read_checksums(version)
    if recorded is None:
        return False
    hashes = hashes or Hashes(version)
    for name, expected in recorded.items():
        if not (version / name).is_file():
            raise LoadError(
                f"{name} is missing; the version may still be being copied, or was copied in part"
            )
        if hashes(name) != expected:
            raise LoadError(
                f"{name} differs from its checksum; the version may still be being copied, or is "
                "damaged; publish or copy it again"
            )
    return True


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
    """
    paths = (path.relative_to(version) for path in sorted(version.rglob("*")) if path.is_file())
    return [
        str(path)
        for path in paths
        if path not in (CHECKSUMS, CURVES)
        and not any(part.startswith(STAGING_PREFIX) for part in path.parts)
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


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in the file; None where there is no file.

    Raises:
        LoadError: it is something else.
    """
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LoadError(f"{path.name} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise LoadError(f"{path.name}: expected a JSON object, received {type(content).__name__}")
    return content


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write the file, or replace it whole: no reader finds a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f"{STAGING_PREFIX}{path.name}")
    staging.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    staging.replace(path)
