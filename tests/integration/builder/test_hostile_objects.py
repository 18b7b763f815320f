"""SavedModels whose objects, once restored, would reach beyond the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.trackable.resource import TrackableResource

from horngate.builder.publish import publish_saved_model


def test_what_only_a_restored_object_runs_is_not_run_to_compile(tmp_path: Path) -> None:
    """A session runs none of it, so that the model is served; the converter would."""
    target = tmp_path / "target"
    source = tmp_path / "source"
    tf.saved_model.save(_with_an_initializer(target), str(source))
    _forget_the_initialisation(source)
    target.unlink(missing_ok=True)
    published = publish_saved_model(source, tmp_path / "models", "m")
    assert published.compiled is not None
    assert "WriteFile (reads or writes files) in the objects" in (published.compiled.refused or "")
    assert not target.exists()
    publish_saved_model(source, tmp_path / "models", "trusted", trust_operations=True)
    assert target.exists()


def _with_an_initializer(path: Path) -> tf.Module:
    class Hostile(TrackableResource):  # type: ignore[misc]  # TensorFlow has no types
        def _create_resource(self) -> Any:
            return tf.raw_ops.MutableHashTableV2(
                key_dtype=tf.string, value_dtype=tf.int64, shared_name="t"
            )

        def _initialize(self) -> None:
            tf.io.write_file(str(path), "gotcha")

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
