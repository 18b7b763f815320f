"""A picture file as one row of an input: pixels in, numbers out.

Floats are scaled to 0..1, as image models are trained; integers are the raw 0..255. Nothing is
resized: how to crop and to filter is the model's business and not to be guessed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from horngate.errors import InvalidInput
from horngate.tensors import Array, DType, Shape, TensorSpec, format_shape

_MODES: Final[dict[int | None, str]] = {1: "L", 3: "RGB", 4: "RGBA", None: "RGB"}
"""Pillow's mode for each number of channels."""

_FLOATS: Final = {DType.FLOAT16, DType.BFLOAT16, DType.FLOAT32, DType.FLOAT64}


def read_picture(path: Path, spec: TensorSpec) -> Array:
    """The picture, of the shape of ``spec`` without its batch dimension; uint8 or float32.

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
    pixels: Array = np.asarray(picture)
    if not flat and mode == "L":
        pixels = pixels[:, :, np.newaxis]
    return pixels.astype(np.float32) / np.float32(255) if spec.dtype in _FLOATS else pixels


def _layout(spec: TensorSpec) -> tuple[int | None, int | None, str, bool]:
    """Height, width, Pillow mode, and whether there is no dimension for channels."""
    row = spec.shape[1:] if _has_batch(spec.shape) else spec.shape
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


def _has_batch(shape: Shape) -> bool:
    return len(shape) == 4 or shape[:1] == (None,)


def _size(size: int | None) -> str:
    return "any" if size is None else str(size)
