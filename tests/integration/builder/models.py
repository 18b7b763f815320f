"""Small Keras models of every kind that a team may bring, and what their signatures must say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

from horngate.tensors import Array, Arrays


@dataclass(frozen=True)
class Case:
    """A model, its signature's inputs and outputs as dtype and shape, and how Keras is fed."""

    make: Callable[[], keras.Model]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    arranged: Callable[[Arrays], Any] = lambda inputs: next(iter(inputs.values()))

    def model(self) -> keras.Model:
        """The model with weights as training might have left them."""
        model, rng = self.make(), np.random.default_rng(3)
        for variable in [*model.trainable_variables, *model.non_trainable_variables]:
            if variable.dtype == "float32":
                variable.assign(rng.uniform(0.1, 0.9, variable.shape))
        return model

    def predicted(self, model: keras.Model, inputs: Arrays) -> dict[str, Array]:
        """What Keras itself answers, by output name."""
        answer = model.predict(self.arranged(inputs), verbose=0)
        if isinstance(answer, dict):
            return answer
        answers = answer if isinstance(answer, list) else [answer]
        return dict(zip(self.outputs, answers, strict=True))


def sequential() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((4,), name="features"),
            layers.Dense(3, activation="relu", name="hidden"),
            layers.Dense(2, activation="softmax", name="scores"),
        ]
    )


def pictures(
    first: Sequence[layers.Layer] = (), end: Sequence[layers.Layer] = (), size: int | None = 8
) -> keras.Model:
    """Three kinds of photos; ``end`` is in place of the softmax over them."""
    return keras.Sequential(
        [
            keras.Input((size, size, 3), name="photo"),
            *first,
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            *(end or [layers.Dense(3, activation="softmax", name="kind")]),
        ]
    )


def sequential_without_an_input_layer() -> keras.Model:
    model = keras.Sequential([layers.Dense(2, name="scores")])
    model(np.ones((1, 4), np.float32))
    return model


def two_in_two_out() -> keras.Model:
    picture, context = keras.Input((2, 2, 1), name="picture"), keras.Input((3,), name="context")
    joined = layers.Concatenate(name="joined")([layers.Flatten(name="flat")(picture), context])
    outputs = [layers.Dense(2, name="kind")(joined), layers.Dense(1, name="age")(joined)]
    return keras.Model([picture, context], outputs)


def dicts() -> keras.Model:
    inputs = {"width": keras.Input((2,), name="width"), "height": keras.Input((2,), name="height")}
    both = layers.Subtract(name="both")([inputs["width"], inputs["height"]])
    return keras.Model(
        inputs, {"up": layers.Dense(2, name="a")(both), "down": layers.Dense(1, name="b")(both)}
    )


def embedding() -> keras.Model:
    ids = keras.Input((5,), dtype="int32", name="ids")
    weight = keras.Input((1,), name="weight")
    seen = layers.Flatten(name="flat")(layers.Embedding(10, 3, name="table")(ids))
    return keras.Model(
        [ids, weight], layers.Dense(2, name="scores")(layers.Multiply()([seen, weight]))
    )


def words() -> keras.Model:
    word = keras.Input((2,), dtype="string", name="word")
    index = layers.StringLookup(vocabulary=["horn", "gate", "ivory"], name="index")(word)
    return keras.Model(word, layers.Flatten(name="meaning")(layers.Embedding(4, 3)(index)))


def free_time() -> keras.Model:
    steps = keras.Input((None, 3), name="steps")
    return keras.Model(steps, layers.LSTM(4, name="state")(steps))


def picture_of_any_size() -> keras.Model:
    seen = picture = keras.Input((None, None, 1), name="picture")
    for _ in range(4):
        seen = layers.MaxPooling2D(2)(layers.Conv2D(2, 3, padding="same")(seen))
    return keras.Model(picture, layers.GlobalAveragePooling2D(name="pooled")(seen))


def differs_in_training() -> keras.Model:
    x = keras.Input((4,), name="x")
    normal = layers.BatchNormalization(name="normal")(x)
    return keras.Model(x, layers.Dropout(0.5, name="dropped")(normal))


def odd_names() -> keras.Model:
    x = keras.Input((3,), name="x-in")
    return keras.Model(x, layers.Dense(2, name="y.out-1")(x))


def free_names() -> keras.Model:
    x = keras.Input((3,), name="user.age>2")
    return keras.Model({"user.age>2": x}, {"größe in cm": layers.Dense(2, name="y")(x)})


def half() -> keras.Model:
    x = keras.Input((3,), dtype="bfloat16", name="x")
    return keras.Model(x, layers.Dense(2, dtype="bfloat16", name="y")(x))


CASES = {
    "sequential": Case(sequential, {"features": "float32[?, 4]"}, {"scores": "float32[?, 2]"}),
    "two in, two out": Case(
        two_in_two_out,
        {"picture": "float32[?, 2, 2, 1]", "context": "float32[?, 3]"},
        {"kind": "float32[?, 2]", "age": "float32[?, 1]"},
        lambda inputs: [inputs["picture"], inputs["context"]],
    ),
    "dicts": Case(
        dicts,
        {"width": "float32[?, 2]", "height": "float32[?, 2]"},
        {"up": "float32[?, 2]", "down": "float32[?, 1]"},
        dict,
    ),
    "embedding": Case(
        embedding,
        {"ids": "int32[?, 5]", "weight": "float32[?, 1]"},
        {"scores": "float32[?, 2]"},
        lambda inputs: [inputs["ids"], inputs["weight"]],
    ),
    "words": Case(
        words,
        {"word": "string[?, 2]"},
        {"meaning": "float32[?, 6]"},
        lambda inputs: keras.ops.convert_to_tensor(inputs["word"]),
    ),
    "free time": Case(free_time, {"steps": "float32[?, ?, 3]"}, {"state": "float32[?, 4]"}),
    "picture of any size": Case(
        picture_of_any_size, {"picture": "float32[?, ?, ?, 1]"}, {"pooled": "float32[?, 2]"}
    ),
    "differs in training": Case(
        differs_in_training, {"x": "float32[?, 4]"}, {"dropped": "float32[?, 4]"}
    ),
    "odd names": Case(odd_names, {"x-in": "float32[?, 3]"}, {"y.out-1": "float32[?, 2]"}),
    "free names": Case(
        free_names, {"user.age>2": "float32[?, 3]"}, {"größe in cm": "float32[?, 2]"}, dict
    ),
    "bfloat16": Case(half, {"x": "bfloat16[?, 3]"}, {"y": "bfloat16[?, 2]"}),
}
