"""Runs probes in a process of its own, which ONNX Runtime may end: one line of JSON an event.

``python -m tests.equality.child``: names of probes come on standard input, one a line.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from typing import Any

from tests.equality.catalogue import probes
from tests.equality.probe import Absent, Outcome, run


def main() -> None:
    """Run what is asked for, in that order."""
    events = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no event

    def tell(event: str, name: str, content: Any = None) -> None:
        events.write(json.dumps([event, name, content]) + "\n")
        events.flush()

    known = probes()
    for line in sys.stdin:
        name = line.rstrip("\n")

        def begun(outcome: Outcome, name: str = name) -> None:
            tell("begun", name, asdict(outcome))

        try:
            tell("done", name, asdict(run(known[name], begun)))
        except Absent:
            tell("absent", name)
        except Exception as error:  # noqa: BLE001 - the probe itself is wrong, and is named
            tell("wrong", name, f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
