from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from horngate.errors import LoadError
from horngate.runtimes.deferred import DeferredRuntime, onnx, tensorflow


def test_a_saved_model_is_recognised_by_its_file(tmp_path: Path) -> None:
    assert not tensorflow().recognises(tmp_path)
    (tmp_path / "saved_model.pb").touch()
    assert tensorflow().recognises(tmp_path)


def test_a_compiled_form_is_recognised_by_its_record(tmp_path: Path) -> None:
    record = tmp_path / "assets.extra" / "horngate" / "compiled.json"
    record.parent.mkdir(parents=True)
    assert not onnx().recognises(tmp_path)
    record.touch()
    assert onnx().recognises(tmp_path)


def test_an_engine_that_is_not_installed_is_a_reason_and_no_crash(tmp_path: Path) -> None:
    absent = DeferredRuntime("jax", "no_such_engine", "Runtime", ("x",), "a model", "install it")
    with pytest.raises(LoadError, match=r"'no_such_engine', which is not installed; .*\[server\]"):
        absent.load(tmp_path)


def test_a_server_is_put_together_without_importing_tensorflow() -> None:
    code = (
        "import sys, horngate.server.assembly, horngate.server.lifecycle;"
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
