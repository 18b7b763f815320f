"""Which engine serves a version, and how an operator learns why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from horngate.client import Client
from horngate.lifecycle.status import State
from horngate.store.manifest import CHECKSUMS
from tests.serving import RunningServer, wait_until

NOTICE = "not on the fastest engine"


def publish(repository: Path, *, compiled: bool = True) -> Path:
    from horngate.builder.publish import publish_keras  # noqa: PLC0415 - imports TensorFlow
    from tests.small_models import constant  # noqa: PLC0415 - the same

    return publish_keras(constant(1), repository, "adder", compiled=compiled).folder


def answer(client: Client) -> float:
    return float(client.predict("adder", {"x": np.ones((1, 1), np.float32)})["y"].item())


def memory_maps(server: RunningServer) -> str:
    return Path(f"/proc/{server.process.pid}/maps").read_text(encoding="utf-8")


def test_a_server_of_compiled_models_never_loads_tensorflow(tmp_path: Path) -> None:
    publish(tmp_path)
    with RunningServer(tmp_path) as server:
        with Client(server.address) as client:
            assert answer(client) == 2.0
            assert client.serving("adder") == client.serving("adder", 1)
            assert (client.serving("adder").engine, client.serving("adder").reason) == ("onnx", "")
        assert server.metric("horngate_version_engine", model="adder", engine="onnx") == 1
        assert server.metric("horngate_version_fallback", model="adder") == 0
        assert "onnxruntime" in memory_maps(server)
        assert "tensorflow" not in memory_maps(server)
    assert NOTICE not in [line["event"] for line in server.log]


@pytest.mark.parametrize("changed", [False, True])
def test_a_version_without_a_form_that_fits_is_served_by_tensorflow_with_the_reason(
    tmp_path: Path, changed: bool
) -> None:
    folder = publish(tmp_path, compiled=changed)
    if changed:
        (folder / CHECKSUMS).unlink()
        (folder / "assets" / "later.txt").parent.mkdir(exist_ok=True)
        (folder / "assets" / "later.txt").write_text("came after the compiler")
    reason = "later.txt has come since" if changed else "`horngate compile` makes one"
    with RunningServer(tmp_path) as server:
        assert reason in server.wait_for_log(NOTICE, model="adder")["reason"]
        with Client(server.address) as client:
            assert answer(client) == 2.0
            serving = client.serving("adder")
        assert serving.engine == "tensorflow"
        assert reason in serving.reason
        assert server.metric("horngate_version_fallback", model="adder") == 1
        assert NOTICE in server.http("/")[1]


def test_the_engine_is_a_setting_that_is_taken_up_live(tmp_path: Path) -> None:
    publish(tmp_path)
    settings = tmp_path / "adder" / "model.toml"
    settings.write_text('[runtime]\nengine = "tensorflow"\n')
    with RunningServer(tmp_path) as server, Client(server.address) as client:
        assert client.serving("adder").engine == "tensorflow"
        settings.write_text('[runtime]\nengine = "onnx"\nthreads = 1\n')
        wait_until(lambda: client.serving("adder").engine == "onnx", "the other engine")
        assert answer(client) == 2.0


def test_an_engine_that_is_insisted_on_and_has_no_form_is_an_error(tmp_path: Path) -> None:
    publish(tmp_path, compiled=False)
    (tmp_path / "adder" / "model.toml").write_text('[runtime]\nengine = "onnx"\n')
    with RunningServer(tmp_path, ready=False) as server:
        server.wait_for_log("load failed", model="adder")
        with Client(server.address) as client:
            (status,) = client.status("adder")
        assert status.state is State.END
        assert "expected a compiled form" in status.error
