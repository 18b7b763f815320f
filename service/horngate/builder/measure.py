"""What is found out by running a version on the engines that may serve it, recorded with it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final, NamedTuple

from horngate.batching.options import DEFAULT_BATCH_SIZE
from horngate.lifecycle.warm_up import by_signature
from horngate.protocols.tfserving.warmup import read_warm_up
from horngate.runtimes.onnx import OnnxRuntime
from horngate.runtimes.savedmodel import SavedModelRuntime
from horngate.servable import Loads
from horngate.store import manifest
from horngate.store.compiled import CompiledRecord
from horngate.store.cost import LARGEST, BatchCost, measure_cost, write_cost
from horngate.store.goldens import read_goldens
from horngate.store.rows import PUBLISH_SECONDS, establish
from horngate.store.rows_record import findings, write_rows

THREADS: Final = 1
"""What a server begins with."""


class Measured(NamedTuple):
    """What was found out.

    Attributes:
        cost: of a batch on the engine that will serve the version; None where it takes no batches,
            or not of inputs that anybody made up.
        alone: why signatures will run request by request, by name; nothing for those that are
            batched.
    """

    cost: BatchCost | None
    alone: dict[str, str]


def measure_version(
    folder: Path, record: CompiledRecord | None, *, trust_operations: bool = False
) -> Measured:
    """Find it out for the version in ``folder`` and record it there, so that no start has to.

    Each engine is asked for itself whether rows may share runs: that a compiled form answers as
    TensorFlow does was shown for batches of its own, and a server may be told to use either. What a
    batch costs counts on machines of the same kind; others measure for themselves.

    Args:
        folder: the version's; what was recorded earlier is replaced.
        record: what the compiler made of it; TensorFlow alone is tried where that is nothing.
        trust_operations: as ``SavedModelRuntime`` takes it.

    Raises:
        LoadError: the version does not load.
    """
    engines: list[Loads] = [SavedModelRuntime(trust_operations=trust_operations)]
    if record is not None and not record.refused:
        engines.append(OnnxRuntime())
    files = manifest.Hashes(folder)
    goldens = read_goldens(folder, files)
    found: dict[str, dict[str, str]] = {}
    reasons: dict[str, str] = {}
    cost: BatchCost | None = None
    for engine in engines:
        servable = engine.load(folder, THREADS)
        try:
            signatures = servable.signatures
            alone = establish(
                servable,
                goldens,
                by_signature(read_warm_up(files, signatures)),
                time.monotonic,
                seconds=PUBLISH_SECONDS,
                largest=DEFAULT_BATCH_SIZE,
            )
            found[servable.engine] = findings(signatures.values(), alone)
            if engine is engines[-1]:  # the one that will serve it
                cost = measure_cost(
                    servable, goldens, time.monotonic, threads=THREADS, largest=LARGEST
                )
                if cost is not None:
                    write_cost(folder, servable.engine, cost)
        finally:
            servable.close()
        reasons |= alone
    write_rows(folder, found)
    return Measured(cost, reasons)
