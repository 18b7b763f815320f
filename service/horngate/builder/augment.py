"""Digits shifted, turned and scaled a little, as another hand might have set them down."""

from __future__ import annotations

from typing import Final

import numpy as np

from horngate.tensors import Array

SHIFT: Final = 2.0
"""Pixels, either way, in both directions."""
TURN: Final = np.deg2rad(12)
SCALE: Final = (0.88, 1.12)


def augmented(images: Array, rng: np.random.Generator) -> Array:
    """Each of ``images`` [n, height, width, 1] under a transform of its own, bilinear."""
    count, height, width, _ = images.shape
    angle = rng.uniform(-TURN, TURN, count)
    scale = rng.uniform(*SCALE, count)
    cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
    shift = rng.uniform(-SHIFT, SHIFT, (2, count))
    # For every pixel of the result, where in the original it comes from.
    y, x = np.mgrid[:height, :width].reshape(2, 1, -1)
    y, x = y - (height - 1) / 2, x - (width - 1) / 2
    from_y = cos[:, None] * y - sin[:, None] * x + shift[0][:, None] + (height - 1) / 2
    from_x = sin[:, None] * y + cos[:, None] * x + shift[1][:, None] + (width - 1) / 2
    return _sampled(images[..., 0], from_y, from_x).reshape(images.shape)


def _sampled(images: Array, y: Array, x: Array) -> Array:
    """``images`` [n, h, w] at the points ``y``, ``x`` [n, m]; what lies outside is paper."""
    count, height, width = images.shape
    # Of the two rows and columns at the far ends the last is only ever weighed with 0.
    padded = np.pad(images, ((0, 0), (1, 2), (1, 2)))
    below = width + 3
    y, x = np.clip(y + 1, 0, height + 1), np.clip(x + 1, 0, width + 1)
    top, left = y.astype(np.int32), x.astype(np.int32)
    down, right = (y - top).astype(np.float32), (x - left).astype(np.float32)
    flat = padded.reshape(count, -1)
    corner = top * below + left

    def at(offset: int) -> Array:
        return np.take_along_axis(flat, corner + offset, axis=1)

    upper = at(0) * (1 - right) + at(1) * right
    lower = at(below) * (1 - right) + at(below + 1) * right
    return upper * (1 - down) + lower * down
