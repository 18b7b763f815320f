"""KServe's own inference clients, unchanged, against a running server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import Served
from tests.serving import RunningServer

SESSION = Path(__file__).with_name("kserve_session.py")


def test_infer_readiness_loading_and_an_error(small_models: Served) -> None:
    flags = "--model-control-mode=explicit", "--load-model=constant"
    with RunningServer(small_models.repository, *flags) as server:
        done = subprocess.run(
            [sys.executable, str(SESSION), str(server.grpc_port), str(server.http_port)],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert [seen[name] for name in ("live", "ready", "model", "nobody")] == [
        True,
        True,
        True,
        False,
    ]
    assert seen["answer"] == ["constant", "7", "y"]
    assert seen["values"] == [[2], [3]]
    assert seen["typed"] == [[[2], [3]], [2, 3]]
    assert seen["rest"] == {
        "live": True,
        "ready": True,
        "model": True,
        "nobody": False,
        "values": [[2], [3]],
    }
    assert seen["loads"] == [["constant", True]] * 3
    assert "received 'nobody'" in seen["error"]
