from __future__ import annotations

import json
import stat
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from horngate.builder.publish import Published, publish_keras
from horngate.runtimes.savedmodel import SavedModelRuntime
from horngate.store.goldens import Golden, read_goldens
from horngate.store.manifest import read_provenance, verify_checksums
from horngate.tensors import DEFAULT_SIGNATURE, Signature
from tests.integration.builder.conftest import Kind
from tests.integration.builder.models import sequential, sequential_without_an_input_layer


def test_inputs_and_outputs_have_the_models_own_names_dtypes_and_a_free_batch(kind: Kind) -> None:
    assert {name: str(spec) for name, spec in kind.signature.inputs.items()} == kind.case.inputs
    assert {name: str(spec) for name, spec in kind.signature.outputs.items()} == kind.case.outputs
    assert kind.signature.batched
    assert list(kind.signatures) == [DEFAULT_SIGNATURE]


def test_the_saved_model_answers_as_keras_does(kind: Kind) -> None:
    expected = kind.case.predicted(kind.model, kind.inputs)
    assert kind.outputs.keys() == expected.keys()
    for name, array in expected.items():
        assert array.dtype == kind.outputs[name].dtype
        assert np.ptp(array.astype(np.float32)) > 0, "an answer that says something"
        received, wanted = (each.astype(np.float32) for each in (kind.outputs[name], array))
        np.testing.assert_allclose(received, wanted, rtol=1e-5, atol=1e-6)


def test_its_goldens_hold_its_inputs_and_outputs(kind: Kind) -> None:
    golden = read_goldens(kind.published.folder)[DEFAULT_SIGNATURE]
    assert golden.inputs.keys() == kind.case.inputs.keys()
    assert golden.outputs.keys() == kind.case.outputs.keys()
    expected = kind.case.predicted(kind.model, golden.inputs)
    assert Golden({}, expected).mismatch(golden.outputs) is None


def test_another_user_may_read_what_was_published(kind: Kind) -> None:
    assert stat.S_IMODE(kind.published.folder.stat().st_mode) == 0o755


def test_every_file_has_a_checksum_and_none_is_left_staging(kind: Kind) -> None:
    assert verify_checksums(kind.published.folder)
    assert [path.name for path in kind.published.folder.parent.iterdir()] == ["1"]


def test_tensorflow_loads_it_too(kind: Kind) -> None:
    function = tf.saved_model.load(str(kind.published.folder)).signatures[DEFAULT_SIGNATURE]
    answers = function(**{name: tf.constant(array) for name, array in kind.inputs.items()})
    received = {name: tensor.numpy() for name, tensor in answers.items()}
    assert Golden({}, kind.outputs).mismatch(received) is None


def signature_of(published: Published) -> Signature:
    servable = SavedModelRuntime().load(published.folder)
    try:
        return servable.signatures[DEFAULT_SIGNATURE]
    finally:
        servable.close()


def test_a_sequential_built_by_a_call_takes_any_number_of_rows(tmp_path: Path) -> None:
    published = publish_keras(sequential_without_an_input_layer(), tmp_path, "m", compiled=False)
    (spec,) = signature_of(published).inputs.values()
    assert str(spec) == "float32[?, 4]"


def test_rows_that_keep_a_state_stay_as_many_as_they_are(tmp_path: Path) -> None:
    model = keras.Sequential(
        [keras.Input(batch_shape=(2, 3, 1), name="x"), layers.LSTM(1, stateful=True, name="y")]
    )
    published = publish_keras(model, tmp_path, "m", compiled=False)
    assert str(signature_of(published).inputs["x"]) == "float32[2, 3, 1]"


def test_an_input_without_a_name_is_called_the_same_before_and_after_saving(
    tmp_path: Path,
) -> None:
    x = keras.Input((3,))
    model = keras.Model(x, layers.Dense(2, name="y")(x))
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    before, after = (publish_keras(each, tmp_path, "m", compiled=False) for each in (model, again))
    assert set(signature_of(before).inputs) == set(signature_of(after).inputs)


def test_given_inputs_become_the_goldens_and_it_is_recorded_how_a_version_was_made(
    tmp_path: Path,
) -> None:
    inputs = {"features": np.full((2, 4), 0.5, np.float32)}
    published = publish_keras(
        sequential(), tmp_path, "m", inputs=inputs, provenance={"seed": 4}, compiled=False
    )
    golden = read_goldens(published.folder)[DEFAULT_SIGNATURE]
    assert np.array_equal(golden.inputs["features"], inputs["features"])
    recorded = read_provenance(published.folder)
    assert recorded["keras"] == keras.__version__
    assert recorded["tensorflow"] == tf.__version__
    assert (recorded["class"], recorded["seed"]) == ("Sequential", 4)
    assert json.dumps(recorded)
