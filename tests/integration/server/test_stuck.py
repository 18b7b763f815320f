"""A run or a load that never comes back is seen, reported, and nobody else's trouble."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import tensorflow as tf

from horngate.client import Client
from horngate.errors import HorngateError, Overloaded
from tests.clients import ask
from tests.conftest import Served
from tests.serving import RunningServer, put, wait_until

FATAL = 666.0


def write_endless(folder: Path, fatal: float) -> None:
    """A SavedModel that echoes, and computes for ever where its input is ``fatal``."""
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32, "x")])  # type: ignore[untyped-decorator]  # TensorFlow ships no types
    def answer(x: tf.Tensor) -> dict[str, tf.Tensor]:
        again = lambda y: tf.reduce_any(y == fatal)  # noqa: E731 - as TensorFlow wants it
        return {"y": tf.while_loop(again, lambda y: (y,), (x,))[0]}

    module.answer = answer
    tf.saved_model.save(module, str(folder), signatures=answer)


def test_a_stuck_model_is_told_apart_from_the_rest(small_models: Served, tmp_path: Path) -> None:
    write_endless(tmp_path / "loops" / "1", FATAL)
    put(small_models.repository / "constant" / "1", tmp_path / "other" / "1")
    flags = ("--stuck-seconds", "2", "--drain-seconds", "2")
    with RunningServer(tmp_path, *flags) as running, ThreadPoolExecutor() as callers:
        assert ask(running, "loops", 3) == 3
        told = callers.submit(ask, running, "loops", FATAL)
        # The other model answers all the while, on the receiving thread of the front too.
        wait_until(
            lambda: ask(running, "other", timeout=5) == 2 and told.done(), "the caller to be told"
        )
        error = told.exception()
        assert isinstance(error, Overloaded)  # UNAVAILABLE: another server may answer
        assert "did not come back within 2 s" in str(error)
        line = running.wait_for_log(
            "a run of the model does not come back; the model takes no requests until it does"
        )
        assert (line["model"], line["rows"]) == ("loops", 1)
        with pytest.raises(Overloaded, match="does not come back"):
            ask(running, "loops")
        assert running.metric("horngate_version_stuck", model="loops") == 1
        assert running.metric("horngate_version_stuck", model="other") == 0
        assert running.metric("horngate_requests_refused_total", model="loops", reason="stuck") >= 1
        models = json.loads(running.http("/readyz")[1])["models"]
        assert models == {"loops": False, "other": True}
        with Client(running.address) as client:
            assert client.health("other")
            assert not client.health("loops")
        assert ask(running, "other") == 2


def answers(server: RunningServer, model: str, value: float) -> bool:
    """Whether ``model`` is served and answers a zero with ``value``."""
    try:
        return ask(server, model, 0, timeout=10) == value
    except HorngateError:
        return False


Swap = Callable[[RunningServer, int], None]


@pytest.fixture
def swap(adders: Path) -> Swap:
    """Adds a version of ``other`` that adds its number, and waits until it answers."""

    def swap(server: RunningServer, number: int) -> None:
        put(adders / str(number), server.models / "other" / str(number))
        wait_until(lambda: answers(server, "other", number), f"version {number}")

    return swap


@pytest.fixture
def models(adders: Path, tmp_path: Path) -> Path:
    """One that never loads, for a warm-up's input is zero, and one that does."""
    write_endless(tmp_path / "endless" / "1", 0.0)
    put(adders / "1", tmp_path / "other" / "1")
    return tmp_path


@pytest.fixture
def running(models: Path) -> Iterator[RunningServer]:
    flags = ("--load-seconds", "15", "--drain-seconds", "2")
    with RunningServer(models, *flags, ready=False) as server:
        yield server
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 15, "a load that hangs holds no stop up"


def test_a_load_that_never_ends_is_given_up_and_others_load_and_swap(
    running: RunningServer, adders: Path, swap: Swap
) -> None:
    wait_until(lambda: answers(running, "other", 1), "the other model to answer")
    assert running.metric("horngate_version_state", model="endless", state="loading") == 1
    swap(running, 2)
    assert running.metric("horngate_version_state", model="endless", state="loading") == 1
    assert running.metric("horngate_loads_stuck", model="endless") == 0
    line = running.wait_for_log("a load does not come back; it is given up", model="endless")
    assert line["step"] == "batch cost"
    line = running.wait_for_log("load failed", model="endless")
    assert "expected to load within 15 s, and did not come back from batch cost" in line["reason"]
    assert running.metric("horngate_loads_stuck", model="endless") == 1
    assert running.metric("horngate_loads_stuck", model="other") == 0
    assert running.metric("horngate_version_load_failures_total", model="endless") == 1
    assert json.loads(running.http("/readyz")[1])["models"] == {"endless": False, "other": True}
    page = running.http("/models.json")[1]
    assert "endless 1: a load or a closing does not come back" in page
    assert "expected to load within 15 s" in page
    swap(running, 3)
    # A mended version is loaded, whatever the first still does.
    put(adders / "4", running.models / "endless" / "2")
    wait_until(lambda: answers(running, "endless", 4), "the mended version")
    assert running.http("/readyz")[0] == 200


def test_a_stop_does_not_wait_for_a_load(running: RunningServer) -> None:
    wait_until(lambda: answers(running, "other", 1), "the other model to answer")
    assert running.metric("horngate_version_state", model="endless", state="loading") == 1


def trouble(server: RunningServer) -> list[str]:
    """What the page tells of the model ``fifo``."""
    told = json.loads(server.http("/models.json")[1])
    errors = [
        version["error"]
        for model in told["models"]
        for version in model["versions"]
        if model["name"] == "fifo"
    ]
    return [each for each in (*errors, *told["notices"]) if each]


@pytest.mark.parametrize("name", ["model.toml", "1/variables/variables.index", "1/saved_model.pb"])
def test_a_fifo_for_a_file_holds_up_its_own_model_only(models: Path, swap: Swap, name: str) -> None:
    shutil.copytree(models / "other", models / "fifo")
    (models / "fifo" / name).unlink(missing_ok=True)
    os.mkfifo(models / "fifo" / name)
    shutil.rmtree(models / "endless")
    with RunningServer(models, "--load-seconds", "2", ready=False) as server:
        wait_until(lambda: answers(server, "other", 1), "the other model to answer")
        swap(server, 2)
        wait_until(lambda: bool(trouble(server)), "the model's trouble to be told")
        swap(server, 3)
