import subprocess
import sys

import pytest

HEAVY = {"tensorflow", "keras", "prometheus_client", "structlog", "starlette", "msgspec", "PIL"}

PROGRAM = """
import importlib, sys
importlib.import_module(sys.argv[1])
print(*sys.modules)
"""


def loaded_by(module: str) -> set[str]:
    command = [sys.executable, "-c", PROGRAM, module]
    output = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True).stdout
    return set(output.split())


@pytest.mark.parametrize(
    "module", ["horngate.client", "horngate.cli.predict", "horngate.cli.status"]
)
def test_a_caller_loads_no_engine_and_nothing_that_only_a_server_needs(module: str) -> None:
    loaded = loaded_by(module)
    assert module in loaded
    assert not loaded & HEAVY
    assert not loaded & {"horngate.inference", "horngate.server", "horngate.builder"}
