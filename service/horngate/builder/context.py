"""Simulated contexts: what might be known of a digit beside its picture.

A context is a distribution over the ten digits, such as a postcode dictionary would give for one
place in a code. None was recorded with MNIST, so they are made here from the labels, with a stated
reliability. Figures on them say how a model weighs two inputs, not how good any real context is.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from horngate.tensors import Array

RELIABILITY: Final = 0.8
"""How often a context favours the right digit."""
UNIFORM_SHARE: Final = 0.3
"""The share of training contexts that know nothing."""
STRENGTH: Final = (0.5, 0.9)
"""The weight of the favoured digit, drawn evenly from this range."""


def simulated(labels: Array, rng: np.random.Generator, uniform_share: float = 0.0) -> Array:
    """Contexts float32 [n, 10] for ``labels`` [n], each summing to 1.

    Each favours the right digit with probability ``RELIABILITY``, else one of the nine others;
    ``uniform_share`` of them is uniform instead.
    """
    right = rng.random(len(labels)) < RELIABILITY
    favoured = np.where(right, labels, _another(labels, rng))
    made = _favouring(favoured, rng)
    made[rng.random(len(labels)) < uniform_share] = 0.1
    return made


def uniform(labels: Array) -> Array:
    """Contexts [n, 10] that know nothing."""
    return np.full((len(labels), 10), 0.1, np.float32)


def wrong(labels: Array, rng: np.random.Generator) -> Array:
    """Contexts [n, 10] that favour a wrong digit, every one of them."""
    return _favouring(_another(labels, rng), rng)


def _another(labels: Array, rng: np.random.Generator) -> Array:
    other: Array = (labels + rng.integers(1, 10, len(labels))) % 10
    return other


def _favouring(digits: Array, rng: np.random.Generator) -> Array:
    count = len(digits)
    weight = rng.uniform(*STRENGTH, count)
    rest = rng.dirichlet(np.ones(9), count) * (1 - weight)[:, None]
    made = np.empty((count, 10), np.float32)
    made[np.arange(10) != digits[:, None]] = rest.ravel()
    made[np.arange(count), digits] = weight
    return made
