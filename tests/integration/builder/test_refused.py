from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from horngate.builder.publish import publish_keras
from horngate.errors import PublishError
from horngate.store.layout import STAGING_PREFIX
from horngate.tensors import Array
from tests.integration.builder.models import sequential


class Drifting(layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Says one thing to Python and another to a graph."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return x if tf.executing_eagerly() else x + 1


def names_below(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if not path.is_dir()]


def test_a_saved_model_that_answers_otherwise_than_keras_is_not_published(tmp_path: Path) -> None:
    x = keras.Input((3,), name="x")
    model = keras.Model(x, Drifting(name="y")(x))
    with pytest.raises(
        PublishError,
        match="the SavedModel answers otherwise than Keras does: output 'y': differs by up to 1,",
    ):
        publish_keras(model, tmp_path, "m")
    assert names_below(tmp_path) == []


def test_inputs_of_other_names_are_refused_with_the_right_ones(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="inputs: expected features, received x"):
        publish_keras(sequential(), tmp_path, "m", inputs={"x": np.zeros((1, 4), np.float32)})
    assert names_below(tmp_path) == []


class Subclassed(keras.Model):  # type: ignore[misc]  # Keras ships no types
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, x: Array) -> Array:
        answer: Array = self.dense(x)
        return answer


def nested(side: str) -> keras.Model:
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    c, d = layers.Add(name="c")([a, b]), layers.Subtract(name="d")([a, b])
    return {
        "inputs, dict": lambda: keras.Model({"g": {"a": a}, "b": b}, c),
        "inputs, list": lambda: keras.Model([[a], b], c),
        "outputs, dict": lambda: keras.Model([a, b], {"g": {"c": c}, "d": d}),
        "outputs, list": lambda: keras.Model([a, b], [[c], d]),
    }[side]()


def one_layer_twice() -> keras.Model:
    x, same = keras.Input((2,), name="x"), layers.Dense(2, name="same")
    return keras.Model(x, [same(x), same(same(x))])


def state_beside_the_answer() -> keras.Model:
    x = keras.Input((4, 2), name="x")
    return keras.Model(x, layers.LSTM(3, return_state=True, name="memory")(x))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: nested("inputs, dict"), "expected inputs as one tensor, .* received a nested"),
        (lambda: nested("inputs, list"), "expected inputs as one tensor, .* received a nested"),
        (lambda: nested("outputs, dict"), "expected outputs as one tensor, .* received a nested"),
        (lambda: nested("outputs, list"), "expected outputs as one tensor, .* received a nested"),
        (one_layer_twice, "expected every name once, received 'same' 2 times; name the layers"),
        (state_beside_the_answer, "received 'memory' 3 times; .* give the model a dict"),
        (
            lambda: keras.Sequential([layers.Dense(2)], name="new"),
            "known inputs, received Sequential 'new', .* give it Input layers",
        ),
        (Subclassed, "known inputs, received Subclassed .* call it once on data before it is"),
    ],
)
def test_a_model_whose_tensors_cannot_be_named_is_refused_in_words(
    tmp_path: Path, make: Callable[[], keras.Model], sentence: str
) -> None:
    with pytest.raises(PublishError, match=sentence):
        publish_keras(make(), tmp_path, "m")
    assert not list(tmp_path.rglob(f"{STAGING_PREFIX}*"))
    assert names_below(tmp_path) == []


def test_a_model_that_keras_cannot_export_is_refused_with_its_reason(tmp_path: Path) -> None:
    x = keras.Input((2,), name="x")
    model = keras.Model(x, layers.Dense(1, name="größe")(x))
    with pytest.raises(PublishError, match=r"m: could not be exported: ValueError: (.|\n)*größe"):
        publish_keras(model, tmp_path, "m")
    assert names_below(tmp_path) == []


@pytest.mark.parametrize("name", ["city id", "größe", "_x", "a:0", "x\\y", "class", "self"])
def test_an_input_name_that_tensorflow_cannot_carry_is_refused_in_words(
    tmp_path: Path, name: str
) -> None:
    x = keras.Input((2,), name=name)
    model = keras.Model(x, layers.Dense(1, name="y")(x))
    with pytest.raises(
        PublishError, match=r"input names: expected ASCII letters.* received .*wrap"
    ):
        publish_keras(model, tmp_path, "m")
    assert not (tmp_path / "m").exists()
