from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from horngate.builder.publish import publish_saved_model
from horngate.errors import PublishError
from horngate.runtimes.savedmodel import SavedModelRuntime
from horngate.store.goldens import read_goldens
from horngate.store.manifest import FOLDER, read_provenance, verify_checksums, write_provenance
from horngate.tensors import Array
from tests.integration.builder.models import sequential
from tests.serving import RunningServer


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Keras' own export writes."""
    folder = tmp_path_factory.mktemp("source") / "classifier"
    sequential().export(str(folder), verbose=False)
    return folder


def answers(folder: Path, inputs: Array) -> list[Array]:
    servable = SavedModelRuntime().load(folder)
    try:
        (name,) = servable.signatures["serving_default"].inputs
        return list(servable.run("serving_default", {name: inputs}).values())
    finally:
        servable.close()


def test_what_keras_exported_is_published_as_it_is(exported: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in exported.rglob("*")}
    published = publish_saved_model(exported, tmp_path, "m")
    assert {path: path.stat().st_mtime_ns for path in exported.rglob("*")} == before
    assert (published.model, published.version, published.folder) == ("m", 1, tmp_path / "m" / "1")
    for path in exported.rglob("*"):
        if path.is_file():
            copied = published.folder / path.relative_to(exported)
            assert copied.read_bytes() == path.read_bytes()
    inputs = np.random.default_rng(1).random((5, 4)).astype(np.float32)
    assert np.array_equal(answers(exported, inputs), answers(published.folder, inputs))
    assert "serving_default" in read_goldens(published.folder)
    assert verify_checksums(published.folder)
    assert read_provenance(published.folder)["source"] == "classifier"


def test_what_the_source_carries_for_horngate_is_not_copied(exported: Path, tmp_path: Path) -> None:
    first = publish_saved_model(exported, tmp_path, "m")
    write_provenance(first.folder, {"keras": "0.1"})
    (first.folder / FOLDER / "goldens" / "old.npz").touch()
    second = publish_saved_model(first.folder, tmp_path, "m")
    assert second.version == 2
    assert read_provenance(second.folder).get("keras") is None
    assert not (second.folder / FOLDER / "goldens" / "old.npz").exists()
    assert verify_checksums(second.folder)


class Moody(tf.Module):  # type: ignore[misc]  # TensorFlow ships no types
    """Three ways to be called, of which one can be recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.count = tf.Variable(0.0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])  # type: ignore[untyped-decorator]  # the same
    def plain(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x * 2}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])  # type: ignore[untyped-decorator]  # the same
    def counting(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x + self.count.assign_add(1.0)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])  # type: ignore[untyped-decorator]  # the same
    def refusing(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        tf.debugging.assert_greater(x, 10.0)
        return {"y": x}


def test_only_a_signature_that_answers_the_same_twice_gets_goldens(tmp_path: Path) -> None:
    module = Moody()
    tf.saved_model.save(
        module,
        str(tmp_path / "source"),
        signatures={
            "plain": module.plain,
            "counting": module.counting,
            "refusing": module.refusing,
        },
    )
    published = publish_saved_model(tmp_path / "source", tmp_path, "m")
    assert set(read_goldens(published.folder)) == {"plain"}


@pytest.mark.parametrize("content", [None, b"", b"no graph"])
def test_a_folder_that_is_no_saved_model_is_refused(tmp_path: Path, content: bytes | None) -> None:
    source = tmp_path / "source"
    source.mkdir()
    if content is not None:
        (source / "saved_model.pb").write_bytes(content)
    with pytest.raises(PublishError, match="expected a SavedModel"):
        publish_saved_model(source, tmp_path / "models", "m")
    assert not [path for path in (tmp_path / "models").rglob("*") if path.name != "m"]


def counting_without_its_variable(source: Path) -> Path:
    """A SavedModel without what restores its variables: it loads, and every run of it fails."""
    module = Moody()
    tf.saved_model.save(module, str(source), signatures={"counting": module.counting})
    saved = saved_model_pb2.SavedModel.FromString((source / "saved_model.pb").read_bytes())
    saved.meta_graphs[0].ClearField("saver_def")
    (source / "saved_model.pb").write_bytes(saved.SerializeToString())
    return source


def test_a_model_that_can_answer_nothing_is_not_published(tmp_path: Path) -> None:
    source = counting_without_its_variable(tmp_path / "source")
    with pytest.raises(
        PublishError,
        match=r"expected a model that answers, and signature 'counting' fails on every input that "
        r"was tried; TensorFlow says: .*Could not find resource",
    ):
        publish_saved_model(source, tmp_path / "models", "m")
    assert not (tmp_path / "models").exists()


def test_a_version_that_can_answer_nothing_does_not_go_live(tmp_path: Path) -> None:
    """Where it lies in a repository already, as one that another tool wrote does."""
    counting_without_its_variable(tmp_path / "m" / "1")
    with RunningServer(tmp_path, ready=False) as running:
        told = running.wait_for_log("load failed")
    assert "signature 'counting': the model cannot run: its variables or tables" in told["reason"]
    assert "Could not find resource" in told["reason"], "for operators"


def test_a_model_that_only_refuses_what_was_made_up_is_published(tmp_path: Path) -> None:
    module = Moody()
    source = tmp_path / "source"
    tf.saved_model.save(module, str(source), signatures={"refusing": module.refusing})
    published = publish_saved_model(source, tmp_path / "models", "m", compiled=False)
    assert read_goldens(published.folder) == {}
