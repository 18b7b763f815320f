from __future__ import annotations

from typing import cast

import numpy as np
import pytest

from horngate.builder import digits
from horngate.builder.digits import augmented
from horngate.tensors import Array


@pytest.fixture
def images() -> Array:
    return np.random.default_rng(7).random((40, 28, 28, 1)).astype(np.float32)


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No shift, no turn, no scaling."""
    monkeypatch.setattr(digits, "SHIFT", 0.0)
    monkeypatch.setattr(digits, "TURN", 0.0)
    monkeypatch.setattr(digits, "SCALE", (1.0, 1.0))


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_shape_dtype_and_range_stay(images: Array) -> None:
    made = augmented(images, rng())
    assert made.shape == images.shape
    assert made.dtype == np.float32
    assert made.min() >= 0
    assert made.max() <= 1


def test_every_picture_changes_and_the_original_is_kept(images: Array) -> None:
    before = images.copy()
    changed = np.abs(augmented(images, rng()) - images).max(axis=(1, 2, 3))
    assert (changed > 0.01).all()
    assert np.array_equal(images, before)


def test_the_same_seed_gives_the_same_pictures(images: Array) -> None:
    first, again, other = (augmented(images, rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_each_picture_has_a_transform_of_its_own() -> None:
    one = np.random.default_rng(7).random((1, 28, 28, 1)).astype(np.float32)
    made = augmented(np.repeat(one, 8, axis=0), rng())
    assert len({picture.tobytes() for picture in made}) == 8


@pytest.mark.usefixtures("still")
def test_without_shift_turn_and_scaling_a_picture_stays(images: Array) -> None:
    np.testing.assert_allclose(augmented(images, rng()), images, atol=1e-6)


@pytest.mark.usefixtures("still")
def test_a_quarter_turn_is_a_quarter_turn(monkeypatch: pytest.MonkeyPatch, images: Array) -> None:
    class Highest:
        """Draws the upper end of every range."""

        def uniform(self, low: float, high: float, size: int | tuple[int, ...]) -> Array:
            return np.full(size, high)

    monkeypatch.setattr(digits, "TURN", np.pi / 2)
    made = augmented(images, cast("np.random.Generator", Highest()))
    np.testing.assert_allclose(made, np.rot90(images, k=-1, axes=(1, 2)), atol=1e-5)


@pytest.mark.usefixtures("still")
def test_what_comes_from_outside_is_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "SCALE", (0.5, 0.5))
    made = augmented(np.ones((1, 28, 28, 1), np.float32), rng())[0, :, :, 0]
    assert made[14, 14] == 1
    assert not made[0].any()
    assert not made[:, -1].any()
