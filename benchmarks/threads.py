"""How many instances, and how many threads within a run: rows/s and CPU by the row.

    python -m benchmarks.threads [--model mnist_fusion] [--seconds 0.5]

Each line is one way to spend the cores on a version: ``instances`` callers run batches at the same
time, each with ``threads`` threads of the engine. In process, without network.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported

from benchmarks.machine import machine
from benchmarks.model import inputs, newest
from horngate.errors import LoadError
from horngate.protocols.oip.parameters import default_signature
from horngate.runtimes.deferred import onnx, tensorflow
from horngate.servable import Servable

ROWS: Final = (1, 16, 64)
ROUNDS: Final = 3


class Figures(NamedTuple):
    """Rows a second, and CPU microseconds a row of the whole process."""

    rows_per_second: float
    cpu_us: float


def measure(servable: Servable, rows: int, instances: int, seconds: float) -> Figures:
    """Run batches of ``rows`` in ``instances`` threads at once."""
    signature = default_signature(servable.signatures)
    arrays = inputs(signature, rows)
    done = [0] * instances
    ends = time.perf_counter() + seconds

    def run(index: int) -> None:
        while time.perf_counter() < ends:
            servable.run(signature.name, arrays)
            done[index] += rows

    threads = [threading.Thread(target=run, args=(index,)) for index in range(instances)]
    wall, cpu = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Figures(sum(done) / wall, cpu / sum(done) * 1e6)


def ways(cores: int) -> Iterator[tuple[int, int]]:
    """(instances, threads) worth a look on ``cores`` cores."""
    for instances in sorted({1, cores}):
        for threads in sorted({1, cores}):
            yield instances, threads


def main() -> int:
    """Measure every way in turns, and print the medians."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="mnist_fusion")
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--seconds", type=float, default=0.5)
    options = parser.parse_args()
    folder = newest(options.models, options.model).folder
    cores = len(os.sched_getaffinity(0))
    print(", ".join(f"{key} {value}" for key, value in machine().items()))
    print(
        "engine      instances  threads "
        + "".join(f"{rows:>4} rows: rows/s  us/row" for rows in ROWS)
    )
    for runtime in (onnx(), tensorflow()):
        found: dict[tuple[int, int], dict[int, list[Figures]]] = {}
        loaded: dict[int, Servable] = {}
        try:
            loaded = {threads: runtime.load(folder, threads) for threads in sorted({1, cores})}
        except LoadError as error:
            print(f"{runtime.name}: {error}")
            continue
        for _ in range(ROUNDS):
            for instances, threads in ways(cores):
                for rows in ROWS:
                    figures = measure(loaded[threads], rows, instances, options.seconds)
                    by_rows = found.setdefault((instances, threads), {})
                    by_rows.setdefault(rows, []).append(figures)
        for (instances, threads), by_rows in found.items():
            medians = [sorted(each)[len(each) // 2] for each in by_rows.values()]
            cells = "".join(f"{each.rows_per_second:18,.0f} {each.cpu_us:7.1f}" for each in medians)
            print(f"{runtime.name:<11} {instances:>9} {threads:>8} {cells}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
