"""What a Keras model's layers say of pictures and answers is found, and told where it is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import pytest
from keras import layers

from horngate.builder.export import NamedModel
from horngate.builder.meaning import Meaning
from horngate.builder.publish import publish_keras, publish_saved_model
from horngate.errors import PublishError
from horngate.store.annotations import RECORD, read_annotations
from horngate.store.manifest import read_checksums
from horngate.tensors import DType, Picture, Signature, TensorSpec
from tests.integration.builder.models import pictures

BYTES, UNIT, SIGNED = (0.0, 255.0), (0.0, 1.0), (-1.0, 1.0)


def normalised(mean: float, variance: float) -> layers.Layer:
    return layers.Normalization(mean=[mean] * 3, variance=[variance] * 3)


@pytest.mark.parametrize(
    ("first", "pixels"),
    [
        ((), None),
        ((layers.Rescaling(1 / 255),), BYTES),
        ((layers.Rescaling(1 / 256),), BYTES),
        ((layers.Rescaling(1 / 127.5, offset=-1),), BYTES),
        ((layers.Rescaling([1 / 58, 1 / 57, 1 / 57], offset=[-2.1, -2, -1.8]),), BYTES),
        ((layers.RandomFlip(), layers.Resizing(8, 8), layers.Rescaling(1 / 255)), BYTES),
        ((layers.Rescaling(2, offset=-1),), UNIT),
        ((layers.Rescaling(255),), UNIT),
        ((layers.Rescaling(0.5, offset=0.5),), SIGNED),
        ((layers.Rescaling(127.5, offset=127.5),), SIGNED),
        ((layers.Rescaling(1),), None),
        ((layers.Conv2D(3, 1), layers.Rescaling(1 / 255)), None),
        ((normalised(120, 60**2),), BYTES),
        ((normalised(0.45, 0.05),), UNIT),
    ],
)
def test_the_first_layer_tells_what_pixels_it_takes(
    first: tuple[layers.Layer, ...], pixels: tuple[float, float] | None
) -> None:
    assert Meaning().of(NamedModel(pictures(first))).found.get("photo") == pixels


def test_keras_own_preprocessing_tells_it_too() -> None:
    for prepared in (
        keras.applications.mobilenet.preprocess_input,
        keras.applications.vgg16.preprocess_input,
    ):
        photo = keras.Input((32, 32, 3), name="photo")
        answer = layers.GlobalAveragePooling2D(name="mean")(layers.Conv2D(2, 3)(prepared(photo)))
        named = NamedModel(keras.Model(photo, answer))
        assert Meaning().of(named).found == {"photo": BYTES}


def test_a_model_within_a_model_is_looked_into() -> None:
    inner = pictures([layers.Rescaling(1 / 255)])
    outer = keras.Sequential([keras.Input((8, 8, 3), name="photo"), layers.RandomFlip(), inner])
    meaning = Meaning().of(NamedModel(outer))
    assert meaning.found == {"photo": BYTES}
    assert list(meaning.activations.values()) == ["softmax"]
    photo, beside = keras.Input((8, 8, 3), name="photo"), keras.Input((4,), name="beside")
    joined = layers.Concatenate()([inner(photo), beside])
    functional = keras.Model([beside, photo], layers.Dense(1, name="score")(joined))
    meaning = Meaning().of(NamedModel(functional))
    assert meaning.found == {"photo": BYTES}
    assert meaning.activations == {"score": "linear"}


def test_pictures_that_are_worked_with_one_another_tell_nothing() -> None:
    first, second = (keras.Input((8, 8, 3), name=name) for name in ("first", "second"))
    between = layers.Subtract()([first, second]) * layers.Add()([first, second])
    named = NamedModel(keras.Model([first, second], layers.Flatten(name="flat")(between)))
    assert Meaning().of(named) == Meaning()


@pytest.mark.parametrize(
    ("end", "activation"),
    [
        ([layers.Dense(3, activation="softmax")], "softmax"),
        ([layers.Dense(3), layers.Softmax()], "softmax"),
        ([layers.Dense(3), layers.Activation("softmax", dtype="float32")], "softmax"),
        ([layers.Dense(3, activation="softmax"), layers.Activation("linear")], "softmax"),
        ([layers.Dense(3, activation="sigmoid")], "sigmoid"),
        ([layers.Dense(3)], "linear"),
        ([layers.Dense(4), layers.Reshape((2, 2)), layers.Softmax(axis=1)], None),
        ([layers.Dense(3, activation="relu")], None),
        ([layers.Dense(3), layers.UnitNormalization()], None),
    ],
)
def test_the_last_layer_tells_what_an_answer_is(
    end: list[layers.Layer], activation: str | None
) -> None:
    meaning = Meaning().of(NamedModel(pictures(end=end)))
    assert list(meaning.activations.values()) == [activation] * (activation is not None)


def published(tmp_path: Path, model: keras.Model, **told: Any) -> tuple[Signature, str]:
    done = publish_keras(model, tmp_path, "model", compiled=False, **told)
    spec = TensorSpec("photo", DType.FLOAT32, (None, 8, 8, 3))
    kind = TensorSpec("kind", DType.FLOAT32, (None, 3))
    plain = Signature("serving_default", {"photo": spec}, {"kind": kind})
    assert "assets.extra/horngate/annotations.json" in (read_checksums(done.folder) or {})
    found = read_annotations(done.folder, {"serving_default": plain})["serving_default"]
    return found, "\n".join(done.notes)


def test_what_is_found_and_told_is_recorded(tmp_path: Path) -> None:
    labels = ["cat", "dog", "fox"]
    found, note = published(tmp_path, pictures([layers.Rescaling(1 / 255)]), labels=labels)
    assert found.pictures == {"photo": Picture(8, 8, 3, False, 0.0, 255.0)}
    assert found.labels == {"kind": ("cat", "dog", "fox")}
    assert found.activations == {"kind": "softmax"}
    assert note == "input 'photo' takes pictures, JPEG or PNG, as 8x8 RGB, pixels 0..255"


def test_a_range_that_nothing_tells_is_said_to_be_taken(tmp_path: Path) -> None:
    found, note = published(tmp_path, pictures())
    assert found.pictures == {"photo": Picture(8, 8, 3, False, 0.0, 1.0)}
    assert note.endswith("if it takes others: --pixels 0..255")
    found, note = published(tmp_path, pictures(), pixels=(-1.0, 1.0))
    assert found.pictures["photo"][-2:] == SIGNED
    assert "--pixels" not in note


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"labels": ["cat", "dog"]}, "output 'kind': expected 3 labels, one for each class"),
        ({"labels": ["a"] * 4}, "output 'kind': expected 3 labels, one for each class, received 4"),
        ({"labels": {"kind": ["a"]}}, "output 'kind': expected 3 labels"),
        ({"labels": {"mask": ["a"]}}, r"expected outputs of the model \('kind'\), received 'mask'"),
        ({"labels": ["a", "b", "\x1b[2J"]}, "label 2: expected a text"),
        ({"image_input": "picture"}, "image input: expected an input of numbers .* 'picture'"),
    ],
)
def test_what_is_told_has_to_fit(tmp_path: Path, told: dict[str, Any], words: str) -> None:
    with pytest.raises(PublishError, match=words):
        published(tmp_path, pictures(), **told)
    assert not (tmp_path / "model").exists()


def test_pixels_of_a_model_without_a_picture_are_refused(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,), name="x"), layers.Dense(2)])
    with pytest.raises(PublishError, match=r"pixels: expected an input .* takes 'x' float32"):
        publish_keras(model, tmp_path, "model", pixels=(0, 255), compiled=False)


def test_a_saved_model_is_told_of_by_whoever_publishes_it(tmp_path: Path) -> None:
    source = tmp_path / "source"
    NamedModel(pictures([layers.Rescaling(1 / 255)])).export(source)
    done = publish_saved_model(
        source, tmp_path, "model", compiled=False, pixels=(0, 255), labels=["cat", "dog", "fox"]
    )
    record = json.loads((done.folder / RECORD).read_text("utf-8"))["serving_default"]
    assert record["labels"] == {"kind": ["cat", "dog", "fox"]}
    assert record["pictures"]["photo"]["high"] == 255
