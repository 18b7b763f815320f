"""What one call of a version costs on each engine, and how much memory its process then holds.

    python -m benchmarks.compiled_call models/mnist_fusion/1
    python -m benchmarks.compiled_call models/mnist_fusion/1 --rows 1 64 --threads 1

Each engine runs in a process of its own, one after the other: the fastest of seven blocks counts,
in microseconds a call, then the resident memory at its peak, with everything that was imported.
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import os
import resource
import time
from pathlib import Path
from typing import Final

from horngate.builder.comparison import trial_inputs
from horngate.servable import Loads
from horngate.tensors import DEFAULT_SIGNATURE

ENGINES: Final = {
    "onnx": ("horngate.runtimes.onnx", "OnnxRuntime"),
    "tensorflow": ("horngate.runtimes.savedmodel", "SavedModelRuntime"),
}
BLOCKS: Final = 7
BLOCK_SECONDS: Final = 0.1


def measure(engine: str, folder: Path, rows: list[int], threads: int) -> str:
    """One line of the table; run it in a fresh process."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported
    module, factory = ENGINES[engine]
    runtime: Loads = getattr(importlib.import_module(module), factory)()
    servable = runtime.load(folder, threads)
    signature = servable.signatures[DEFAULT_SIGNATURE]
    cells = []
    for count in rows:
        inputs = trial_inputs(signature, {}, rows=count, seed=0)
        fastest = float("inf")
        for _ in range(BLOCKS):
            calls, started = 0, time.perf_counter()
            while (elapsed := time.perf_counter() - started) < BLOCK_SECONDS:
                servable.run(DEFAULT_SIGNATURE, inputs)
                calls += 1
            fastest = min(fastest, elapsed / calls)
        cells.append(f"{fastest * 1e6:.0f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return f"| {engine} | {' | '.join(cells)} | {peak} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="a version's, compiled")
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 4, 16, 64, 256])
    parser.add_argument("--threads", type=int, default=0, help="0: the engine's default here")
    options = parser.parse_args()
    print(f"| engine | {' | '.join(map(str, options.rows))} | peak MB |")
    for engine in ENGINES:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            job = (engine, options.folder, options.rows, options.threads)
            print(pool.apply(measure, job), flush=True)


if __name__ == "__main__":
    main()
