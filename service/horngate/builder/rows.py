"""Whether a version's rows may share runs, found out on every engine that may serve it."""

from __future__ import annotations

import time
from pathlib import Path

from horngate.batching.options import DEFAULT_BATCH_SIZE
from horngate.lifecycle.warm_up import by_signature
from horngate.protocols.tfserving.warmup import read_warm_up
from horngate.runtimes.onnx import OnnxRuntime
from horngate.runtimes.savedmodel import SavedModelRuntime
from horngate.servable import Loads
from horngate.store import manifest
from horngate.store.compiled import CompiledRecord
from horngate.store.rows import PUBLISH_SECONDS, establish
from horngate.store.rows_record import findings, write_rows


def establish_version(
    folder: Path, record: CompiledRecord | None, *, trust_operations: bool = False
) -> dict[str, str]:
    """Find it out for the version in ``folder`` and record it there, so that no start has to.

    Each engine is tried for itself: that a compiled form answers as TensorFlow does was shown for
    batches of its own, and a server may be told to use either.

    Args:
        folder: the version's; an earlier record is replaced.
        record: what the compiler made of it.
        trust_operations: as ``SavedModelRuntime`` takes it.

    Returns:
        Why signatures will run request by request, by name; nothing for those that are batched.

    Raises:
        LoadError: the version does not load.
    """
    engines: list[Loads] = [SavedModelRuntime(trust_operations=trust_operations)]
    if record is not None and not record.refused:
        engines.append(OnnxRuntime())
    files = manifest.Hashes(folder)
    goldens = manifest.read_goldens(folder, files)
    found: dict[str, dict[str, str]] = {}
    reasons: dict[str, str] = {}
    for engine in engines:
        servable = engine.load(folder)
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
        finally:
            servable.close()
        reasons |= alone
    write_rows(folder, found)
    return reasons
