"""Models of every kind, compiled and held against TensorFlow; and those that may not be."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
from keras import layers
from onnx import numpy_helper

from horngate.builder import convert
from horngate.builder.comparison import trial_inputs
from horngate.builder.compile import ROWS, compile_version
from horngate.builder.publish import publish_keras, publish_saved_model
from horngate.builder.recipes import MNIST_CNN, MNIST_FUSION
from horngate.errors import LoadError, PublishError
from horngate.runtimes.onnx import OnnxRuntime
from horngate.runtimes.savedmodel import SavedModelRuntime
from horngate.servable import Servable
from horngate.store.compiled import (
    FORMS,
    CompiledRecord,
    form_name,
    read_compiled,
    unusable,
)
from horngate.store.goldens import Golden
from horngate.store.layout import STAGING_PREFIX
from horngate.store.manifest import CHECKSUMS, FOLDER, verify_checksums
from horngate.tensors import DEFAULT_SIGNATURE
from tests.conftest import Command
from tests.integration.builder.conftest import Kind
from tests.integration.builder.models import sequential
from tests.integration.runtimes.test_savedmodel import FLOATS, save

PICTURES = tf.TensorSpec([None, 4], "float32", "x")


def mobile_net() -> keras.Model:
    picture = keras.Input((96, 96, 3), name="picture")
    body = keras.applications.MobileNetV2(
        (96, 96, 3), alpha=0.35, weights=None, include_top=False, input_tensor=picture
    )
    return keras.Model(picture, layers.GlobalAveragePooling2D(name="seen")(body.output))


def lstm() -> keras.Model:
    steps = keras.Input((12, 5), name="steps")
    return keras.Model(steps, layers.Dense(3, name="scores")(layers.LSTM(16)(steps)))


def bidirectional_gru() -> keras.Model:
    steps = keras.Input((12, 5), name="steps")
    both = layers.Bidirectional(layers.GRU(16))(steps)
    return keras.Model(steps, layers.Dense(3, name="scores")(both))


def attention() -> keras.Model:
    tokens = keras.Input((12, 16), name="tokens")
    seen = layers.MultiHeadAttention(2, 8)(tokens, tokens)
    normal = layers.LayerNormalization()(layers.Add()([tokens, seen]))
    pooled = layers.GlobalAveragePooling1D()(layers.Dense(16, activation="gelu")(normal))
    return keras.Model(tokens, layers.Dense(3, name="scores")(pooled))


def dict_in_two_out() -> keras.Model:
    ids, size = keras.Input((5,), dtype="int32", name="ids"), keras.Input((1,), name="size")
    seen = layers.Concatenate()([layers.Flatten()(layers.Embedding(10, 3)(ids)), size])
    outputs = {"kind": layers.Softmax()(layers.Dense(4)(seen)), "age": layers.Dense(1)(seen)}
    return keras.Model({"ids": ids, "size": size}, outputs)


ZOO = {
    "MobileNetV2": mobile_net,
    "LSTM": lstm,
    "bidirectional GRU": bidirectional_gru,
    "attention and gelu": attention,
    "dict in, two out": dict_in_two_out,
    "mnist_cnn": MNIST_CNN.architecture,
    "mnist_fusion": MNIST_FUSION.architecture,
}


def both(folder: Path) -> list[Servable]:
    return [SavedModelRuntime().load(folder), OnnxRuntime().load(folder)]


KINDS = ("words", "free time", "picture of any size", "odd names", "free names")


@pytest.mark.parametrize("name", [*ZOO, *KINDS])
def test_a_compiled_model_answers_as_tensorflow_does(
    tmp_path: Path, kinds: Callable[[str], Kind], name: str
) -> None:
    keras.utils.set_random_seed(4)
    made = name in KINDS
    published = kinds(name).published if made else publish_keras(ZOO[name](), tmp_path, "m")
    record = published.compiled
    assert record is not None
    assert record.refused == ""
    assert verify_checksums(published.folder)
    assert unusable(published.folder, record) is None
    assert set(ROWS) <= set(record.signatures[DEFAULT_SIGNATURE].rows)
    assert 0 <= record.largest_difference < 0.01
    # With inputs that the compiler did not try.
    tensorflow, compiled = both(published.folder)
    assert compiled.signatures == tensorflow.signatures
    inputs = trial_inputs(tensorflow.signatures[DEFAULT_SIGNATURE], {}, rows=5, seed=99)
    golden = Golden(inputs, tensorflow.run(DEFAULT_SIGNATURE, inputs))
    assert golden.mismatch(compiled.run(DEFAULT_SIGNATURE, inputs)) is None
    for servable in (tensorflow, compiled):
        servable.close()


def test_every_signature_is_compiled_with_or_without_a_batch(tmp_path: Path) -> None:
    folder = save(
        tmp_path,
        serving_default=(lambda x: {"y": x + 1}, PICTURES),
        whole=(lambda x: {"sum": tf.reduce_sum(x)}, tf.TensorSpec([3], "float32", "x")),
        **{"a/b": (lambda x: {"best": tf.argmax(x, -1)}, PICTURES)},
    )
    record = compile_version(folder)
    assert {name: form.rows for name, form in record.signatures.items()} == {
        "serving_default": ROWS,
        "whole": (),
        "a/b": ROWS,
    }
    servable = OnnxRuntime().load(folder)
    assert servable.run("whole", {"x": np.array([1, 2, 4], np.float32)})["sum"] == 7
    servable.close()


def test_names_keep_their_capitals(tmp_path: Path) -> None:
    inputs = {name: tf.TensorSpec([None, 2], "float32", name) for name in ("b", "INPUT0", "Count")}
    folder = save(
        tmp_path,
        serving_default=(lambda x: {"OUT0": x["INPUT0"] - x["b"], "Out1": x["Count"]}, inputs),
    )
    assert list(compile_version(folder).signatures) == [DEFAULT_SIGNATURE]
    servable = OnnxRuntime().load(folder)
    sent = {
        name: np.full((1, 2), value, np.float32)
        for name, value in zip(inputs, (1, 5, 3), strict=True)
    }
    answers = servable.run(DEFAULT_SIGNATURE, sent)
    assert (answers["OUT0"][0, 0], answers["Out1"][0, 0]) == (4, 3)
    servable.close()


def test_an_empty_row_of_one_hot_stays_empty(tmp_path: Path) -> None:
    ids = tf.TensorSpec([None], "int64", "x")
    folder = save(tmp_path, serving_default=(lambda x: {"y": tf.one_hot(x, 2)}, ids))
    assert not compile_version(folder).refused
    for servable in both(folder):
        answer = servable.run(DEFAULT_SIGNATURE, {"x": np.array([-1, 1, 7])})["y"]
        assert answer.tolist() == [[0, 0], [0, 1], [0, 0]]
        servable.close()


@pytest.mark.parametrize(
    ("function", "spec", "reason"),
    [
        (
            lambda x: {"y": tf.linalg.inv(x)},
            tf.TensorSpec([None, 2, 2], "float32", "x"),
            "MatrixInverse of float32: not known to be equal on ONNX Runtime",
        ),
        (
            lambda x: {"y": x + tf.random.normal(tf.shape(x))},
            FLOATS,
            "or draws at random (RandomStandardNormal), which a compiled form cannot",
        ),
        (
            lambda x: {"y": tf.ensure_shape(tf.io.parse_tensor(x[0], tf.float32), [2])},
            tf.TensorSpec([None], "string", "x"),
            "TensorFlow refuses every input that was tried, so that nothing can be compared",
        ),
        (
            lambda x: {"y": x * 2},
            tf.TensorSpec([None], "bfloat16", "x"),
            "ONNX Runtime takes no bfloat16 from Python, and 'x' is bfloat16[?]",
        ),
        (
            lambda x: {"y": _asserted(x)},
            FLOATS,
            "Assert: not known to be equal on ONNX Runtime",
        ),
    ],
    ids=["no operator", "random", "no input", "bfloat16", "assertion"],
)
def test_what_cannot_be_compiled_says_why(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    function: Callable[[tf.Tensor], dict[str, tf.Tensor]],
    spec: tf.TensorSpec,
    reason: str,
) -> None:
    folder = save(tmp_path, serving_default=(function, spec))
    capfd.readouterr()
    record = compile_version(folder)
    assert reason in record.refused
    assert "\n" not in record.refused
    assert read_compiled(folder) == record
    assert not (folder / FORMS).exists()
    with pytest.raises(LoadError, match="not compiled: signature 'serving_default'"):
        OnnxRuntime().load(folder)
    assert capfd.readouterr() == ("", "")


def _asserted(x: tf.Tensor) -> tf.Tensor:
    with tf.control_dependencies([tf.debugging.assert_less(x, 1.5)]):
        return tf.identity(x)


def _changed(content: bytes) -> bytes:
    """The form with one weight off by a hundredth."""
    model = onnx.load_from_string(content)
    tensor = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    values = numpy_helper.to_array(tensor).copy()
    values.flat[0] += 0.01
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    changed: bytes = model.SerializeToString()
    return changed


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (
            _changed,
            r"answers otherwise than TensorFlow: output 'scores': differs by up to \S+, all",
        ),
        (lambda content: content[: len(content) // 2], "ONNX Runtime cannot load it"),
    ],
)
def test_a_form_that_is_wrong_is_thrown_away(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[bytes], bytes],
    reason: str,
) -> None:
    right = convert.convert

    def damaged(folder: Path, name: str) -> convert.Form:
        form = right(folder, name)
        return form._replace(content=damage(form.content))

    monkeypatch.setattr(convert, "convert", damaged)
    published = publish_keras(sequential(), tmp_path, "m")
    assert published.compiled is not None
    with pytest.raises(LoadError, match=reason):
        OnnxRuntime().load(published.folder)
    assert verify_checksums(published.folder)
    assert not (published.folder / FORMS).exists()


def test_a_version_that_others_made_stays_without_checksums(tmp_path: Path) -> None:
    folder = save(tmp_path, serving_default=(lambda x: {"y": x}, FLOATS))
    assert not compile_version(folder).refused
    assert not (folder / CHECKSUMS).exists()
    assert not list(folder.rglob(f"{STAGING_PREFIX}*"))


def test_a_damaged_version_is_not_compiled(models: Path) -> None:
    folder = models / "m" / "1"
    (folder / "fingerprint.pb").write_bytes(b"damaged")
    with pytest.raises(LoadError, match=r"fingerprint\.pb differs from its checksum"):
        compile_version(folder)
    assert read_compiled(folder) is None


def test_a_form_travels_with_no_copy_that_is_published_anew(
    tmp_path: Path, kinds: Callable[[str], Kind]
) -> None:
    source = kinds("sequential").published.folder
    assert read_compiled(source) is not None
    copy = publish_saved_model(source, tmp_path, "copy", compiled=False)
    assert copy.compiled is None
    assert read_compiled(copy.folder) is None


@pytest.fixture(scope="module")
def uncompiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = tmp_path_factory.mktemp("uncompiled")
    return publish_keras(sequential(), models, "m", compiled=False).folder


@pytest.fixture
def models(uncompiled: Path, tmp_path: Path) -> Path:
    for version in ("1", "2"):
        shutil.copytree(uncompiled, tmp_path / "m" / version)
    return tmp_path


@pytest.mark.parametrize(("wanted", "number"), [("m", 2), ("m:1", 1)])
def test_the_command_compiles_the_newest_version_or_the_one_asked_for(
    models: Path, horngate: Command, wanted: str, number: int
) -> None:
    status, said, _ = horngate("compile", wanted, "--models", models)
    assert status == 0
    assert f"m: version {number} compiled to ONNX, largest difference " in said
    for other in (1, 2):
        record = read_compiled(models / "m" / str(other))
        assert (record is not None) == (other == number)
    assert verify_checksums(models / "m" / str(number))


def test_the_command_replaces_a_form_that_no_longer_fits(models: Path, horngate: Command) -> None:
    assert horngate("compile", "m", "--models", models).status == 0
    folder = models / "m" / "2"
    (folder / CHECKSUMS).unlink()
    (folder / form_name(DEFAULT_SIGNATURE)).write_bytes(b"damaged")
    assert "differs from its checksum" in (unusable(folder, _record(folder)) or "")
    assert horngate("compile", "m", "--models", models).status == 0
    assert unusable(folder, _record(folder)) is None


def _record(folder: Path) -> CompiledRecord:
    record = read_compiled(folder)
    assert record is not None
    return record


def test_the_command_says_a_refusal_and_fails(tmp_path: Path, horngate: Command) -> None:
    save(tmp_path / "m" / "1", serving_default=(lambda x: {"y": tf.signal.rfft(x)}, PICTURES))
    status, said, _ = horngate("compile", "m", "--models", tmp_path)
    assert status == 1
    assert (
        "m: version 1 not compiled: signature 'serving_default': ONNX Runtime takes no complex64 "
        "from Python, and 'y' is complex64[?, 3]; TensorFlow will serve it\n"
    ) in said


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("absent", "received 'absent', which is not there; name the repository with --models"),
        ("m:7", "expected a version of 'm', received 7; it has the versions 1, 2"),
        ("m:x", "expected MODEL or MODEL:NUMBER, received 'm:x'; 'm' has the versions 1, 2"),
        ("../m", "name: expected letters"),
    ],
)
def test_the_command_names_what_is_there(
    models: Path, horngate: Command, wanted: str, sentence: str
) -> None:
    status, _, said = horngate("compile", wanted, "--models", models)
    assert status == 1
    assert said.startswith("horngate compile: ")
    assert sentence in said


def test_a_folder_that_cannot_be_written_to_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> str:
        raise OSError(errno.EROFS, "Read-only file system")

    folder = save(tmp_path, serving_default=(lambda x: {"y": x}, FLOATS))
    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    with pytest.raises(PublishError, match="can be written to: Read-only file system"):
        compile_version(folder)


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    folder = save(tmp_path / "m", serving_default=(lambda x: {"y": x}, FLOATS))
    (folder / FOLDER.parent).mkdir()
    (tmp_path / "elsewhere").mkdir()
    (folder / FOLDER).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LoadError, match=r"'assets.extra/horngate': .* received a symbolic link"):
        compile_version(folder)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_publish_says_what_became_of_compiling(tmp_path: Path, horngate: Command) -> None:
    sequential().save(tmp_path / "m.keras")
    command = ("publish", tmp_path / "m.keras", "--name", "m", "--models", tmp_path)
    status, out, _ = horngate(*command)
    assert (status, "m: version 1 compiled to ONNX, largest difference " in out) == (0, True)
    status, out, _ = horngate(*command, "--no-compile")
    assert (status, "compiled" in out) == (0, False)


def test_a_model_that_changes_while_it_is_compiled_has_no_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def times(factor: float) -> Path:
        module = tf.Module()
        module.factor = tf.Variable(factor)
        module.f = tf.function(lambda x: {"y": x * module.factor}, input_signature=[PICTURES])
        saved = tmp_path / str(factor)
        tf.saved_model.save(module, str(saved), signatures={DEFAULT_SIGNATURE: module.f})
        return saved

    version, other = times(2.0), times(3.0)
    load = SavedModelRuntime.load

    def swap(runtime: SavedModelRuntime, folder: Path, **given: Any) -> Servable:
        loaded = load(runtime, folder, **given)
        shutil.copytree(other, folder, dirs_exist_ok=True)
        return loaded

    monkeypatch.setattr(SavedModelRuntime, "load", swap)
    record = compile_version(version)
    assert not record.signatures
    assert "has changed while it was loaded" in (record.refused or "")
