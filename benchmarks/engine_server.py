"""ONNX Runtime alone, in a process of its own: what one call of the model costs.

    python -m benchmarks.engine_server FOLDER SECONDS

It prints a line of JSON when the model is loaded, and for every line on stdin, a number of rows,
one with the wall and the CPU microseconds of a call at that size. CPU is that of the whole process,
all threads of the engine included.
``SECONDS`` is how long each size is run. The server's own loader loads the model, so that the
engine has the threads that it has there.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Final

from benchmarks.model import inputs
from horngate.batching.executor import ThreadExecutor
from horngate.config.model_file import read_model_settings
from horngate.lifecycle.loader import Loader
from horngate.lifecycle.served import ServedVersion
from horngate.protocols.oip.parameters import default_signature
from horngate.runtimes.deferred import onnx
from horngate.servable import Servable
from horngate.store.layout import SETTINGS_FILE
from horngate.telemetry.events import RepositoryEvents
from horngate.telemetry.metrics import Metrics

BLOCK_SECONDS: Final = 0.1
WARM_UP: Final = 5


def loaded(folder: Path) -> ServedVersion:
    """The version in ``folder`` with its model's settings, but for the engine."""
    settings = read_model_settings(folder.parent / SETTINGS_FILE)
    runtime = dataclasses.replace(settings.runtime, engine="onnx")
    load = Loader(
        [onnx()],
        lambda options, name: ThreadExecutor(options.at_once, name),
        time.monotonic,
        RepositoryEvents(Metrics()),
    )
    settings = dataclasses.replace(settings, runtime=runtime)
    return load(folder.parent.name, int(folder.name), folder, settings)


def cost(servable: Servable, rows: int, seconds: float) -> dict[str, float]:
    """The medians of blocks, microseconds a call."""
    signature = default_signature(servable.signatures)
    arrays = inputs(signature, rows)
    for _ in range(WARM_UP):
        servable.run(signature.name, arrays)
    walls, cpus = [], []
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends:
        calls, wall, cpu = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() < wall + BLOCK_SECONDS:
            servable.run(signature.name, arrays)
            calls += 1
        walls.append((time.perf_counter() - wall) / calls * 1e6)
        cpus.append((time.process_time() - cpu) / calls * 1e6)
    return {"rows": rows, "wall_us": statistics.median(walls), "cpu_us": statistics.median(cpus)}


def main() -> None:
    """Answer until stdin ends."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("seconds", type=float)
    options = parser.parse_args()
    version = loaded(options.folder)
    servable: Servable = version._servable  # noqa: SLF001 - what the server runs, nothing before it
    threads = None if version.cost is None else version.cost.threads
    print(json.dumps({"engine": servable.engine, "threads": threads}), flush=True)
    for line in sys.stdin:
        print(json.dumps(cost(servable, int(line), options.seconds)), flush=True)


if __name__ == "__main__":
    main()
