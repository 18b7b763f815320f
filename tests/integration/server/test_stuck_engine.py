"""A run that never comes back is seen, reported, and nobody else's trouble."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from horngate.builder.publish import publish_keras
from horngate.client import Client
from horngate.errors import HorngateError, Overloaded
from tests.serving import RunningServer, wait_until
from tests.small_models import constant

FATAL = 666.0


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningServer]:
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32, "x")])  # type: ignore[untyped-decorator]  # TensorFlow ships no types
    def answer(x: tf.Tensor) -> dict[str, tf.Tensor]:
        again = lambda y: tf.reduce_any(y == FATAL)  # noqa: E731 - as TensorFlow wants it
        return {"y": tf.while_loop(again, lambda y: (y,), (x,))[0]}

    module.answer = answer
    tf.saved_model.save(module, str(tmp_path / "loops" / "1"), signatures=answer)
    publish_keras(constant(1), tmp_path, "other")
    flags = ("--stuck-seconds", "2", "--drain-seconds", "2")
    server = RunningServer(tmp_path, *flags)
    yield server
    assert server.stop() == 0


def ask(server: RunningServer, model: str, value: float, timeout: float = 30) -> float:
    with Client(server.address, retries=0) as client:
        x = np.full((1, 1), value, np.float32)
        return float(client.predict(model, {"x": x}, timeout=timeout)["y"].item())


def test_a_stuck_model_is_told_apart_from_the_rest(running: RunningServer) -> None:
    assert ask(running, "loops", 3) == 3
    told: list[HorngateError] = []

    def ask_the_fatal() -> None:
        try:
            ask(running, "loops", FATAL)
        except HorngateError as error:
            told.append(error)

    asking = threading.Thread(target=ask_the_fatal)
    asking.start()
    # The other model answers all the while, on the receiving thread of the native front too.
    wait_until(
        lambda: ask(running, "other", 1, timeout=5) == 2 and bool(told), "the caller to be told"
    )
    asking.join()
    assert isinstance(told[0], Overloaded)  # UNAVAILABLE: another server may answer
    assert "did not come back within 2 s" in str(told[0])
    line = running.wait_for_log(
        "a run of the model does not come back; the model takes no requests until it does"
    )
    assert (line["model"], line["rows"]) == ("loops", 1)
    with pytest.raises(Overloaded, match="does not come back"):
        ask(running, "loops", 1)
    assert running.metric("horngate_version_stuck", model="loops") == 1
    assert running.metric("horngate_version_stuck", model="other") == 0
    assert running.metric("horngate_requests_refused_total", model="loops", reason="stuck") >= 1
    models = json.loads(running.http("/readyz")[1])["models"]
    assert models == {"loops": False, "other": True}
    with Client(running.address) as client:
        assert client.health("other")
        assert not client.health("loops")
    assert ask(running, "other", 1) == 2
