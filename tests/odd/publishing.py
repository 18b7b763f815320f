"""Publishing as ``horngate publish`` does, in a process that a case may end or hold."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

SECONDS: Final = 60.0
"""How long publishing may take before it counts as held."""


class Answer(NamedTuple):
    """What became of publishing: why it was refused, what became of compiling, what is left."""

    refused: str
    compiled: str
    left: list[str]


class Publisher:
    """A process that publishes what it is told, so that the tests outlive whatever it meets."""

    def __init__(self, repository: Path) -> None:
        self._repository = repository
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.odd.publisher"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        )

    def publish(self, source: Path) -> Answer:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        told = json.dumps({"source": str(source), "repository": str(self._repository)})
        self._process.stdin.write(told.encode() + b"\n")
        self._process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            assert selector.select(SECONDS), "publishing did not end"
        line = self._process.stdout.readline()
        assert line, f"the publisher ended with {self._process.wait()}"
        return Answer(**json.loads(line))

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
