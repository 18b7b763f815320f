"""Which engine serves a version, and how an operator learns why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from horngate.client import Client
from horngate.lifecycle.status import State
from horngate.store.manifest import CHECKSUMS
from tests.clients import ask
from tests.serving import RunningServer, put, wait_until

NOTICE = "not on the fastest engine"


def test_a_server_of_compiled_models_never_loads_tensorflow(adder: RunningServer) -> None:
    with Client(adder.address) as client:
        assert ask(adder, "adder") == 2.0
        assert client.serving("adder") == client.serving("adder", 1)
        assert (client.serving("adder").engine, client.serving("adder").reason) == ("onnx", "")
    assert adder.metric("horngate_version_engine", model="adder", engine="onnx") == 1
    assert adder.metric("horngate_version_fallback", model="adder") == 0
    maps = Path(f"/proc/{adder.process.pid}/maps").read_text(encoding="utf-8")
    assert "onnxruntime" in maps
    assert "tensorflow" not in maps
    assert NOTICE not in [line["event"] for line in adder.log]


def with_a_later_file(folder: Path) -> None:
    (folder / CHECKSUMS).unlink()
    (folder / "assets").mkdir(exist_ok=True)
    (folder / "assets" / "later.txt").write_text("came after the compiler")


def notices(server: RunningServer) -> dict[str, Any]:
    """The lines that say why a model is not on the fastest engine, by its name."""
    return {line["model"]: line for line in list(server.log) if line["event"] == NOTICE}


def test_what_tensorflow_serves_is_told_with_the_reason_and_a_setting_is_taken_up_live(
    adders: Path, tmp_path: Path
) -> None:
    from horngate.builder.publish import publish_keras  # noqa: PLC0415 - imports TensorFlow
    from tests.small_models import constant  # noqa: PLC0415 - the same

    put(adders / "1", tmp_path / "later" / "1", with_a_later_file)
    put(adders / "1", tmp_path / "set" / "1")
    for name in ("plain", "insisting"):
        publish_keras(constant(1), tmp_path, name, compiled=False)
    settings = tmp_path / "set" / "model.toml"
    settings.write_text('[runtime]\nengine = "tensorflow"\n')
    (tmp_path / "insisting" / "model.toml").write_text('[runtime]\nengine = "onnx"\n')
    reasons = {"later": "later.txt has come since", "plain": "`horngate compile` makes a form"}
    with (
        RunningServer(tmp_path, ready=False) as server,
        Client(server.address) as client,
    ):
        wait_until(
            lambda: (
                sum(line["event"] in ("available", "load failed") for line in list(server.log)) == 4
            ),
            "each to be live or refused",
        )
        wait_until(lambda: reasons.keys() <= notices(server).keys(), "the reasons to be logged")
        noticed = notices(server)
        for name, reason in reasons.items():
            assert reason in noticed[name]["reason"]
            assert ask(server, name) == 2.0
            serving = client.serving(name)
            assert (serving.engine, reason in serving.reason) == ("tensorflow", True)
            assert server.metric("horngate_version_fallback", model=name) == 1
        assert reasons["plain"] in server.http("/models.json")[1]
        assert client.serving("set").engine == "tensorflow"
        settings.write_text('[runtime]\nengine = "onnx"\nthreads = 1\n')
        wait_until(lambda: client.serving("set").engine == "onnx", "the other engine")
        assert ask(server, "set") == 2.0
        (status,) = client.status("insisting")
        assert status.state is State.END
        assert "expected a compiled form" in status.error
