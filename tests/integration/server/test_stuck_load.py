"""A model whose load never ends is given up, and is nobody else's trouble."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from horngate.builder.publish import publish_keras
from horngate.client import Client
from horngate.errors import HorngateError
from tests.serving import RunningServer, wait_until
from tests.small_models import constant


def write_endless(folder: Path) -> None:
    """A SavedModel that computes for ever where its input is zero, as that of a warm-up is."""
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32, "x")])  # type: ignore[untyped-decorator]  # TensorFlow ships no types
    def answer(x: tf.Tensor) -> dict[str, tf.Tensor]:
        again = lambda y: tf.reduce_any(y == 0.0)  # noqa: E731 - as TensorFlow wants it
        return {"y": tf.while_loop(again, lambda y: (y,), (x,))[0]}

    module.answer = answer
    tf.saved_model.save(module, str(folder), signatures=answer)


def ask(server: RunningServer, model: str, value: float) -> float:
    with Client(server.address, retries=0) as client:
        x = np.full((1, 1), value, np.float32)
        return float(client.predict(model, {"x": x}, timeout=10)["y"].item())


def answers(server: RunningServer, model: str, value: float) -> bool:
    """Whether ``model`` is served and answers a zero with ``value``."""
    try:
        return ask(server, model, 0) == value
    except HorngateError:
        return False


def swap(server: RunningServer, value: float) -> None:
    """Publish a version of ``other`` that adds ``value``, and wait until it answers."""
    publish_keras(constant(value), server.models, "other")
    wait_until(lambda: answers(server, "other", value), f"the version that adds {value}")


@pytest.fixture
def models(tmp_path: Path) -> Path:
    write_endless(tmp_path / "endless" / "1")
    publish_keras(constant(1), tmp_path, "other")
    return tmp_path


@pytest.fixture
def running(models: Path) -> Iterator[RunningServer]:
    flags = ("--load-seconds", "20", "--drain-seconds", "2")
    server = RunningServer(models, *flags, ready=False)
    yield server
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 20, "a load that hangs holds no stop up"


def test_a_load_that_never_ends_is_given_up_and_others_load_and_swap(
    running: RunningServer,
) -> None:
    wait_until(lambda: answers(running, "other", 1), "the other model to answer")
    assert running.metric("horngate_version_state", model="endless", state="loading") == 1
    swap(running, 2)
    assert running.metric("horngate_version_state", model="endless", state="loading") == 1
    assert running.metric("horngate_loads_stuck", model="endless") == 0
    line = running.wait_for_log("a load does not come back; it is given up", model="endless")
    assert line["step"] == "batch cost"
    line = running.wait_for_log("load failed", model="endless")
    assert "expected to load within 20 s, and did not come back from batch cost" in line["reason"]
    assert running.metric("horngate_loads_stuck", model="endless") == 1
    assert running.metric("horngate_loads_stuck", model="other") == 0
    assert running.metric("horngate_version_load_failures_total", model="endless") == 1
    assert json.loads(running.http("/readyz")[1])["models"] == {"endless": False, "other": True}
    page = running.http("/")[1]
    assert "endless 1: a load or a closing does not come back" in page
    assert "expected to load within 20 s" in page
    swap(running, 3)
    # A mended version is loaded, whatever the first still does.
    publish_keras(constant(7), running.models, "endless")
    wait_until(lambda: answers(running, "endless", 7), "the mended version")
    assert running.http("/readyz")[0] == 200


def test_a_stop_does_not_wait_for_a_load(running: RunningServer) -> None:
    wait_until(lambda: answers(running, "other", 1), "the other model to answer")
    assert running.metric("horngate_version_state", model="endless", state="loading") == 1


@pytest.mark.parametrize("name", ["model.toml", "1/variables/variables.index", "1/saved_model.pb"])
def test_a_fifo_for_a_file_holds_up_its_own_model_only(models: Path, name: str) -> None:
    shutil.copytree(models / "other", models / "fifo")
    (models / "fifo" / name).unlink(missing_ok=True)
    os.mkfifo(models / "fifo" / name)
    shutil.rmtree(models / "endless")
    server = RunningServer(models, "--load-seconds", "2", ready=False)
    try:
        wait_until(lambda: answers(server, "other", 1), "the other model to answer")
        swap(server, 2)
        wait_until(lambda: "class=bad" in server.http("/")[1], "the model's trouble to be told")
        swap(server, 3)
    finally:
        assert server.stop() == 0
