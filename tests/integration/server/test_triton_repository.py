"""A Triton model repository, served as it lies there."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import tritonclient.grpc as triton
from onnx import TensorProto, helper

from horngate.builder.publish import publish_keras
from horngate.cli.check_migration import DIFFERS, FAILS, WORKS, Check
from tests.onnx_models import FLOAT, model, put, scaled, value
from tests.serving import RunningServer, wait_until
from tests.small_models import constant

CONFIG = """
name: "scaled"
platform: "onnxruntime_onnx"
max_batch_size: 4
input [
  { name: "zebra" data_type: TYPE_FP32 dims: [ 3 ] },
  { name: "apple" data_type: TYPE_FP32 dims: [ -1 ] }
]
output [ { name: "sum" data_type: TYPE_FP32 dims: [ 3 ] label_filename: "labels.txt" } ]
dynamic_batching { max_queue_delay_microseconds: 100 }
response_cache { enable: true }
"""


def notes(server: RunningServer, model: str) -> list[str]:
    """What of the model's config.pbtxt is logged to mean nothing."""
    event = "not as its config.pbtxt says"
    lines = [line for line in list(server.log) if line["event"] == event]
    return [str(line["notes"]) for line in lines if line["model"] == model]


def test_a_triton_repository_is_served_as_it_is(tmp_path: Path) -> None:
    put(scaled(), tmp_path / "scaled" / "1")
    (tmp_path / "scaled" / "config.pbtxt").write_text(CONFIG)
    (tmp_path / "scaled" / "labels.txt").write_text("cat\ndog\nfox\n")
    publish_keras(constant(1), tmp_path / "made", "adder")
    (tmp_path / "adder" / "1").mkdir(parents=True)
    shutil.move(tmp_path / "made" / "adder" / "1", tmp_path / "adder" / "1" / "model.savedmodel")
    shutil.rmtree(tmp_path / "made")
    (tmp_path / "adder" / "config.pbtxt").write_text('backend: "tensorflow" max_batch_size: 16')
    (tmp_path / "both" / "1").mkdir(parents=True)
    (tmp_path / "both" / "config.pbtxt").write_text(
        'platform: "ensemble" ensemble_scheduling { step { model_name: "scaled" } }'
    )
    put(scaled(), tmp_path / "misfit" / "1")
    (tmp_path / "misfit" / "config.pbtxt").write_text(
        CONFIG.replace("scaled", "misfit")
        .replace("[ 3 ]", "[ 4 ]")
        .replace('label_filename: "labels.txt"', "")
    )
    told = {row.what: row.outcome for row in Check().rows([str(tmp_path)])}
    assert told == {
        "adder: version 1": WORKS,
        "both: config.pbtxt": FAILS,
        "misfit: config.pbtxt": DIFFERS,
        "misfit: version 1": FAILS,
        "scaled: config.pbtxt": DIFFERS,
        "scaled: version 1": WORKS,
    }
    with RunningServer(tmp_path, ready=False) as server:
        failed = {
            (line := server.wait_for_log("load failed"))["model"]: line["reason"] for _ in range(2)
        }
        assert "ensemble_scheduling is not served" in failed["both"]
        assert "input 'zebra': expected float32[?, 3]" in failed["misfit"]
        wait_until(lambda: notes(server, "scaled") != [], "what means nothing here to be logged")
        assert notes(server, "scaled") == ["response_cache: answers are not cached"]
        client = triton.InferenceServerClient(server.address)
        config = client.get_model_config("scaled", as_json=True)["config"]
        assert (config["platform"], config["max_batch_size"]) == ("onnxruntime_onnx", 4)
        inputs = [triton.InferInput(name, [1, 3], "FP32") for name in ("zebra", "apple")]
        for each in inputs:
            each.set_data_from_numpy(np.array([[1, 3, 2]], np.float32))
        answer = client.infer(
            "scaled", inputs, outputs=[triton.InferRequestedOutput("sum", class_count=2)]
        )
        assert answer.as_numpy("sum").tolist() == [[b"9.000000:1:dog", b"6.000000:2:fox"]]
        wait_until(lambda: client.is_model_ready("adder"), "the SavedModel")
        client.close()


SCALARS = """
backend: "onnxruntime" max_batch_size: 8
input { name: "x" data_type: TYPE_FP32 dims: [ 1 ] reshape { shape: [ ] } }
output { name: "y" data_type: TYPE_INT64 dims: [ 1 ] reshape { shape: [ ] } label_filename: "l" }
model_warmup { name: "w" batch_size: 2 count: 3
  inputs { key: "x" value { data_type: TYPE_FP32 dims: [ 1 ] input_data_file: "x.bin" } } }
"""


def test_shapes_labels_and_data_to_warm_up_with_are_the_configs(tmp_path: Path) -> None:
    """A model of rows without a dimension, which Triton's ``reshape`` is for."""
    nodes = [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.INT64)]
    shape = ["rows"]
    scalars = model(nodes, [value("x", shape, FLOAT)], [value("y", shape, TensorProto.INT64)])
    folder = tmp_path / "scalars"
    put(scalars, folder / "1")
    (folder / "config.pbtxt").write_text(SCALARS)
    (folder / "l").write_text("none\none\ntwo\n")
    (folder / "warmup").mkdir()
    data = folder / "warmup" / "x.bin"
    data.write_bytes(b"abc")
    with RunningServer(tmp_path, "--poll-seconds", "0.2", ready=False) as server:
        reason = server.wait_for_log("load failed", model="scalars")["reason"]
        assert "model_warmup 'w': input 'x': expected 4 bytes for FP32[1], received 3" in reason
        data.write_bytes(np.array([1], "<f4").tobytes())
        client = triton.InferenceServerClient(server.address)
        wait_until(lambda: client.is_model_ready("scalars"), "the model with mended data")
        metadata = client.get_model_metadata("scalars", as_json=True)
        assert metadata["inputs"][0]["shape"] == metadata["outputs"][0]["shape"] == ["-1", "1"]
        x = triton.InferInput("x", [3, 1], "FP32")
        x.set_data_from_numpy(np.array([[0], [1], [2]], np.float32))
        assert client.infer("scalars", [x]).as_numpy("y").tolist() == [[0], [1], [2]]

        def classes() -> list[list[bytes]]:
            wanted = [triton.InferRequestedOutput("y", class_count=1)]
            return list(client.infer("scalars", [x], outputs=wanted).as_numpy("y").tolist())

        assert classes() == [[b"0:0:none"], [b"1:0:none"], [b"2:0:none"]]
        (folder / "l").write_text("zero\n")
        wait_until(lambda: classes()[0] == [b"0:0:zero"], "the labels read again")
        client.close()
