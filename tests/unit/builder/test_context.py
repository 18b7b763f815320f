from __future__ import annotations

import numpy as np
import pytest

from horngate.builder import context
from horngate.tensors import Array

MANY = 20_000


@pytest.fixture
def labels() -> Array:
    made: Array = np.arange(MANY) % 10
    return made


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("kind", ["simulated", "uniform", "wrong"])
def test_every_context_is_a_distribution_over_the_digits(labels: Array, kind: str) -> None:
    made = {
        "simulated": lambda: context.simulated(labels, rng(), 0.3),
        "uniform": lambda: context.uniform(labels),
        "wrong": lambda: context.wrong(labels, rng()),
    }[kind]()
    assert made.shape == (MANY, 10)
    assert made.dtype == np.float32
    assert made.min() >= 0
    np.testing.assert_allclose(made.sum(axis=1), 1, rtol=1e-5)


def test_a_context_favours_the_right_digit_as_often_as_stated(labels: Array) -> None:
    right = context.simulated(labels, rng()).argmax(axis=1) == labels
    assert right.mean() == pytest.approx(context.RELIABILITY, abs=0.01)


def test_the_favoured_digit_has_the_stated_weight(labels: Array) -> None:
    strongest = context.simulated(labels, rng()).max(axis=1)
    low, high = context.STRENGTH
    assert low <= strongest.min() < low + 0.01
    assert high - 0.01 < strongest.max() <= high + 1e-6


def test_the_stated_share_knows_nothing(labels: Array) -> None:
    made = context.simulated(labels, rng(), uniform_share=0.3)
    knows_nothing = (made == np.float32(0.1)).all(axis=1)
    assert knows_nothing.mean() == pytest.approx(0.3, abs=0.01)
    assert not (context.simulated(labels, rng()) == np.float32(0.1)).all(axis=1).any()


def test_a_uniform_context_is_the_same_for_every_digit(labels: Array) -> None:
    assert np.unique(context.uniform(labels)).tolist() == [np.float32(0.1)]


def test_a_wrong_context_is_never_right_and_any_other_digit(labels: Array) -> None:
    favoured = context.wrong(labels, rng()).argmax(axis=1)
    assert not (favoured == labels).any()
    assert set(favoured[labels == 3].tolist()) == set(range(10)) - {3}


def test_the_same_seed_gives_the_same_contexts(labels: Array) -> None:
    first, again, other = (context.simulated(labels, rng(seed), 0.3) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
