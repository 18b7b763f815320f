"""What a batch costs on the engine that will serve a version, recorded with the version."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from horngate.runtimes.onnx import OnnxRuntime
from horngate.runtimes.savedmodel import SavedModelRuntime
from horngate.store import manifest
from horngate.store.acceptance import measure_cost
from horngate.store.compiled import CompiledRecord
from horngate.store.cost import LARGEST, BatchCost, write_cost

THREADS: Final = 1
"""What a server begins with."""


def measure_version(
    folder: Path, record: CompiledRecord | None, *, trust_operations: bool = False
) -> BatchCost | None:
    """Time the version in ``folder`` over row counts and record the cost there.

    A server on the same kind of machine takes it from there, and others measure for themselves.
    None where the version takes no batches, or not of inputs that anybody made up.

    Args:
        folder: the version's; an earlier cost of the same engine is replaced.
        record: what the compiler made of it; TensorFlow is timed where that is nothing.
        trust_operations: as ``SavedModelRuntime`` takes it.

    Raises:
        LoadError: the version does not load.
    """
    compiled = record is not None and not record.refused
    saved_model = SavedModelRuntime(trust_operations=trust_operations)
    servable = (OnnxRuntime() if compiled else saved_model).load(folder, THREADS)
    try:
        goldens = manifest.read_goldens(folder)
        cost = measure_cost(servable, goldens, time.monotonic, threads=THREADS, largest=LARGEST)
    finally:
        servable.close()
    if cost is not None:
        write_cost(folder, servable.engine, cost)
    return cost
