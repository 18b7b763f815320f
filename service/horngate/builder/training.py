"""Training: seeded, shown while it runs, stopped when it no longer helps, best weights kept."""

from __future__ import annotations

import math
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from horngate.builder.digits import Digits, Part
from horngate.builder.publish import Tell, tell_nobody
from horngate.builder.recipes import Feed, Inputs, Recipe
from horngate.tensors import Array

BATCH = 64
PATIENCE = 10


@dataclass(frozen=True)
class Trained:
    """A model with its best weights, how it got there, and how it does on the test digits.

    ``history`` is Keras' own, by metric, a value each epoch. ``accuracies`` is by scenario.
    ``confusion`` int64 [10, 10] counts test digits by label and answer in the first scenario.
    """

    model: keras.Model
    history: dict[str, list[float]]
    accuracies: dict[str, float]
    confusion: Array


def train(
    recipe: Recipe, digits: Digits, seed: int, epochs: int, tell: Tell = tell_nobody
) -> Trained:
    """Train ``recipe`` on ``digits``; the same seed on the same machine gives the same weights.

    ``tell`` is told of each epoch.
    """
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    model = recipe.architecture()
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    # Validated in the plain first scenario: augmented digits would judge the augmentation.
    validation = next(iter(recipe.scenarios.values()))(
        digits.validation, np.random.default_rng([seed, 2])
    )
    history = model.fit(
        _Lessons(digits.train, recipe.training, seed),
        validation_data=(arranged(validation), digits.validation.labels),
        epochs=epochs,
        callbacks=[
            keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=4, min_lr=5e-5),
            keras.callbacks.EarlyStopping("val_loss", patience=PATIENCE, restore_best_weights=True),
            _Told(f"{recipe.name}: training", epochs, tell),
        ],
        verbose=0,
    )
    return Trained(model, history.history, *_judge(model, recipe, digits.test, seed))


def arranged(inputs: Inputs) -> Inputs | Array:
    """``inputs`` as Keras wants them: a model with one input takes the array itself."""
    return next(iter(inputs.values())) if len(inputs) == 1 else inputs


def _judge(
    model: keras.Model, recipe: Recipe, test: Part, seed: int
) -> tuple[dict[str, float], Array]:
    accuracies: dict[str, float] = {}
    confusion = np.zeros((10, 10), np.int64)
    for metric, feed in recipe.scenarios.items():
        answers = model.predict(
            arranged(feed(test, np.random.default_rng([seed, 3]))), batch_size=256, verbose=0
        ).argmax(axis=1)
        accuracies[metric] = float((answers == test.labels).mean())
        if len(accuracies) == 1:
            np.add.at(confusion, (test.labels, answers), 1)
    return accuracies, confusion


class _Told(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Tells of each epoch."""

    def __init__(self, stage: str, epochs: int, tell: Tell) -> None:
        super().__init__()
        self._stage, self._epochs, self._tell = stage, epochs, tell

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002 - Keras' way
        self._tell(self._stage, 0.0)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        right = (logs or {}).get("val_accuracy", math.nan)
        note = f"epoch {epoch + 1} of at most {self._epochs}, {right:.3f} right"
        self._tell(self._stage, (epoch + 1) / self._epochs, note)


class _Lessons(keras.utils.PyDataset):  # type: ignore[misc]  # Keras ships no types
    """The training digits in a new order and under new transforms in every epoch."""

    def __init__(self, digits: Part, feed: Feed, seed: int) -> None:
        super().__init__()
        self._digits, self._feed, self._seed = digits, feed, seed
        self._epoch = 0
        self._order = self._shuffled()

    def __len__(self) -> int:
        return math.ceil(len(self._digits) / BATCH)

    def __getitem__(self, index: int) -> tuple[Inputs | Array, Array]:
        chosen = self._order[index * BATCH : (index + 1) * BATCH]
        part = Part(self._digits.images[chosen], self._digits.labels[chosen])
        rng = np.random.default_rng([self._seed, 4, self._epoch, index])
        return arranged(self._feed(part, rng)), part.labels

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._order = self._shuffled()

    def _shuffled(self) -> Array:
        rng = np.random.default_rng([self._seed, 5, self._epoch])
        return rng.permutation(len(self._digits))
