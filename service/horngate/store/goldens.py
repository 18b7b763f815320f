"""Goldens: recorded inputs of a version, and the outputs that its publisher saw for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np

from horngate.errors import LoadError, in_full
from horngate.servable import Files, Servable
from horngate.sizes import GOLDEN, GOLDENS_UNPACKED
from horngate.store.archive import TEXT_BYTES, Archive
from horngate.store.files import VersionFiles
from horngate.store.manifest import FOLDER, GOLDENS, read_json, write_json
from horngate.tensors import Array, Arrays, DType, Signature, format_shape

RTOL: Final = 1e-4
ATOL: Final = 1e-5
"""Float tolerances of a golden: kernels differ in order of summation between processors, at a
price of a few units in the seventh digit a layer."""

HALF_RTOL: Final = 1e-2
HALF_ATOL: Final = 1e-3
"""The same for outputs of two bytes, which have two or three digits."""


def tolerances(signature: Signature) -> tuple[float, float]:
    """By which ``rtol`` and ``atol`` two engines' answers to ``signature`` may differ."""
    halves = (DType.FLOAT16, DType.BFLOAT16)
    half = any(spec.dtype in halves for spec in signature.outputs.values())
    return (HALF_RTOL, HALF_ATOL) if half else (RTOL, ATOL)


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
    reader = files or VersionFiles(version)
    room = GOLDENS_UNPACKED
    try:
        for signature, entry in (read_json(version / GOLDENS, files) or {}).items():
            sides: dict[str, dict[str, Array]] = {"inputs": {}, "outputs": {}}
            content = reader.read(str(FOLDER / entry["file"]), min(GOLDEN, room))
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


def check_goldens(servable: Servable, goldens: dict[str, Golden]) -> None:
    """Run the recorded inputs and hold the outputs against the recorded ones.

    Raises:
        LoadError: naming the signature, the output and the difference.
    """
    for name, golden in goldens.items():
        if name not in servable.signatures:
            raise LoadError(f"goldens are recorded for signature {name!r}, which is not there")
        try:
            outputs = servable.run(name, golden.inputs)
        except Exception as error:
            raise LoadError(
                f"the goldens of signature {name!r} failed to run; the server's log says why",
                detail=in_full(error),
            ) from error
        wrong = golden.mismatch(outputs)
        if wrong is not None:
            raise LoadError(f"wrong answer on the goldens of signature {name!r}: {wrong}")


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
