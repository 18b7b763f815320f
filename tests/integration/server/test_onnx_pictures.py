"""A plain ONNX model is told by a record, or by a config.pbtxt, that it takes pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from horngate.client import Client
from horngate.client.messages import annotated
from horngate.errors import InvalidRequest
from horngate.store.annotations import RECORD
from tests.onnx_models import model, put, value
from tests.photos import encoded, noise
from tests.serving import RunningServer

CONFIG = """
max_batch_size: 4
input [ { name: "photo" data_type: TYPE_FP32 dims: [ 3, 8, 6 ] format: FORMAT_NCHW } ]
output [ { name: "kind" data_type: TYPE_FP32 dims: [ 3 ] label_filename: "labels.txt" } ]
parameters { key: "pixels" value { string_value: "-1..1" } }
"""
PICTURE = {"height": 8, "width": 6, "channels": 3, "channels_first": True, "low": 0, "high": 255}


def test_a_record_or_a_config_tells_of_pictures(tmp_path: Path) -> None:
    """Channels first, as torch exports them: what comes out is the mean of each."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["photo"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["kind"]),
    ]
    photo, kind = value("photo", ["rows", 3, 8, 6]), value("kind", ["rows", 3])
    made = model(nodes, [photo], [kind])
    for name in ("recorded", "declared", "untold"):
        put(made, tmp_path / name / "1")
    record = tmp_path / "recorded" / "1" / RECORD
    record.parent.mkdir(parents=True)
    labels = {"kind": ["red", "green", "blue"]}
    told = {"pictures": {"photo": PICTURE}, "labels": labels}
    record.write_text(json.dumps({"serving_default": told}))
    (tmp_path / "declared" / "config.pbtxt").write_text(CONFIG)
    (tmp_path / "declared" / "labels.txt").write_text("red\ngreen\nblue\n")
    pixels = noise(8, 6)
    wanted = pixels.mean(axis=(0, 1))[np.newaxis]
    with RunningServer(tmp_path) as server, Client(server.address) as client:
        asked = {"photo": [encoded(pixels, "PNG")]}
        received = client.predict("recorded", asked)["kind"]
        np.testing.assert_allclose(received, wanted, rtol=1e-5)
        received = client.predict("declared", asked)["kind"]
        np.testing.assert_allclose(received, wanted / 127.5 - 1, atol=1e-5)
        with pytest.raises(InvalidRequest, match="publish the model with --image-input"):
            client.predict("untold", asked)
        for name in ("recorded", "declared"):
            known = annotated(client.metadata(name), client.serving(name))
            (signature,) = known.signatures.values()
            assert signature.labels == {"kind": ("red", "green", "blue")}
            assert signature.pictures["photo"].channels_first
            config = json.loads(server.rest(f"/v2/models/{name}/config").text)
            assert config["input"][0]["format"] == "FORMAT_NCHW"
