from __future__ import annotations

import subprocess
import sys

import pytest

LIGHT = ("context", "digits", "report", "comparison")


@pytest.mark.parametrize("module", LIGHT)
def test_what_needs_no_tensorflow_does_not_import_it(module: str) -> None:
    code = (
        f"import sys, horngate.builder.{module}\n"
        "print(sorted({'tensorflow', 'keras', 'grpc'} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
