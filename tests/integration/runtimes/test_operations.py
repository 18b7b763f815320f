"""SavedModels that would reach beyond themselves are refused, at publish and at load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from horngate.builder.publish import publish_saved_model
from horngate.errors import LoadError, PublishError
from horngate.runtimes.contents import looked_at
from horngate.runtimes.savedmodel import SavedModelRuntime
from horngate.store.manifest import Hashes
from tests.integration.runtimes.hostile import writing
from tests.integration.runtimes.saved import (
    Function,
    answered,
    answering,
    looked_up,
    with_a_vocabulary,
)
from tests.serving import RunningServer
from tests.small_models import two_inputs


def reads(path: Path) -> Function:
    return lambda x: x + tf.cast(tf.strings.length(tf.io.read_file(str(path))), tf.float32)


@pytest.mark.parametrize(("make", "operation"), [(reads, "ReadFile"), (writing, "WriteFile")])
def test_what_reaches_beyond_is_refused_and_not_run(
    tmp_path: Path, make: Callable[[Path], Function], operation: str
) -> None:
    target = tmp_path / "target"
    if operation != "WriteFile":
        target.write_text("secret")
    before = sorted(each.name for each in tmp_path.iterdir())
    source = answering(tmp_path / "source", make(target))
    with pytest.raises(LoadError, match=operation) as refused:
        SavedModelRuntime().load(source)
    assert "reads or writes files" in str(refused.value)
    assert "--trust-model-ops" in str(refused.value)
    with pytest.raises(PublishError, match=operation):
        publish_saved_model(source, tmp_path / "models", "m")
    left = {each.name for each in tmp_path.iterdir()} - {"source", "models"}
    assert sorted(left) == before


def test_whoever_trusts_it_may_serve_it(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("seven b")
    source = answering(tmp_path / "source", reads(target))
    models = tmp_path / "models"
    publish_saved_model(source, models, "reader", trust_operations=True, compiled=False)
    trusting = SavedModelRuntime(trust_operations=True)
    assert answered(models / "reader" / "1", trusting, x=np.zeros(1, np.float32)) == [7]
    for flags, state in (((), "END"), (("--trust-model-ops",), "AVAILABLE")):
        with RunningServer(models, *flags, ready=False) as running:
            event = "available" if flags else "load failed"
            line = running.wait_for_log(event)
            assert flags or "ReadFile" in line["reason"]
            assert state in running.http("/v1/models/reader")[1]


def with_a_function_beside(folder: Path, beside: Function) -> Path:
    """A SavedModel with a variable, and a function of it that nothing that is served leads to."""
    module = tf.Module()
    module.variable = tf.Variable(2.0)
    module.unused = tf.function(lambda: beside(module.variable), input_signature=[])
    module.unused.get_concrete_function()
    return answering(folder, lambda x: x * module.variable, module)


def test_what_saving_and_training_left_in_the_graph_is_no_reason(tmp_path: Path) -> None:
    def train(variable: tf.Variable) -> tf.Tensor:
        tf.raw_ops.ResourceApplyGradientDescent(
            var=variable.handle, alpha=tf.constant(0.1), delta=tf.constant(1.0)
        )
        return tf.constant(0)

    folder = with_a_function_beside(tmp_path, train)
    assert b"SaveV2" in (folder / "saved_model.pb").read_bytes()
    SavedModelRuntime().load(folder).close()


def test_what_nothing_leads_to_is_looked_at_as_well(tmp_path: Path) -> None:
    """TensorFlow evaluates parts of functions and graphs as it imports them."""
    folder = with_a_function_beside(tmp_path, lambda _: tf.io.read_file("nowhere"))
    with pytest.raises(LoadError, match=r"ReadFile .* though nothing leads there"):
        SavedModelRuntime().load(folder)
    SavedModelRuntime(trust_operations=True).load(folder).close()


@pytest.mark.usefixtures("small_models")
def test_keras_models_of_every_kind_are_no_reason(tmp_path: Path) -> None:
    """The small models could not be published otherwise."""
    inputs = keras.Input((5,), dtype="int32")
    x = keras.layers.Embedding(10, 4)(inputs)
    x = keras.layers.Bidirectional(keras.layers.LSTM(3, dropout=0.1))(x)
    x = keras.layers.GaussianNoise(0.1)(keras.layers.BatchNormalization()(x))
    keras.Model(inputs, keras.layers.Dense(1)(x)).export(tmp_path / "lstm", verbose=False)
    SavedModelRuntime().load(tmp_path / "lstm").close()
    looked_at(Hashes(tmp_path / "lstm"), objects=True)
    two_inputs().export(tmp_path / "two", verbose=False)
    SavedModelRuntime().load(tmp_path / "two").close()
    looked_at(Hashes(tmp_path / "two"), objects=True)


def test_a_vocabulary_in_a_file_of_the_models_own(tmp_path: Path) -> None:
    with_a_vocabulary(tmp_path / "m")
    assert answered(tmp_path / "m", word=np.array([b"ivory", b"x"], object)) == [1, -1]
    looked_at(Hashes(tmp_path / "m"), objects=True)


def test_a_saved_model_of_tensorflow_1(tmp_path: Path) -> None:
    vocabulary = tmp_path / "words.txt"
    vocabulary.write_text("horn\nivory\n")
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        words = v1.placeholder(tf.string, [None], name="word")
        asset = tf.constant(str(vocabulary))
        v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, asset)
        table = looked_up(asset)
        offset = v1.get_variable("offset", initializer=tf.constant(10, tf.int64))
        answer = table.lookup(words) + offset
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        builder = v1.saved_model.Builder(str(tmp_path / "m"))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {"serving_default": v1.saved_model.predict_signature_def({"w": words}, {"y": answer})},
            assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
            main_op=v1.tables_initializer(),
        )
        builder.save()
    vocabulary.unlink()
    assert answered(tmp_path / "m", w=np.array([b"ivory", b"x"], object)) == [11, 9]
    looked_at(Hashes(tmp_path / "m"), objects=True)
