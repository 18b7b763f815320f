"""SavedModels whose objects, once restored, would reach beyond the model."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.trackable.resource import TrackableResource

from horngate.builder.publish import publish_saved_model
from horngate.errors import PublishError
from horngate.runtimes import contents
from horngate.runtimes.savedmodel import SavedModelRuntime
from horngate.servable import Files
from horngate.store.manifest import Hashes

Initialize = Callable[[Any], Any]
"""What a table's initialisation does with its handle."""


def test_what_only_a_restored_object_runs_is_not_run_to_compile(tmp_path: Path) -> None:
    """A session runs none of it, so that the model is served; the converter would read the file."""
    secret = tmp_path / "secret"
    secret.write_text("horn\nivory\n")
    source = tmp_path / "source"
    tf.saved_model.save(_with_an_initializer(reading(secret)), str(source))
    _forget_the_initialisation(source)
    published = publish_saved_model(source, tmp_path / "models", "m")
    assert published.compiled is not None
    expected = "InitializeTableFromTextFileV2 (reads or writes files) in the objects"
    assert expected in (published.compiled.refused or "")
    SavedModelRuntime().load(published.folder).close()


def test_what_a_restored_object_would_write_is_refused_though_nothing_leads_there(
    tmp_path: Path,
) -> None:
    target = tmp_path / "target"
    source = tmp_path / "source"
    tf.saved_model.save(_with_an_initializer(writing(target)), str(source))
    _forget_the_initialisation(source)
    target.unlink(missing_ok=True)
    with pytest.raises(PublishError, match=r"WriteFile \(reads or writes files\)"):
        publish_saved_model(source, tmp_path / "models", "m")
    assert not target.exists()
    publish_saved_model(source, tmp_path / "models", "trusted", trust_operations=True)
    assert target.exists()


def test_the_converter_has_what_was_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever swaps the file after the look swaps nothing that is used."""
    target = tmp_path / "target"
    source, hostile = tmp_path / "source", tmp_path / "hostile"
    module = tf.Module()
    module.variable = tf.Variable(2.0)
    module.answer = tf.function(
        lambda x: {"y": x * module.variable}, input_signature=[tf.TensorSpec([None], tf.float32)]
    )
    tf.saved_model.save(module, str(source), signatures={"serving_default": module.answer})
    tf.saved_model.save(_with_an_initializer(writing(target)), str(hostile))
    target.unlink(missing_ok=True)
    look = contents.looked_at

    def swap(files: Files, *, objects: bool = False) -> Any:
        seen = look(files, objects=objects)
        if objects:
            shutil.copyfile(hostile / "saved_model.pb", source / "saved_model.pb")
        return seen

    monkeypatch.setattr(contents, "looked_at", swap)
    with contents.sealed(Hashes(source)) as copy:
        assert stat.S_IMODE(copy.stat().st_mode) == 0o700
        restored = tf.saved_model.load(str(copy))
        answer = restored.signatures["serving_default"](tf.constant([3.0]))
    assert answer["y"].numpy().tolist() == [6.0]
    assert not target.exists()
    assert not copy.exists()


def writing(path: Path) -> Initialize:
    return lambda _: tf.io.write_file(str(path), "gotcha")


def reading(path: Path) -> Initialize:
    return lambda table: tf.raw_ops.InitializeTableFromTextFileV2(
        table_handle=table, filename=str(path), key_index=-2, value_index=-1
    )


def _with_an_initializer(initialize: Initialize) -> tf.Module:
    class Hostile(TrackableResource):  # type: ignore[misc]  # TensorFlow has no types
        def _create_resource(self) -> Any:
            return tf.raw_ops.HashTableV2(
                key_dtype=tf.string, value_dtype=tf.int64, shared_name="t"
            )

        def _initialize(self) -> None:
            initialize(self.resource_handle)

    module = tf.Module()
    module.resource = Hostile()
    module.variable = tf.Variable(2.0)

    def run(x: Any) -> Any:
        size = tf.raw_ops.LookupTableSizeV2(table_handle=module.resource.resource_handle)
        return {"y": x * module.variable + tf.cast(size, tf.float32)}

    module.answer = tf.function(run, input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    return module


def _forget_the_initialisation(folder: Path) -> None:
    saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    for meta in saved.meta_graphs:
        meta.signature_def.pop("__saved_model_init_op", None)
        for key in ("saved_model_main_op", "legacy_init_op"):
            meta.collection_def.pop(key, None)
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString())
    (folder / "fingerprint.pb").unlink(missing_ok=True)
