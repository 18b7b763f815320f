"""``--input NAME=VALUE`` as an array of the dtype and shape that the model's input has.

A VALUE is ``@FILE`` (a picture, JSON or ``.npy``), JSON, or plain text where the input takes
strings. Knows no server: what an input takes is handed in.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from horngate.client.arrays import as_array
from horngate.errors import InvalidInput, did_you_mean
from horngate.pictures import Encoded
from horngate.store.annotations import check_picture, read_range
from horngate.tensors import FLOATS, Array, DType, Picture, Signature, TensorSpec, format_shape

_PICTURES: Final = (".png", ".jpg", ".jpeg")


Pixels: TypeAlias = tuple[float, float]
"""What black and white become."""

Say = Callable[[str], None]


def say_nothing(line: str) -> None:
    """Nobody wants to know."""


def read_inputs(
    arguments: Iterable[str],
    signature: Signature,
    pixels: Pixels | None = None,
    say: Say = say_nothing,
) -> dict[str, Array]:
    """The arrays of all ``NAME=VALUE`` arguments. Whether any is missing, the server says.

    A picture of an input that takes encoded ones is sent as it is, unless ``pixels`` say of which
    range its values are to be. ``say`` is told where a range is taken because nothing says it.

    Raises:
        InvalidInput: an argument without "=", an input that is unknown or given twice, or a
            value that does not fit.
    """
    arrays: dict[str, Array] = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals or not name:
            raise InvalidInput(f"--input: expected NAME=VALUE, received {argument!r}")
        spec = signature.inputs.get(name)
        if spec is None:
            takes = ", ".join(f"{key} {spec}" for key, spec in signature.inputs.items())
            hint = did_you_mean(name, signature.inputs, otherwise="name one of those")
            raise InvalidInput(
                f"--input: expected an input of signature {signature.name!r} ({takes}), "
                f"received {name!r}; {hint}",
                name=name,
            )
        if name in arrays:
            raise InvalidInput(f"--input: expected {name!r} once, received it twice", name=name)
        arrays[name] = read_value(value, spec, signature.pictures.get(name), pixels, say)
    return arrays


def pixel_range(text: str) -> Pixels:
    """``--pixels LOW..HIGH``.

    Raises:
        argparse.ArgumentTypeError: it is anything else.
    """
    try:
        return read_range(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def read_value(
    text: str,
    spec: TensorSpec,
    recorded: Picture | None = None,
    pixels: Pixels | None = None,
    say: Say = say_nothing,
) -> Array:
    """One VALUE. Dimensions that it lacks are added where there is one way only to do so.

    What follows ``spec`` is as for ``read_inputs``; ``recorded`` is the picture that the input is.

    Raises:
        InvalidInput: a file that cannot be read, or a value that does not fit ``spec``.
    """
    if not text.startswith("@"):
        return _fitted(_inline(text, spec), spec)
    path = Path(text[1:])
    kind = path.suffix.lower()
    try:
        if kind in _PICTURES:
            return _picture(path, spec, recorded, pixels, say)
        return _fitted(_read_file(path, spec), spec)
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"input {spec.name!r}: expected a readable {kind} file, received {path}: {error}",
            name=spec.name,
        ) from error


def _picture(
    path: Path, spec: TensorSpec, recorded: Picture | None, pixels: Pixels | None, say: Say
) -> Array:
    """The file as it is where the server knows what becomes of it, else the tensor."""
    if recorded is None:
        if pixels is None and spec.dtype in FLOATS:
            say(
                f"input {spec.name!r}: nothing says what its pixels are: 0..1 is taken; if the "
                "model takes others, say them with --pixels 0..255"
            )
        return _fitted(read_picture(path, spec, pixels), spec)
    data = path.read_bytes()
    if pixels is None:
        return np.array([data, None], object)[:1]
    try:
        picture = check_picture(recorded._replace(low=pixels[0], high=pixels[1]), spec)
        return Encoded(data).row(picture, spec.dtype.numpy)[np.newaxis]
    except ValueError as error:
        raise InvalidInput(f"input {spec.name!r}: {path}: {error}", name=spec.name) from None


def _fitted(value: Any, spec: TensorSpec) -> Array:
    array = as_array(spec.name, value, spec)
    array = _as_rows(array, spec)
    if not spec.accepts_shape(array.shape):
        raise InvalidInput(
            f"input {spec.name!r}: expected shape {format_shape(spec.shape)}, received "
            f"{format_shape(array.shape)}; the first dimension counts rows and may be left out "
            "for one row",
            name=spec.name,
        )
    return array


def _as_rows(array: Array, spec: TensorSpec) -> Array:
    """``array`` with the batch dimension that one row may lack, and with dimensions of one element.

    Where a row is one element, a number is a row, and numbers are its rows.
    """
    row = spec.shape[1:]
    if spec.unknown_rank or array.ndim >= len(spec.shape):
        return array
    if array.ndim == 1 and all(size == 1 for size in row):
        return array.reshape((-1, *[1] * len(row)))
    if spec.shape[0] in {None, 1}:
        if array.ndim == len(row):
            return array[np.newaxis]
        if array.ndim == 0 and all(size in {None, 1} for size in row):
            return array.reshape((1,) * len(spec.shape))
    return array


def _inline(text: str, spec: TensorSpec) -> Any:
    if spec.dtype is DType.STRING:
        # Plain text needs no quotes; a list does, and so does text that starts with "@".
        return _strings(text)
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise InvalidInput(
            f"input {spec.name!r}: expected {spec} as JSON or @FILE, received {text!r}; write "
            "numbers as 0.5 or [0.1, 0.9], or the path of a file after an @",
            name=spec.name,
        ) from None


def _strings(text: str) -> Any:
    if text.startswith(("[", '"')):
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    return text


def _read_file(path: Path, spec: TensorSpec) -> Any:
    kind = path.suffix.lower()
    if kind == ".npy":
        return np.load(path, allow_pickle=False)
    if kind == ".json":
        return json.loads(path.read_text(encoding="utf-8"))
    raise InvalidInput(
        f"input {spec.name!r}: expected a file that ends in {', '.join(_PICTURES)}, .json or "
        f".npy, received {path}",
        name=spec.name,
    )


_MODES: Final[dict[int | None, str]] = {1: "L", 3: "RGB", 4: "RGBA", None: "RGB"}
"""Pillow's mode for each number of channels."""


def read_picture(path: Path, spec: TensorSpec, pixels: Pixels | None = None) -> Array:
    """The picture, of the shape of ``spec`` without its batch dimension; uint8 or float32.

    Floats are scaled to ``pixels``, 0..1 where they do not say; integers are the raw 0..255.
    Nothing is resized: of an input that is not recorded as a picture nobody knows how it is to be.

    Raises:
        InvalidInput: an input that takes no picture, or a picture of another size.
        OSError: no such file, or no picture in it.
    """
    # Pillow is an extra, and most inputs are none of its business.
    from PIL import Image, ImageOps  # noqa: PLC0415 - an extra's, needed for pictures alone

    height, width, mode, flat = _layout(spec)
    with Image.open(path) as opened:
        if opened.mode[0] in "IF":
            raise InvalidInput(
                f"input {spec.name!r}: expected a picture of 8 bits per channel, received "
                f"{path} of mode {opened.mode}; convert it, or send its numbers as .npy",
                name=spec.name,
            )
        # Cameras store a turned picture as it is and say so beside it.
        picture = ImageOps.exif_transpose(opened).convert(mode)
    if height not in {None, picture.height} or width not in {None, picture.width}:
        raise InvalidInput(
            f"input {spec.name!r}: expected a picture of {_size(width)}x{_size(height)} pixels "
            f"for {spec}, received {path} of {picture.width}x{picture.height}; resize it",
            name=spec.name,
        )
    values: Array = np.asarray(picture)
    if not flat and mode == "L":
        values = values[:, :, np.newaxis]
    if spec.dtype not in FLOATS:
        return values
    low, high = pixels or (0.0, 1.0)
    return values.astype(np.float32) / np.float32(255 / (high - low)) + np.float32(low)


def _layout(spec: TensorSpec) -> tuple[int | None, int | None, str, bool]:
    """Height, width, Pillow mode, and whether there is no dimension for channels."""
    row = spec.shape[1:] if len(spec.shape) == 4 or spec.shape[:1] == (None,) else spec.shape
    if spec.dtype is not DType.STRING:
        if len(row) == 2:
            return row[0], row[1], "L", True
        if len(row) == 3 and row[2] in _MODES:
            return row[0], row[1], _MODES[row[2]], False
    raise InvalidInput(
        f"input {spec.name!r}: expected a value for {spec}, received a picture; pictures fit "
        f"numbers of shape {format_shape((None, None, None, 1))}, with 1, 3 or 4 channels last, "
        "or without channels; send anything else as .npy or .json",
        name=spec.name,
    )


def _size(size: int | None) -> str:
    return "any" if size is None else str(size)
