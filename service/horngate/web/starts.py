"""What a version was tried with, to start from: its goldens row by row, and its model's samples.

A sample is a file in the model's folder ``samples``: NAME.png or NAME.jpg for the input that takes
pictures, NAME.json for the others: an object by input, or the values of the only one that is left.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any, Final

import numpy as np

from horngate.errors import LoadError
from horngate.inference import ModelDescription
from horngate.store.files import VersionFiles
from horngate.store.goldens import Golden, read_goldens
from horngate.tensors import Array, DType, Signature, TensorSpec
from horngate.web.record import model_files

SAMPLES: Final = "samples"
MOST_SAMPLES: Final = 24
SAMPLE_BYTES: Final = 512 * 1024
SAMPLES_BYTES: Final = 4 * SAMPLE_BYTES
"""Of one file, and of all that are read for a signature."""

MOST_SIGNATURES: Final = 8
MOST_ROWS: Final = 8
"""Of a golden."""

MOST_VALUES: Final = 200_000
"""Of a golden's rows together, all inputs: what one tries by hand is small."""

ENTRIES: Final = 1000
"""Of a folder of samples that are looked at."""

_PICTURES: Final = (".png", ".jpg", ".jpeg")

_ODD: Final = (ValueError, TypeError, OverflowError, RecursionError)
"""What JSON and numpy make of a file that holds something else."""

Start = dict[str, Any]


def starts(described: ModelDescription, model: Path | None) -> dict[str, list[Start]]:
    """By signature: ``{"kind", "title", "inputs": {name: {"shape", "values"} or {"picture"}}}``.

    Slow: it reads and unpacks files.
    """
    made: dict[str, list[Start]] = {}
    goldens: Mapping[str, Golden] = {}
    with contextlib.suppress(LoadError):
        goldens = read_goldens(described.folder)
    for name, signature in list(described.signatures.items())[:MOST_SIGNATURES]:
        found = [] if model is None else _samples(model_files(model), model, signature)
        if name in goldens:
            found += _rows(goldens[name], signature)
        made[name] = found
    return made


def takes_pictures(spec: TensorSpec) -> bool:
    """Whether an input looks like pictures: four dimensions, the last of 1 or 3."""
    return len(spec.shape) == 4 and spec.shape[-1] in (1, 3) and spec.dtype is not DType.STRING


def _rows(golden: Golden, signature: Signature) -> list[Start]:
    inputs = {name: golden.inputs[name] for name in signature.inputs if name in golden.inputs}
    if not inputs or any(array.dtype.kind == "c" for array in inputs.values()):
        return []
    if not signature.batched:
        return [_start("golden", inputs)] if _size(inputs) <= MOST_VALUES else []
    found: list[Start] = []
    left = MOST_VALUES
    for row in range(min(MOST_ROWS, *map(len, inputs.values()))):
        one = {name: array[row : row + 1] for name, array in inputs.items()}
        left -= _size(one)
        if left < 0:
            break
        if all(map(_finite, one.values())):
            found.append(_start(f"golden {row + 1}", one))
    return found


def _finite(array: Array) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _size(inputs: Mapping[str, Array]) -> int:
    return sum(array.size for array in inputs.values())


def _start(title: str, inputs: Mapping[str, Array]) -> Start:
    return {
        "kind": "golden",
        "title": title,
        "inputs": {name: _plain(array) for name, array in inputs.items()},
    }


def _plain(array: Array) -> Start:
    values: list[Any]
    if array.dtype.hasobject:
        values = [bytes(text).decode("utf-8", "replace") for text in array.ravel().tolist()]
    elif array.dtype.kind in "fV":
        values = array.astype(np.float64).ravel().tolist()
    else:
        values = array.ravel().tolist()
    return {"shape": array.shape, "values": values}


def _samples(files: VersionFiles, model: Path, signature: Signature) -> list[Start]:
    specs = signature.inputs.items()
    picture = next((name for name, spec in specs if takes_pictures(spec)), None)
    picture = next(iter(signature.pictures), picture)
    others = [name for name in signature.inputs if name != picture]
    found: list[Start] = []
    left = SAMPLES_BYTES
    for title, names in sorted(_names(model).items(), key=lambda each: _in_order(each[0])):
        inputs: dict[str, Start] = {}
        for name in names:
            with contextlib.suppress(LoadError, *_ODD):
                content = files.read(f"{SAMPLES}/{name}", min(SAMPLE_BYTES, left))
                left -= len(content)
                if not name.endswith(".json"):
                    if picture is not None:
                        inputs[picture] = {"picture": base64.b64encode(content).decode()}
                    continue
                told = json.loads(content)
                if not isinstance(told, dict) and len(others) == 1:
                    told = {others[0]: told}
                inputs |= _of_json(told, signature)
        if inputs:
            found.append({"kind": "sample", "title": title, "inputs": inputs})
        if len(found) == MOST_SAMPLES:
            break
    return found


def _of_json(told: Any, signature: Signature) -> dict[str, Start]:
    """Those of the values that fit an input, one row each."""
    inputs: dict[str, Start] = {}
    for name, value in told.items() if isinstance(told, dict) else ():
        spec = signature.inputs.get(name)
        if spec is None:
            continue
        array = np.array(value, object if spec.dtype is DType.STRING else spec.dtype.numpy)
        if spec.batched and array.ndim == len(spec.shape) - 1:
            array = array[np.newaxis]
        if not spec.accepts_shape(array.shape) or not _finite(array):
            continue
        if spec.dtype is DType.STRING:
            texts = [str(text) for text in array.ravel().tolist()]
            inputs[name] = {"shape": array.shape, "values": texts}
        else:
            inputs[name] = _plain(array)
    return inputs


def _names(model: Path) -> dict[str, list[str]]:
    """The files of samples by what they are called before their ending."""
    names: dict[str, list[str]] = {}
    with contextlib.suppress(OSError), os.scandir(model / SAMPLES) as entries:
        for entry, _ in zip(entries, range(ENTRIES), strict=False):
            path = PurePath(entry.name)
            if path.suffix.lower() in (*_PICTURES, ".json"):
                names.setdefault(path.stem, []).append(entry.name)
    return names


def _in_order(title: str) -> tuple[int, str]:
    return (int(title), "") if title.isdecimal() and len(title) < 9 else (1 << 30, title)
