"""Runs TensorFlow Serving's server test in this process; ``tests.contract.peers.tfserving`` does.

Each test has servers of its own: the suite starts one for every set of flags and leaves them all
running, on one Unix socket, until its process ends.
"""

from __future__ import annotations

import importlib
import sys
import traceback
import unittest
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

import tensorflow as tf
import tensorflow_serving
from absl import flags

Error: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]
)


class Outcomes(unittest.TestResult):
    """Tells each outcome in a line, and ends the ``servers`` that the test started."""

    def __init__(self, servers: dict[Any, Any]) -> None:
        super().__init__()
        self._servers = servers

    def addSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802 - unittest's name
        super().addSuccess(test)
        _tell(test, "passed")

    def addFailure(self, test: unittest.TestCase, err: Error) -> None:  # noqa: N802 - the same
        super().addFailure(test, err)
        _tell(test, f"failed {_last_line(err)}")

    def addError(self, test: unittest.TestCase, err: Error) -> None:  # noqa: N802 - the same
        super().addError(test, err)
        _tell(test, f"failed {_last_line(err)}")

    def stopTest(self, test: unittest.TestCase) -> None:  # noqa: N802 - the same
        super().stopTest(test)
        for process, *_ in self._servers.values():
            process.kill()
            process.wait()
        self._servers.clear()


def main(package: Path, names: Sequence[str]) -> None:
    """Run the tests called ``names``, or all, of the sources in ``package``."""
    tensorflow_serving.__path__.append(str(package))
    flags.FLAGS(sys.argv[:1])
    tf.compat.v1.enable_eager_execution()
    test = importlib.import_module("tensorflow_serving.model_servers.tensorflow_model_server_test")
    case = test.TensorflowModelServerTest
    every = unittest.TestLoader().getTestCaseNames(case)
    wanted = names or [name for name in every if name != "test_session"]
    unittest.TestSuite(map(case, wanted)).run(Outcomes(case.model_servers_dict))


def _tell(test: unittest.TestCase, outcome: str) -> None:
    sys.stdout.write(f"\noutcome {test.id().rpartition('.')[2]} {outcome}\n")
    sys.stdout.flush()


def _last_line(error: Error) -> str:
    traceback.print_exception(error[1])
    lines = [line.strip() for line in str(error[1]).splitlines() if line.strip()]
    return f"{type(error[1]).__name__}: {lines[0] if lines else ''}"[:200]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
