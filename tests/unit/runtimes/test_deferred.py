from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from horngate.runtimes.deferred import tensorflow


def test_a_saved_model_is_recognised_by_its_file(tmp_path: Path) -> None:
    assert not tensorflow().recognises(tmp_path)
    (tmp_path / "saved_model.pb").touch()
    assert tensorflow().recognises(tmp_path)


def test_a_server_is_put_together_without_importing_tensorflow() -> None:
    code = (
        "import sys, horngate.server.assembly, horngate.server.lifecycle;"
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
