"""The reference models as the builder sees them: how to make one, feed it and judge it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import keras
import numpy as np
from keras import layers

from horngate.builder import context
from horngate.builder.digits import Part, augmented
from horngate.tensors import Array

Inputs = dict[str, Array]
Feed = Callable[[Part, np.random.Generator], Inputs]
"""A model's inputs by name for some digits; what is random in them comes from the generator."""


@dataclass(frozen=True)
class Recipe:
    """One reference model.

    Attributes:
        name: the model's name in a repository.
        architecture: makes it, untrained; one output, ``probabilities`` [n, 10].
        training: its inputs while it learns.
        scenarios: by metric name, its inputs while it is judged. The first is the one that the
            report draws.
    """

    name: str
    architecture: Callable[[], keras.Model]
    training: Feed
    scenarios: Mapping[str, Feed]


def cnn() -> keras.Model:
    """A Sequential convolutional network that reads a digit.

    ``image`` float32 [n, 28, 28, 1], 0 to 1 → ``probabilities`` float32 [n, 10].
    """
    return keras.Sequential(
        [
            keras.Input((28, 28, 1), name="image"),
            layers.Conv2D(32, 5, activation="relu", name="convolution"),
            layers.MaxPooling2D(2, name="pooling"),
            layers.Flatten(name="flatten"),
            layers.Dense(128, activation="relu", name="dense"),
            layers.Dense(10, activation="softmax", name="probabilities"),
        ],
        name="mnist_cnn",
    )


def _augmented(digits: Part, rng: np.random.Generator) -> Inputs:
    return {"image": augmented(digits.images, rng)}


def _as_written(digits: Part, rng: np.random.Generator) -> Inputs:  # noqa: ARG001 - a Feed
    return {"image": digits.images}


MNIST_CNN: Final = Recipe("mnist_cnn", cnn, _augmented, {"accuracy": _as_written})


def fusion() -> keras.Model:
    """A functional model that joins a picture with what is known beside it.

    ``image`` float32 [n, 28, 28, 1], 0 to 1, and ``context`` float32 [n, 10], a distribution over
    the digits → ``probabilities`` float32 [n, 10].
    """
    image = keras.Input((28, 28, 1), name="image")
    seen = layers.Conv2D(32, 3, activation="relu", name="convolution")(image)
    seen = layers.MaxPooling2D(2, name="pooling")(seen)
    seen = layers.Flatten(name="flatten")(seen)
    seen = layers.Dense(64, activation="relu", name="seen")(seen)
    known = keras.Input((10,), name="context")
    heard = layers.Dense(64, activation="relu", name="heard")(known)
    joined = layers.Concatenate(name="joined")([seen, heard])
    probabilities = layers.Dense(10, activation="softmax", name="probabilities")(joined)
    return keras.Model([image, known], probabilities, name="mnist_fusion")


def _with_some_contexts(digits: Part, rng: np.random.Generator) -> Inputs:
    return {
        **_augmented(digits, rng),
        "context": context.simulated(digits.labels, rng, context.UNIFORM_SHARE),
    }


def _with_context(digits: Part, rng: np.random.Generator) -> Inputs:
    return {"image": digits.images, "context": context.simulated(digits.labels, rng)}


def _uniform(digits: Part, rng: np.random.Generator) -> Inputs:  # noqa: ARG001 - a Feed
    return {"image": digits.images, "context": context.uniform(digits.labels)}


def _wrong(digits: Part, rng: np.random.Generator) -> Inputs:
    return {"image": digits.images, "context": context.wrong(digits.labels, rng)}


MNIST_FUSION: Final = Recipe(
    "mnist_fusion",
    fusion,
    _with_some_contexts,
    {
        "accuracy": _with_context,
        "accuracy_uniform_context": _uniform,
        "accuracy_wrong_context": _wrong,
    },
)

LABELS: Final = tuple(map(str, range(10)))
"""Of the classes of ``probabilities``, which each of them has."""

PIXELS: Final = (0.0, 1.0)
"""Of ``image``, which each of them has."""

RECIPES: Final = {recipe.name: recipe for recipe in (MNIST_CNN, MNIST_FUSION)}
