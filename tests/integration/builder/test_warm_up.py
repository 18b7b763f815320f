"""The warm-up file that publishing writes, read by TensorFlow and by the server."""

from __future__ import annotations

import shutil
from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from horngate.protocols.tfserving.warmup import FILE
from horngate.store.records import read_records, write_records
from tests.conftest import Served
from tests.serving import RunningServer


def test_tensorflow_reads_what_publishing_wrote(small_models: Served) -> None:
    file = small_models.repository / "two_inputs" / "1" / FILE
    (content,) = tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
    request = prediction_log_pb2.PredictionLog.FromString(content).predict_log.request
    assert request.model_spec.name == "two_inputs"
    assert request.model_spec.signature_name == "serving_default"
    assert tf.make_ndarray(request.inputs["image"]).shape[1:] == (4, 4, 1)


def test_we_read_what_tensorflow_wrote(tmp_path: Path) -> None:
    records = [b"", b"one", b"two" * 1000]
    with tf.io.TFRecordWriter(str(tmp_path / "file")) as writer:
        for record in records:
            writer.write(record)
    assert list(read_records((tmp_path / "file").read_bytes(), "file", most=3)) == records
    write_records(tmp_path / "ours", records)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "file").read_bytes()


def test_a_version_whose_record_fails_does_not_go_live(
    small_models: Served, tmp_path: Path
) -> None:
    source = small_models.repository / "constant" / "1"
    for number in (1, 2):
        folder = tmp_path / "constant" / str(number)
        shutil.copytree(source, folder)
        (folder / "assets.extra" / "horngate" / "checksums.json").unlink()
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([["text"]]))
    write_records(tmp_path / "constant" / "2" / FILE, [log.SerializeToString()])
    with RunningServer(tmp_path) as running:
        failed = running.wait_for_log("load failed", version=2)
        assert "tf_serving_warmup_requests: record 0: input 'x': expected dtype" in failed["reason"]
        assert running.http("/v1/models/constant/versions/1")[0] == 200
        assert '"version":"2","state":"END"' in running.http("/v1/models/constant")[1]
