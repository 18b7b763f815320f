"""``mnist_fusion``: a functional model that joins a picture with what is known beside it."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from horngate.builder import context
from horngate.builder.augment import augmented
from horngate.builder.digits import Part
from horngate.builder.recipe import Inputs, Recipe


def architecture() -> keras.Model:
    """Two inputs, one output.

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


def _training(digits: Part, rng: np.random.Generator) -> Inputs:
    return {
        "image": augmented(digits.images, rng),
        "context": context.simulated(digits.labels, rng, context.UNIFORM_SHARE),
    }


def _with_context(digits: Part, rng: np.random.Generator) -> Inputs:
    return {"image": digits.images, "context": context.simulated(digits.labels, rng)}


def _uniform(digits: Part, rng: np.random.Generator) -> Inputs:  # noqa: ARG001 - a Feed
    return {"image": digits.images, "context": context.uniform(digits.labels)}


def _wrong(digits: Part, rng: np.random.Generator) -> Inputs:
    return {"image": digits.images, "context": context.wrong(digits.labels, rng)}


RECIPE = Recipe(
    "mnist_fusion",
    architecture,
    _training,
    {
        "accuracy": _with_context,
        "accuracy_uniform_context": _uniform,
        "accuracy_wrong_context": _wrong,
    },
)
