"""Models with code of their author's own: named, carried by the file, or a class of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from horngate.builder.keras_file import import_code, load_keras
from horngate.builder.publish import publish_keras
from horngate.errors import PublishError
from horngate.runtimes.savedmodel import SavedModelRuntime
from horngate.tensors import Arrays
from tests.conftest import Command, Said

CODE = """
import keras

@keras.saving.register_keras_serializable(package="tests")
class Scale(keras.layers.Layer):
    def call(self, x):
        return x * 3.0

class Shift(keras.layers.Layer):
    def call(self, x):
        return x + 1.0

def cube(x):
    return x * x * x

def own_loss(expected, received):
    return keras.ops.mean(keras.ops.abs(expected - received))

@keras.saving.register_keras_serializable(package="tests")
class Own(keras.Model):
    def __init__(self, **more):
        super().__init__(**more)
        self.dense = keras.layers.Dense(2, kernel_initializer="ones")

    def call(self, picture, training=False):
        return {"sum": self.dense(picture) * (0.0 if training else 1.0)}
"""

Publish = Callable[..., Said]


@pytest.fixture
def code(tmp_path: Path) -> Iterator[Path]:
    """A file of somebody's own, which nothing else has imported."""
    path = tmp_path / "my_layers.py"
    path.write_text(CODE)
    before = set(sys.modules), list(sys.path)
    yield path
    forget()
    for name in set(sys.modules) - before[0]:
        if "my_" in name:
            del sys.modules[name]
    sys.path[:] = before[1]


def forget() -> None:
    """Have Keras as it is in a new process."""
    keras.saving.get_custom_objects().clear()


@pytest.fixture
def publish(horngate: Command, tmp_path: Path) -> Publish:
    return lambda source, *more: horngate(
        "publish", source, "--name", "m", "--models", tmp_path / "models", "--no-compile", *more
    )


def answer(models: Path, inputs: Arrays) -> Arrays:
    servable = SavedModelRuntime().load(models / "m" / "1")
    try:
        return servable.run("serving_default", inputs)
    finally:
        servable.close()


def saved(path: Path, *own: layers.Layer) -> Path:
    model = keras.Sequential([keras.Input((2,), name="x"), *own])
    model.compile(loss="mse")
    model.save(path)
    forget()
    return path


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", ["Scale", "Shift"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")
def test_a_layer_of_a_file_that_is_named_is_found(
    code: Path, tmp_path: Path, publish: Publish, name: str, suffix: str
) -> None:
    """Registered with Keras, or by its name alone."""
    path = saved(tmp_path / f"m{suffix}", import_code([str(code)])[name](name="y"))
    status, _, err = publish(path)
    assert status == 1
    assert f"{name!r}; name the code that defines it: --import layers.py" in err
    assert publish(path, "--import", code).status == 0
    received = answer(tmp_path / "models", {"x": np.full((1, 2), 2, np.float32)})["y"]
    assert received.tolist() == [[{"Scale": 6.0, "Shift": 3.0}[name]] * 2]


def test_a_loss_and_an_activation_of_a_module_are_found(
    code: Path, tmp_path: Path, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = import_code([str(code)])
    model = keras.Sequential(
        [keras.Input((1,), name="x"), layers.Activation(own["cube"], name="y")]
    )
    model.compile(loss=own["own_loss"])
    model.save(tmp_path / "m.keras")
    sys.modules.pop("my_layers", None)
    monkeypatch.chdir(tmp_path)
    assert publish(tmp_path / "m.keras", "--import", "my_layers").status == 0
    received = answer(tmp_path / "models", {"x": np.full((1, 1), 2, np.float32)})["y"]
    assert received.tolist() == [[8.0]]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "import keras\n\nraise RuntimeError('no licence')\n",
            "RuntimeError: no licence",
        ),
        ("x = 1\n\nimport my_nothing\n", "ModuleNotFoundError: No module named 'my_nothing'"),
        ("x = 1\ny = 2\ndef f(:\n", "SyntaxError: invalid syntax"),
        ("import sys\n\nsys.exit('bye')\n", "SystemExit: bye"),
    ],
)
def test_an_import_that_raises_is_told_with_its_line(
    code: Path, tmp_path: Path, publish: Publish, text: str, told: str
) -> None:
    code.write_text(text)
    path = saved(tmp_path / "m.keras", layers.Dense(1))
    status, _, err = publish(path, "--import", code)
    assert status == 1
    assert err.startswith(f"horngate publish: --import {code}: expected code that can be imported")
    assert told in err
    assert f"in {code}, line 3" in err
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("name", ["my_absent.py", "my_absent"])
def test_an_import_that_is_not_there_is_named(tmp_path: Path, publish: Publish, name: str) -> None:
    path = saved(tmp_path / "m.keras", layers.Dense(1))
    status, _, err = publish(path, "--import", name)
    assert status == 1
    assert f"--import {name}: expected a" in err
    assert err.endswith("not found\n")


def test_a_file_of_ones_own_takes_no_librarys_place(code: Path) -> None:
    import json  # noqa: PLC0415 - what is to stay as it is

    own = code.with_name("json.py")
    own.write_text("def my_own(): ...\n")
    try:
        assert "my_own" in import_code([str(own)])
        assert sys.modules["json"] is json
    finally:
        sys.modules.pop("_imported_json", None)


def test_a_lambda_layer_runs_only_where_it_is_allowed(tmp_path: Path, publish: Publish) -> None:
    path = saved(tmp_path / "m.keras", layers.Lambda(lambda x: x * 2.0, name="y"))
    status, _, err = publish(path)
    assert status == 1
    assert "received a Lambda layer, whose Python code is in the file" in err
    assert "--allow-lambda runs that code" in err
    assert "safe_mode" not in err
    assert publish(path, "--allow-lambda").status == 0
    received = answer(tmp_path / "models", {"x": np.ones((1, 2), np.float32)})["y"]
    assert received.tolist() == [[2.0, 2.0]]


def test_a_registered_subclass_is_published_from_its_file(
    code: Path, tmp_path: Path, publish: Publish
) -> None:
    model = import_code([str(code)])["Own"](name="own")
    model(np.ones((1, 3), np.float32))
    model.save(tmp_path / "m.keras")
    forget()
    sys.modules.pop("my_layers", None)
    told = publish(tmp_path / "m.keras", "--import", code)
    assert told.status == 0, told.err
    fed = {"picture": np.ones((4, 3), np.float32)}
    assert answer(tmp_path / "models", fed)["sum"].tolist() == [[3.0, 3.0]] * 4


class Words(keras.Model):  # type: ignore[misc]  # Keras ships no types
    """Of one dict of inputs, which are no floats; two outputs in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.index = layers.StringLookup(vocabulary=["horn", "ivory"])
        self.table = layers.Embedding(4, 2)

    def call(self, inputs: dict[str, keras.KerasTensor]) -> list[keras.KerasTensor]:
        return [self.table(self.index(inputs["word"])), self.table(inputs["count"])]


class OfTwo(keras.Model):  # type: ignore[misc]  # the same
    def call(self, picture: keras.KerasTensor, context: keras.KerasTensor) -> keras.KerasTensor:
        return picture - context


class OfAList(keras.Model):  # type: ignore[misc]  # the same
    def call(self, pair: list[keras.KerasTensor]) -> keras.KerasTensor:
        return pair[0] + pair[1]


def test_a_built_subclass_is_published_with_the_dtypes_of_what_it_is_given(tmp_path: Path) -> None:
    fed = {"word": np.array([["horn"]], object), "count": np.array([[2]], np.int64)}
    model = Words()
    model({name: keras.ops.convert_to_tensor(value) for name, value in fed.items()})
    publish_keras(model, tmp_path, "m", inputs=fed, compiled=False)
    received = answer(tmp_path, {**fed, "word": np.array([[b"ivory"]], object)})
    assert {name: array.shape for name, array in received.items()} == {
        "output_0": (1, 1, 2),
        "output_1": (1, 1, 2),
    }


@pytest.mark.parametrize(
    ("model", "given", "names"),
    [(OfTwo, [3, 1], ("picture", "context")), (OfAList, [[1, 1]], ("pair_0", "pair_1"))],
)
def test_inputs_are_named_as_the_arguments_are(
    tmp_path: Path, model: Callable[[], keras.Model], given: list[Any], names: tuple[str, str]
) -> None:
    made = model()
    made(*keras.tree.map_structure(lambda value: np.full((1, 2), value, np.float32), given))
    values = dict(zip(names, np.ravel(given), strict=True))
    fed = {name: np.full((3, 2), value, np.float32) for name, value in values.items()}
    publish_keras(made, tmp_path, "m", inputs=fed, compiled=False)
    received = answer(tmp_path, fed)
    assert received["output_0"].tolist() == [[2.0, 2.0]] * 3


def test_a_subclass_whose_inputs_keras_does_not_know_asks_for_them(tmp_path: Path) -> None:
    model = OfTwo()
    model(np.ones((1, 2), np.float32), np.ones((1, 2), np.float32))
    with pytest.raises(PublishError, match="'context'; give publish_keras its inputs by name"):
        publish_keras(model, tmp_path, "m", compiled=False)


def test_what_cannot_be_read_is_told_without_the_whole_model(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    path.write_bytes(b"no model")
    with pytest.raises(PublishError, match=r"m\.h5: expected a Keras model; Keras says") as caught:
        load_keras(path)
    assert len(str(caught.value)) < 1000
