"""What a signature's tensors mean, kept with the version: names of classes, pictures, activations.

    annotations.json    by signature: "labels", "pictures" and "activations", each by tensor

It lies under ``assets.extra/horngate/``, of a SavedModel and of a plain ONNX model alike. Who
publishes a model writes it and may be anybody: what does not fit the model, or could not be told in
a message, is refused. Servers tell clients in the same form what a signature means.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from horngate.errors import LoadError
from horngate.servable import Files
from horngate.store import manifest
from horngate.tensors import DType, Picture, Shape, Signature, TensorSpec

RECORD: Final = manifest.FOLDER / "annotations.json"

MOST_LABELS: Final = 65_536
MOST_CHARACTERS: Final = 256
"""Classes of an output, and characters of one's name."""

ACTIVATIONS: Final = ("softmax", "sigmoid", "linear")
_CHANNELS: Final = (1, 3)
_NUMBERS: Final = "fiu"
_UNTOLD: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Of Unicode: what ends or moves a line, and halves of a surrogate, which no message carries."""


def picture_of(spec: TensorSpec, *, channels_first: bool | None = None) -> Picture | None:
    """The picture that a row of an input can be by its shape; None where it can be none.

    Its values are 0..255 where they are integers, else 0..1. ``channels_first`` says where the
    channels are; None for last where that fits.
    """
    if len(spec.shape) != 4 or not _is_number(spec):
        return None
    _, *row = spec.shape
    for first in (False, True) if channels_first is None else (channels_first,):
        channels, height, width = row if first else (row[2], row[0], row[1])
        if channels in _CHANNELS and 0 not in (height, width):
            high = 1.0 if spec.dtype.numpy.kind not in "iu" else 255.0
            return Picture(height, width, channels, first, 0.0, high)
    return None


def read_range(text: str) -> tuple[float, float]:
    """What black and white become, written ``0..255``.

    Raises:
        ValueError: it is anything else.
    """
    low, dots, high = text.partition("..")
    try:
        numbers = float(low), float(high)
    except ValueError:
        numbers = (0.0, 0.0)
    if not dots or not -math.inf < numbers[0] < numbers[1] < math.inf:
        raise ValueError(
            f"expected a number, two dots and a higher number, as 0..255, received {text[:40]!r}"
        )
    return numbers


def classes_of(spec: TensorSpec) -> int | None:
    """How many classes an output tells of; None where that is open."""
    return spec.shape[-1] if len(spec.shape) > 1 else None


def check_labels(labels: Iterable[Any], spec: TensorSpec) -> tuple[str, ...]:
    """``labels`` as the names of an output's classes.

    Raises:
        ValueError: they are too few or too many, or no texts that can be told.
    """
    names = tuple(labels)
    classes = classes_of(spec)
    if not names or len(names) > MOST_LABELS or classes not in (None, len(names)):
        expected = f"1 to {MOST_LABELS}" if classes is None else str(classes)
        raise ValueError(f"expected {expected} labels, one for each class, received {len(names)}")
    check_texts(names)
    return names


def check_texts(names: Iterable[Any]) -> None:
    """Check that each may be told as a class: it goes into answers, and onto terminals.

    Raises:
        ValueError: one may not, or there are too many.
    """
    for number, name in enumerate(names):
        if number >= MOST_LABELS:
            raise ValueError(f"expected at most {MOST_LABELS} labels, received more")
        if not isinstance(name, str) or len(name) > MOST_CHARACTERS or _untold(name):
            shown = f"{name[:40]!r}" if isinstance(name, str) else type(name).__name__
            raise ValueError(
                f"label {number}: expected a text of at most {MOST_CHARACTERS} characters without "
                f"control characters, received {shown}"
            )


def check_picture(picture: Picture, spec: TensorSpec) -> Picture:
    """``picture`` as what an input takes.

    Raises:
        ValueError: it is not of the input's shape, or the input cannot hold its values.
    """
    fits = picture_of(spec, channels_first=picture.channels_first)
    if fits is None or fits != picture._replace(low=fits.low, high=fits.high):
        raise ValueError(
            f"expected a picture of 1 or 3 channels as {spec} has it, received "
            f"{picture.height}x{picture.width} of {picture.channels} channels, "
            f"{'first' if picture.channels_first else 'last'}"
        )
    low, high = picture.low, picture.high
    limits = (-math.inf, math.inf)
    if spec.dtype.numpy.kind in "iu":
        info = np.iinfo(spec.dtype.numpy)
        limits = (info.min, info.max)
    if not (limits[0] <= low < high <= limits[1] and math.isfinite(high - low)):
        raise ValueError(
            f"expected pixels from a number to a higher one that {spec.dtype.value} can hold, "
            f"received {low:g}..{high:g}"
        )
    return picture


def annotated(signature: Signature, document: Mapping[str, Any]) -> Signature:
    """``signature`` with what a ``document`` of it says.

    Raises:
        ValueError: it is none, or does not fit the signature.
    """
    labels = _each(document, "labels", signature.outputs, _read_labels)
    pictures = _each(document, "pictures", signature.inputs, _read_picture)
    activations = _each(document, "activations", signature.outputs, _read_activation)
    return replace(signature, labels=labels, pictures=pictures, activations=activations)


def carried(known: Signature, served: Signature) -> Signature:
    """``served``, the same signature in perhaps other shapes, with what is ``known``.

    What is a picture in one shape may be none in another.
    """
    return replace(
        served,
        labels=known.labels,
        pictures={
            name: picture
            for name, picture in known.pictures.items()
            if served.inputs[name] == known.inputs[name]
        },
        activations=known.activations,
    )


def document_of(signature: Signature) -> dict[str, Any]:
    """What is known of a signature, as JSON has it; empty where nothing is."""
    told: dict[str, dict[str, Any]] = {
        "labels": {name: list(labels) for name, labels in signature.labels.items()},
        "pictures": {name: picture._asdict() for name, picture in signature.pictures.items()},
        "activations": dict(signature.activations),
    }
    return {key: value for key, value in told.items() if value}


def write_annotations(version: Path, signatures: Iterable[Signature]) -> None:
    """Record what is known of ``signatures``, where anything is; checksums are written later."""
    documents = {each.name: document_of(each) for each in signatures}
    content = {name: document for name, document in documents.items() if document}
    if content:
        manifest.write_json(version / RECORD, content)


def read_annotations(
    version: Path, signatures: Mapping[str, Signature], files: Files | None = None
) -> dict[str, Signature]:
    """``signatures`` with what is recorded of them; as they are where nothing is.

    Args:
        version: the folder.
        signatures: the model's, by name.
        files: shared with another check of the same files, so that each is read once.

    Raises:
        LoadError: the record cannot be read, or does not fit the model.
    """
    content = manifest.read_json(version / RECORD, files) or {}
    found = dict(signatures)
    for name, document in content.items():
        signature = found.get(name)
        try:
            if signature is None:
                raise ValueError(f"expected one of {', '.join(map(repr, list(found)[:8]))}")  # noqa: TRY301 - told like what follows
            found[name] = annotated(signature, document)
        except ValueError as error:
            raise LoadError(
                f"{RECORD.name}: signature {name[:128]!r}: {error}; publish the model again"
            ) from error
    return found


def _each(
    document: Any,
    key: str,
    specs: Mapping[str, TensorSpec],
    read: Callable[[Any, TensorSpec], Any],
) -> dict[str, Any]:
    found = document.get(key, {}) if isinstance(document, Mapping) else None
    if not isinstance(found, Mapping):
        raise ValueError(f"{key}: expected an object by tensor")  # noqa: TRY004 - as for any misfit
    read_ones = {}
    for name, value in found.items():
        spec = specs.get(name)
        if spec is None:
            known = ", ".join(map(repr, list(specs)[:8]))
            raise ValueError(f"{key}: expected one of {known}, received {name[:128]!r}")
        try:
            read_ones[name] = read(value, spec)
        except ValueError as error:
            raise ValueError(f"{key}: {name!r}: {error}") from error
    return read_ones


def _read_labels(value: Any, spec: TensorSpec) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError("expected a list of labels")  # noqa: TRY004 - as for any misfit
    return check_labels(value, spec)


def _read_picture(value: Any, spec: TensorSpec) -> Picture:
    if not isinstance(value, Mapping) or value.keys() != set(Picture._fields):
        raise ValueError(f"expected an object of {', '.join(Picture._fields)}")
    sizes: Shape = (value["height"], value["width"])
    numbers = (value["low"], value["high"])
    if (
        any(size is not None and type(size) is not int for size in (*sizes, value["channels"]))
        or any(type(number) not in (int, float) for number in numbers)
        or any(abs(number) > 1e30 for number in numbers)
        or type(value["channels_first"]) is not bool
    ):
        raise ValueError("expected sizes as whole numbers and values as numbers")
    low, high = map(float, numbers)
    return check_picture(Picture(**{**value, "low": low, "high": high}), spec)


def _read_activation(value: Any, spec: TensorSpec) -> str:  # noqa: ARG001 - any output may have any
    if value not in ACTIVATIONS:
        raise ValueError(f"expected one of {', '.join(ACTIVATIONS)}")
    return str(value)


def _is_number(spec: TensorSpec) -> bool:
    if spec.dtype is DType.INT8:  # which no pixel of 0 to 255 fits
        return False
    return spec.dtype is DType.BFLOAT16 or spec.dtype.numpy.kind in _NUMBERS


def _untold(text: str) -> bool:
    return not text.isprintable() and any(unicodedata.category(each) in _UNTOLD for each in text)
