"""``mnist_cnn``: a Sequential convolutional network that reads a digit."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from horngate.builder.augment import augmented
from horngate.builder.digits import Part
from horngate.builder.recipe import Inputs, Recipe


def architecture() -> keras.Model:
    """``image`` float32 [n, 28, 28, 1], 0 to 1 → ``probabilities`` float32 [n, 10]."""
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


def _training(digits: Part, rng: np.random.Generator) -> Inputs:
    return {"image": augmented(digits.images, rng)}


def _as_written(digits: Part, rng: np.random.Generator) -> Inputs:  # noqa: ARG001 - a Feed
    return {"image": digits.images}


RECIPE = Recipe("mnist_cnn", architecture, _training, {"accuracy": _as_written})
