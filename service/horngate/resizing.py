"""Decoded pictures in another size, as ``tf.image.resize`` has them without antialiasing.

Bilinear between pixels' centres, in float32, to the same bits. Knows no file and no model.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from horngate.tensors import Array


class _Places(NamedTuple):
    """Between which two places of a side of ``before`` each of ``after`` lies, and how far.

    ``share`` is that of the second, in four copies: one for each channel, as Pillow keeps them.
    ``sampled`` says that Pillow comes to the same places where it samples a side by itself.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    share: NDArray[np.float32]
    sampled: bool


@lru_cache(maxsize=256)
def _places(before: int, after: int) -> _Places:
    half = np.float32(0.5)
    scale = np.float32(before) / np.float32(after)
    place = (np.arange(after, dtype=np.float32) + half) * scale - half
    floor = np.floor(place)
    first = np.maximum(floor, 0).astype(np.intp)
    second = np.minimum(first + 1, before - 1)
    share = np.where(floor < 0, np.float32(0), place - floor)
    sampled = before > after and all(
        np.array_equal(_sampled(before, after, offset), places)
        for offset, places in ((-0.5, first), (0.5, second))
    )
    return _Places(first, second, np.repeat(share, 4), sampled)


def _sampled(before: int, after: int, offset: float) -> NDArray[np.intp]:
    """The places that Pillow's affine transform takes, which adds up step by step."""
    steps = np.full(after, before / after)
    steps[0] = offset + steps[0] * 0.5
    return np.cumsum(steps).astype(np.intp)


def resized(image: Any, height: int, width: int) -> NDArray[np.float32]:
    """[height, width, channels], float32, 0 to 255."""
    lanes = 4 if image.mode == "RGB" else 1
    channels = min(3, lanes)
    if image.size == (width, height):
        pixels: Array = np.asarray(image, np.float32)
        return pixels.reshape(height, width, channels)
    down, across = _places(image.height, height), _places(image.width, width)
    shares = across.share if lanes == 4 else across.share[::4]
    if height > image.height:
        # Across first, of the lines that are there: a line may be millions of pixels long, and
        # would be copied as often as the row has lines.
        there = _across(_numbers(image), across, shares)
        values, lower = there[down.first], there[down.second]
        _between(values, lower, down)
    else:
        # All of a picture is copied only where Pillow cannot pick its lines.
        whole = None if down.sampled else _numbers(image)
        values = _across(_lines(image, whole, down.first, -0.5), across, shares)
        if down.share.any():  # as not where each line of the row is one of the picture's
            lower = _across(_lines(image, whole, down.second, 0.5), across, shares)
            _between(values, lower, down)
    made = np.empty((height, width, channels), np.float32)
    for channel in range(channels):  # one by one: three at a time are no loop for numpy
        made[:, :, channel] = values[:, channel::lanes]
    return made


def _between(values: NDArray[np.float32], lower: NDArray[np.float32], down: _Places) -> None:
    """Make of ``values``, the upper lines, what lies between them and the ``lower`` ones."""
    lower -= values
    lower *= down.share[::4, np.newaxis]
    values += lower


def _lines(image: Any, whole: Array | None, places: NDArray[np.intp], offset: float) -> Array:
    """The lines of pixels at ``places``, which are those that Pillow samples at ``offset``."""
    if whole is not None:
        return whole[places]
    from PIL.Image import Resampling, Transform  # noqa: PLC0415 - an extra's, as in ``pictures``

    size, scale = (image.width, len(places)), image.height / len(places)
    affine = (1, 0, 0, 0, scale, offset)
    return _numbers(image.transform(size, Transform.AFFINE, affine, Resampling.NEAREST))


def _numbers(image: Any) -> Array:
    """Its pixels, [height, width]: of RGB as one number of four bytes each, as Pillow has them."""
    raw, dtype = ("RGBX", np.uint32) if image.mode == "RGB" else ("L", np.uint8)
    return np.frombuffer(image.tobytes("raw", raw), dtype).reshape(image.height, image.width)


def _across(lines: Array, places: _Places, shares: NDArray[np.float32]) -> NDArray[np.float32]:
    """``lines`` of pixels, each between two of its own, [lines, pixels x lanes].

    Over all lanes in place, the unused fourth too: a loop over three would be most of the time.
    """
    left = lines.take(places.first, axis=1).view(np.uint8).astype(np.float32)
    right = lines.take(places.second, axis=1).view(np.uint8).astype(np.float32)
    right -= left
    right *= shares
    right += left
    return right
