"""Probes in child processes: one that ends with a signal tells which operation did it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from tests.equality.probe import Outcome

ROOT: Final = Path(__file__).parents[2]
SECONDS: Final = 600
"""For one child; a probe takes a tenth of a second."""


class WrongProbe(Exception):
    """A probe failed by itself."""


def outcomes(names: Sequence[str]) -> Iterator[tuple[str, Outcome]]:
    """What became of each probe that TensorFlow has an operation for, in the order of ``names``.

    Raises:
        WrongProbe: a probe is at fault, and no engine.
    """
    waiting = list(names)
    while waiting:
        events, ended = _child(waiting)
        begun: dict[str, Any] = {}
        done = 0
        for event, name, content in events:
            if event == "begun":
                begun = content
                continue
            done += 1
            begun = {}
            if event == "wrong":
                raise WrongProbe(f"{name}: {content}")
            if event == "done":
                yield name, Outcome(**content)
        if done < len(waiting):
            if not begun:
                raise WrongProbe(f"{waiting[done]}: the child ended: {ended}")
            yield waiting[done], Outcome(**{**begun, "why": f"ends the process ({ended})"})
        waiting = waiting[done + 1 :]


def _child(names: list[str]) -> tuple[list[Any], str]:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "service"), str(ROOT)]),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "ORT_DISABLE_TELEMETRY": "1",
    }
    with tempfile.TemporaryFile("w+") as log:
        child = subprocess.run(
            [sys.executable, "-m", "tests.equality.child"],
            input="\n".join(names) + "\n",
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            check=False,
            env=environment,
            cwd=ROOT,
            timeout=SECONDS,
        )
        log.seek(0)
        last = log.read().strip().splitlines()[-1:]
    events = [json.loads(line) for line in child.stdout.splitlines() if line.endswith("]")]
    if child.returncode < 0:
        return events, signal.Signals(-child.returncode).name
    return events, f"exit {child.returncode}: {''.join(last)}"
