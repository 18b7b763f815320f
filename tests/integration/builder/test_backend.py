"""The builder's Keras runs on TensorFlow; models of other backends are published through a file."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from horngate.store.goldens import read_goldens
from horngate.store.manifest import read_provenance
from tests.integration.builder.models import sequential

NOTEBOOK = """
import keras, pathlib, sys
from horngate.builder.publish import publish_keras

assert keras.backend.backend() == sys.argv[2]
model = keras.Sequential([
    keras.Input((4,), name="features"), keras.layers.Lambda(lambda x: x + 1.0),
    keras.layers.Dense(2, activation="softmax", name="scores"),
])
model.compile(loss="categorical_crossentropy")
model.fit(keras.ops.ones((8, 4)), keras.ops.ones((8, 2)) / 2, verbose=0)
inputs = {"features": keras.ops.ones((1, 4))}
models = pathlib.Path(sys.argv[1])
print(publish_keras(model, models, "m", inputs=inputs, provenance={"seed": 4}))
print(publish_keras(model, models, "m", compiled=False))
"""


def run(arguments: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    usual = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [sys.executable, *arguments],
        env={**usual, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("by", ["variable", "file"])
def test_publish_runs_on_tensorflow_whatever_is_asked_of_keras(tmp_path: Path, by: str) -> None:
    sequential().save(tmp_path / "m.keras")
    (tmp_path / "keras.json").write_text(json.dumps({"backend": "theano"}))
    asked = {"KERAS_BACKEND": "theano"} if by == "variable" else {"KERAS_HOME": str(tmp_path)}
    where = ["--models", str(tmp_path / "models"), "--no-compile"]
    ran = run(
        ["-m", "horngate", "publish", str(tmp_path / "m.keras"), "--name", "m", *where], **asked
    )
    assert (ran.returncode, ran.stderr) == (0, ""), "no notices of TensorFlow's libraries either"
    assert ran.stdout.splitlines()[:-1] == [
        "importing TensorFlow …",
        "reading m.keras …",
        "writing the SavedModel …",
        "checking its answers …",
        "measuring …",
    ]
    assert (tmp_path / "models" / "m" / "1" / "saved_model.pb").exists()


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_model_trained_on_another_backend_is_published(tmp_path: Path, backend: str) -> None:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed here")
    ran = run(["-c", NOTEBOOK, str(tmp_path), backend], KERAS_BACKEND=backend)
    assert ran.returncode == 0, ran.stderr
    assert "Published(model='m', version=1" in ran.stdout
    assert read_provenance(tmp_path / "m" / "1")["seed"] == 4
    golden = read_goldens(tmp_path / "m" / "1")["serving_default"]
    assert golden.inputs["features"].tolist() == [[1.0] * 4]
    assert (tmp_path / "m" / "2" / "saved_model.pb").exists()
